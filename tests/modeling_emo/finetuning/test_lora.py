"""LoRA on either encoder: what is trained, that every adapter is heard, saving, loading, merging, the Trainer."""

import copy

import pytest
import torch
from peft import PeftModel
from torch.testing import assert_close
from transformers import (
    AlbertConfig,
    AutoConfig,
    AutoModel,
    DistilBertConfig,
    ElectraConfig,
    ModernBertConfig,
    MPNetConfig,
    pipeline,
)

from configuration_emo import EmoBertConfig
from modeling_emo import (
    EmoBertForSequenceClassification,
    EmoBertTrainer,
    EmoBertTrainingArguments,
    add_lora,
    fit_speech_standardization,
)
from modeling_emo.encoders.families import FAMILIES
from modeling_emo.finetuning.parameter_groups import parameter_groups
from tests.modeling_emo.training.training_rows import Rows
from tests.tiny import tiny_processor
from tests.tiny_models import CORE_FAMILIES, TRANSFORMER, emobert, ragged_batch, speech_config


LABELS = torch.tensor([0, 1, 2, 0, 1])
SIZES = {"vocab_size": 60, **TRANSFORMER}
TEXT_FAMILIES = {
    "albert": lambda: AlbertConfig(**SIZES, embedding_size=16),
    "distilbert": lambda: DistilBertConfig(vocab_size=60, dim=32, n_layers=2, n_heads=4, hidden_dim=37),
    "electra": lambda: ElectraConfig(**SIZES, embedding_size=16),
    "modernbert": lambda: ModernBertConfig(**SIZES, pad_token_id=0, cls_token_id=1, sep_token_id=2),
    "mpnet": lambda: MPNetConfig(**SIZES),
    **{
        family: lambda family=family: AutoConfig.for_model(family, **SIZES)
        for family in ("bert", "camembert", "deberta-v2", "roberta", "xlm-roberta")
    },
}


def trained(model, batch, steps=2, learning_rate=1e-2):
    """A few steps, after which no LoRA matrix is zero."""
    optimizer = torch.optim.AdamW(parameter_groups(model, learning_rate=learning_rate))
    model.train()
    for _ in range(steps):
        model(**batch, labels=LABELS).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return model.eval()


@pytest.mark.parametrize("family", CORE_FAMILIES)
def test_every_adapter_and_every_new_weight_is_trained_and_nothing_else(family):
    """A layer that the encoder's code reads past its module would leave lora_B without a gradient."""
    layer = {} if family == "roberta" else {"speech_layer": 1}
    model = emobert(family, text_pooling="attention", standardize_speech=True, **layer)
    new = [name for name, _ in model.named_parameters() if "encoder" not in name]
    frozen = {name: p.clone() for name, p in model.named_parameters() if "encoder" in name}
    model = add_lora(model, r=2)
    model.train()
    model(**ragged_batch(family), labels=LABELS).loss.backward()
    # A gradient of rounding noise is none: a bias of keys moves all scores of a softmax alike.
    heard = [name for name, p in model.named_parameters() if p.grad is not None and p.grad.abs().max() > 3e-7]
    trainable = [name for name, p in model.named_parameters() if p.requires_grad]
    # lora_A has no gradient in the first step, because lora_B starts at zero.
    assert heard == [name for name in trainable if "lora_A" not in name and not name.endswith("k_proj.bias")]
    assert len([name for name in heard if "lora_B" in name]) == 4 + (4 if family == "roberta" else 2)
    wrapped = [name.replace("base_model.model.", "").replace("modules_to_save.default.", "") for name in trainable]
    assert [name for name in wrapped if "encoder" not in name] == new
    trained(model, ragged_batch(family))
    weights = dict(model.merge_and_unload().named_parameters())
    moved = {name.split(".")[1] for name, before in frozen.items() if not torch.equal(before, weights[name])}
    assert moved == {"text_encoder", "speech_encoder"}
    targets = {*FAMILIES["bert"].lora, *FAMILIES[model.config.speech_config.model_type].lora}
    for name, before in frozen.items():
        assert torch.equal(before, weights[name]) or name.split(".")[-2] in targets, name


@pytest.mark.parametrize("family", TEXT_FAMILIES)
def test_adapters_of_text_encoders_are_heard(family):
    torch.manual_seed(0)
    config = EmoBertConfig.from_text_speech_configs(TEXT_FAMILIES[family](), speech_config(), initializer_range=0.3)
    model = add_lora(EmoBertForSequenceClassification(config), ["text"])
    ids = torch.randint(5, 60, (3, 7), generator=torch.Generator().manual_seed(0))
    model(input_ids=ids, speech_input_ids=ids, labels=torch.tensor([0, 1, 0])).loss.backward()
    gradients = {name: p.grad for name, p in model.named_parameters() if "lora_B" in name}
    layers = 1 if family == "albert" else 2  # ALBERT's layers are one
    assert len(gradients) == layers * len(FAMILIES[family].lora)
    assert all(gradient is not None and gradient.any() for gradient in gradients.values())


def test_every_family_of_the_table_is_tested():
    speech = {speech_config(family).model_type for family in CORE_FAMILIES}
    tested = {*TEXT_FAMILIES, *speech}
    assert {name for name, family in FAMILIES.items() if family.lora} >= tested


@torch.no_grad()
def test_a_new_adapter_changes_nothing_and_a_trained_one_adds_its_product():
    model, batch = emobert("moonshine"), ragged_batch("moonshine")
    before = model(**batch).logits
    model = add_lora(model, r=2, alpha=6).eval()
    assert torch.equal(model(**batch).logits, before)
    with torch.enable_grad():
        trained(model, batch)
    weights = dict(model.named_parameters())
    prefix = "base_model.model.emobert.speech_encoder.layers.1.self_attn.v_proj."
    update = weights[prefix + "lora_B.default.weight"] @ weights[prefix + "lora_A.default.weight"] * (6 / 2)
    expected = weights[prefix + "base_layer.weight"] + update
    merged = model.merge_and_unload().emobert.speech_encoder.layers[1].self_attn.v_proj.weight
    assert_close(merged, expected)


@pytest.mark.parametrize("family", ["roberta", "moonshine"])
@torch.no_grad()
def test_adapter_round_trip_and_merge(family, tmp_path):
    options = {"standardize_speech": True, "use_weighted_layer_sum": True, "speech_pooling": "attention"}
    batch = ragged_batch(family)
    model = emobert(family, **options)
    base = copy.deepcopy(model)
    fit_speech_standardization(model, [batch])
    model = add_lora(model)
    with torch.enable_grad():
        trained(model, batch)
    expected = model(**batch).logits
    model.save_pretrained(tmp_path / "adapter")
    assert {path.name for path in (tmp_path / "adapter").iterdir()} >= {
        "adapter_config.json",
        "adapter_model.safetensors",
    }

    # The adapter carries all that differs from a fresh model over the same encoders, also the fitted statistics.
    for name, parameter in base.named_parameters():
        if "encoder" not in name:
            parameter.copy_(torch.randn_like(parameter))
    loaded = PeftModel.from_pretrained(base, tmp_path / "adapter").eval()
    assert torch.equal(loaded(**batch).logits, expected)

    merged = loaded.merge_and_unload()
    assert type(merged) is EmoBertForSequenceClassification
    assert_close(merged(**batch).logits, expected, atol=1e-5, rtol=1e-5)
    merged.save_pretrained(tmp_path / "merged")
    again, info = EmoBertForSequenceClassification.from_pretrained(tmp_path / "merged", output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"]
    assert torch.equal(again(**batch).logits, merged(**batch).logits)


def test_an_encoder_without_adapter_is_frozen_in_evaluation_mode():
    model = add_lora(emobert("moonshine"), ["text"])
    model.train()
    base = model.get_base_model().emobert
    assert base.text_encoder.training and not base.speech_encoder.training
    assert not any(p.requires_grad for p in base.speech_encoder.parameters())


def test_adapters_learn_at_the_encoders_rate():
    model = add_lora(emobert(), r=2)
    groups = parameter_groups(model, learning_rate=1e-5, new_weights_learning_rate=1e-3, weight_decay=0.1)
    rates = {id(p): group["lr"] for group in groups for p in group["params"]}
    expected = {name: 1e-5 if "lora_" in name else 1e-3 for name, p in model.named_parameters() if p.requires_grad}
    assert {name: rates[id(p)] for name, p in model.named_parameters() if id(p) in rates} == expected
    assert {1e-5, 1e-3} == set(expected.values())


@pytest.mark.parametrize("family", ["wav2vec2-group-norm", "moonshine", "roberta"])
def test_gradient_checkpointing_changes_no_gradient(family):
    gradients = []
    for checkpointing in (False, True):
        model = emobert(family, co_attention_dropout=0.0, classifier_dropout=0.0)
        model = add_lora(model, dropout=0.0)
        generator = torch.Generator().manual_seed(0)
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.data = torch.randn(parameter.shape, generator=generator)
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        if checkpointing:
            model.gradient_checkpointing_enable()
        for config in (model.config.text_config, model.config.speech_config):
            config.attention_probs_dropout_prob = config.attention_dropout = config.layerdrop = 0.0
        model.train()
        model(**ragged_batch(family), labels=LABELS).loss.backward()
        gradients.append({name: p.grad for name, p in model.named_parameters() if "lora_" in name})
    for name, gradient in gradients[0].items():
        assert gradient.any(), name
        assert_close(gradients[1][name], gradient, atol=1e-6, rtol=1e-4)


def test_trainer_saves_resumes_and_loads_the_best_adapter(tmp_path):
    def trainer(folder, epochs):
        model = add_lora(emobert("moonshine"))
        arguments = EmoBertTrainingArguments(
            output_dir=str(folder),
            num_train_epochs=epochs,
            lr_scheduler_type="constant",
            learning_rate=1e-2,
            per_device_train_batch_size=2,
            eval_strategy="epoch",
            save_strategy="epoch",
            load_best_model_at_end=True,
            report_to="none",
            disable_tqdm=True,
            use_cpu=True,
        )
        return EmoBertTrainer(
            model=model, args=arguments, train_dataset=Rows("moonshine"), eval_dataset=Rows("moonshine")
        )

    whole = trainer(tmp_path / "whole", 3)
    whole.train()
    trainer(tmp_path / "cut", 2).train()
    resumed = trainer(tmp_path / "cut", 3)
    resumed.train(resume_from_checkpoint=True)
    losses = [entry["eval_loss"] for entry in whole.state.log_history if "eval_loss" in entry]
    assert min(losses) < losses[0]
    assert whole.evaluate()["eval_loss"] == pytest.approx(min(losses), abs=1e-6)
    again = [entry["eval_loss"] for entry in resumed.state.log_history if "eval_loss" in entry]
    assert again == pytest.approx(losses, abs=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"encoders": ["audio"]}, "must be some of text, speech, got \\['audio'\\]"),
        ({"encoders": []}, "must be some of text, speech"),
        (
            {"target_modules": {"speech": ["query"]}},
            "has no Linear layer query.*o_proj, q_proj, v_proj",
        ),
        ({"target_modules": {"video": ["query"]}}, "must be some of text, speech"),
    ],
)
def test_arguments_that_do_not_fit(arguments, message):
    with pytest.raises(ValueError, match=message):
        add_lora(emobert("moonshine"), **arguments)


def test_an_adapter_without_effect_is_refused():
    with pytest.raises(ValueError, match="q_proj of a 'wavlm' encoder would have no effect.*intermediate_dense"):
        add_lora(emobert("wavlm"), ["speech"], target_modules={"speech": ["q_proj", "output_dense"]})


def test_an_unknown_family_is_refused_with_the_names_of_its_layers():
    model = emobert()
    model.emobert.text_encoder = AutoModel.from_config(AutoConfig.for_model("splinter", **SIZES))
    with pytest.raises(ValueError, match="'splinter' encoder.*dense, key, query, value"):
        add_lora(model)
    assert add_lora(model, target_modules={"text": ["query"]}) is not None


def test_a_merged_model_is_what_the_pipeline_takes(tmp_path):
    model = add_lora(emobert("moonshine"), r=2)
    trained(model, ragged_batch("moonshine"))
    merged = model.merge_and_unload()
    merged.save_pretrained(tmp_path)
    tiny_processor().save_pretrained(tmp_path)
    sound = torch.randn(4000, generator=torch.Generator().manual_seed(0)).numpy()
    recognise = pipeline("emotion-recognition", model=str(tmp_path), top_k=3)
    scores = recognise({"audio": (sound, 16_000), "text": "how nice"})
    inputs = tiny_processor()(text=["how nice"], audio=[sound], sampling_rate=16_000, return_tensors="pt")
    expected = merged(**inputs).logits.softmax(-1)[0].sort(descending=True).values
    assert [entry["score"] for entry in scores] == pytest.approx(expected.tolist(), abs=1e-5)
