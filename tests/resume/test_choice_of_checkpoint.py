"""Which checkpoint a run goes on from, and which it refuses."""

import json
import shutil

import pytest
import torch

from modeling_emo import EmoBertTrainingArguments, seal
from tests.resume.runs import Run, make_trainer, seen


ONE_EPOCH = {"num_train_epochs": 1, "eval_strategy": "no", "load_best_model_at_end": False, "save_total_limit": 1}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Folder of a run of 4 steps; of checkpoint-2 and checkpoint-4 the last is kept."""
    folder = tmp_path_factory.mktemp("trained")
    make_trainer(Run(str(folder), options=ONE_EPOCH)).train()
    return folder


@pytest.fixture
def run(trained, tmp_path):
    """A copy of it, to go on in."""
    shutil.copytree(trained, tmp_path / "run")
    return Run(str(tmp_path / "run"), options=ONE_EPOCH)


def start_of(run, resume, **options):
    """Step at which a new trainer starts."""
    run.options = {**ONE_EPOCH, **options}
    make_trainer(run).train(resume_from_checkpoint=resume)
    return seen(run.folder)[0][-1]


def test_only_the_last_is_kept_and_gone_on_from(run, tmp_path, caplog):
    assert [path.name for path in (tmp_path / "run").glob("checkpoint-*")] == ["checkpoint-4"]
    assert start_of(run, "true") == 4
    assert start_of(run, f"{run.folder}/checkpoint-4", num_train_epochs=2) == 4  # longer than it was meant to be
    assert not any("not be exact" in message for message in caplog.messages)
    assert start_of(run, "false") == 0
    assert "has checkpoints of an earlier run" in caplog.text


def test_the_best_is_kept_whatever_the_limit(tmp_path):
    """The largest loss counts as the best here, which is the first: three younger checkpoints may not push it out."""
    options = {"save_total_limit": 1, "learning_rate": 1e-2, "greater_is_better": True, "num_train_epochs": 2}
    trainer = make_trainer(Run(str(tmp_path), options=options))
    trainer.train()
    losses = {entry["step"]: entry["eval_loss"] for entry in trainer.state.log_history if "eval_loss" in entry}
    assert list(losses) == [2, 4, 6, 8] and max(losses, key=losses.__getitem__) == 2
    assert [path.name for path in tmp_path.glob("checkpoint-*")] == ["checkpoint-2"]
    assert trainer.evaluate()["eval_loss"] == pytest.approx(losses[2], rel=1e-5)


def test_training_arguments_are_saved_as_given(run):
    arguments = torch.load(f"{run.folder}/checkpoint-4/training_args.bin", weights_only=False)
    assert isinstance(arguments, EmoBertTrainingArguments) and arguments.save_total_limit == 1


def test_a_torn_one_is_refused_by_path_and_passed_over_otherwise(run, tmp_path, caplog):
    weights = tmp_path / "run" / "checkpoint-4" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(
        ValueError, match="checkpoint-4/model.safetensors has 1000 bytes instead of .*There is no whole"
    ):
        make_trainer(run).train(resume_from_checkpoint=f"{run.folder}/checkpoint-4")
    assert start_of(run, True) == 0
    assert "There is no whole checkpoint in" in caplog.text


def test_weights_alone_are_refused(run, tmp_path):
    for path in (tmp_path / "run" / "checkpoint-4").glob("rng_state*"):
        path.unlink()
    seal(tmp_path / "run" / "checkpoint-4")
    with pytest.raises(ValueError, match="checkpoint-4 was saved with save_only_model: it has weights, but nothing"):
        make_trainer(run).train(resume_from_checkpoint=True)


@pytest.mark.parametrize("resume", [True, "checkpoint-4"])
def test_other_labels_are_refused(run, tmp_path, resume):
    path = tmp_path / "run" / "checkpoint-4" / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "id2label": {"1": "sad", "0": "happy"}}))
    seal(tmp_path / "run" / "checkpoint-4")
    trainer = make_trainer(run)
    ours = ", ".join(trainer.model.config.id2label.values())
    said = f"checkpoint-4 was trained with the labels happy, sad, this run has {ours}.\nGive the data"
    with pytest.raises(ValueError, match=said):
        trainer.train(resume_from_checkpoint=resume if resume is True else f"{run.folder}/{resume}")


def test_another_order_of_the_data_is_warned_of(run, caplog):
    assert start_of(run, True, num_train_epochs=2, per_device_train_batch_size=4, seed=8) == 4
    (message,) = [message for message in caplog.messages if "not be exact" in message]
    assert "per_device_train_batch_size is 4 and was 3, seed is 8 and was 7." in message


def test_transformers_own_way_with_sigterm_is_refused(tmp_path):
    with pytest.raises(ValueError, match="enable_jit_checkpoint=True saves checkpoints that cannot be resumed from"):
        EmoBertTrainingArguments(str(tmp_path), enable_jit_checkpoint=True)


def test_nothing_is_written_when_nothing_shall_be_saved(tmp_path):
    run = Run(str(tmp_path), options={**ONE_EPOCH, "save_strategy": "no", "max_steps": 1})
    trainer = make_trainer(run)
    trainer.train()
    assert not trainer.preempted
    assert [path.name for path in tmp_path.iterdir()] == ["seen-0.jsonl"]
