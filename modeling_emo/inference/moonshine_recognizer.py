"""The recogniser of the package moonshine-voice, whose wheel carries an English model: `asr="moonshine"`."""

from __future__ import annotations

import functools
import threading
from pathlib import Path
from typing import Any


class MoonshineRecognizer:
    """Transcribes English with Moonshine tiny on the CPU, line by line with times.

    Args:
        folder (`str` or `Path`, *optional*): of other models of the package; the one in its wheel if left out.
        arch (`str`, defaults to `"TINY"`): the name of their architecture in `moonshine_voice.ModelArch`.

    Called with `{"raw": samples, "sampling_rate": rate}` it returns the package's `Transcript`, whose `lines` have
    `text`, `start_time` and `duration` in seconds. One sound at a time: others wait.

    Raises:
        ValueError: the package is not installed, or its wheel carries no model (0.0.49 does).
    """

    def __init__(self, folder: str | Path | None = None, arch: str = "TINY"):
        try:
            import moonshine_voice
        except ImportError as error:
            raise ValueError(
                "asr='moonshine' needs the package moonshine-voice: pip install 'emobert[moonshine]'."
            ) from error
        place = Path(moonshine_voice.get_assets_path()) / "tiny-en" if folder is None else Path(folder)
        if not place.is_dir():
            raise ValueError(f"{place}: there is no Moonshine model. Install moonshine-voice 0.0.49 or give a folder.")
        self._transcriber = moonshine_voice.Transcriber(str(place), getattr(moonshine_voice.ModelArch, arch))
        self._lock = threading.Lock()

    def __call__(self, sound: dict[str, Any]) -> Any:
        with self._lock:
            return self._transcriber.transcribe_without_streaming(sound["raw"].tolist(), int(sound["sampling_rate"]))


@functools.cache
def _packaged() -> MoonshineRecognizer:
    """The one of the wheel, loaded once."""
    return MoonshineRecognizer()


def recogniser(asr: Any) -> Any:
    """The recogniser of this name, or the one that is given.

    Args:
        asr (`str` or callable): `"moonshine"`, or any.

    Raises:
        ValueError: there is none of this name, or its package is not installed.
    """
    if asr == "moonshine":
        return _packaged()
    if isinstance(asr, str):
        raise ValueError(f"asr must be callable or 'moonshine', got {asr!r}: write pipeline(..., model={asr!r}).")
    return asr
