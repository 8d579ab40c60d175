"""RTTM files: who speaks when, as diarization writes it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from .text_files import read_lines


def rttm_turns(path: str | os.PathLike, recording: str | None = None) -> list[dict[str, Any]]:
    """The turns of one recording.

    Args:
        path (`str` or `Path`): the file. Of its lines those of the type SPEAKER are read: the name of the recording,
            the start and the duration in seconds, and the speaker are their columns 2, 4, 5 and 8.
        recording (`str`, *optional*): the name whose turns are read. Not needed where the file speaks of one only.

    Returns:
        `list[dict]`: `start` and `end` in seconds and `speaker`, in the order of the file.

    Raises:
        ValueError: there is no such file, a line cannot be read, or the file does not tell of the recording.

    Source: NIST, Rich Transcription 2009 evaluation plan, appendix A.
    """
    path = Path(path)
    check_rttm(path)
    turns: dict[str, list[dict[str, Any]]] = {}
    for line in read_lines(path):
        fields = line.text.split()
        if not fields or fields[0] != "SPEAKER":
            continue
        try:
            name, start, seconds, speaker = fields[1], float(fields[3]), float(fields[4]), fields[7]
        except (IndexError, ValueError) as error:
            raise ValueError(
                f"{path}, line {line.number}: not like `SPEAKER call 1 0.5 2.0 <NA> <NA> anna <NA> <NA>`. Correct it."
            ) from error
        known = None if speaker == "<NA>" else speaker
        turns.setdefault(name, []).append({"start": start, "end": start + seconds, "speaker": known})
    if len(turns) == 1:
        return next(iter(turns.values()))
    if recording not in turns:
        found = f"tells of {len(turns)} recordings" if turns else "has no line of the type SPEAKER"
        raise ValueError(f"{path} {found}, and not of {recording}. Name them as the recordings without their suffix.")
    return turns[recording]


def check_rttm(path: str | os.PathLike) -> None:
    """Refuses a file of turns that is not there.

    Args:
        path (`str` or `os.PathLike`): the file.

    Raises:
        ValueError: there is none.
    """
    if not Path(path).is_file():
        raise ValueError(f"{path}: there is no such file of turns. Check the path.")
