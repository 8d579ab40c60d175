"""Arguments from a file: what a flag would not take is refused with the file, the argument and the value."""

from dataclasses import dataclass, field, make_dataclass

import pytest

from configuration_emo.argument_files import as_mapping, parse_arguments, read_section


@dataclass
class Arguments:
    model: str
    batch_size: int = 1
    rate: float = 0.1
    labels: list[str] | None = None
    names: list[str] = field(default_factory=list)
    options: dict | str | None = None
    fast: bool = False
    note: str | None = None


def parse(tmp_path, content, *flags, name="config.yaml"):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    (arguments,) = parse_arguments("train", Arguments, arguments=[str(path), *flags])
    return arguments


def test_a_section_gives_defaults_and_flags_win(tmp_path):
    content = (
        "train: {model: m, batch_size: 4, rate: 1e-3, labels: [0, no way], names: one, options: {no: 1}, note: 3}"
    )
    arguments = parse(tmp_path, content, "--batch_size", "5")
    assert arguments == Arguments("m", 5, 1e-3, ["0", "no way"], ["one"], {"no": 1}, note="3")
    json = parse(tmp_path, '{"train": {\t"model": "m", "options": {"a": null}, "fast": true}}', name="config.json")
    assert json == Arguments("m", options={"a": None}, fast=True)
    assert read_section(tmp_path / "config.yaml", "") == {"train": read_section(tmp_path / "config.yaml", "train")}
    assert read_section(tmp_path / "config.yaml", "train")["batch_size"] == 4
    assert read_section(tmp_path / "config.yaml", "other") == {}  # what belongs to others gives no defaults


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ("model: [1, 2]", r"argument model: expected one value, got \[1, 2\]"),
        ("model: {a: 1}", "argument model: expected str, got the mapping {'a': 1}. Give it without names"),
        ("model: no", "argument model: expected str, got False. Put a text into quotation marks"),
        ("model: null", "argument model: expected str, got nothing"),
        ("model: 2020-01-01", "line 1 cannot be read: '2020-01-01' is taken for timestamp"),
        ("model: m, batch_size: 'x'", "argument batch_size: expected int, got 'x'"),
        ("model: m, batch_size: 2.5", "argument batch_size: expected int, got 2.5"),
        ("model: m, batch_size: true", "argument batch_size: expected int, got True"),
        ("model: m, rate: [0.1]", r"argument rate: expected one value, got \[0.1\]"),
        ("model: m, labels: [[a]]", r"argument labels: expected list.*got \['a'\]"),
        ("model: m, labels: [a, null]", r"argument labels: expected list.*, got nothing"),
        ("model: m, labels: {a: b}", r"argument labels: expected list.*, got the mapping {'a': 'b'}"),
        ("model: m, fast: maybe", "argument fast: expected bool, got 'maybe'"),
        ("model: m, fast: 2", "argument fast: expected bool, got 2. Write true or false"),
        ("model: m, model: n", "line 1 cannot be read: 'model' is given twice"),
        ("modle: m", r"unknown argument modle; did you mean model\?"),
        ("size: m", "unknown argument size; valid are batch_size"),
        ("1: m", "unknown argument 1; valid are"),
    ],
)
def test_what_a_flag_would_not_take(tmp_path, values, message):
    with pytest.raises(ValueError, match=f"config.yaml.*{message}") as error:
        parse(tmp_path, f"train: {{{values}}}")
    assert type(error.value) is ValueError


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "config.yaml is empty. Write arguments into it"),
        ("# model: m", "config.yaml is empty"),
        ("- 1", r"config.yaml: the file must hold arguments, a line each, .* got \[1\]"),
        ("train: 3", "config.yaml: section 'train' must hold arguments, .* got 3"),
        ("train:", "config.yaml: section 'train' must hold arguments, .* got nothing"),
        ("text", "config.yaml: the file must hold arguments, .* got 'text'"),
        ("prepare: {a: 1}\ntrian: {model: m}", "the section is called 'train', not 'trian'. Rename it"),
        ("Train: {model: m}", "the section is called 'train', not 'Train'. Rename it"),
    ],
)
def test_a_file_without_arguments(tmp_path, content, message):
    with pytest.raises(ValueError, match=message):
        parse(tmp_path, content)


def test_of_many_arguments_the_nearest_is_named(tmp_path):
    many = make_dataclass("Many", [(f"option_{index}", int, 0) for index in range(60)])
    path = tmp_path / "config.yaml"
    for content, message in (("optoin_7: 1", "did you mean option_"), ("other: 1", "--help lists them all.")):
        path.write_text(content)
        with pytest.raises(ValueError, match=f"unknown argument {content[:-3]}; {message}") as error:
            parse_arguments("train", many, arguments=[str(path)])
        assert len(str(error.value)) < 300


def test_no_file(tmp_path):
    with pytest.raises(ValueError, match="There is no configuration file .*gone.yaml"):
        read_section(tmp_path / "gone.yaml", "train")


def test_mappings_in_flags():
    assert (as_mapping(None), as_mapping({"a": 1}), as_mapping('{"a": [1]}')) == ({}, {"a": 1}, {"a": [1]})
    for wrong in ("[1]", "a=1", "[" * 100_000, '{"a": "\\ud800"}'):
        with pytest.raises(ValueError, match="Expected a JSON object, got") as error:
            as_mapping(wrong)
        assert len(str(error.value)) < 500


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--batchsize", "3"], "no argument '--batchsize' here: did you mean --batch_size"),
        (["--plot"], "no argument '--plot' here: --help lists"),
        (["b.yaml"], "no argument 'b.yaml' here"),
    ],
)
def test_what_is_no_argument_is_named(tmp_path, flags, message):
    with pytest.raises(ValueError, match=message):
        parse(tmp_path, "train: {model: m}", *flags)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["call.wav"], "'call.wav' is neither a configuration file .* nor a flag: write the name of the argument"),
        (["model=m"], "'model=m' is neither"),
        (["--modle", "m"], "no argument '--modle' here: did you mean --model"),  # and not that --model is missing
        (["--modle=m"], "no argument '--modle' here: did you mean --model"),
    ],
)
def test_a_wrong_name_is_told_of_before_what_is_missing(given, message):
    with pytest.raises(ValueError, match=message):
        parse_arguments("train", Arguments, arguments=given)


def test_beginnings_of_flags_are_taken():
    given = ["--mod", "m", "--no", "x", "--rate=-1"]
    assert parse_arguments("train", Arguments, arguments=given) == (Arguments("m", note="x", rate=-1.0),)
