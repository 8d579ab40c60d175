"""Explanations against the model's own predictions, for every kind of text, voice and target."""

import json
import threading

import numpy as np
import pytest
import torch

from configuration_emo import EmoBertConfig, VqWav2VecConfig
from modeling_emo import EmoBertForSequenceClassification
from modeling_emo.explanation.explain import explain_prediction
from modeling_emo.explanation.explained_value import explained_value
from modeling_emo.explanation.timed_speech import frame_scale, read_speech
from tests.planted_model import planted_model, planted_processor, planted_utterances
from tests.tiny import tiny_processor, tone
from tests.tiny_models import emobert, speech_config, text_config


TEXT = "how nice! what a happy day"
RATE = 16_000
# Speech families and the feature extractor of each.
FAMILIES = {
    "wav2vec2-group-norm": "normalized",
    "wav2vec2-layer-norm": "waveform",
    "moonshine": "waveform",
    "whisper": "whisper",
    "wav2vec2-bert": "mel",
}


def model_and_processor(family):
    """A random model and the processor that makes its kind of speech input."""
    bins = {"feature_projection_input_dim": 16} if family == "wav2vec2-bert" else {}  # two frames of 8 bins in one
    torch.manual_seed(0)
    config = EmoBertConfig.from_text_speech_configs(
        text_config(), speech_config(family, **bins), num_labels=3, speech_pooling="mean", initializer_range=0.3
    )
    return EmoBertForSequenceClassification(config).eval(), tiny_processor(FAMILIES[family])


def model_with_speech_tokenizer():
    """A random model that turns waveforms into token ids: 20 samples a token, each of which sees 45."""
    tokenizer_config = VqWav2VecConfig(
        conv_dim=[8, 8],
        conv_kernel=[10, 8],
        conv_stride=[5, 4],
        agg_dim=[8],
        agg_kernel=[2],
        agg_stride=[1],
        num_codevectors_per_group=8,
    )
    torch.manual_seed(0)
    model = EmoBertForSequenceClassification(
        EmoBertConfig(
            text_config=text_config(),
            speech_config=speech_config("roberta", max_position_embeddings=300),
            speech_tokenizer_config=tokenizer_config,
            num_labels=3,
            speech_pooling="mean",
            initializer_range=0.3,
        )
    ).eval()
    table = model.emobert.speech_tokenizer.codes_to_ids.code_to_id
    table.copy_(4 + torch.arange(table.numel()).reshape(table.shape) % 50)
    return model


def value_of(model, label=0, **batch):
    with torch.no_grad():
        return float(explained_value(model(**batch).logits, label, model.config))


def padding_for_words(processor):
    """The text's ids with a padding token, which the model looks at, for each word."""
    ids = processor(text=[TEXT], return_tensors="pt")["input_ids"]
    return torch.tensor([[2, *[0] * (ids.shape[1] - 2), 3]])


class TestWords:
    @pytest.mark.parametrize(
        ("problem_type", "num_labels"),
        [
            ("single_label_classification", 3),
            ("multi_label_classification", 3),
            ("one_vs_rest_classification", 3),
            ("regression", 1),
        ],
    )
    def test_contributions_add_up_to_what_the_words_change(self, problem_type, num_labels):
        model, processor = emobert(problem_type=problem_type, num_labels=num_labels), tiny_processor()
        explanation = explain_prediction(model, processor, {"text": TEXT}, label=0, num_steps=200)
        value = value_of(model, **processor(text=[TEXT], return_tensors="pt"))
        baseline = value_of(model, input_ids=padding_for_words(processor))
        assert explanation.value == pytest.approx(value, abs=1e-5)
        assert explanation.baseline_value == pytest.approx(baseline, abs=1e-5)
        total = sum(word.attribution for word in explanation.words)
        assert abs(value - baseline) > 0.05
        assert total == pytest.approx(value - baseline, abs=2e-3)
        assert explanation.convergence_delta == pytest.approx(total - (value - baseline), abs=1e-5)

    @pytest.mark.parametrize("fusion", ["co_attention", "shallow"])
    @pytest.mark.parametrize("pooling", ["cls", "mean", "mean_std", "quantiles", "attention"])
    def test_every_pooling_and_fusion(self, fusion, pooling):
        model = emobert("moonshine", fusion=fusion, text_pooling=pooling, speech_pooling="mean")
        processor, sound = tiny_processor(), tone(0.3)
        explanation = explain_prediction(model, processor, {"text": TEXT, "audio": sound}, label=1, num_steps=200)
        batch = processor(text=[TEXT], audio=[sound], sampling_rate=RATE, return_tensors="pt")
        assert explanation.value == pytest.approx(value_of(model, 1, **batch), abs=1e-5)
        # The voice stays as it is.
        baseline = value_of(model, 1, **{**batch, "input_ids": padding_for_words(processor)})
        assert explanation.baseline_value == pytest.approx(baseline, abs=1e-5)
        # Quantiles have a kink wherever two positions change places.
        assert abs(explanation.convergence_delta) < (5e-3 * abs(explanation.value) if pooling == "quantiles" else 5e-3)
        assert (explanation.co_attention is None) == (fusion == "shallow")

    def test_more_steps_make_the_error_smaller(self):
        model, processor = emobert(), tiny_processor()
        few, many = (
            explain_prediction(model, processor, {"text": TEXT}, num_steps=steps).convergence_delta
            for steps in (2, 200)
        )
        assert abs(many) < abs(few) / 10

    def test_a_linear_model_is_explained_exactly(self):
        """Without encoder layers' influence: of a mean of embeddings each token has its own share."""
        model = emobert(fusion="shallow", text_pooling="mean", problem_type="regression", num_labels=1)
        processor = tiny_processor()
        for layer in model.emobert.text_encoder.encoder.layer:  # each layer becomes the identity
            layer.forward = lambda hidden_states, *args, **kwargs: hidden_states
        embeddings = model.emobert.text_encoder.embeddings
        embeddings.LayerNorm = torch.nn.Identity()
        table = embeddings.word_embeddings.weight.detach()
        weights = model.classifier.weight[0, : table.shape[1]].detach()
        explanation = explain_prediction(model, processor, {"text": TEXT}, num_steps=3)
        ids = processor(text=[TEXT])["input_ids"][0]
        shares = ((table[ids] - table[0]) @ weights / len(ids)).tolist()
        expected = [shares[1], shares[2] + shares[3], *shares[4:-1]]
        assert [word.attribution for word in explanation.words] == pytest.approx(expected, abs=1e-5)
        assert [word.text for word in explanation.words] == TEXT.split()
        assert all(TEXT[word.start : word.end] == word.text for word in explanation.words)
        assert explanation.spans == []
        assert explanation.duration_s is None and explanation.waveform is None and explanation.co_attention is None


class TestSpans:
    @pytest.mark.parametrize("family", ["wav2vec2-layer-norm", "moonshine"])
    @pytest.mark.parametrize("text", [None, TEXT])
    def test_contributions_are_the_changes_when_spans_are_silenced(self, family, text):
        model, processor, sound = emobert(family, speech_pooling="mean"), tiny_processor(), tone(0.35)
        explanation = explain_prediction(
            model, processor, {"text": text, "audio": sound}, label=2, batch_size=3, num_steps=2
        )
        texts = None if text is None else [text]
        whole = processor(text=texts, audio=[sound], sampling_rate=RATE, return_tensors="pt")
        assert [(s.start_s, s.end_s) for s in explanation.spans] == [
            (0.0, 0.1), (0.1, 0.2), (0.2, pytest.approx(0.3)), (pytest.approx(0.3), 0.35)
        ]  # fmt: skip
        for span in explanation.spans:
            silenced = sound.copy()
            silenced[round(span.start_s * RATE) : round(span.end_s * RATE)] = 0
            batch = processor(text=texts, audio=[silenced], sampling_rate=RATE, return_tensors="pt")
            change = value_of(model, 2, **whole) - value_of(model, 2, **batch)
            assert span.attribution == pytest.approx(change, abs=1e-4)
        assert np.ptp([span.attribution for span in explanation.spans]) > 1e-3
        np.testing.assert_array_equal(explanation.waveform, sound)

    @pytest.mark.parametrize("family", FAMILIES)
    def test_every_kind_of_speech(self, family):
        model, processor = model_and_processor(family)
        sound = tone(0.42)
        explanation = explain_prediction(model, processor, {"text": TEXT, "audio": sound}, num_steps=2)
        batch = processor(text=[TEXT], audio=[sound], sampling_rate=RATE, return_tensors="pt")
        with torch.no_grad():
            scores = model(**batch).logits.softmax(-1)[0]
        assert explanation.label == model.config.id2label[int(scores.argmax())]
        assert explanation.score == pytest.approx(float(scores.max()), abs=1e-5)
        assert explanation.duration_s == pytest.approx(0.42, abs=0.03)
        assert len(explanation.spans) in (4, 5)
        assert np.ptp([span.attribution for span in explanation.spans]) > 1e-5
        assert sum(span.attention for span in explanation.spans) == pytest.approx(1, abs=1e-5)
        assert np.isfinite(explanation.waveform).all()

    @pytest.mark.parametrize(("family", "axis", "rate"), [("whisper", 2, 100), ("wav2vec2-bert", 1, 50)])
    def test_a_silent_span_of_log_mel_features_has_each_bin_s_lowest_value(self, family, axis, rate):
        model, processor = model_and_processor(family)
        sound = tone(0.4)
        explanation = explain_prediction(model, processor, {"audio": sound}, label=0, span_s=0.2)
        batch = processor(audio=[sound], sampling_rate=RATE, return_tensors="pt")
        length = int(batch["speech_attention_mask"].sum())
        silenced = batch["input_features"].clone().transpose(1, axis)  # (1, frames, bins)
        silenced[0, rate // 5 : length] = silenced[0, :length].amin(0)
        batch_without = {**batch, "input_features": silenced.transpose(1, axis)}
        change = value_of(model, **batch) - value_of(model, **batch_without)
        assert explanation.spans[1].attribution == pytest.approx(change, abs=1e-4)

    def test_long_recordings_have_longer_spans(self):
        model, processor = emobert("moonshine", speech_pooling="mean"), tiny_processor()
        explanation = explain_prediction(model, processor, {"audio": tone(1.0)}, max_spans=4)
        assert [span.end_s for span in explanation.spans] == pytest.approx([0.3, 0.6, 0.9, 1.0])

    def test_a_clip_shorter_than_a_frame(self):
        model, processor = emobert("moonshine", speech_pooling="mean"), tiny_processor()
        explanation = explain_prediction(model, processor, {"audio": tone(0.01), "text": TEXT}, num_steps=2)
        (span,) = explanation.spans
        assert (span.start_s, span.end_s) == (0, 0.01)
        assert span.attention == pytest.approx(1, abs=1e-6)


class TestSpeechTokens:
    @pytest.fixture
    def model(self):
        return emobert(speech_pooling="mean")

    def test_hidden_tokens(self, model):
        ids = [0, 11, 12, 13, 14, 15, 2]
        explanation = explain_prediction(
            model,
            tiny_processor(),
            {"speech_input_ids": ids, "text": TEXT},
            label=0,
            span_s=0.08,
            speech_tokens_per_s=25.0,
            num_steps=2,
        )
        assert explanation.duration_s == pytest.approx(0.2)
        assert [span.end_s for span in explanation.spans] == pytest.approx([0.08, 0.16, 0.2])
        text = tiny_processor()(text=[TEXT], return_tensors="pt")
        speech = torch.tensor([ids])
        whole = value_of(model, **text, speech_input_ids=speech)
        for span, mask in zip(
            explanation.spans, [[1, 0, 0, 1, 1, 1, 1], [1, 1, 1, 0, 0, 1, 1], [1, 1, 1, 1, 1, 0, 1]], strict=True
        ):
            hidden = torch.tensor([mask])
            states = model.emobert.encode_speech(speech, hidden).hidden_states
            without = value_of(model, **text, encoded_speech=states, speech_attention_mask=hidden)
            assert span.attribution == pytest.approx(whole - without, abs=1e-4)
        # What the text's attention gives to <s> and </s> is no moment.
        assert 0.1 < sum(span.attention for span in explanation.spans) < 0.99
        assert explanation.waveform is None

    def test_audio_and_tokens_are_told_apart(self, model):
        with pytest.raises(ValueError, match="no speech tokenizer.*pass 'speech_input_ids'"):
            explain_prediction(model, tiny_processor(), {"audio": tone(0.1)})
        with pytest.raises(ValueError, match="takes speech as input_values: pass 'audio'"):
            explain_prediction(emobert("moonshine"), tiny_processor(), {"speech_input_ids": [5, 6]})
        with pytest.raises(ValueError, match="speech_tokens_per_s=0"):
            explain_prediction(model, tiny_processor(), {"speech_input_ids": [5]}, speech_tokens_per_s=0)
        with pytest.raises(ValueError, match="holds special tokens only"):
            explain_prediction(model, tiny_processor(), {"speech_input_ids": [0, 2]})

    def test_a_speech_tokenizer_hears_silence_itself(self):
        model = model_with_speech_tokenizer()
        sound, processor = tone(0.2), tiny_processor()
        explanation = explain_prediction(model, processor, {"audio": sound, "text": TEXT}, label=0, num_steps=2)
        silenced = sound.copy()
        silenced[:1600] = 0
        text = processor(text=[TEXT], return_tensors="pt")
        change = value_of(model, **text, input_values=torch.tensor(sound[None])) - value_of(
            model, **text, input_values=torch.tensor(silenced[None])
        )
        assert abs(change) > 1e-4
        assert explanation.spans[0].attribution == pytest.approx(change, abs=1e-4)
        assert 0.5 < sum(span.attention for span in explanation.spans) < 1


class TestCoAttention:
    def test_it_is_what_the_model_reports(self):
        """Against the eager model's own weights, summed over tokens and frames."""
        model, processor, sound = emobert("moonshine", num_co_attention_layers=2), tiny_processor(), tone(0.5)
        explanation = explain_prediction(model, processor, {"text": TEXT, "audio": sound}, num_steps=2, span_s=0.25)
        batch = processor(text=[TEXT], audio=[sound], sampling_rate=RATE, return_tensors="pt")
        model.set_attn_implementation("eager")
        with torch.no_grad():
            weights = model(**batch, output_attentions=True).co_attentions
        maps = explanation.co_attention
        assert maps.words.shape == (2, 4, 6) and maps.spans.shape == (2, 4, 2)
        for layer in range(2):
            to_text = weights[2 + layer][0].numpy()
            np.testing.assert_allclose(maps.words[layer, :, 0], to_text[:, 1], atol=1e-6)
            np.testing.assert_allclose(maps.words[layer, :, 1], to_text[:, 2:4].sum(1), atol=1e-6)
            np.testing.assert_allclose(maps.spans[layer].sum(1), weights[layer][0].sum(1), atol=1e-6)
        assert [word.attention for word in explanation.words] == pytest.approx(maps.words.mean((0, 1)).tolist())
        assert [span.attention for span in explanation.spans] == pytest.approx(maps.spans.mean((0, 1)).tolist())

    @pytest.mark.parametrize("inputs", [{"text": TEXT}, {"audio": tone(0.2)}])
    def test_one_modality_has_nothing_to_look_at(self, inputs):
        explanation = explain_prediction(emobert("moonshine"), tiny_processor(), inputs, num_steps=2)
        assert explanation.co_attention is None
        assert all(unit.attention is None for unit in [*explanation.words, *explanation.spans])


class TestThePlanted:
    """A trained model whose label hangs on one word and on one burst of sound."""

    @pytest.mark.parametrize("given", [("text",), ("audio",), ("text", "audio")])
    def test_word_and_moment_come_first(self, given):
        model, processor = planted_model(), planted_processor()
        for row in planted_utterances(8, seed=5):
            explanation = explain_prediction(model, processor, {name: row[name] for name in given})
            assert explanation.label == row["label"]
            assert explanation.score > 0.7
            if "text" in given:
                values = [word.attribution for word in explanation.words]
                assert int(np.argmax(values)) == row["word"]
                assert max(values) > 0.5 * sum(np.abs(values))
            if "audio" in given:
                assert int(np.argmax([span.attribution for span in explanation.spans])) == row["span"]

    def test_another_label_is_spoken_against(self):
        row = planted_utterances(1, seed=6)[0]  # sad
        explanation = explain_prediction(planted_model(), planted_processor(), {"text": row["text"]}, label="happy")
        assert explanation.label == "happy" and explanation.score < 0.3
        assert int(np.argmin([word.attribution for word in explanation.words])) == row["word"]


class TestTheModelIsLeftAsItWas:
    def test_modes_gradients_and_weights(self):
        model = emobert("moonshine", co_attention_dropout=0.5, classifier_dropout=0.5, speech_pooling="mean")
        inputs = {"text": TEXT, "audio": tone(0.2)}
        expected = explain_prediction(model, tiny_processor(), inputs).to_dict()
        model.freeze_text_encoder()
        model.train()
        modes = [module.training for module in model.modules()]
        wanted = [parameter.requires_grad for parameter in model.parameters()]
        weights = {name: value.clone() for name, value in model.state_dict().items()}
        assert True in modes and False in modes
        with torch.inference_mode():
            assert explain_prediction(model, tiny_processor(), inputs).to_dict() == expected
        with torch.no_grad():
            assert explain_prediction(model, tiny_processor(), inputs).to_dict() == expected
        assert [module.training for module in model.modules()] == modes
        assert [parameter.requires_grad for parameter in model.parameters()] == wanted
        assert all(parameter.grad is None for parameter in model.parameters())
        assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())

    def test_modes_come_back_after_an_error(self):
        model = emobert("moonshine").train()
        with pytest.raises(ValueError, match="no label"):
            explain_prediction(model, tiny_processor(), {"text": TEXT}, label="furious")
        assert all(module.training for module in model.modules())

    def test_threads(self):
        model = emobert("moonshine", co_attention_dropout=0.5, speech_pooling="mean").train()
        inputs = [{"text": TEXT}, {"audio": tone(0.2)}, {"text": "so sad", "audio": tone(0.3)}] * 2
        expected = [explain_prediction(model, tiny_processor(), row, num_steps=4).to_dict() for row in inputs]
        results = [None] * len(inputs)

        def explain(index):
            results[index] = explain_prediction(model, tiny_processor(), inputs[index], num_steps=4).to_dict()

        threads = [threading.Thread(target=explain, args=(index,)) for index in range(len(inputs))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert results == expected
        assert all(module.training for module in model.modules())


def test_it_can_be_written_as_json():
    model, sound = emobert("moonshine"), tone(0.2)
    explanation = explain_prediction(model, tiny_processor(), {"text": TEXT, "audio": sound}, num_steps=2)
    plain = json.loads(json.dumps(explanation.to_dict()))
    assert plain == explanation.to_dict()
    assert plain["words"][1] == {
        "text": "nice!",
        "start": 4,
        "end": 9,
        "attribution": explanation.words[1].attribution,
        "attention": explanation.words[1].attention,
    }
    assert np.shape(plain["co_attention"]["spans"]) == (1, 4, 2)
    assert "waveform" not in plain


@pytest.mark.parametrize(
    ("inputs", "options", "message"),
    [
        ({}, {}, "neither text nor speech"),
        ({"text": "  ", "audio": None}, {}, "neither text nor speech"),
        ({"words": "a"}, {}, "Unknown input words: pass a dict with some of audio, text, speech_input_ids"),
        ({"audio": tone(0.1), "speech_input_ids": [1]}, {}, "given twice"),
        ({"text": TEXT}, {"num_steps": 0}, "num_steps=0"),
        ({"audio": tone(0.1)}, {"span_s": 0}, "span_s=0"),
        ({"audio": tone(0.1)}, {"batch_size": 0}, "batch_size=0"),
        ({"text": TEXT}, {"label": "furious"}, "no label 'furious'"),
    ],
)
def test_what_cannot_be_explained_is_refused(inputs, options, message):
    with pytest.raises(ValueError, match=message):
        explain_prediction(emobert("moonshine"), tiny_processor(), inputs, **options)


@pytest.mark.parametrize("family", ["wav2vec2-layer-norm", "moonshine", "whisper"])
def test_frames_are_where_they_were_heard(family):
    """A click at a known time changes most the frame whose time that is."""
    model, processor = model_and_processor(family)
    rate, click_s = processor.feature_extractor.sampling_rate, 0.3
    quiet = 1e-3 * tone(0.6)
    clicked = quiet.copy()
    clicked[round(click_s * rate) : round(click_s * rate) + 20] += 0.5
    states, timed = [], None
    for sound in (quiet, clicked):
        timed = read_speech(model, processor, {"audio": (sound, rate)}, 100.0)
        with torch.no_grad():
            encoded = model.emobert.encode_speech(timed.values, timed.mask, output_hidden_states=True)
        states.append(encoded.get("hidden_states")[0][0])
    num_frames = int(encoded.mask.sum())
    change = (states[1] - states[0])[:num_frames].norm(dim=-1)
    scale = frame_scale(model.emobert, timed, num_frames)
    middle = scale.seconds(int(change.argmax()) + 0.5)
    assert middle == pytest.approx(click_s, abs=1.5 / scale.rate)
