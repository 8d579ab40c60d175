"""What no run of a cross-validation would take is refused before the corpus is prepared."""

import pytest
import yaml

from commands_emo import run_command


@pytest.mark.parametrize(
    ("section", "options", "message"),
    [
        ("train", {"learning_rte": 1e-4}, r"unknown argument learning_rte; did you mean learning_rate\?"),
        ("train", {"num_train_epochs": -1}, "num_train_epochs must be a number of at least 0"),
        ("evaluate", {"num_resample": 3}, r"unknown argument num_resample; did you mean num_resamples\?"),
        ("prepare", {"lables": ["a"]}, r"unknown argument lables; did you mean labels\?"),
    ],
)
def test_a_wrong_argument_of_a_section(tmp_path, capfd, section, options, message):
    both = {"text_model": "nowhere/text", "speech_model": "nowhere/speech"}
    sections = {
        "prepare": {**both, "corpus": "emodb", "data_dir": str(tmp_path), "output_dir": str(tmp_path / "data")},
        "train": {**both, "use_cpu": True, "report_to": "none"},
        "evaluate": {},
        "cross_validation": {"protocol": "leave-one-speaker-out", "output_dir": str(tmp_path / "results")},
    }
    sections[section] = {**sections[section], **options}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(sections))
    with pytest.raises(ValueError, match=message):
        run_command("cross-validate", [str(tmp_path / "config.yaml")])
    assert "emobert prepare" not in capfd.readouterr().err and not (tmp_path / "data").exists()
