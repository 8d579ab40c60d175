"""A model folder written before the packages had wings, without the code beside its weights, still gives its numbers.

Its configuration names modules (`pipeline_emobert`) that are gone.
"""

import torch
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification, AutoProcessor, pipeline

from modeling_emo import EmoBertForSequenceClassification, EmotionRecognitionPipeline
from tests.fairseq_fixtures import REFERENCE
from tests.tiny import tone
from tests.tiny_models import ragged_batch


FOLDER = REFERENCE.with_name("checkpoint_of_flat_modules")


def test_it_gives_the_logits_that_it_gave_then():
    model = AutoModelForSequenceClassification.from_pretrained(FOLDER)
    assert type(model) is EmoBertForSequenceClassification
    with torch.no_grad():
        logits = model(**ragged_batch("wav2vec2-group-norm")).logits
    torch.testing.assert_close(logits, load_file(FOLDER / "expected_logits.safetensors")["logits"], atol=1e-5, rtol=0)


def test_its_pipeline_is_ours_and_it_is_saved_with_the_modules_of_today(tmp_path):
    recognise = pipeline("emotion-recognition", model=str(FOLDER))
    assert type(recognise) is EmotionRecognitionPipeline
    expected = recognise({"audio": tone(0.5), "text": "how nice"})
    assert {result["label"] for result in expected} == {"angry", "happy", "sad"}
    recognise.save_pretrained(tmp_path)
    assert (tmp_path / "pipeline.py").is_file() and not (tmp_path / "pipeline_emobert.py").exists()
    assert AutoProcessor.from_pretrained(tmp_path).to_dict() == recognise.processor.to_dict()
    again = pipeline("emotion-recognition", model=str(tmp_path))({"audio": tone(0.5), "text": "how nice"})
    assert [result["label"] for result in again] == [result["label"] for result in expected]
    # Where a weight lies in memory, which is another place in each file, may move the last digit.
    scores = [[result["score"] for result in results] for results in (again, expected)]
    torch.testing.assert_close(*scores, atol=1e-6, rtol=0)
