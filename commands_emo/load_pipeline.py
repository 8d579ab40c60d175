"""A pipeline of a folder or of the Hub, and what is said where there is none."""

import os
from typing import Any

from transformers import pipeline

import modeling_emo  # noqa: F401  registers the model and the pipeline
import preprocess  # noqa: F401  registers the processor


def load_pipeline(task: str, model: str, **options: Any) -> Any:
    """As Transformers' `pipeline`.

    Args:
        task (`str`): `"emotion-recognition"` or `"automatic-speech-recognition"`.
        model (`str`): a folder or an id of the Hub.
        options: of the pipeline.

    Raises:
        ValueError: there is neither such a folder nor such a model on the Hub.
    """
    try:
        return pipeline(task, model=model, **options)  # type: ignore[call-overload]  # one task is this package's
    except OSError as error:
        if os.path.exists(model):
            said = str(error).partition("\n")[0]
            raise ValueError(f"{model} is no model's folder: {said}\nGive the folder that training wrote.") from error
        raise ValueError(
            f"{model}: there is no such folder here, and no such model could be fetched from the Hub "
            f"({type(error).__name__}).\nCheck the path, or the name and the connection."
        ) from error
