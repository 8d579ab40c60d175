import pytest
from datasets import Audio, ClassLabel, Dataset, List

from preprocess import LabelEncoder, load_audio, prepare_dataset, read_corpus
from preprocess.corpora.reading.hub_dataset import dataset_utterances, load_hub_splits
from preprocess.corpora.reading.table_columns import TableColumns
from preprocess.skipped import SKIPPED_FILE, read_skipped
from tests.preprocess.corpora.corpus_trees import damaged_sounds
from tests.tiny import tiny_processor, write_tone


@pytest.fixture
def repository(tmp_path):
    """A dataset repository `owner/calls` as a local folder, with sounds embedded in Parquet."""
    folder = tmp_path / "owner" / "calls"
    folder.mkdir(parents=True)
    labels = ClassLabel(names=["sad", "happy"])
    for split in ("train", "dev"):
        sounds = []
        for name in ("a.wav", "../../b.flac"):
            write_tone(tmp_path / "sound.wav", 0.2 + 0.1 * len(sounds))
            sounds.append({"bytes": (tmp_path / "sound.wav").read_bytes(), "path": name})
        columns = {"audio": [*sounds, None], "text": ["how", None, "nice"], "label": [1, 0, None]}
        dataset = Dataset.from_dict(columns).cast_column("audio", Audio(decode=False)).cast_column("label", labels)
        dataset.to_parquet(folder / f"{split}.parquet")
    return folder


def read_split(dataset, folder=None, split="train"):
    problems = []
    rows = dataset_utterances(
        dataset, TableColumns(), name="owner/calls-train", split=split, problems=problems, embedded_dir=folder
    )
    return list(rows), problems


def test_embedded_sounds_become_files(repository, tmp_path):
    splits = load_hub_splits(str(repository), splits={"train": "train", "test": "validation"})
    assert set(splits) == {"train", "test"}
    rows, problems = read_split(splits["train"], tmp_path / "sounds")
    assert problems == []
    assert [row.id for row in rows] == [f"calls-train-{index:06d}" for index in range(3)]
    assert [row.label for row in rows] == ["happy", "sad", None]
    assert [row.text for row in rows] == ["how", None, "nice"]
    files = sorted((tmp_path / "sounds" / "train").iterdir())
    assert [path.name for path in files] == ["0000000.wav", "0000001.flac"]  # not where the dataset's own path points
    assert [row.audio for row in rows] == [*map(str, files), None]
    assert load_audio(rows[0].audio).shape == (3_200,) and load_audio(rows[1].audio).shape == (4_800,)

    written = [path.stat().st_mtime_ns for path in files]
    assert read_split(splits["train"], tmp_path / "sounds")[0] == rows
    assert [path.stat().st_mtime_ns for path in files] == written


def test_splits_by_their_usual_names(repository):
    splits = load_hub_splits(str(repository))
    assert set(splits) == {"train", "validation"}
    rows, _ = read_split(splits["train"])
    assert load_audio(rows[1].audio).shape == (4_800,)  # in the datasets cache


def test_splits_of_other_names(tmp_path):
    Dataset.from_dict({"text": ["how"], "label": ["sad"]}).to_parquet(tmp_path / "data" / "calls.parquet")
    (tmp_path / "README.md").write_text(
        "---\nconfigs:\n- config_name: default\n  data_files:\n"
        "  - split: session1\n    path: data/calls.parquet\n---\n"
    )
    with pytest.raises(ValueError, match=r"has the splits session1\. Say which .*splits=\{'train': 'session1'\}"):
        load_hub_splits(str(tmp_path))
    assert load_hub_splits(str(tmp_path), splits={"test": "session1"})["test"]["text"][:] == ["how"]


def test_parquet_table_with_embedded_sounds(repository):
    reading = read_corpus("csv", repository)
    assert set(reading.splits) == {"train", "validation"}
    assert [row.label for row in reading.splits["train"]] == ["happy", "sad", None]
    assert load_audio(reading.splits["validation"][1].audio).shape == (4_800,)


def test_a_name_on_the_hub_is_one_that_is_not_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "owner" / "tables").mkdir(parents=True)
    (tmp_path / "owner" / "tables" / "train.csv").write_text("text,label\nhow,sad\n")
    assert read_corpus("csv", "owner/tables").splits["train"][0].text == "how"
    with pytest.raises(ValueError, match=r"owner/gone: there is no such table or folder here, and the Hub gives no"):
        read_corpus("csv", "owner/gone")


def test_damage_is_listed_and_the_good_rows_survive(tmp_path):
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    damaged_sounds(sounds)
    content = {path.name: path.read_bytes() for path in sounds.iterdir()}
    names = ["good.wav", "empty.wav", "cut.wav", "cut.mp4", "silent.mp4", "page.wav", "nothing.wav", "nan.wav"]
    rows = [(name, {"bytes": content[name], "path": name}, "how", 1) for name in names]
    rows += [
        ("gone", {"bytes": None, "path": "gone.wav"}, "how", 1),
        ("mute", {"bytes": b"no sound", "path": "mute.wav"}, None, 1),
        ("neither", None, "  ", 0),
        ("good.wav", None, "again", 0),
        ("unlabelled", None, "how", -1),
        ("unknown", None, "how", None),
        ("a", {"bytes": content["good.wav"], "path": "GOOD.WAV"}, "last", 0),
    ]
    columns = dict(zip(("id", "audio", "text", "label"), map(list, zip(*rows, strict=True)), strict=True))
    dataset = Dataset.from_dict(columns).cast_column("label", ClassLabel(names=["sad", "happy"]))
    dataset.to_parquet(tmp_path / "train.parquet")

    reading = read_corpus("csv", tmp_path / "train.parquet", check_audio="decode", audio_dir=tmp_path)

    broken = {"cut.wav", "cut.mp4", "silent.mp4", "page.wav", "nothing.wav", "nan.wav"}
    assert [(row.id, row.audio is not None, row.label) for row in reading.splits["train"]] == [
        ("good.wav", True, "happy"),
        ("empty.wav", False, "happy"),
        *((name, False, "happy") for name in names[2:]),
        ("gone", False, "happy"),
        ("unlabelled", False, None),
        ("unknown", False, None),
        ("a", True, "sad"),
    ]
    found = {(problem.id, problem.reason.partition(":")[0], problem.kept) for problem in reading.problems}
    assert found == {
        ("empty.wav", "empty recording", True),
        *((name, "broken recording", True) for name in broken),
        ("gone", "no recording", True),
        ("mute", "broken recording", False),
        ("neither", "The row has neither audio nor text.", False),
        ("good.wav", "The id 'good.wav' is already used in train", False),
    }
    encoder = LabelEncoder("single_label_classification", {"sad": 0, "happy": 1})
    out = tmp_path / "out"
    prepare_dataset(reading.to_dataset_dict(), tiny_processor(), encoder, output_dir=out, problems=reading.problems)
    prepared = [problem for problem in read_skipped(out / SKIPPED_FILE) if problem not in reading.problems]
    assert [(problem.id, problem.reason.partition(".")[0]) for problem in prepared] == [
        ("unlabelled", "label: there is no label"),
        ("unknown", "label: there is no label"),
    ]


def test_lists_of_class_numbers_become_names(tmp_path):
    labels = List(ClassLabel(names=["sad", "happy"]))
    dataset = Dataset.from_dict({"text": ["how", "nice"], "label": [[0, 1], []]}).cast_column("label", labels)
    dataset.to_parquet(tmp_path / "calls.parquet")
    rows = read_corpus("csv", tmp_path / "calls.parquet").splits["train"]
    assert [row.label for row in rows] == [["sad", "happy"], []]
