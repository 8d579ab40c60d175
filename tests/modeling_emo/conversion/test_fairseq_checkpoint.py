import argparse
import os

import pytest
import torch

from modeling_emo.conversion.fairseq_checkpoint import (
    FairseqCheckpoint,
    KeyTable,
    describe_ignored,
    load_fairseq_checkpoint,
    load_strictly,
    parse_layers,
    rename_keys,
    split_fused_projections,
)
from tests.fairseq_fixtures import save_checkpoint


class RunsCode:
    """An object whose unpickling makes a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


class TestLoading:
    def test_args_and_tensors(self, tmp_path):
        path = save_checkpoint(tmp_path / "c.pt", {"vq_vars": 8}, {"a": torch.ones(2, dtype=torch.float16)})
        checkpoint = load_fairseq_checkpoint(path)
        assert checkpoint.args == {"vq_vars": 8}
        assert checkpoint.state_dict["a"].dtype == torch.float32

    def test_the_format_of_pytorch_before_1_6(self, tmp_path):
        content = {"args": argparse.Namespace(vq_vars=8), "model": {"a": torch.ones(2)}}
        torch.save(content, tmp_path / "c.pt", _use_new_zipfile_serialization=False)
        checkpoint = load_fairseq_checkpoint(tmp_path / "c.pt")
        assert (checkpoint.args, checkpoint.state_dict["a"].tolist()) == ({"vq_vars": 8}, [1.0, 1.0])

    def test_the_configuration_of_newer_fairseq_versions(self, tmp_path):
        path = save_checkpoint(tmp_path / "c.pt", None, {"a": torch.ones(2)}, cfg={"model": {"vq_vars": 8}})
        assert load_fairseq_checkpoint(path).args == {"vq_vars": 8}

    @pytest.mark.parametrize("zipped", [True, False])
    def test_code_in_a_pickle_is_refused_and_not_run(self, tmp_path, zipped):
        content = {"model": {"a": torch.ones(1)}, "args": RunsCode(tmp_path / "ran")}
        torch.save(content, tmp_path / "c.pt", _use_new_zipfile_serialization=zipped)
        with pytest.raises(ValueError, match=r"more than tensors, plain containers and argparse\.Namespace.*mkdir"):
            load_fairseq_checkpoint(tmp_path / "c.pt")
        assert not (tmp_path / "ran").exists()

    def test_other_files(self, tmp_path):
        (tmp_path / "text.pt").write_text("no checkpoint")
        (tmp_path / "bytes.pt").write_bytes(b"hello")  # a memo key that is not there, to a pickle
        torch.save({"weights": {}}, tmp_path / "other.pt")
        torch.save([1], tmp_path / "list.pt")
        for name, message in (
            ("text.pt", "text.pt"),
            ("bytes.pt", "bytes.pt is not a PyTorch checkpoint"),
            ("other.pt", "no `model`"),
            ("list.pt", "no `model`"),
            ("absent.pt", "There is no checkpoint at"),
        ):
            with pytest.raises(ValueError, match=message):
                load_fairseq_checkpoint(tmp_path / name)


class TestLayers:
    def test_expressions_of_fairseq(self):
        assert parse_layers("[(512, 10, 5)] + [(512, 4, 2)] * 2") == [(512, 10, 5), (512, 4, 2), (512, 4, 2)]

    @pytest.mark.parametrize(
        "expression",
        ["__import__('os').mkdir('x')", "[(512, 10)]", "(1, 2, 3)", "[(1, 2, 3)", "[(1, 2, -3)]", "[x]", "[1] + (2,)"],
    )
    def test_anything_else_is_refused(self, expression):
        with pytest.raises(ValueError, match="is not a list of"):
            parse_layers(expression)


class TestAccounting:
    table = KeyTable(renames=[(r"old\.(\d)", r"new.\1")], ignored=[(r"head\..*", "another task")])

    def checkpoint(self, tmp_path, *names):
        return FairseqCheckpoint(tmp_path / "c.pt", {}, {name: torch.ones(2) for name in names})

    def test_every_tensor_is_renamed_or_named(self, tmp_path):
        renamed = rename_keys(self.checkpoint(tmp_path, "old.1", "head.a", "head.b"), self.table)
        assert list(renamed.state_dict) == ["new.1"]
        assert describe_ignored(renamed.ignored) == ["left out (another task): head.a, head.b"]

    def test_unknown_tensors_are_named(self, tmp_path):
        with pytest.raises(ValueError, match=r"does not know: old\.10, other"):
            rename_keys(self.checkpoint(tmp_path, "old.1", "old.10", "other"), self.table)

    def test_missing_unexpected_and_misshapen_tensors_are_named(self, tmp_path):
        state = {"weight": torch.ones(3, 3), "extra": torch.ones(1)}
        message = r"missing: bias; unexpected: extra; of the wrong shape: weight \(3, 3\) for \(3, 2\)"
        with pytest.raises(ValueError, match=message):
            load_strictly(torch.nn.Linear(2, 3), state, tmp_path)

    def test_only_named_prefixes_may_be_missing(self, tmp_path):
        model = torch.nn.Linear(2, 3)
        load_strictly(model, {"weight": torch.ones(3, 2)}, tmp_path, optional=["bias"])
        assert model.weight.eq(1).all()
        with pytest.raises(ValueError, match="missing: weight"):
            load_strictly(model, {"bias": torch.ones(3)}, tmp_path, optional=["bias"])


def test_fused_projections_are_split_in_the_order_of_query_key_value():
    state = {"a.in_proj_weight": torch.arange(6.0).view(6, 1), "a.in_proj_bias": torch.arange(6.0), "b": torch.ones(1)}
    split = split_fused_projections(state)
    assert list(split) == [f"a.{p}_proj.{part}" for part in ("weight", "bias") for p in "qkv"] + ["b"]
    assert split["a.k_proj.bias"].tolist() == [2.0, 3.0]
    assert split["a.v_proj.weight"].flatten().tolist() == [4.0, 5.0]
