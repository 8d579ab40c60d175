import pytest
from datasets import Audio, ClassLabel, Dataset

from preprocess import load_audio, read_corpus
from preprocess.corpora.hub_dataset import dataset_utterances, load_hub_splits
from preprocess.corpora.table_columns import TableColumns
from tests.tiny import write_tone


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
