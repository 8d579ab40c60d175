import pytest
from transformers import BertConfig, RobertaConfig

from configuration_emo.token_positions import max_token_positions


@pytest.mark.parametrize(
    ("config", "positions"),
    [
        (RobertaConfig(max_position_embeddings=2050, pad_token_id=1), 2048),
        (RobertaConfig(max_position_embeddings=514, pad_token_id=0), 513),
        (BertConfig(max_position_embeddings=512), 512),
    ],
)
def test_positions_that_ids_may_take(config, positions):
    assert max_token_positions(config) == positions
