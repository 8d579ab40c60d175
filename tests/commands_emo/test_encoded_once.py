"""Frozen encoders run once over each row, for all folds and their evaluations; no weights are left behind."""

from pathlib import Path

import pytest
from transformers.models.bert.modeling_bert import BertModel
from transformers.models.moonshine.modeling_moonshine import MoonshineEncoder

from commands_emo import run_command
from commands_emo.fold_runs import FoldRun
from tests.examples.conftest import encoders  # noqa: F401
from tests.examples.test_cross_validation import SPEAKERS, emodb_tree, write_config


@pytest.fixture
def encoded_rows(monkeypatch):
    """How many rows each encoder was given."""
    counts = {"text": 0, "speech": 0}
    for name, kind in (("text", BertModel), ("speech", MoonshineEncoder)):
        forward = kind.forward

        def counted(self, *args, _name=name, _forward=forward, **kwargs):
            given = [*args, *kwargs.values()]
            counts[_name] += next(len(one) for one in given if hasattr(one, "shape"))
            return _forward(self, *args, **kwargs)

        monkeypatch.setattr(kind, "forward", counted)
    return counts


def test_each_row_is_encoded_once_for_all_folds_and_evaluations(encoders, tmp_path, encoded_rows):  # noqa: F811
    config = write_config(tmp_path, encoders, emodb_tree(tmp_path / "corpus"))
    run_command("prepare", [str(config)])
    allowed = '{"validation_fraction": 0, "allow": ["text"]}'
    options = ["--protocol", "leave-one-speaker-out", "--protocol_options", allowed]
    for speaker in SPEAKERS[:2]:
        folder = str(tmp_path / speaker)
        fold = [*options, "--fold", f"speaker={speaker}", "--data_dir", str(tmp_path / "data"), "--output_dir", folder]
        run_command("train", [str(config), *fold])
        assert encoded_rows == {"text": 18, "speech": 18}
        run_command("evaluate", [str(config), *fold, "--model", folder, "--cache_encoder_states", "true"])
        assert encoded_rows == {"text": 18, "speech": 18}
    speech = [*fold, "--model", folder, "--cache_encoder_states", "true", "--modalities", "speech", "both"]
    run_command("evaluate", [str(config), *speech])
    assert encoded_rows == {"text": 18, "speech": 18}
    run_command("evaluate", [str(config), *fold, "--model", folder, "--cache_encoder_states", "true"])
    cached = (Path(folder) / "predictions.csv").read_text()
    run_command("evaluate", [str(config), *fold, "--model", folder])
    assert encoded_rows["speech"] > 18  # else nothing was counted above
    rows, again = ([line.split(",") for line in text.splitlines()] for text in (cached, read(folder)))
    assert [row[:3] for row in rows] == [row[:3] for row in again]
    for one, other in zip(rows[1:], again[1:], strict=True):
        assert [float(cell) for cell in one[3:]] == pytest.approx([float(cell) for cell in other[3:]], abs=1e-5)


def read(folder):
    return (Path(folder) / "predictions.csv").read_text()


def test_no_weights_are_left(tmp_path):
    names = ["model.safetensors", "model-00001-of-00002.safetensors", "model.safetensors.index.json", "config.json"]
    names += ["checkpoint-3/model.safetensors", "checkpoint-3/trainer_state.json", "adapter/adapter_model.safetensors"]
    names += ["predictions.csv", "training_args.bin"]
    for name in names:
        path = tmp_path / "run" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    run = FoldRun("f", 0, tmp_path / "run", {}, [])
    run.finish(keep_model=False)
    left = sorted(str(path.relative_to(tmp_path / "run")) for path in (tmp_path / "run").rglob("*") if path.is_file())
    assert left == ["config.json", "finished.json", "predictions.csv"]
