"""Texts of any length and tokenizers of any habit: the same scores alone and in a batch."""

import pytest
from transformers import BertTokenizerFast, Qwen2Config

from configuration_emo import EmoBertConfig
from modeling_emo import EmoBertForSequenceClassification, EmotionRecognitionPipeline
from preprocess import EmoBertProcessor
from tests.tiny import tiny_feature_extractor, tiny_tokenizer
from tests.tiny_models import TRANSFORMER, emobert, speech_config, text_config


TEXTS = ["how nice", "what a bad day , i am so sad !", "i am happy", "a"]


def scores(predictions):
    return {entry["label"]: entry["score"] for entry in predictions}


@pytest.mark.parametrize("family", ["bert", "qwen2"])
def test_a_tokenizer_that_pads_on_the_left_changes_nothing(family):
    text = text_config()
    if family == "qwen2":
        text = Qwen2Config(vocab_size=60, num_key_value_heads=2, pad_token_id=0, **TRANSFORMER)
    config = EmoBertConfig.from_text_speech_configs(
        text, speech_config("wav2vec2-layer-norm"), num_labels=3, initializer_range=0.3, speech_pooling="mean"
    )
    model = EmoBertForSequenceClassification(config).eval()
    recognise = EmotionRecognitionPipeline(
        model=model, processor=EmoBertProcessor(tiny_feature_extractor(), tiny_tokenizer(padding_side="left"))
    )
    alone = [recognise({"text": text}) for text in TEXTS]
    together = recognise([{"text": text} for text in TEXTS], batch_size=4)
    for one, same in zip(alone, together, strict=True):
        assert scores(same) == pytest.approx(scores(one), abs=1e-5)
    assert scores(alone[0]) != pytest.approx(scores(alone[1]), abs=1e-3)


@pytest.mark.parametrize("limit", [{}, {"model_max_length": 4_000}])
def test_a_text_is_cut_to_the_positions_of_the_encoder(limit, caplog):
    tokenizer = BertTokenizerFast(vocab=tiny_tokenizer().get_vocab(), **limit)
    processor = EmoBertProcessor(tiny_feature_extractor(), tokenizer)
    model = emobert("wav2vec2-layer-norm")
    positions = model.config.text_config.max_position_embeddings
    recognise = EmotionRecognitionPipeline(model=model, processor=processor)
    assert recognise.processor.max_text_length == positions
    assert processor.tokenizer.model_max_length > positions  # the caller's own is not changed
    long, short = recognise([{"text": "happy " * 5_000}, {"text": "sad"}])
    assert scores(long) == scores(recognise({"text": "happy " * (positions - 2)}))
    assert scores(short) != scores(long)
    assert f"A text of 5002 token ids is more than the encoder takes: it was cut to {positions}." in caplog.text
