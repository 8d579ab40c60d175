"""A pipeline of a folder or of the Hub, and what is said where there is none."""

import os
import re
from typing import Any

from transformers import pipeline

import modeling_emo  # noqa: F401  registers the model and the pipeline
import preprocess  # noqa: F401  registers the processor
from configuration_emo import NoSuchModel


def load_pipeline(task: str, model: str, **options: Any) -> Any:
    """As Transformers' `pipeline`.

    Args:
        task (`str`): `"emotion-recognition"` or `"automatic-speech-recognition"`.
        model (`str`): a folder or an id of the Hub.
        options: of the pipeline.

    Raises:
        ValueError: there is neither such a folder nor such a model on the Hub, or a part of it is missing.
    """
    try:
        return pipeline(task, model=model, **options)  # type: ignore[call-overload]  # one task is this package's
    except NoSuchModel:
        raise
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:  # of what is no model of ours
        if type(error) is ValueError and not str(error).startswith(("Could not load model", "Unrecognized model")):
            raise
        if os.path.exists(model):
            # Transformers collects the tracebacks of all that it tried; the first says what is missing.
            reason = re.search(r"^\w+Error: (.*)$", str(error), re.MULTILINE)
            said = reason[1] if reason else str(error).partition("\n")[0]
            raise ValueError(f"{model} holds no whole model: {said}\nGive the folder that training wrote.") from error
        raise ValueError(
            f"{model}: there is no such folder here, and no such model could be fetched from the Hub "
            f"({type(error).__name__}).\nCheck the path, or the name and the connection."
        ) from error
