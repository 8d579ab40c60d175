"""A run's record repeats it: the same command from `training_record.json` gives the same weights, bit for bit."""

import json
import re
from pathlib import Path

import torch
from safetensors.torch import load_file

import emobert
from commands_emo import run_command
from tests.commands_emo.test_training_setup import data_dir  # noqa: F401
from tests.examples.conftest import encoders, recordings  # noqa: F401


ROOT = Path(__file__).resolve().parents[2]


def test_the_record_repeats_the_run(data_dir, encoders, tmp_path):  # noqa: F811
    config = tmp_path / "config.yaml"
    config.write_text(
        f"train: {{text_model: {encoders}/text, speech_model: {encoders}/speech, data_dir: {data_dir}, seed: 5,\n"
        "  speech_layer: [1], speech_pooling: mean_std, modality_dropout: 0.4, class_weights: balanced,\n"
        "  augmentation: {speed: [0.9, 1.1]}, unimodal_loss_weight: 0.5, learning_rate: 3e-3, warmup_steps: 0.2,\n"
        "  lr_scheduler_type: cosine, per_device_train_batch_size: 3, gradient_accumulation_steps: 2,\n"
        "  new_weights_learning_rate: 1e-2, max_steps: 4, eval_strategy: steps, eval_steps: 2, save_steps: 2,\n"
        "  load_best_model_at_end: true, metric_for_best_model: ua, report_to: none, disable_tqdm: true}\n"
    )
    weights, records = [], []
    for source, name in ((config, "first"), (tmp_path / "first" / "training_record.json", "again")):
        run_command("train", [str(source), "--output_dir", str(tmp_path / name)])
        weights.append(load_file(tmp_path / name / "model.safetensors"))
        records.append(json.loads((tmp_path / name / "training_record.json").read_text()))
    assert weights[0].keys() == weights[1].keys()
    assert [name for name in weights[0] if not torch.equal(weights[0][name], weights[1][name])] == []
    first, again = records
    assert again.pop("train") == first["train"]  # without the output folder, which is another

    given = first.pop("train")
    assert {given["modality_dropout"], given["warmup_steps"], given["seed"]} == {0.4, 0.2, 5}
    assert given["class_weights"] == "balanced" and given["speech_layer"] == 1
    assert not {"fusion", "weight_decay", "lora", "text_pooling"} & given.keys()  # as by default
    for record in records:
        assert record.pop("duration_s") > 0
        assert record["versions"]["emobert"] and record["versions"]["torch"].startswith(torch.__version__[:3])
        assert record["hardware"].startswith("CPU") or torch.accelerator.is_available()
        assert len(record["data"]["fingerprint"]) > 8
        if (ROOT / ".git").exists():
            assert re.fullmatch(r"[0-9a-f]{40}(\+changes)?", record["git_commit"])
    assert first == again
    # Another seed gives other weights, or equality shows nothing.
    run_command(
        "train", [str(tmp_path / "first" / "training_record.json"), "--seed", "6", "--output_dir", str(tmp_path / "c")]
    )
    other = load_file(tmp_path / "c" / "model.safetensors")
    assert any(not torch.equal(other[name], weights[0][name]) for name in other)
    assert emobert.__version__ == first["versions"]["emobert"]
