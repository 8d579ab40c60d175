"""A context apart: its mean beside each state of the text, whatever the batch."""

import torch
from torch.testing import assert_close

from modeling_emo.encoders.context import context_beside_text
from tests.tiny_models import emobert


SEPARATOR = 2
OPTIONS = {"fusion": "shallow", "text_pooling": "mean", "context_separator_id": SEPARATOR}
# <s> context </s> </s> text </s>, <s> text </s>, <s> two segments </s> before </s>
ROWS = [[0, 7, 8, 2, 2, 9, 5, 2], [0, 9, 5, 2], [0, 7, 2, 8, 2, 9, 2]]
TEXT_STARTS = [5, 0, 5]


def batch(rows):
    longest = max(map(len, rows))
    ids = torch.tensor([[*row, *[1] * (longest - len(row))] for row in rows])
    return ids, (ids != 1).long()


def test_the_text_comes_first_and_the_mean_of_all_before_it_beside():
    ids, mask = batch(ROWS)
    states = torch.randn(3, 8, 4, generator=torch.Generator().manual_seed(0))
    found, valid = context_beside_text(states, ids, mask, SEPARATOR)
    assert found.shape == (3, 8, 8)
    for row, (tokens, start) in enumerate(zip(ROWS, TEXT_STARTS, strict=True)):
        text = states[row, start : len(tokens)]
        assert valid[row].tolist() == [True] * len(text) + [False] * (8 - len(text))
        assert_close(found[row, : len(text), :4], text)
        mean = states[row, :start].mean(0) if start else torch.zeros(4)
        assert_close(found[row, : len(text), 4:], mean.expand(len(text), 4))


@torch.no_grad()
def test_both_means_are_the_pooled_vector_alone_and_in_a_batch():
    model = emobert("wavlm", text_layer=[2, 1], **OPTIONS)
    ids, mask = batch(ROWS)
    pooled = model.emobert(input_ids=ids, attention_mask=mask).pooler_output
    assert pooled.shape == (3, 4 * 32 + model.config.speech_pooled_size)
    for row, (tokens, start) in enumerate(zip(ROWS, TEXT_STARTS, strict=True)):
        alone = torch.tensor([tokens])
        states = model.emobert.text_encoder(alone, output_hidden_states=True).hidden_states
        states = torch.cat([states[2], states[1]], dim=-1)[0]
        mean = states[:start].mean(0) if start else torch.zeros(64)
        assert_close(pooled[row, :128], torch.cat([states[start:].mean(0), mean]), atol=1e-5, rtol=1e-4)
        assert_close(model.emobert(input_ids=alone).pooler_output[0], pooled[row], atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_encoded_texts_stand_for_their_ids():
    model = emobert("wavlm", **OPTIONS)
    ids, mask = batch(ROWS)
    encoded = model.emobert.encode_text(ids, mask)
    logits = model(encoded_text=encoded.hidden_states, attention_mask=encoded.mask).logits
    assert_close(logits, model(input_ids=ids, attention_mask=mask).logits)
    other = ids.clone()
    other[0, 1] = 20  # another word before the text
    assert (model(input_ids=other, attention_mask=mask).logits - logits)[0].abs().max() > 1e-3
