"""The commands of EmoBERT: what `emobert train` and its neighbours do, composed of the three packages."""

from typing import TYPE_CHECKING

from configuration_emo.lazy_names import lazy_names


if TYPE_CHECKING:
    from .arguments import (
        DataArguments,
        EncoderArguments,
        EvaluationArguments,
        LoraArguments,
        ModelArguments,
        PreparationArguments,
        ServeArguments,
    )
    from .command_line import parse_command, run_command, run_script
    from .prediction_arguments import PredictionArguments
    from .runs_arguments import CrossCorpusArguments, CrossValidationArguments
    from .score_arguments import ScoreArguments
    from .training_setup import TrainingSetup, record_training, set_up_training
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "CrossCorpusArguments",
    "CrossValidationArguments",
    "DataArguments",
    "EncoderArguments",
    "EvaluationArguments",
    "LoraArguments",
    "ModelArguments",
    "PredictionArguments",
    "PreparationArguments",
    "ScoreArguments",
    "ServeArguments",
    "TrainingSetup",
    "parse_command",
    "record_training",
    "run_command",
    "run_script",
    "set_up_training",
]
