import pytest
import torch
from transformers import BertConfig, BertModel, RobertaConfig
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from configuration_emo import EmoBertConfig
from modeling_emo import EmoBertForSequenceClassification
from modeling_emo.finetuning.attention_dropout import leave_attention_dropout_out


SIZES = {"vocab_size": 20, "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 8}


def encoder_config(attention=0.5, hidden=0.0):
    return BertConfig(**SIZES, attention_probs_dropout_prob=attention, hidden_dropout_prob=hidden)


def is_random(run):
    return not torch.equal(run(), run())


def test_only_the_marked_model_and_only_attention_weights():
    ids = torch.arange(4, 12)[None]
    marked, other, hidden = (
        BertModel(config).train()
        for config in (encoder_config(), encoder_config(), encoder_config(attention=0.0, hidden=0.5))
    )
    leave_attention_dropout_out(marked)
    leave_attention_dropout_out(hidden)
    assert not is_random(lambda: marked(ids).last_hidden_state)
    assert is_random(lambda: other(ids).last_hidden_state)
    assert is_random(lambda: hidden(ids).last_hidden_state)
    torch.testing.assert_close(marked(ids).last_hidden_state, marked.eval()(ids).last_hidden_state)


@pytest.mark.parametrize("packing", [True, False])
def test_in_packed_and_padded_batches(packing):
    speech = RobertaConfig(**SIZES, attention_probs_dropout_prob=0.5, hidden_dropout_prob=0.0)
    options = {"num_labels": 2, "co_attention_dropout": 0.0, "classifier_dropout": 0.0, "packing": packing}
    config = EmoBertConfig.from_text_speech_configs(encoder_config(), speech, **options)
    model = EmoBertForSequenceClassification(config).train()
    ids = torch.arange(4, 16).view(2, 6)
    mask = torch.tensor([[1] * 6, [1, 1, 1, 0, 0, 0]])

    def run():
        return model(input_ids=ids, attention_mask=mask, speech_input_ids=ids, speech_attention_mask=mask).logits

    assert is_random(run)
    leave_attention_dropout_out(model)
    assert not is_random(run)


def test_teaching_twice_wraps_once():
    leave_attention_dropout_out(torch.nn.Linear(1, 1))
    taught = ALL_ATTENTION_FUNCTIONS["sdpa"]
    leave_attention_dropout_out(torch.nn.Linear(1, 1))
    assert ALL_ATTENTION_FUNCTIONS["sdpa"] is taught
