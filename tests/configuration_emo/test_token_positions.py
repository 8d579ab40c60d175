from pathlib import Path

import pytest
import transformers
from transformers import BertConfig, MPNetConfig, RobertaConfig, T5Config, XLNetConfig

from configuration_emo.token_positions import OFFSET_MODEL_TYPES, max_token_positions, stated_token_positions


@pytest.mark.parametrize(
    ("config", "positions"),
    [
        (RobertaConfig(max_position_embeddings=2050, pad_token_id=1), 2048),
        (RobertaConfig(max_position_embeddings=514, pad_token_id=0), 513),
        (MPNetConfig(max_position_embeddings=514), 512),
        (BertConfig(max_position_embeddings=512), 512),
    ],
)
def test_positions_that_ids_may_take(config, positions):
    assert max_token_positions(config) == stated_token_positions(config) == positions


@pytest.mark.parametrize("config", [T5Config(), XLNetConfig()])
def test_encoders_with_relative_positions_state_none(config):
    assert stated_token_positions(config) is None


def test_every_text_encoder_that_numbers_positions_so_is_known():
    not_text_encoders = {
        *("altclip", "bridgetower", "clap", "evolla", "kosmos2", "kosmos2_5", "pp_doclayout_v2", "speech_to_text"),
        *("seamless_m4t", "seamless_m4t_v2", "speecht5", "trocr"),
        *("m2m_100", "nllb_moe"),  # sinusoidal positions, made longer where they are needed
    }
    found = {
        path.parent.name
        for path in (Path(transformers.__file__).parent / "models").glob("*/modeling_*.py")
        if "def create_position_ids_from_input_ids" in path.read_text(encoding="utf-8")
    }
    known = {name.replace("-", "_").removesuffix("_text") for name in OFFSET_MODEL_TYPES}
    assert found - not_text_encoders == known
