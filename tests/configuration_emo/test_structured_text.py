"""Every way in which a JSON or YAML file can be unreadable is a ValueError that names the file and the line."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configuration_emo.structured_text import parse_json, read_json, read_json_lines, read_json_object, read_yaml


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(JSON_VALUES)
def test_json_is_read_as_it_was_written(value):
    assert parse_json(json.dumps(value), "here") == value
    assert parse_json(json.dumps(value, ensure_ascii=False), "here") == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"rows.jsonl, line 2 cannot be read: not JSON, Expecting value at character 1\."),
        ('{"a": }', r"line 2 cannot be read: not JSON, Expecting value at character 7\."),
        ('{"a": 1,\n"b" 2}', r"line 2, line 2 cannot be read: not JSON, Expecting ':' delimiter at character 5\."),
        ("[" * 100_000, "line 2 cannot be read: it is nested too deeply"),
        ("[" + "9" * 5_000 + "]", "line 2 cannot be read: a number has thousands of digits"),
        ('{"a": 1, "b": {"c": 1, "c": 1}}', "line 2 cannot be read: 'c' is given twice. Leave one of them out"),
        ('{"a": ["\\ud800"]}', r"line 2 cannot be read: '\\ud800' holds half a character"),
        ('{"\\udfff": 1}', r"line 2 cannot be read: '\\udfff' holds half a character"),
    ],
)
def test_json_that_cannot_be_read(text, message):
    with pytest.raises(ValueError, match=message) as error:
        parse_json(text, "rows.jsonl, line 2")
    assert type(error.value) is ValueError


def test_a_whole_character_out_of_two_halves_is_read():
    assert parse_json('"\\ud83d\\ude00"', "here") == "😀"


def test_json_lines_have_places(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": 1}\n\n[2]\n{"a": \n')
    rows = read_json_lines(path)
    assert [next(rows), next(rows)] == [(f"{path}, line 1", {"a": 1}), (f"{path}, line 3", [2])]
    with pytest.raises(ValueError, match="rows.jsonl, line 4 cannot be read: not JSON"):
        next(rows)


def test_yaml_keys_are_texts(tmp_path):
    path = tmp_path / "maps.yaml"
    path.write_text(
        "base: &base {x: 1}\nlabels: {0: a, no: b, null: c, 2020-01-01: d}\nmerged: {<<: *base, y: [*base]}\n"
    )
    assert read_yaml(path) == {
        "base": {"x": 1},
        "labels": {"0": "a", "no": "b", "null": "c", "2020-01-01": "d"},
        "merged": {"x": 1, "y": [{"x": 1}]},
    }
    path.write_text("")
    assert read_yaml(path) is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: [", "line 1 cannot be read: not YAML, expected the node content"),
        (b"a: 1\na:\n\tx: 1", "line 3 cannot be read: not YAML, found character '\\\\t' that cannot start any token"),
        (b"a: 1\nb: &loop [*loop]", "line 2 cannot be read: a value holds itself"),
        (b"a: 1\nb: 2020-01-01", "line 2 cannot be read: '2020-01-01' is taken for timestamp.*quotation marks"),
        (b"b: 2020-13-45", "line 1 cannot be read: '2020-13-45' is taken for timestamp"),
        (b"a: !!binary aGVsbG8=", "line 1 cannot be read: 'aGVsbG8=' is taken for binary"),
        (b"a: !!set {x}", "line 1 cannot be read: is taken for set"),
        (b"a: !!python/object/apply:os.system [ls]", "line 1 cannot be read: is taken for python"),
        (b"a: {[1]: 2}", "line 1 cannot be read: a key must be a text"),
        (b"a: 1\n--- \nb: 2", "not YAML, but found another document"),
        (b"a: " + b"9" * 5_000, "line 1 cannot be read: a number has thousands of digits"),
        (b"[" * 20_000, "nested too deeply"),
        (b"a: \x07", "not YAML, unacceptable character"),
        (b"\xff\xfe\x00", "line 1 cannot be read: byte 0x00 is not UTF-16"),
        (b"a: caf\xe9", "line 1 cannot be read: byte 0xe9 is not UTF-8"),
    ],
)
def test_yaml_that_cannot_be_read(tmp_path, content, message):
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"config.yaml.*{message}") as error:
        read_yaml(path)
    assert type(error.value) is ValueError


@given(st.binary(max_size=60) | st.text(alphabet="[]{}:,-&*!?|>'\"#% \n\tab01.~", max_size=40).map(str.encode))
def test_whatever_the_bytes_only_a_value_error_names_the_file(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "anything"
    path.write_bytes(content)
    for reader in (read_json, read_yaml, lambda path: list(read_json_lines(path))):
        try:
            reader(path)
        except ValueError as error:
            assert type(error) is ValueError and str(path) in str(error)


class TestObjects:
    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("[1]", "holds no JSON object: it is damaged, or another file"),
            ('{"seed": 1}', "has no metrics: it is damaged, or another file"),
            ('{"seed": ', "cannot be read: not JSON"),
        ],
    )
    def test_are_refused_with_the_file(self, tmp_path, content, message):
        path = tmp_path / "record.json"
        path.write_text(content)
        with pytest.raises(ValueError, match=f"{path}.*{message}"):
            read_json_object(path, "seed", "metrics")

    def test_are_read(self, tmp_path):
        path = tmp_path / "record.json"
        path.write_text('{"seed": 1, "metrics": {}}')
        assert read_json_object(path, "seed", "metrics") == {"seed": 1, "metrics": {}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 1\n", "maps.yaml, line 3 cannot be read: 'a' is given twice, first in line 1"),
        ("x: {1: a, '1': b}\n", "maps.yaml, line 1 cannot be read: '1' is given twice, first in line 1"),
        ("x: &x {a: 1}\ny: {<<: *x, a: 2}\n", None),  # what is merged may be given anew
        ("x: {a: 1}\ny: {a: 1}\n", None),
    ],
)
def test_yaml_keys_that_are_given_twice(tmp_path, text, message):
    path = tmp_path / "maps.yaml"
    path.write_text(text)
    if message is None:
        assert read_yaml(path)["y"]["a"] in (1, 2)
        return
    with pytest.raises(ValueError, match=message):
        read_yaml(path)
