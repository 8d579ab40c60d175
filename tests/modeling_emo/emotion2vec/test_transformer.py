"""Layers of emotion2vec, and how the model trains."""

import copy

import pytest
import torch
from torch import nn
from transformers import Trainer, TrainingArguments

from modeling_emo import Emotion2VecForAudioClassification
from modeling_emo.emotion2vec.transformer import Emotion2VecLayer
from preprocess import Emotion2VecFeatureExtractor
from tests.emotion2vec_fixtures import ragged_batch, tiny_config, tiny_model


class Constant(nn.Module):
    """In the place of attention or feed-forward: what it adds is known."""

    def __init__(self, value, *, pair=False):
        super().__init__()
        self.value, self.pair = value, pair

    def forward(self, hidden_states, *args, **kwargs):
        result = hidden_states * self.value
        return (result, None) if self.pair else result


class TestLayer:
    def layer(self, **changes):
        layer = Emotion2VecLayer(tiny_config(**changes)).eval()
        layer.attention, layer.feed_forward = Constant(2.0, pair=True), Constant(3.0)
        return layer

    def test_norms_after_each_sum(self):
        layer, states = self.layer(), torch.randn(2, 5, 32)
        frames, tokens = layer(states)
        norm = nn.LayerNorm(32)
        attended = norm(states + 2 * states)
        assert tokens is None
        torch.testing.assert_close(frames, norm(attended + 3 * attended), rtol=0, atol=1e-6)

    def test_norms_first(self):
        """The feed-forward's output counts twice, and its input not at all."""
        layer, states = self.layer(layer_norm_first=True), torch.randn(2, 5, 32)
        norm = nn.LayerNorm(32)
        attended = states + 2 * norm(states)
        torch.testing.assert_close(layer(states)[0], 2 * (3 * norm(attended)), rtol=0, atol=1e-6)

    def test_tokens_come_first_and_go_out_apart(self):
        layer, states = self.layer(), torch.randn(2, 8, 32)
        frames, tokens = layer(states[:, 3:], states[:, :3])
        expected, _ = layer(states)
        assert torch.equal(torch.cat([tokens, frames], dim=1), expected)

    @pytest.mark.parametrize("norm_first", [False, True])
    def test_dropout_falls_on_one_term_of_each_sum(self, norm_first):
        """With everything dropped there is no attention and no feed-forward, or the latter once."""
        layer = self.layer(layer_norm_first=norm_first, hidden_dropout=1.0).train()
        states, norm = torch.randn(2, 5, 32), nn.LayerNorm(32)
        expected = 3 * norm(states) if norm_first else norm(norm(states))
        torch.testing.assert_close(layer(states)[0], expected, rtol=0, atol=1e-6)


class TestTraining:
    @pytest.mark.parametrize("changes", [{}, {"layer_norm_first": True, "feat_extract_norm": "group"}])
    @pytest.mark.parametrize("reentrant", [False, True])
    def test_gradients_are_the_same_with_checkpointing(self, changes, reentrant):
        model = tiny_model(Emotion2VecForAudioClassification, **changes, hidden_dropout=0.0, attention_dropout=0.0)
        model.config.layerdrop = 0.0
        inputs = {**ragged_batch([700, 411]), "labels": torch.tensor([1, 0])}
        gradients = []
        for checkpointing in (False, True):
            trained = copy.deepcopy(model).train()
            if checkpointing:
                trained.gradient_checkpointing_enable({"use_reentrant": reentrant})
            trained(**inputs).loss.backward()
            gradients.append({name: parameter.grad for name, parameter in trained.named_parameters()})
        for name, expected in gradients[0].items():
            torch.testing.assert_close(gradients[1][name], expected, rtol=0, atol=1e-5)
        assert gradients[0]["emotion2vec.encoder.alibi.scale"].abs().max() > 1e-6

    def test_layers_are_dropped_in_training_only(self):
        model = tiny_model(hidden_dropout=0.0, attention_dropout=0.0, layerdrop=1.0)
        inputs = ragged_batch([700, 411])
        with torch.no_grad():
            whole = model(**inputs, output_hidden_states=True)
            dropped = model.train()(**inputs)
        torch.testing.assert_close(dropped.last_hidden_state, whole.hidden_states[0], rtol=0, atol=0)
        assert (whole.hidden_states[-1] - whole.hidden_states[0]).abs().max() > 0.1

    def test_frozen_convolutions_stay_as_they_are(self):
        model = tiny_model(Emotion2VecForAudioClassification)
        model.freeze_feature_encoder()
        frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
        assert frozen == {
            f"emotion2vec.feature_extractor.{n}" for n, _ in model.base_model.feature_extractor.named_parameters()
        }
        model.train()(**ragged_batch([700, 411]), labels=torch.tensor([1, 0])).loss.backward()
        assert all((parameter.grad is None) == (name in frozen) for name, parameter in model.named_parameters())

    def test_it_learns_a_planted_task(self, tmp_path):
        """Low, middle and high tones in noise, in batches of different lengths, with the released dropouts."""
        torch.manual_seed(0)
        extractor = Emotion2VecFeatureExtractor()
        rows = tones(96)
        model = Emotion2VecForAudioClassification(tiny_config(num_labels=3, id2label={0: "low", 1: "mid", 2: "high"}))

        def collate(batch):
            waves = [row["wave"] for row in batch]
            inputs = extractor(waves, sampling_rate=16_000, padding=True, return_tensors="pt")
            return {**inputs, "labels": torch.tensor([row["label"] for row in batch])}

        arguments = TrainingArguments(
            output_dir=str(tmp_path),
            max_steps=80,
            per_device_train_batch_size=16,
            learning_rate=2e-3,
            logging_steps=10,
            remove_unused_columns=False,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            use_cpu=True,
            seed=0,
        )
        trainer = Trainer(
            model=model,
            args=arguments,
            train_dataset=rows[:72],
            eval_dataset=rows[72:],
            data_collator=collate,
            compute_metrics=lambda seen: {"accuracy": (seen.predictions.argmax(-1) == seen.label_ids).mean()},
        )
        trainer.train()
        losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
        assert losses[-1] < 0.3 * losses[0], losses
        assert trainer.evaluate()["eval_accuracy"] > 0.9


def tones(count):
    """Rows of `wave` and `label`, of 60 to 100 ms."""
    generator = torch.Generator().manual_seed(1)
    rows = []
    for index in range(count):
        length = int(torch.randint(960, 1600, (1,), generator=generator))
        time = torch.arange(length) / 16_000
        wave = torch.sin(2 * torch.pi * (200, 900, 3000)[index % 3] * time) + 0.5 * torch.randn(
            length, generator=generator
        )
        rows.append({"wave": wave.numpy(), "label": index % 3})
    return rows
