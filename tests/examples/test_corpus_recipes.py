"""The recipes of corpora that are not at hand: two steps of training and an evaluation on generated trees."""

import json
from pathlib import Path

import pytest
import yaml
from transformers import AutoConfig

from commands_emo import run_command
from configuration_emo import EmoBertConfig
from tests.preprocess.corpora.corpus_trees import iemocap_dialogue, write_tone


CONFIGS = Path(__file__).parents[2] / "examples" / "configs"
BRIEF = {"max_steps": 2, "eval_strategy": "no", "save_strategy": "no", "load_best_model_at_end": False}


def recipe(name, encoders, data_dir, folder):
    """The recipe with tiny encoders and folders of the test."""
    sections = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text())
    models = {"text_model": str(encoders / "text"), "speech_model": str(encoders / "speech")}
    places = {"data_dir": str(folder / "data"), "output_dir": str(folder / "model")}
    sections["prepare"] |= {**models, "data_dir": str(data_dir), "output_dir": str(folder / "data")}
    sections["train"] |= {**models, **places, **BRIEF, "use_cpu": True, "disable_tqdm": True}
    sections["evaluate"] |= {**places, "model": str(folder / "model"), "num_resamples": 2}
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(sections))
    return path, sections


def trained(path, folder, *flags):
    for command in ("prepare", "train", "evaluate"):
        run_command(command, [str(path), *(flags if command != "prepare" else ())])
    state = json.loads((folder / "model" / "trainer_state.json").read_text())
    assert state["global_step"] == 2
    return json.loads((folder / "model" / "metrics.json").read_text()), AutoConfig.from_pretrained(folder / "model")


def test_iemocap(encoders, tmp_path):
    for number in (1, 2, 3):
        turns = [
            (f"{gender}{index:03}", code, f"good day {index}")
            for gender in "FM"
            for index, code in enumerate(("neu", "sad", "ang", "hap", "exc", "fru"))
        ]
        iemocap_dialogue(tmp_path / "release", f"Ses0{number}F_impro0{number}", turns)
    path, sections = recipe("iemocap", encoders, tmp_path / "release", tmp_path)
    runs = sections["cross_validation"]
    protocol = ["--protocol", runs["protocol"], "--protocol_options", json.dumps(runs["protocol_options"])]
    metrics, config = trained(path, tmp_path, *protocol, "--fold", "session=Ses03")
    assert (metrics["n"], metrics["fold"]) == (10, "session=Ses03")  # 12 turns without the two that are frustrated
    assert metrics["label_order"] == ["neutral", "sad", "angry", "happy"]
    assert isinstance(config, EmoBertConfig) and config.use_weighted_layer_sum and config.fusion == "co_attention"
    # Balanced, of four speakers less the one that validates: happy has twice as many rows.
    assert config.class_weights == pytest.approx([1.25, 1.25, 1.25, 0.625])


def test_msp_podcast(encoders, tmp_path):
    rows, codes = [], "ASHUFDCNXO"
    for part, split in (("1", "Train"), ("2", "Train"), ("3", "Development"), ("4", "Test1"), ("5", "Test2")):
        for index, code in enumerate(codes):
            name = f"MSP-PODCAST_000{part}_00{index:02}.wav"
            rows.append(f"{name},{code},4.0,4.0,4.0,{part}{index},Female,{split}")
            write_tone(tmp_path / "release" / "Audios" / name, 0.3)
    (tmp_path / "release" / "Labels").mkdir()
    header = "FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set"
    (tmp_path / "release" / "Labels" / "labels_consensus.csv").write_text("\n".join([header, *rows]) + "\n")
    (tmp_path / "release" / "Transcripts").mkdir()
    for row in rows:
        name = row.partition(",")[0].replace(".wav", ".txt")
        (tmp_path / "release" / "Transcripts" / name).write_text("the day was fine\n")
    path, _ = recipe("msp_podcast", encoders, tmp_path / "release", tmp_path)
    metrics, config = trained(path, tmp_path)
    assert (metrics["n"], metrics["split"]) == (8, "test")  # of Test1, without X and O
    assert len(metrics["label_order"]) == 8 and config.class_weights == pytest.approx([1.0] * 8)
