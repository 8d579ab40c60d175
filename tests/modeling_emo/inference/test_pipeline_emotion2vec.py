"""The pipeline over a converted emotion2vec alone, and the vectors behind predictions of both kinds of model."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoProcessor, pipeline

from modeling_emo import EmotionRecognitionPipeline, predict_to_file
from modeling_emo.conversion.convert_emotion2vec_to_hf import main
from preprocess import Emotion2VecFeatureExtractor, Emotion2VecProcessor
from tests.emotion2vec_fixtures import CHECKPOINTS, REFERENCE, converted, extracted
from tests.tiny import tiny_processor, tone, write_tone
from tests.tiny_models import emobert


VARIANT = "plus_large"
ELSEWHERE = Path(__file__).parents[2] / "hub" / "elsewhere.py"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """As the conversion leaves it: model, feature extractor, and no text."""
    place = tmp_path_factory.mktemp("emotion2vec") / "model"
    main(
        [
            *("--checkpoint", str(REFERENCE / CHECKPOINTS[VARIANT])),
            *("--config", str(REFERENCE / f"{VARIANT}.config.yaml")),
            *("--tokens", str(REFERENCE / f"{VARIANT}.tokens.txt")),
            *("--output_dir", str(place)),
        ]
    )
    return str(place)


@pytest.fixture(scope="module")
def recognise(folder):
    return pipeline("emotion-recognition", model=folder, device=-1)


def expected(*sounds, **options):
    with torch.no_grad():
        return converted(VARIANT)(**extracted(VARIANT, list(sounds)), **options)


def by_label(predictions):
    return {entry["label"]: entry["score"] for entry in predictions}


def in_order(predictions):
    labels = [label for _, label in sorted(converted(VARIANT).config.id2label.items())]
    return [by_label(predictions)[label] for label in labels]


def test_the_folder_alone_is_enough(folder, recognise):
    assert not (Path(folder) / "processor_config.json").exists()
    assert type(recognise.processor) is Emotion2VecProcessor
    assert type(AutoProcessor.from_pretrained(folder).feature_extractor) is Emotion2VecFeatureExtractor
    result = recognise(tone(0.5))
    np.testing.assert_allclose(in_order(result), expected(tone(0.5)).logits.softmax(-1)[0], atol=1e-6)
    assert result == sorted(result, key=lambda entry: -entry["score"])
    assert sum(entry["score"] for entry in result) == pytest.approx(1)
    assert recognise(tone(0.5), top_k=2) == result[:2]


def test_batches_equal_single_calls_and_a_bad_sound_harms_no_neighbour(recognise, tmp_path):
    write_tone(tmp_path / "a.wav", 0.6, rate=8_000, channels=2)
    sounds = [tone(0.3), str(tmp_path / "a.wav"), np.ones(399, np.float32) * tone(1)[:399], "absent.wav", tone(0.9)]
    for batch_size in (1, 3, 8):
        results = recognise(sounds, batch_size=batch_size, on_error="return")
        for index in (0, 1, 4):
            assert by_label(results[index]) == pytest.approx(by_label(recognise(sounds[index])), abs=1e-5)
        assert "399 samples is too short: a frame of this model is 400" in results[2]["error"]
        assert "no such file" in results[3]["error"]


def test_a_timeline(recognise):
    sound = tone(2.3)
    result = recognise(sound, chunk_length_s=1.0, stride_length_s=0, batch_size=2)
    assert [chunk["timestamp"] for chunk in result["chunks"]] == [(0.0, 1.0), (1.0, 2.0), (2.0, 2.3)]
    windows = [sound[:16_000], sound[16_000:32_000], sound[-16_000:]]
    for chunk, window in zip(result["chunks"], windows, strict=True):
        np.testing.assert_allclose(in_order(chunk["predictions"]), expected(window).logits.softmax(-1)[0], atol=1e-5)


def test_labels_are_restricted_and_renamed(recognise):
    scores = by_label(recognise(tone(0.5)))
    result = by_label(recognise(tone(0.5), labels={"angry": "negative", "sad": "negative", "happy": "positive"}))
    total = scores["angry"] + scores["sad"] + scores["happy"]
    assert result == pytest.approx({"negative": 1 - scores["happy"] / total, "positive": scores["happy"] / total})


def test_disallowed_labels_are_not_listed(folder):
    recognise = pipeline(
        "emotion-recognition", model=folder, device=-1, model_kwargs={"disallowed_labels": ["unknown", "other"]}
    )
    logits = expected(tone(0.5)).logits[0]
    labels = converted(VARIANT).config.id2label
    kept = [index for index, label in sorted(labels.items()) if label not in ("unknown", "other")]
    scores = dict(zip([labels[index] for index in kept], logits[kept].softmax(-1).tolist(), strict=True))
    assert by_label(recognise(tone(0.5))) == pytest.approx(scores, abs=1e-6)
    assert by_label(recognise(tone(0.5), chunk_length_s=0.3)["predictions"]).keys() == scores.keys()
    with pytest.raises(ValueError, match=r"got \['happy', 'other'\] \(unknown, other are disallowed\)"):
        recognise(tone(0.5), labels=["happy", "other"])


@pytest.mark.parametrize("given", [{"text": "how nice"}, {"words": [{"text": "how", "timestamp": (0, 0.2)}]}])
def test_a_text_is_refused(recognise, given):
    for inputs in (given, {"audio": tone(0.5), **given}):
        with pytest.raises(
            ValueError, match=f"hears sound and reads no text: leave `{next(iter(given))}` out"
        ) as error:
            recognise(inputs)
        assert str(error.value).count("\n") == 1
    with pytest.raises(ValueError, match="reads no text: leave asr out"):
        recognise(tone(0.5), asr=lambda sound: "how nice")


def test_its_embedding_is_the_mean_of_the_frames(recognise):
    sounds = [tone(0.5), tone(0.9)]
    for sound, result in zip(sounds, recognise(sounds, return_embeddings=True, batch_size=2), strict=True):
        assert list(result["embeddings"]) == ["pooled"]
        np.testing.assert_allclose(result["embeddings"]["pooled"], expected(sound).pooler_output[0], atol=1e-5)
        assert result["embeddings"]["pooled"].dtype == np.float32
        assert by_label(result["predictions"]) == pytest.approx(by_label(recognise(sound)), abs=1e-5)
    result = recognise(tone(1.5), return_embeddings=True, chunk_length_s=1.0, stride_length_s=0)
    parts = [chunk["embeddings"]["pooled"] for chunk in result["chunks"]]
    np.testing.assert_allclose(parts[0], expected(tone(1.5)[:16_000]).pooler_output[0], atol=1e-5)
    np.testing.assert_allclose(result["embeddings"]["pooled"], (2 * parts[0] + parts[1]) / 3, atol=1e-6)


def test_half_precision(folder, recognise):
    half = pipeline("emotion-recognition", model=folder, device=-1, dtype=torch.bfloat16)
    assert half.model.dtype == torch.bfloat16
    assert by_label(half(tone(0.5))) == pytest.approx(by_label(recognise(tone(0.5))), abs=0.1)


@pytest.mark.parametrize("fusion", ["co_attention", "shallow"])
class TestEmoBert:
    @pytest.fixture
    def recognise(self, fusion):
        model = emobert("moonshine", fusion=fusion, text_pooling="mean_std")
        return EmotionRecognitionPipeline(model=model, processor=tiny_processor(), device=-1)

    def test_fused_text_and_speech(self, recognise):
        inputs = [{"audio": tone(0.4), "text": "how nice"}, {"text": "so sad !"}, {"audio": tone(0.7)}]
        results = recognise(inputs, return_embeddings=True, batch_size=3)
        for given, result in zip(inputs, results, strict=True):
            batch = recognise.processor(**given, sampling_rate=16_000).convert_to_tensors("pt")
            with torch.no_grad():
                fused = recognise.model.emobert(**batch).pooler_output[0].numpy()
            found = result["embeddings"]
            np.testing.assert_allclose(found["fused"], fused, atol=1e-5)
            assert ((found["text"] is None), (found["speech"] is None)) == ("text" not in given, "audio" not in given)
            if found["text"] is not None:
                np.testing.assert_array_equal(found["text"], found["fused"][:64])  # mean and deviation of 32
            if found["speech"] is not None:
                np.testing.assert_array_equal(found["speech"], found["fused"][64:])

    def test_of_segments_and_their_mean(self, recognise):
        texts = iter(["how nice", ""])
        result = recognise(
            {"audio": tone(1.5)},
            asr=lambda sound: next(texts),
            return_embeddings=True,
            chunk_length_s=1.0,
            stride_length_s=0,
        )
        first, second = (chunk["embeddings"] for chunk in result["chunks"])
        assert second["text"] is None
        np.testing.assert_array_equal(result["embeddings"]["text"], first["text"])
        np.testing.assert_allclose(
            result["embeddings"]["speech"], (2 * first["speech"] + second["speech"]) / 3, atol=1e-6
        )

    def test_in_a_file(self, recognise, tmp_path):
        predict_to_file(recognise, [{"text": "how nice"}], tmp_path / "a.jsonl", settings={}, return_embeddings=True)
        row = json.loads((tmp_path / "a.jsonl").read_text())
        found = recognise({"text": "how nice"}, return_embeddings=True)["embeddings"]
        assert row["embeddings"]["speech"] is None
        np.testing.assert_allclose(row["embeddings"]["fused"], found["fused"], rtol=1e-6)


def test_saved_and_loaded_again_it_says_the_same(recognise, tmp_path):
    for place in ("first", "second"):
        recognise.save_pretrained(tmp_path / place)
        again = pipeline("emotion-recognition", model=str(tmp_path / place), device=-1)
        assert again(tone(0.5)) == recognise(tone(0.5))
        recognise = again
    # What has no pipeline beside it names none.
    again.model.save_pretrained(tmp_path / "model")
    assert "custom_pipelines" not in json.loads((tmp_path / "model" / "config.json").read_text())


SCRIPT = """
import json, runpy, sys

runpy.run_path(sys.argv[1])  # from here on none of our packages can be imported
from transformers import pipeline

recognise = pipeline("emotion-recognition", model=sys.argv[2], trust_remote_code=True, device=-1)
result = recognise(sys.argv[3], chunk_length_s=0.5, return_embeddings=True)
recognise.save_pretrained(sys.argv[4])
again = pipeline("emotion-recognition", model=sys.argv[4], trust_remote_code=True, device=-1)
assert again(sys.argv[3]) == recognise(sys.argv[3])
print(json.dumps([type(recognise).__module__, result["predictions"]]))
"""


def test_its_folder_works_where_the_package_is_not(recognise, tmp_path):
    made = EmotionRecognitionPipeline(model=recognise.model, processor=Emotion2VecProcessor(), device=-1)
    made.save_pretrained(tmp_path / "pipe")
    write_tone(tmp_path / "a.wav", 1.2)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment |= {"HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1"}
    places = [str(tmp_path / name) for name in ("pipe", "a.wav", "again")]
    command = [sys.executable, "-I", "-c", SCRIPT, str(ELSEWHERE), *places]
    finished = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr[-3000:]
    module, predictions = json.loads(finished.stdout.splitlines()[-1])
    assert module.startswith("transformers_modules.")
    here = recognise(str(tmp_path / "a.wav"), chunk_length_s=0.5)["predictions"]
    assert by_label(predictions) == pytest.approx(by_label(here), abs=1e-6)
