import runpy
from pathlib import Path

import numpy as np
import pandas
import pyarrow.parquet
import pytest
import soundfile
import torch
from transformers import AutoModel, AutoProcessor

from commands_emo import run_command
from modeling_emo import EmotionRecognitionPipeline, predict_to_file, rows_of_predictions, write_embeddings
from tests.tiny import tiny_processor, tone, write_tone
from tests.tiny_models import emobert


ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    model = emobert("moonshine", id2label={0: "angry", 1: "happy", 2: "sad"})
    EmotionRecognitionPipeline(model=model, processor=tiny_processor(), device=-1).save_pretrained(folder)
    return folder


def test_the_command_writes_a_row_for_each_segment(folder, tmp_path, capsys):
    rate = 16_000
    sound = np.stack([tone(1.0), np.concatenate([np.zeros(rate // 2, np.float32), tone(0.5)])], axis=1)
    soundfile.write(tmp_path / "call.wav", sound, rate)
    given = ["--model", folder, "--audio", tmp_path / "call.wav", "--channels", "each", "--chunk_length_s", "0.5"]
    flags = ["--stride_length_s", "0", "--embeddings", tmp_path / "vectors.parquet"]
    run_command("predict", [*map(str, given), *map(str, flags)])
    assert "vectors.parquet: 4 rows of embeddings" in capsys.readouterr().out
    table = pyarrow.parquet.read_table(tmp_path / "vectors.parquet").to_pydict()
    assert list(table) == [
        *("file", "start", "end", "speaker", "text"),
        *("embedding_fused", "embedding_text", "embedding_speech"),
    ]
    assert set(table["file"]) == {str(tmp_path / "call.wav")} and table["embedding_text"] == [None] * 4
    places = list(zip(table["speaker"], table["start"], table["end"], strict=True))
    assert sorted(places) == [(f"channel {n}", start, start + 0.5) for n in (0, 1) for start in (0.0, 0.5)]
    silent = places.index(("channel 1", 0.0, 0.5))
    assert table["embedding_fused"][silent] is None
    heard = places.index(("channel 1", 0.5, 1.0))
    recognise = EmotionRecognitionPipeline(
        model=emobert("moonshine", id2label={0: "angry", 1: "happy", 2: "sad"}), processor=tiny_processor(), device=-1
    )
    alone = recognise((soundfile.read(tmp_path / "call.wav")[0][rate // 2 :, 1], rate), return_embeddings=True)
    assert table["embedding_fused"][heard] == pytest.approx(alone["embeddings"]["fused"].tolist(), abs=1e-4)
    speech = table["embedding_speech"][heard]
    assert speech == pytest.approx(table["embedding_fused"][heard][-len(speech) :])


def test_recordings_as_a_whole_and_texts(folder, tmp_path):
    write_tone(tmp_path / "a.wav", 0.5)
    recognise = EmotionRecognitionPipeline(
        model=emobert("moonshine"), processor=tiny_processor(), device=-1, return_embeddings=True
    )
    given = [{"audio": str(tmp_path / "a.wav"), "text": "how nice"}, {"audio": None, "text": "bad day"}]
    predict_to_file(recognise, given, tmp_path / "a.jsonl", settings={})
    assert write_embeddings(tmp_path / "a.parquet", rows_of_predictions(tmp_path / "a.jsonl")) == 2
    table = pyarrow.parquet.read_table(tmp_path / "a.parquet").to_pydict()
    assert table["text"] == ["how nice", "bad day"] and table["start"] == [None, None]
    assert table["embedding_speech"][1] is None and len(table["embedding_text"][0]) == len(table["embedding_text"][1])
    with pytest.raises(ValueError, match="no embeddings to write; predict with return_embeddings=True"):
        write_embeddings(tmp_path / "b.parquet", [{"input": {}, "text": None, "predictions": []}])


def test_the_nearest_recordings():
    nearest = runpy.run_path(str(ROOT / "examples" / "nearest_recordings.py"))["nearest"]
    vectors = {"a": [1.0, 0.0], "b": [0.0, 1.0], "c": [0.9, 0.1], "d": None, "e": [0.5, 0.5]}
    table = pandas.DataFrame({"file": vectors.keys(), "embedding_fused": vectors.values()})
    found = nearest(table, "a", count=2)
    assert found["file"].tolist() == ["c", "e"]
    assert found["distance"].tolist() == pytest.approx([1 - 0.9 / np.hypot(0.9, 0.1), 1 - np.sqrt(0.5)])
    with pytest.raises(SystemExit, match="d must be one of several recordings with embedding_fused"):
        nearest(table, "d")


def test_auto_model_is_a_feature_extractor(folder):
    """What the classifier sees, of a folder that was saved with its classifier."""
    model, processor = AutoModel.from_pretrained(folder), AutoProcessor.from_pretrained(folder)
    assert type(model).__name__ == "EmoBertModel"
    inputs = processor(text=["how nice"], audio=[tone(0.5)], sampling_rate=16_000, return_tensors="pt")
    with torch.no_grad():
        vectors = model(**inputs).pooler_output
    recognise = EmotionRecognitionPipeline(
        model=emobert("moonshine", id2label={0: "angry", 1: "happy", 2: "sad"}), processor=processor, device=-1
    )
    alone = recognise((tone(0.5), 16_000), "how nice", return_embeddings=True)["embeddings"]
    assert vectors[0].tolist() == pytest.approx(alone["fused"].tolist(), abs=1e-5)
