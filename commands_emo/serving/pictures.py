"""The library's plots as pictures for the page; nothing is left on the disk."""

from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image

from modeling_emo import EmotionRecognitionPipeline


def timeline_picture(recognise: EmotionRecognitionPipeline, result: Mapping[str, Any]) -> Image.Image:
    """A result with `chunks` over time."""
    return _drawn(lambda path: recognise.plot_timeline(result, path))


def explanation_picture(recognise: EmotionRecognitionPipeline, utterance: Mapping[str, Any]) -> Image.Image:
    """What in the text and when in the sound the prediction comes from.

    Raises:
        ValueError: the utterance cannot be explained.
    """
    from modeling_emo import plot_explanation

    explanation = recognise.explain(dict(utterance))
    return _drawn(lambda path: plot_explanation(explanation, path))


def _drawn(draw: Callable[[Path], Any]) -> Image.Image:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "picture.png"
        draw(path)
        with Image.open(path) as picture:
            return picture.copy()
