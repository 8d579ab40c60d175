"""emotion2vec as a program of `torch.export` and of ONNX, with batches and lengths of any size, and compiled."""

import numpy as np
import onnxruntime
import pytest
import torch
from torch.export import Dim

from tests.emotion2vec_fixtures import VARIANTS, converted, ragged_batch, tiny_model


TOLERANCE = 1e-4
SHAPES = ([5000, 3333], [1040], [12_000, 600, 4003, 9000, 465])


def free_shapes(model) -> dict:
    """Batches and lengths of any size. A trace takes an axis of one for a constant: the longest clip must have two
    frames."""
    shape = {0: Dim("batch"), 1: Dim("samples", min=model.config.receptive_field + model.config.hop_length)}
    return {"input_values": shape, "attention_mask": shape}


def assert_same(actual: dict, expected: dict):
    """Frames where they are a clip's own, and all of what is one for each clip."""
    mask = torch.as_tensor(expected["frame_attention_mask"]).bool()
    assert set(actual) == set(expected)
    for name, values in actual.items():
        values, others = torch.as_tensor(values), torch.as_tensor(expected[name])
        if name == "last_hidden_state":
            values, others = values[mask], others[mask]
        finite = others.isfinite()
        assert torch.equal(values.isfinite(), finite)
        torch.testing.assert_close(values[finite], others[finite], rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("variant", VARIANTS)
def test_torch_export(variant):
    model = converted(variant)
    with torch.no_grad():
        program = torch.export.export(
            model, (), kwargs=ragged_batch([4000, 2500]), dynamic_shapes=free_shapes(model), strict=False
        )
        for lengths in SHAPES:
            inputs = ragged_batch(lengths)
            assert_same(program.module()(**inputs), model(**inputs))


@pytest.mark.parametrize(
    "variant",
    [
        *("plus_large", "edge_pre_norm"),
        *(pytest.param(variant, marks=pytest.mark.slow) for variant in ("base", "edge_per_layer")),
    ],
)
def test_onnx(variant, tmp_path):
    model, inputs = converted(variant), ragged_batch([4000, 2500])
    with torch.no_grad():
        names = list(model(**inputs))
    exported = torch.onnx.export(
        model, (), kwargs=inputs, dynamic_shapes=free_shapes(model), output_names=names, dynamo=True, verbose=False
    )
    exported.save(tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    for lengths in SHAPES:
        inputs = ragged_batch(lengths)
        with torch.no_grad():
            expected = model(**inputs)
        outputs = session.run(None, {name: values.numpy() for name, values in inputs.items()})
        assert_same(dict(zip(names, outputs, strict=True)), expected)
        assert np.abs(outputs[0]).max() > 0.1


@pytest.mark.parametrize("changes", [{}, {"alibi_scale_per_layer": True, "feat_extract_norm": "group"}])
def test_it_is_one_graph(changes):
    """Nothing in the model breaks what torch.compile traces, its check of inputs included."""
    torch.compiler.reset()
    model, inputs = tiny_model(**changes), ragged_batch([700, 411])
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    with torch.no_grad():
        assert_same(compiled(**inputs), model(**inputs))
