"""Configurations of EmoBERT's models, and what models and processors share."""

from typing import TYPE_CHECKING

from .lazy_names import lazy_names


if TYPE_CHECKING:
    from .argument_files import CONFIG_SUFFIXES, as_mapping, parse_arguments, read_section
    from .configuration_emobert import EmoBertConfig
    from .configuration_emotion2vec import Emotion2VecConfig
    from .configuration_vq_wav2vec import VqWav2VecConfig
    from .corpora import CORPORA
    from .hub_code import write_code
    from .loaded_parts import NoSuchModel, named_place
    from .option_kinds import as_numbers, check_number, check_whole, check_yes_or_no
    from .problem_types import PROBLEM_TYPES
    from .sealing import find_damage, seal
    from .speech_dictionary import SpeechDictionary
    from .text_tables import markdown_table
    from .token_positions import max_token_positions, stated_token_positions
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "CONFIG_SUFFIXES",
    "CORPORA",
    "PROBLEM_TYPES",
    "EmoBertConfig",
    "Emotion2VecConfig",
    "NoSuchModel",
    "SpeechDictionary",
    "VqWav2VecConfig",
    "as_mapping",
    "as_numbers",
    "check_number",
    "check_whole",
    "check_yes_or_no",
    "find_damage",
    "markdown_table",
    "max_token_positions",
    "named_place",
    "parse_arguments",
    "read_section",
    "seal",
    "stated_token_positions",
    "write_code",
]
