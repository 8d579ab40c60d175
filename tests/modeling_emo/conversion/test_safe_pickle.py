"""What may be in a stranger's pickle, to the letter."""

import argparse
import functools
import pathlib
from collections import Counter
from fractions import Fraction

import pytest
import torch

from modeling_emo.conversion.emotion2vec_checkpoint import load_checkpoint
from modeling_emo.conversion.fairseq_checkpoint import load_fairseq_checkpoint
from modeling_emo.conversion.safe_pickle import load_pickle


@pytest.fixture
def loads(monkeypatch):
    """How every `torch.load` was called: its keywords, and what was allowed meanwhile."""
    calls, load = [], torch.load

    def watched(path, **options):
        calls.append((options, set(torch.serialization.get_safe_globals())))
        return load(path, **options)

    monkeypatch.setattr(torch, "load", watched)
    return calls


SAFELY = {"map_location": "cpu", "weights_only": True}


def test_fairseq_s_namespace_is_allowed_and_nothing_else(tmp_path, loads):
    before = set(torch.serialization.get_safe_globals())
    torch.save({"args": argparse.Namespace(vq_vars=8), "model": {"a": torch.ones(2)}}, tmp_path / "c.pt")
    assert load_fairseq_checkpoint(tmp_path / "c.pt").args == {"vq_vars": 8}
    assert loads == [(SAFELY, before | {argparse.Namespace})]
    assert set(torch.serialization.get_safe_globals()) == before


def test_of_emotion2vec_nothing_is(tmp_path, loads):
    before = set(torch.serialization.get_safe_globals())
    torch.save({"args": argparse.Namespace(a=1)}, tmp_path / "model.pt")
    with pytest.raises(ValueError, match=r"more than tensors, plain containers: argparse\.Namespace"):
        load_checkpoint(tmp_path / "model.pt")
    assert loads == [(SAFELY, before)]


@pytest.mark.parametrize(
    ("thing", "name"),
    [
        (argparse.ArgumentParser, r"argparse\.ArgumentParser"),
        (Fraction(1, 2), r"fractions\.Fraction"),
        (pathlib.PurePosixPath("a"), r"pathlib\.PurePosixPath"),
        (functools.partial(print), r"functools\.partial"),
        (torch.nn.Linear(1, 1), r"torch\.nn\.modules\.linear\.Linear"),
    ],
)
def test_other_things_are_refused_by_name(tmp_path, thing, name):
    torch.save({"a": thing}, tmp_path / "c.pt")
    with pytest.raises(
        ValueError, match=rf"more than tensors, plain containers and collections\.Counter: {name}\. Ask"
    ):
        load_pickle(tmp_path / "c.pt", remedy="Ask its author.", allowed=[Counter])
