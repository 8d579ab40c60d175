"""Learning rates per weight: by encoder, by layer, through every schedule."""

import re

import pytest
import torch
from transformers import get_scheduler

from modeling_emo import EmoBertTrainer, EmoBertTrainingArguments, add_lora
from modeling_emo.encoders.depth import weight_depths
from modeling_emo.finetuning.parameter_groups import parameter_groups
from tests.tiny_models import CORE_FAMILIES, emobert


RATES = {
    "learning_rate": 3e-5,
    "text_encoder_learning_rate": 1e-5,
    "speech_encoder_learning_rate": 2e-5,
    "new_weights_learning_rate": 1e-3,
}


def settings(model, **kwargs):
    """`(lr, weight_decay)` of each weight by its name, from the groups; each weight is in one group."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    groups = parameter_groups(model, **kwargs)
    listed = [(names[id(p)], (group["lr"], group["weight_decay"])) for group in groups for p in group["params"]]
    assert len(dict(listed)) == len(listed)
    return dict(listed)


def depth(name):
    """Layer of a weight by its name, written independently of the library; the encoders have two layers."""
    found = re.search(r"\.layers?\.(\d+)\.", name)
    if found:
        return int(found.group(1)) + 1
    return 2 if re.search(r"speech_encoder\.layer_norm", name) else 0


@pytest.mark.parametrize("family", ["roberta", "wav2vec2-group-norm", "hubert", "wavlm", "moonshine", "whisper"])
def test_rates_by_encoder_and_layer(family):
    model = emobert(family)
    result = settings(model, **RATES, layerwise_lr_decay=0.5, weight_decay=0.1)
    trainable = {name: p for name, p in model.named_parameters() if p.requires_grad}
    assert result.keys() == trainable.keys()
    for name, parameter in trainable.items():
        if ".text_encoder." in name:
            rate = 1e-5 * 0.5 ** (2 - depth(name))
        elif ".speech_encoder." in name:
            rate = 2e-5 * 0.5 ** (2 - depth(name))
        else:
            rate = 1e-3
        assert result[name] == (pytest.approx(rate), 0.1 if parameter.dim() > 1 else 0.0), name
    front = (
        "conv1" if family in ("moonshine", "whisper") else "embeddings.word" if family == "roberta" else "conv_layers"
    )
    assert any(front in name and rate == pytest.approx(5e-6) for name, (rate, _) in result.items())


def test_a_final_norm_goes_with_the_last_layer():
    encoder = emobert("wav2vec2-layer-norm").emobert.speech_encoder
    depths, count = weight_depths(encoder)
    assert (depths["encoder.layer_norm.weight"], count) == (2, 2)
    depths, _ = weight_depths(emobert("wav2vec2-group-norm").emobert.speech_encoder)
    assert depths["encoder.layer_norm.weight"] == 0  # comes before the first layer there


def test_layers_above_the_one_in_use_do_not_count():
    model = emobert("moonshine", speech_layer=1)
    result = settings(model, learning_rate=1.0, layerwise_lr_decay=0.5)
    speech = {name: rate for name, (rate, _) in result.items() if "speech_encoder" in name}
    assert {rate for name, rate in speech.items() if "layers.0." in name} == {1.0}
    assert {rate for name, rate in speech.items() if "conv" in name} == {0.5}
    assert not any("layers.1." in name for name in speech)


def test_adapters_take_the_rate_of_their_layer():
    model = add_lora(emobert("moonshine"), r=2)
    result = settings(model, **RATES, layerwise_lr_decay=0.5)
    found = {name: rate for name, (rate, _) in result.items() if "lora_A" in name}
    assert len(found) == 8
    for name, rate in found.items():
        base = 1e-5 if "text_encoder" in name else 2e-5
        assert rate == pytest.approx(base * 0.5 ** (2 - depth(name)))
    assert result["base_model.model.classifier.modules_to_save.default.weight"][0] == 1e-3


def test_left_out_rates_are_the_learning_rate():
    result = settings(emobert(), learning_rate=3e-5)
    assert {rate for rate, _ in result.values()} == {3e-5}
    result = settings(emobert(), learning_rate=3e-5, text_encoder_learning_rate=0.0)
    assert {rate for name, (rate, _) in result.items() if "text_encoder" in name} == {0.0}


@pytest.mark.parametrize("decay", [0.0, 1.2])
def test_a_decay_out_of_range_is_refused(decay, tmp_path):
    with pytest.raises(ValueError, match="`layerwise_lr_decay` must be above 0 and at most 1"):
        parameter_groups(emobert(), learning_rate=1.0, layerwise_lr_decay=decay)
    with pytest.raises(ValueError, match="`layerwise_lr_decay` must be above 0 and at most 1"):
        EmoBertTrainingArguments(output_dir=str(tmp_path), layerwise_lr_decay=decay, use_cpu=True)


@pytest.mark.parametrize("schedule", ["linear", "polynomial", "cosine", "constant_with_warmup"])
def test_each_group_keeps_its_share_through_a_schedule(schedule, tmp_path):
    arguments = EmoBertTrainingArguments(
        output_dir=str(tmp_path),
        lr_scheduler_type=schedule,
        warmup_steps=4,
        layerwise_lr_decay=0.5,
        use_cpu=True,
        report_to="none",
        **RATES,
    )
    assert arguments.optim == "adamw_torch_fused"
    trainer = EmoBertTrainer(model=emobert(), args=arguments)
    trainer.create_optimizer_and_scheduler(num_training_steps=20)
    optimizer = trainer.optimizer
    assert isinstance(optimizer, torch.optim.AdamW) and optimizer.defaults["fused"] is True
    initial = [group["initial_lr"] for group in optimizer.param_groups]
    assert {1e-5, 5e-6, 2.5e-6, 2e-5, 1e-3} <= {round(rate, 10) for rate in initial}

    single = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=3e-5)
    scheduler = get_scheduler(schedule, single, num_warmup_steps=4, num_training_steps=20)
    factors = []
    for _ in range(20):
        factor = single.param_groups[0]["lr"] / 3e-5
        rates = [group["lr"] for group in optimizer.param_groups]
        assert rates == pytest.approx([rate * factor for rate in initial], rel=1e-6)
        factors.append(factor)
        optimizer.step()
        trainer.lr_scheduler.step()
        single.step()
        scheduler.step()
    assert factors[0] == 0 and factors[2] == 0.5 and factors[4] == 1
    assert (factors[-1] < 0.1) == (schedule != "constant_with_warmup")


def test_the_speech_families_of_the_tests_all_have_layers():
    for family in CORE_FAMILIES:
        depths, count = weight_depths(emobert(family).emobert.speech_encoder)
        assert count == 2 and set(depths.values()) == {0, 1, 2}
