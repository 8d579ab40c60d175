"""Fusion against closed forms: torch's own multi-head attention and NumPy's moments, in float64."""

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from modeling_emo.fusion import (
    CoAttention,
    CoAttentionLayer,
    CoAttentionStack,
    FeedForward,
    Pooling,
    Standardization,
    StandIn,
)
from tests.tiny_models import emobert, emobert_config, ragged_batch


MASK = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]]).bool()


def reference_attention(module, query, sequence, mask):
    """The same weights in torch's `multi_head_attention_forward`, which forms all keys and values."""
    size = module.q_proj.in_features
    attended, weights = nn.functional.multi_head_attention_forward(
        query[None],
        sequence.transpose(0, 1),
        sequence.transpose(0, 1),
        size,
        module.num_heads,
        None,
        torch.cat([module.q_proj.bias, module.k_proj.bias, module.v_proj.bias]),
        None,
        None,
        False,
        0.0,
        module.out_proj.weight,
        module.out_proj.bias,
        training=False,
        key_padding_mask=~mask,
        need_weights=True,
        use_separate_proj_weight=True,
        q_proj_weight=module.q_proj.weight,
        k_proj_weight=module.k_proj.weight,
        v_proj_weight=module.v_proj.weight,
        average_attn_weights=False,
    )
    return attended[0], weights[:, :, 0]


@pytest.fixture
def attention():
    torch.manual_seed(0)
    return CoAttention(query_size=12, sequence_size=7, num_heads=3, dropout=0.0).double()


def test_co_attention_is_multi_head_attention_of_one_query(attention):
    query, sequence = torch.randn(2, 12).double(), torch.randn(2, 5, 7).double()
    attended, weights = attention(query, sequence, MASK)
    expected, expected_weights = reference_attention(attention, query, sequence, MASK)
    torch.testing.assert_close(attended, expected, atol=1e-6, rtol=0)
    torch.testing.assert_close(weights, expected_weights, atol=1e-6, rtol=0)
    assert not weights[1, :, 2:].any()


def both_ways(attention, query, sequence, mask):
    """Attended vector, weights and all gradients: keys and values absorbed, and of every position."""
    results = []
    for absorbs in (True, False):
        attention.absorbs_projections = absorbs
        torch.manual_seed(1)
        inputs = query.clone().requires_grad_(), sequence.clone().requires_grad_()
        attended, weights = attention(*inputs, mask)
        wanted = (*inputs, *attention.parameters())
        ((attended * torch.arange(attended.shape[1])).sum() + weights.square().sum()).backward()
        results.append([attended, weights, *(tensor.grad.clone() for tensor in wanted)])
        attention.zero_grad()
    return results


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_absorbed_projections_give_the_same_values_and_gradients(attention, dropout):
    attention.dropout = dropout
    absorbed, of_all = both_ways(attention, torch.randn(2, 12).double(), torch.randn(2, 5, 7).double(), MASK)
    assert len(absorbed) == 12
    for own, expected in zip(absorbed, of_all, strict=True):
        torch.testing.assert_close(own, expected, atol=1e-12, rtol=1e-9)


def test_absorbed_projections_in_float32():
    torch.manual_seed(0)
    attention = CoAttention(query_size=256, sequence_size=192, num_heads=2, dropout=0.1)
    mask = torch.arange(300) < torch.tensor([[300], [40], [1]])
    absorbed, of_all = both_ways(attention, torch.randn(3, 256), torch.randn(3, 300, 192), mask)
    for own, expected in zip(absorbed[:2], of_all[:2], strict=True):
        torch.testing.assert_close(own, expected, atol=5e-7, rtol=0)
    for own, expected in zip(absorbed[2:], of_all[2:], strict=True):
        assert (own - expected).abs().max() < 1e-5 * max(expected.abs().max(), 1)


@torch.no_grad()
def test_absorbed_projections_in_half_precision_are_as_near_as_the_others(attention):
    query, sequence = torch.randn(2, 12).double(), torch.randn(2, 5, 7).double()
    expected = attention(query, sequence, MASK)[0]
    attention.bfloat16()
    errors = []
    for attention.absorbs_projections in (True, False):
        attended = attention(query.bfloat16(), sequence.bfloat16(), MASK)[0]
        assert attended.dtype == torch.bfloat16
        errors.append((attended.double() - expected).abs().max())
    assert errors[0] < 2 * errors[1] < 0.05


class LargestTensor(TorchDispatchMode):
    """The most numbers that any operation inside returns."""

    def __init__(self):
        super().__init__()
        self.numel = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        self.numel = max(self.numel, *(tensor.numel() for tensor in pytree.tree_leaves(result)))
        return result


@pytest.mark.parametrize(("absorbs", "width"), [(True, 7), (False, 12)])
def test_no_keys_and_values_are_made_of_all_positions(attention, absorbs, width):
    attention.absorbs_projections = absorbs
    query, sequence = torch.randn(2, 12).double(), torch.randn(2, 500, 7).double()
    with LargestTensor() as largest:
        attention(query, sequence, torch.ones(2, 500, dtype=torch.bool))
    assert largest.numel == 2 * 500 * width


def test_traces_call_every_layer(attention):
    inputs = torch.randn(2, 12).double(), torch.randn(2, 5, 7).double(), MASK
    expected = attention(*inputs)
    program = torch.export.export(attention, inputs)
    graphs = [program.graph]

    def compile_to_itself(module, _):
        graphs.append(module.graph)
        return module.forward

    compiled = torch.compile(attention, backend=compile_to_itself, fullgraph=True)
    for run in (program.module(), compiled):
        torch.testing.assert_close(run(*inputs), expected)
    linear = (torch.ops.aten.linear.default, nn.functional.linear)
    assert [sum(node.target in linear for node in graph.nodes) for graph in graphs] == [4, 4]


@torch.no_grad()
def test_a_hook_on_one_projection_is_heard(attention):
    inputs = torch.randn(2, 12).double(), torch.randn(2, 5, 7).double(), MASK
    handle = attention.k_proj.register_forward_hook(lambda module, inputs, output: 0 * output)
    expected = (MASK / MASK.sum(-1, keepdim=True)).double().unsqueeze(1).expand(2, 3, 5)
    torch.testing.assert_close(attention(*inputs)[1], expected)
    handle.remove()
    attention.v_proj.register_forward_hook(lambda module, inputs, output: 0 * output)
    torch.testing.assert_close(attention(*inputs)[0], attention.out_proj.bias.expand(2, 12))


def test_a_layer_adds_its_query_and_nothing_else(attention):
    layer = CoAttentionLayer(emobert_config(num_co_attention_heads=4), 32, 7).eval()
    query, sequence = torch.randn(2, 32), torch.randn(2, 5, 7)
    vector, _ = layer(query, sequence, MASK)
    expected, _ = reference_attention(layer.attention, query, sequence, MASK)
    torch.testing.assert_close(vector, query + expected, atol=1e-6, rtol=0)


def test_each_further_layer_asks_the_raw_sequence_again():
    torch.manual_seed(0)
    stack = CoAttentionStack(emobert_config(num_co_attention_layers=3), 32, 7).eval()
    query, sequence = torch.randn(2, 32), torch.randn(2, 5, 7)
    expected = query
    for layer in stack.layers:
        expected = expected + reference_attention(layer.attention, expected, sequence, MASK)[0]
    vector, weights = stack(query, sequence, MASK)
    torch.testing.assert_close(vector, expected, atol=1e-5, rtol=0)
    assert len(weights) == 3


def test_the_feed_forward_variant_is_a_post_norm_block():
    torch.manual_seed(0)
    layer = CoAttentionLayer(emobert_config(co_attention_feed_forward=True), 32, 7).eval()
    query, sequence = torch.randn(2, 32), torch.randn(2, 5, 7)
    block = layer.feed_forward
    normed = block.attention_norm(query + reference_attention(layer.attention, query, sequence, MASK)[0])
    hidden = block.up(normed)
    gelu = hidden * 0.5 * (1 + torch.erf(hidden / math.sqrt(2)))
    expected = block.output_norm(normed + block.down(gelu))
    torch.testing.assert_close(layer(query, sequence, MASK)[0], expected, atol=1e-5, rtol=0)


@torch.no_grad()
def test_what_attention_drops_takes_its_share_of_the_value_bias_along(attention):
    attention.v_proj.weight.zero_()
    attention.v_proj.bias.fill_(1.0)
    attention.out_proj.weight.copy_(torch.eye(12))
    attention.out_proj.bias.zero_()
    attention.dropout = 0.5
    query, sequence = torch.randn(200, 12).double(), torch.randn(200, 5, 7).double()
    mask = torch.ones(200, 5, dtype=torch.bool)
    torch.testing.assert_close(attention.eval()(query, sequence, mask)[0], torch.ones(200, 12).double())
    # A head gives the sum of the weights that are left, each doubled: 0 to 2, and 1 on average.
    kept = attention.train()(query, sequence, mask)[0]
    assert kept.min() == 0.0 and kept.max() > 1.5 and abs(kept.mean() - 1) < 0.1


@torch.no_grad()
def test_a_layer_drops_of_what_it_adds(attention):
    layer = CoAttentionLayer(emobert_config(co_attention_dropout=0.5), 12, 7).double()
    layer.attention = attention
    query, sequence = torch.randn(50, 12).double(), torch.randn(50, 5, 7).double()
    mask = torch.ones(50, 5, dtype=torch.bool)
    attended = attention(query, sequence, mask)[0]
    share = (layer.train()(query, sequence, mask)[0] - query) / attended
    assert set(share.round(decimals=6).flatten().tolist()) == {0.0, 2.0}
    torch.testing.assert_close(layer.eval()(query, sequence, mask)[0], query + attended)


def test_attention_dropout_keeps_the_expected_value():
    torch.manual_seed(0)
    attention = CoAttention(8, 8, 2, dropout=0.25)
    query, sequence = torch.randn(1, 8), torch.randn(1, 6, 8)
    mask = torch.ones(1, 6, dtype=torch.bool)
    exact = attention.eval()(query, sequence, mask)[0]
    attention.train()
    many = attention(query.expand(60_000, -1), sequence.expand(60_000, -1, -1), mask.expand(60_000, -1))[0]
    torch.testing.assert_close(many.mean(0, keepdim=True), exact, atol=5e-3, rtol=0)
    assert many.std(0).min() > 1e-3


@torch.no_grad()
def test_shallow_fusion_is_a_linear_layer_on_both_first_vectors():
    model = emobert(fusion="shallow")
    batch = ragged_batch()
    output = model(**batch)
    text = model.emobert.text_encoder(batch["input_ids"][:3], batch["attention_mask"][:3]).last_hidden_state[:, 0]
    speech = model.emobert.speech_encoder(
        batch["speech_input_ids"][:3], batch["speech_attention_mask"][:3]
    ).last_hidden_state[:, 0]
    expected = torch.cat([text, speech], -1) @ model.classifier.weight.T + model.classifier.bias
    torch.testing.assert_close(output.logits[:3], expected, atol=1e-5, rtol=0)
    assert output.text_to_speech is None and output.co_attentions is None


@torch.no_grad()
def test_co_attention_fusion_looks_from_each_side_at_the_other():
    model = emobert()
    batch = {name: value[:3] for name, value in ragged_batch().items()}
    output = model(**batch)
    text, speech = output.text_last_hidden_state, output.speech_last_hidden_state
    t2a = model.emobert.text_to_speech.layers[0].attention
    a2t = model.emobert.speech_to_text.layers[0].attention
    text_mask, speech_mask = batch["attention_mask"].bool(), batch["speech_attention_mask"].bool()
    expected_text = text[:, 0] + reference_attention(t2a, text[:, 0], speech, speech_mask)[0]
    expected_speech = speech[:, 0] + reference_attention(a2t, speech[:, 0], text, text_mask)[0]
    torch.testing.assert_close(output.text_to_speech, expected_text, atol=1e-5, rtol=0)
    torch.testing.assert_close(output.speech_to_text, expected_speech, atol=1e-5, rtol=0)
    expected = torch.cat([expected_text, expected_speech], -1) @ model.classifier.weight.T + model.classifier.bias
    torch.testing.assert_close(output.logits, expected, atol=1e-5, rtol=0)


def test_pooling_counts_valid_positions_only():
    torch.manual_seed(0)
    sequence = torch.randn(2, 5, 3).double()
    rows = [sequence[0].numpy(), sequence[1, :2].numpy()]
    means = np.stack([row.mean(0) for row in rows])
    deviations = np.stack([np.sqrt(row.var(0) + 1e-5) for row in rows])
    np.testing.assert_array_equal(Pooling(3, "cls")(sequence, MASK), sequence[:, 0])
    np.testing.assert_allclose(Pooling(3, "mean")(sequence, MASK), means, rtol=1e-6)
    np.testing.assert_allclose(Pooling(3, "mean_std")(sequence, MASK), np.hstack([means, deviations]), rtol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_quantiles_are_numpys_over_valid_positions(dtype):
    torch.manual_seed(0)
    sequence = torch.randn(3, 5, 3).to(dtype)
    mask = torch.tensor([[True] * 5, [True, True, False, False, False], [True, False, False, False, False]])
    rows = [row[valid].float().numpy() for row, valid in zip(sequence, mask, strict=True)]
    expected = np.stack([np.quantile(row, [0.05, 0.25, 0.5, 0.75, 0.95], axis=0).reshape(-1) for row in rows])
    pooled = Pooling(3, "quantiles")(sequence, mask)
    assert pooled.dtype == dtype
    np.testing.assert_allclose(pooled.float(), expected, rtol=1e-5 if dtype == torch.float32 else 0.02, atol=1e-3)


def test_attention_pooling_is_a_softmax_over_valid_positions():
    torch.manual_seed(0)
    sequence = torch.randn(2, 5, 3)
    pooling = Pooling(3, "attention")
    scores = (sequence @ pooling.score.weight.T).squeeze(-1)
    expected = torch.stack([scores[0].softmax(0) @ sequence[0], scores[1, :2].softmax(0) @ sequence[1, :2]])
    torch.testing.assert_close(pooling(sequence, MASK), expected)


def test_the_deviation_of_a_single_frame_has_a_finite_gradient():
    sequence = torch.randn(1, 1, 3, requires_grad=True)
    Pooling(3, "mean_std")(sequence, torch.ones(1, 1, dtype=torch.bool)).sum().backward()
    assert torch.isfinite(sequence.grad).all()


def test_a_stand_in_takes_the_first_position_and_lets_no_gradient_through():
    stand_in = StandIn(3)
    nn.init.normal_(stand_in.embedding)
    sequence = torch.randn(2, 5, 3, requires_grad=True)
    replaced, mask = stand_in(sequence, MASK, torch.tensor([True, False]))
    assert torch.equal(replaced[0], sequence[0]) and torch.equal(mask[0], MASK[0])
    assert torch.equal(replaced[1, 0], stand_in.embedding) and mask[1].tolist() == [True] + [False] * 4
    replaced.sum().backward()
    assert not sequence.grad[1].any() and torch.equal(stand_in.embedding.grad, torch.ones(3))


def test_a_stand_in_alone_is_one_position_of_its_own_width():
    stand_in = StandIn(3)
    nn.init.normal_(stand_in.embedding)
    sequence, mask = stand_in.sequence(4)
    assert torch.equal(sequence, stand_in.embedding.expand(4, 1, 3)) and torch.equal(mask, torch.ones(4, 1).bool())
    half, _ = stand_in(torch.randn(2, 5, 3).bfloat16(), MASK, torch.tensor([True, False]))
    assert half.dtype == torch.bfloat16


def test_each_dropout_has_the_probability_of_the_configuration():
    config = emobert_config(co_attention_dropout=0.3, co_attention_feed_forward=True)
    layer = CoAttentionLayer(config, 32, 7)
    assert (layer.attention.dropout, layer.dropout.p, layer.feed_forward.dropout.p) == (0.3, 0.3, 0.3)


@torch.no_grad()
def test_a_feed_forward_drops_of_what_it_adds():
    block, vector = FeedForward(8, dropout=1.0), torch.randn(2, 8, generator=torch.Generator().manual_seed(0))
    nothing = block.output_norm(block.attention_norm(vector))
    assert torch.equal(block.train()(vector), nothing)
    assert not torch.allclose(block.eval()(vector), nothing, atol=1e-3)


@pytest.mark.parametrize("shape", [(2, 5, 3), (2, 5, 4, 3)])
def test_standardisation_is_of_each_state_and_channel(shape):
    generator = torch.Generator().manual_seed(0)
    standardization = Standardization(shape[2] if len(shape) == 4 else 1, 3)
    standardization.mean.normal_(generator=generator)
    standardization.std.uniform_(0.5, 2, generator=generator)
    states = torch.randn(shape, generator=generator)
    expected = (states.numpy() - standardization.mean.numpy()) / standardization.std.numpy()
    np.testing.assert_allclose(standardization(states), expected, rtol=1e-6)
    assert standardization(states).shape == shape


@torch.no_grad()
def test_last_pooling_takes_the_last_valid_position():
    states = torch.arange(30.0).view(2, 5, 3)
    expected = torch.stack([states[0, 4], states[1, 1]])
    assert torch.equal(Pooling(3, "last")(states, MASK), expected)


def test_every_layer_of_the_co_attention_is_called(attention):
    """What works through a layer's call (offloading, adapters, quantised layers) would be lost otherwise."""
    called = []
    for name, layer in attention.named_children():
        layer.register_forward_hook(lambda *_, name=name: called.append(name))
    attention(torch.randn(2, 12).double(), torch.randn(2, 5, 7).double(), MASK)
    assert sorted(called) == ["k_proj", "out_proj", "q_proj", "v_proj"]


@torch.no_grad()
def test_offloaded_and_quantised_models_run():
    from accelerate import cpu_offload

    model, batch = emobert(), ragged_batch()
    expected = model(**batch).logits
    quantised = torch.ao.quantization.quantize_dynamic(copy.deepcopy(model), {torch.nn.Linear})
    assert (quantised(**batch).logits - expected).abs().max() < 0.2 * expected.abs().max()
    torch.testing.assert_close(cpu_offload(model, execution_device="cpu")(**batch).logits, expected)


def test_a_stand_in_copies_nothing_where_every_row_is_there():
    torch.manual_seed(0)
    stand_in = StandIn(4)
    torch.nn.init.normal_(stand_in.embedding)
    states, mask = torch.randn(2, 3, 4), torch.tensor([[True, True, False], [True, True, True]])
    everyone = torch.ones(2, dtype=torch.bool)
    with torch.no_grad():
        kept, of_kept = stand_in(states, mask, everyone)
        assert kept.data_ptr() == states.data_ptr() and of_kept is mask
        replaced, _ = stand_in(states, mask, torch.tensor([True, False]))
        assert torch.equal(replaced[1, 0], stand_in.embedding) and torch.equal(replaced[0], states[0])
    trained, of_trained = stand_in(states, mask, everyone)
    assert torch.equal(trained, states) and torch.equal(of_trained, mask)
    trained.sum().backward()
    assert torch.equal(stand_in.embedding.grad, torch.zeros(4))
