"""Conversion of emotion2vec: every member of the family, every tensor accounted for, every damage named."""

import json
import pickle

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from transformers import AutoFeatureExtractor, AutoModel, AutoModelForAudioClassification

from modeling_emo import Emotion2VecForAudioClassification, Emotion2VecModel
from modeling_emo.conversion.convert_emotion2vec_to_hf import check_parity, convert_emotion2vec, main, model_outputs
from modeling_emo.conversion.emotion2vec_checkpoint import load_checkpoint
from modeling_emo.conversion.emotion2vec_reference import emotion2vec_outputs
from modeling_emo.conversion.funasr_config import read_funasr_config, read_labels
from preprocess import Emotion2VecFeatureExtractor
from tests.emotion2vec_fixtures import (
    CHECKPOINTS,
    REFERENCE,
    VARIANTS,
    funasr_settings,
    funasr_state,
    reference_clips,
    reference_numbers,
    taken_clips,
    write_checkpoint,
)


AUDIO = "modality_encoders.AUDIO"
FAMILY = {
    "as it is": funasr_settings(),
    "no prenet": funasr_settings({"prenet_depth": 0}),
    "prenet only": funasr_settings({"prenet_depth": 3}, depth=0),
    "another width": funasr_settings({"conv_pos_groups": 6}, embed_dim=30, mlp_ratio=2.5),
    "one token": funasr_settings({"num_extra_tokens": 1}),
    "no distances": funasr_settings({"use_alibi_encoder": False}),
    "distances for four of six heads": funasr_settings({"num_alibi_heads": 4}),
    "one scale for each layer": funasr_settings(
        {"learned_alibi_scale_per_head": False, "learned_alibi_scale_per_layer": True}
    ),
    "scales of layers and heads": funasr_settings({"learned_alibi_scale_per_layer": True, "num_alibi_heads": 5}),
    "fixed scale": funasr_settings({"learned_alibi_scale": False, "learned_alibi_scale_per_head": False}),
    "norm first": funasr_settings(layer_norm_first=True),
    "norm first, scales of layers": funasr_settings({"learned_alibi_scale_per_layer": True}, layer_norm_first=True),
    "norms without weights": funasr_settings(norm_affine=False, norm_eps=1e-3),
    "norm before positions, even kernel": funasr_settings(
        {"conv_pos_pre_ln": True, "conv_pos_width": 20, "conv_pos_depth": 2}
    ),
    "narrow positions": funasr_settings({"conv_pos_width": 4, "conv_pos_depth": 2}),
    "groups over time": funasr_settings({"extractor_mode": "default"}),
    "another frame": funasr_settings({"feature_encoder_spec": "[(8, 7, 4), (12, 5, 3)] + [(6, 1, 1)]"}),
    "not normalised": funasr_settings(normalize=False),
}


@pytest.fixture
def files(tmp_path):
    """Writes checkpoint and configuration of a member, with changes to the tensors."""

    def write(settings=None, *, num_labels=0, drop=(), add=None, **extra):
        settings = settings or funasr_settings()
        state = funasr_state(settings, num_labels)
        for name in drop:
            del state[name]
        return write_checkpoint(tmp_path, settings, {**state, **(add or {})}, **extra)

    return write


def convert(checkpoint, config, labels=None):
    return convert_emotion2vec(load_checkpoint(checkpoint), read_funasr_config(config), labels)


class TestFamily:
    @pytest.mark.parametrize("settings", FAMILY.values(), ids=FAMILY)
    def test_it_computes_what_the_tensors_say(self, files, settings):
        checkpoint, config = files(settings, num_labels=3)
        source, funasr = load_checkpoint(checkpoint), read_funasr_config(config)
        model = convert_emotion2vec(source, funasr)
        for clip in reference_clips()[:4]:
            waveform = torch.from_numpy(clip)
            expected = emotion2vec_outputs(funasr, source.state_dict, waveform)
            actual = model_outputs(model, waveform, do_normalize=funasr.do_normalize)
            assert {"frames", "utterance", "logits"} <= set(actual)
            for name, values in actual.items():
                torch.testing.assert_close(values, expected[name], rtol=0, atol=5e-5)
            assert expected["frames"].std(0).mean() > 0.01 or len(expected["frames"]) == 1

    @pytest.mark.parametrize(("variant", "clip"), [(name, clip) for name in VARIANTS for clip in taken_clips(name)])
    def test_what_it_is_compared_with_is_the_original(self, variant, clip):
        """The arithmetic on the tensors' own names, against the numbers of the original."""
        expected = reference_numbers(variant)
        state = load_checkpoint(REFERENCE / CHECKPOINTS[variant]).state_dict
        funasr = read_funasr_config(REFERENCE / f"{variant}.config.yaml")
        outputs = emotion2vec_outputs(funasr, state, torch.from_numpy(reference_clips()[clip]))
        for name, values in outputs.items():
            if f"{name}_{clip}" in expected:
                np.testing.assert_allclose(values, expected[f"{name}_{clip}"], rtol=0, atol=2e-5)

    def test_a_base_without_prefix_and_a_classifier_with_it(self, files):
        assert type(convert(*files())) is Emotion2VecModel
        assert type(convert(*files(num_labels=3))) is Emotion2VecForAudioClassification

    def test_scales_of_older_files_have_four_axes(self, files):
        name = f"{AUDIO}.alibi_scale"
        scale = funasr_state(funasr_settings())[name]
        model = convert(*files(add={name: scale[0]}))
        assert torch.equal(model.encoder.alibi.scale[0], scale.flatten())

    def test_safetensors_and_json_are_read_too(self, tmp_path):
        settings = funasr_settings(norm_eps=1e-5)
        save_file(funasr_state(settings), tmp_path / "model.safetensors")
        (tmp_path / "config.json").write_text(json.dumps(settings))
        assert '"norm_eps": 1e-05' in (tmp_path / "config.json").read_text()
        assert convert(tmp_path / "model.safetensors", tmp_path / "config.json").config.layer_norm_eps == 1e-5

    def test_yaml_takes_a_small_number_for_a_text(self, files):
        checkpoint, config = files()
        config.write_text(config.read_text().replace("norm_eps: 1.0e-05", "norm_eps: 1e-5"))
        assert "norm_eps: 1e-5" in config.read_text()
        assert convert(checkpoint, config).config.layer_norm_eps == 1e-5

    def test_half_precision_weights_become_float32(self, files):
        name = "blocks.0.mlp.fc1.weight"
        weight = funasr_state(funasr_settings())[name]
        model = convert(*files(add={name: weight.half()}))
        converted = model.encoder.layers[1].feed_forward.intermediate_dense.weight
        assert converted.dtype == torch.float32 and torch.equal(converted, weight.half().float())


class TestAccounting:
    def test_what_is_left_out_is_named(self):
        ignored = load_checkpoint(REFERENCE / "base.pt").ignored
        assert ignored.pop("cfg") == "not weights"
        assert {name for name, reason in ignored.items() if reason == "the decoder of pre-training"} == {
            f"{AUDIO}.decoder.{name}.{kind}"
            for name in ("blocks.0.0", "blocks.1.0", "proj")
            for kind in ("weight", "bias")
        }
        averages = [name for name, reason in ignored.items() if reason.startswith("a moving average")]
        assert len(averages) == 4 and all(name.startswith("_ema.") for name in averages)

    def test_a_moving_average_is_not_taken_for_the_weights(self):
        source = torch.load(REFERENCE / "base.pt", weights_only=True)["model"]
        model = convert(REFERENCE / "base.pt", REFERENCE / "base.config.yaml")
        name = f"{AUDIO}.context_encoder.norm.weight"
        assert not torch.equal(source["_ema"][name], source[name])
        assert torch.equal(model.encoder.layer_norm.weight, source[name])

    def test_optimiser_state_beside_the_weights_is_named(self, files):
        checkpoint, _ = files(optimizer={"state": {0: torch.ones(2)}}, epoch=3)
        assert load_checkpoint(checkpoint).ignored == {"optimizer": "not weights", "epoch": "not weights"}

    def test_a_flat_moving_average_and_a_decoder_with_prefix(self, files):
        names = ["d2v_model._ema.blocks.0.norm1.weight", f"d2v_model.{AUDIO}.decoder.proj.bias"]
        checkpoint, _ = files(num_labels=3, add={name: torch.ones(2) for name in names})
        assert sorted(load_checkpoint(checkpoint).ignored) == sorted(names)

    @pytest.mark.parametrize("name", sorted(funasr_state(funasr_settings({"extractor_mode": "default"}), 3)))
    def test_every_missing_tensor_is_named(self, files, name):
        settings = funasr_settings({"extractor_mode": "default"})
        with pytest.raises(ValueError, match=f"missing: {name.removeprefix('d2v_model.')}\\.$"):
            convert(*files(settings, num_labels=3, drop=[name]))

    @pytest.mark.parametrize(
        "name", ["blocks.2.norm1.weight", f"{AUDIO}.recon.weight", "norm.weight", f"{AUDIO}.alibi_bias", "module.x"]
    )
    def test_an_unknown_tensor_is_named(self, files, name):
        with pytest.raises(ValueError, match=f"are not those of .*config.yaml; unknown: {name}"):
            convert(*files(add={name: torch.ones(24)}))

    @pytest.mark.parametrize(
        ("name", "shape", "message"),
        [
            ("blocks.0.attn.qkv.weight", (72, 23), r"blocks.0.attn.qkv.weight \(72, 23\), not \(72, 24\)"),
            ("blocks.0.attn.qkv.bias", (73,), r"blocks.0.attn.qkv.bias \(73,\), not \(72,\)"),
            ("blocks.0.norm1.weight", (1,), r"blocks.0.norm1.weight \(1,\), not \(24,\)"),
            (f"{AUDIO}.alibi_scale", (1, 1, 12, 1, 1), r"alibi_scale \(1, 1, 12, 1, 1\), not \(1, 6\)"),
            (f"{AUDIO}.alibi_scale", (1, 1, 6, 2, 1), r"alibi_scale \(1, 1, 6, 2, 1\), not \(1, 6\)"),
            (f"{AUDIO}.alibi_scale", (6,), r"alibi_scale \(6,\), not \(1, 6\)"),
        ],
    )
    def test_a_tensor_of_another_shape_is_named(self, files, name, shape, message):
        with pytest.raises(ValueError, match=f"of the wrong shape: .*{message}"):
            convert(*files(add={name: torch.zeros(shape)}))

    def test_a_classifier_of_another_width(self, files):
        with pytest.raises(ValueError, match=r"wrong shape: proj.weight \(3, 20\), not \(3, 24\)"):
            convert(*files(num_labels=3, add={"proj.weight": torch.zeros(3, 20)}))

    def test_a_name_with_and_without_prefix(self, files):
        checkpoint, _ = files(num_labels=3, add={"blocks.0.norm1.weight": torch.ones(24)})
        with pytest.raises(ValueError, match="'blocks.0.norm1.weight' twice"):
            load_checkpoint(checkpoint)

    def test_something_that_is_no_tensor(self, files):
        checkpoint, _ = files(add={"blocks.0.scale": 1.0})
        with pytest.raises(ValueError, match="'blocks.0.scale' is float, not a tensor"):
            load_checkpoint(checkpoint)


class Foreign:
    """What a pickle may hold besides tensors."""


class TestFiles:
    def test_other_objects_are_not_loaded(self, files):
        checkpoint, _ = files(cfg=Foreign())
        with pytest.raises(ValueError, match=r"was not read, because its pickle holds more.*save \{'model'"):
            load_checkpoint(checkpoint)

    @pytest.mark.parametrize("content", [b"", b"not a checkpoint", pickle.dumps([1, 2])])
    @pytest.mark.parametrize("name", ["model.pt", "model.safetensors"])
    def test_other_files(self, tmp_path, name, content):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=name):
            load_checkpoint(tmp_path / name)

    def test_no_file(self, tmp_path):
        with pytest.raises(ValueError, match="There is no checkpoint at .*nothing.pt"):
            load_checkpoint(tmp_path / "nothing.pt")

    def test_a_list_of_tensors(self, tmp_path):
        torch.save([torch.ones(1)], tmp_path / "model.pt")
        with pytest.raises(ValueError, match="it holds list, no tensors"):
            load_checkpoint(tmp_path / "model.pt")


class TestCommandLine:
    @pytest.mark.parametrize("variant", VARIANTS)
    def test_a_whole_folder(self, variant, tmp_path, capsys):
        tokens = REFERENCE / f"{variant}.tokens.txt"
        main(
            [
                *("--checkpoint", str(REFERENCE / CHECKPOINTS[variant])),
                *("--config", str(REFERENCE / f"{variant}.config.yaml")),
                *(("--tokens", str(tokens)) if tokens.is_file() else ()),
                *("--reference", str(REFERENCE / f"{variant}.npz"), "--waves", str(REFERENCE / "waves.npz")),
                *("--output_dir", str(tmp_path)),
            ]
        )
        printed = capsys.readouterr().out.splitlines()
        parities = [json.loads(line[line.index("{") :].replace("'", '"')) for line in printed if "parity" in line]
        assert len(parities) == 2
        assert max(max(parity.values()) for parity in parities) < 2e-5
        assert [("decoder" in line) for line in printed].count(True) == (variant == "base")
        extractor = AutoFeatureExtractor.from_pretrained(tmp_path)
        assert type(extractor) is Emotion2VecFeatureExtractor
        inputs = extractor(reference_clips()[1], sampling_rate=16_000, return_tensors="pt")
        auto_class = AutoModelForAudioClassification if tokens.is_file() else AutoModel
        with torch.no_grad():
            output = auto_class.from_pretrained(tmp_path).eval()(**inputs)
        expected = reference_numbers(variant)["frames_1"]
        np.testing.assert_allclose(output.last_hidden_state[0], expected, rtol=0, atol=2e-5)

    def test_the_extractor_is_what_its_class_would_have_saved(self, tmp_path, files):
        for normalize in (True, False):
            checkpoint, config = files(funasr_settings(normalize=normalize))
            main(["--checkpoint", str(checkpoint), "--config", str(config), "--output_dir", str(tmp_path / "ours")])
            Emotion2VecFeatureExtractor(do_normalize=normalize).save_pretrained(tmp_path / "theirs")
            for name in ("preprocessor_config.json", "feature_extraction_emotion2vec.py", "hub_code.py"):
                ours, theirs = (tmp_path / folder / name for folder in ("ours", "theirs"))
                read = json.loads if name.endswith(".json") else str
                assert read(ours.read_text()) == read(theirs.read_text())

    def test_labels_beside_the_checkpoint(self, tmp_path, files, capsys):
        checkpoint, config = files(num_labels=3)
        arguments = ["--checkpoint", str(checkpoint), "--config", str(config), "--output_dir", str(tmp_path / "out")]
        main(arguments)
        assert "there is no tokens.txt: give --tokens" in capsys.readouterr().out
        assert AutoModelForAudioClassification.from_pretrained(tmp_path / "out").config.id2label[2] == "LABEL_2"
        (tmp_path / "tokens.txt").write_text("生气/angry\nunuse_0\n<unk>\n", encoding="utf-8")
        main(arguments)
        assert f"labels: {tmp_path / 'tokens.txt'}" in capsys.readouterr().out
        config = AutoModelForAudioClassification.from_pretrained(tmp_path / "out").config
        assert config.id2label == {0: "angry", 1: "unuse_0", 2: "unknown"}
        assert (config.disallowed_labels, config.problem_type) == (["unuse_0"], "single_label_classification")
        main([*arguments, "--original_labels"])
        config = AutoModelForAudioClassification.from_pretrained(tmp_path / "out").config
        assert config.id2label == {0: "生气/angry", 1: "unuse_0", 2: "<unk>"}

    def test_training_values_that_have_no_place_here_are_named(self, tmp_path, files, capsys):
        checkpoint, config = files(funasr_settings({"prenet_dropout": 0.0}, dropout_input=0.2))
        main(["--checkpoint", str(checkpoint), "--config", str(config), "--output_dir", str(tmp_path / "out")])
        printed = capsys.readouterr().out
        assert "for training only: `model_conf.modalities.audio.prenet_dropout` is 0.0 there and 0.1 here" in printed
        assert "for training only: `model_conf.dropout_input` is 0.2 there and 0 here" in printed

    def test_reference_and_waves_belong_together(self, files, tmp_path):
        checkpoint, config = files()
        arguments = ["--checkpoint", str(checkpoint), "--config", str(config), "--output_dir", str(tmp_path / "out")]
        with pytest.raises(SystemExit):
            main([*arguments, "--reference", str(REFERENCE / "base.npz")])
        np.savez(tmp_path / "waves.npz", pcm_99=np.zeros(900, np.int16))
        numbers = ["--reference", str(REFERENCE / "base.npz"), "--waves", str(tmp_path / "waves.npz")]
        with pytest.raises(ValueError, match="have no clip in common"):
            main([*arguments, *numbers])

    def test_the_parity_sees_a_wrong_weight(self):
        source = load_checkpoint(REFERENCE / "plus_large.pt")
        funasr = read_funasr_config(REFERENCE / "plus_large.config.yaml")
        model = convert_emotion2vec(source, funasr)
        assert max(check_parity(model, source, funasr).values()) < 2e-5
        with torch.no_grad():
            model.emotion2vec.encoder.alibi.scale[0, 3] += 1.0
        assert check_parity(model, source, funasr)["frames"] > 1e-3


class TestLabels:
    def test_as_many_as_the_classifier_has_outputs(self, files, tmp_path):
        with pytest.raises(ValueError, match="a classifier of 3 outputs .*there are 2 labels"):
            convert(*files(num_labels=3), (["a", "b"], []))
        with pytest.raises(ValueError, match="has no classifier .*leave the labels out"):
            convert(*files(), (["a", "b"], []))

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("angry\n\nsad\n", "line 2 has no label"),
            ("angry\nsad\nangry\n", "line 3: the label 'angry' is there already"),
            ("", "line 1 has no label"),
        ],
    )
    def test_damaged_files(self, tmp_path, content, message):
        (tmp_path / "tokens.txt").write_text(content)
        with pytest.raises(ValueError, match=message):
            read_labels(tmp_path / "tokens.txt")

    def test_places_without_a_name_may_share_one(self, tmp_path):
        (tmp_path / "tokens.txt").write_text("angry\nunuse\nsad\nunuse\n")
        assert read_labels(tmp_path / "tokens.txt") == (["angry", "unuse", "sad", "unuse"], ["unuse"])

    def test_a_file_that_is_no_text(self, tmp_path):
        (tmp_path / "tokens.txt").write_bytes("生气".encode("gbk"))
        for path in (tmp_path / "tokens.txt", tmp_path / "nothing.txt"):
            with pytest.raises(ValueError, match="cannot be read as labels"):
                read_labels(path)
