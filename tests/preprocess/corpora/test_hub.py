"""Datasets of the Hub, as local copies: usual columns, decoded sounds, and splits that are corpora."""

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from datasets import Audio, Dataset, DatasetDict

from preprocess import load_audio, make_folds, read_corpus
from tests.preprocess.corpora.corpus_trees import write_tone


@pytest.fixture
def sounds(tmp_path):
    return [str(write_tone(tmp_path / "sounds" / f"{name}.wav", 0.1)) for name in "abc"]


def corpus_rows(name, speakers, sounds):
    """Rows as CAMEO has them."""
    rows = [
        {
            "file_id": f"{name}{number}.wav",
            "audio": sounds[number % 3],
            "emotion": ("anger", "sadness")[number % 2],
            "transcription": f"{name} {number}",
            "speaker_id": f"s{number % speakers}",
            "dataset": name,
        }
        for number in range(2 * speakers)
    ]
    return Dataset.from_list(rows).cast_column("audio", Audio())


@pytest.fixture
def cameo(tmp_path, sounds):
    folder = tmp_path / "cameo"
    (folder / "data").mkdir(parents=True)
    for name, speakers in (("crema_d", 6), ("nemo", 4)):
        corpus_rows(name, speakers, sounds).to_parquet(folder / "data" / f"{name}.parquet")
    (folder / "README.md").write_text(
        "---\nconfigs:\n- config_name: default\n  data_files:\n"
        "  - split: crema_d\n    path: data/crema_d.parquet\n  - split: nemo\n    path: data/nemo.parquet\n---\n"
    )
    return folder


def test_splits_that_are_corpora_are_divided_by_speaker(cameo):
    with pytest.raises(ValueError, match=r"has the splits crema_d, nemo\. .*split_by='speaker'"):
        read_corpus("hub", cameo)
    reading = read_corpus("hub", cameo, split_by="speaker", check_audio="decode")
    assert [problem.reason for problem in reading.problems] == ["unused columns: dataset"] * 2
    speakers = {split: {row.speaker for row in rows} for split, rows in reading.splits.items()}
    assert {split: len(names) for split, names in speakers.items()} == {"train": 7, "validation": 1, "test": 2}
    assert set.union(*speakers.values()) == {
        *(f"crema_d-s{number}" for number in range(6)),
        *(f"nemo-s{number}" for number in range(4)),
    }
    rows = [row for part in reading.splits.values() for row in part]
    row = next(row for row in rows if row.id == "nemo-nemo3.wav")
    assert (row.label, row.text, row.speaker, row.extra["corpus"]) == ("sadness", "nemo 3", "nemo-s3", "nemo")
    assert load_audio(row.audio).shape == (1_600,)
    assert len({row.id for row in rows}) == 20
    (fold,) = make_folds(reading.to_dataset_dict(), "official-split")
    assert len(fold.test) == 4
    assert read_corpus("hub", cameo, split_by="speaker", seed=1) != reading
    named = read_corpus("hub", cameo, splits={"train": "crema_d", "test": "nemo"})
    assert {split: len(rows) for split, rows in named.splits.items()} == {"train": 12, "test": 8}


def test_rows_without_a_speaker_cannot_be_divided(cameo):
    with pytest.raises(ValueError, match="20 rows have no speaker .the first is crema_d0.wav.*speaker_column"):
        read_corpus("hub", cameo, split_by="speaker", speaker_column="who")
    with pytest.raises(ValueError, match="split_by='corpus' is unknown. Choose one of: speaker"):
        read_corpus("hub", cameo, split_by="corpus")
    with pytest.raises(ValueError, match="splits or split_by, not both"):
        read_corpus("hub", cameo, split_by="speaker", splits={"train": "nemo"})
    with pytest.raises(ValueError, match="has no column mood; its columns are file_id, audio"):
        read_corpus("hub", cameo, split_by="speaker", label_column="mood")


def test_what_save_to_disk_wrote(tmp_path, sounds):
    rows = corpus_rows("nemo", 4, sounds)
    DatasetDict({"training": rows, "dev": rows.select([0])}).save_to_disk(str(tmp_path / "both"))
    rows.save_to_disk(str(tmp_path / "one"))
    reading = read_corpus("hub", tmp_path / "both", id_column="transcription")
    assert {split: len(rows) for split, rows in reading.splits.items()} == {"train": 8, "validation": 1}
    assert len(read_corpus("hub", tmp_path / "one").splits["train"]) == 8
    found = read_corpus("hub", tmp_path / "both", splits={"test": "dev"})
    assert [row.text for row in found.splits["test"]] == ["nemo 0"]
    with pytest.raises(ValueError, match="has no split nemo, it has training, dev"):
        read_corpus("hub", tmp_path / "both", splits={"test": "nemo"})
    with pytest.raises(ValueError, match="no such dataset"):
        read_corpus("hub", tmp_path / "gone")


def test_decoded_sounds_are_read(tmp_path):
    """As a map over decoded examples leaves them: arrays with a rate, mono and stereo."""
    tone = np.sin(np.arange(800) / 5).astype(np.float32)
    audio = [{"array": tone, "sampling_rate": 8_000}, {"array": tone / 2, "sampling_rate": 16_000}, None]
    rows = Dataset.from_dict({"audio": audio, "sentence": ["how", "nice", "text"], "major_emotion": ["sad"] * 3})
    rows.save_to_disk(str(tmp_path / "rows"))
    found = read_corpus("hub", tmp_path / "rows").splits["train"]
    assert [row.text for row in found] == ["how", "nice", "text"]
    assert load_audio(found[0].audio).shape == (1_600,)
    np.testing.assert_array_equal(load_audio(found[1].audio), tone / 2)
    assert found[2].audio is None
    stereo = Dataset.from_dict(
        {"audio": [{"array": np.stack([tone, -tone]), "sampling_rate": 16_000}], "text": ["x"], "label": ["sad"]}
    )
    stereo.save_to_disk(str(tmp_path / "stereo"))
    (row,) = read_corpus("hub", tmp_path / "stereo").splits["train"]
    assert sf.info(row.audio).channels == 2 and np.abs(load_audio(row.audio)).max() < 1e-6


def test_broken_sounds_are_listed(tmp_path, sounds):
    content = {"good": Path(sounds[0]).read_bytes(), "bad": b"no sound"}
    audio = [{"bytes": content[name], "path": f"{name}.wav"} for name in ("good", "bad", "bad")]
    columns = {"audio": audio, "text": ["a", "b", None], "label": ["sad"] * 3, "id": ["1", "2", "3"]}
    Dataset.from_dict(columns).cast_column("audio", Audio(decode=False)).save_to_disk(str(tmp_path / "rows"))
    reading = read_corpus("hub", tmp_path / "rows", check_audio="header")
    assert [(row.id, row.audio is not None, row.extra["duration"]) for row in reading.splits["train"]] == [
        ("1", True, 0.1),
        ("2", False, None),
    ]
    assert [(problem.id, problem.kept) for problem in reading.problems] == [("2", True), ("3", False)]
