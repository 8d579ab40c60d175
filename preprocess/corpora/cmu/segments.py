"""Recordings of the raw CMU-MOSI and CMU-MOSEI: found as segments, or cut from the recordings of whole videos."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile as sf

from ...audio.check import audio_files
from ...audio.load_audio import load_audio


SEGMENT_SAMPLING_RATE = 16_000

# Intervals were written with few decimals: a segment may end this much after its recording without a remark.
_TOLERANCE_SECONDS = 0.1


@dataclass
class SegmentRecordings:
    """Finds the recording of each segment.

    Args:
        folder (`Path`): searched with all its subfolders. A file below a folder `Segmented` is a segment
            (`<video>_<clip>.wav`), one below `Full` a whole video (`<video>.wav`); wav wins over video files.
        segment_dir (`str` or `Path`, *optional*): where segments are written that have to be cut from a whole video;
            without it they are not cut.
    """

    folder: Path
    segment_dir: str | Path | None = None
    segments: dict[str, Path] = field(init=False, default_factory=dict)
    _full: dict[str, Path] = field(init=False, default_factory=dict)
    _loaded: tuple[str, np.ndarray | str] = field(init=False, default=("", ""))

    def __post_init__(self):
        for path in audio_files(self.folder):
            folders = path.relative_to(self.folder).parts[:-1]
            kind = self.segments if "Segmented" in folders else self._full if "Full" in folders else None
            if kind is not None and (path.stem not in kind or path.suffix.lower() == ".wav"):
                kind[path.stem] = path

    def find(self, video: str, clip: str, start: float | None, end: float | None) -> tuple[Path | None, str | None]:
        """A segment's recording, and what is to be said about it.

        Args:
            video, clip (`str`): the segment.
            start, end (`float`, *optional*): its interval in seconds; a start below 0, which MOSEI has, counts as 0.

        Returns:
            `tuple[Path | None, str | None]`: the file (None where there is none) and a remark for the damage list.
        """
        name = f"{video}_{clip}"
        if name in self.segments:
            return self.segments[name], None
        if video not in self._full:
            return None, f"no recording: neither a segment {name} nor a full recording {video} is in {self.folder}"
        if start is None or end is None:
            return None, f"no recording: {self._full[video]} cannot be cut, the segment's interval is not known"
        if self.segment_dir is None:
            return None, f"no recording: only {self._full[video]} is there; give segment_dir to cut it into segments"
        return self._cut(video, Path(self.segment_dir) / f"{name}.wav", max(start, 0.0), end)

    def _cut(self, video: str, path: Path, start: float, end: float) -> tuple[Path | None, str | None]:
        samples = self._samples(video)
        if isinstance(samples, str):
            return None, f"broken recording: {samples}"
        seconds = len(samples) / SEGMENT_SAMPLING_RATE
        if end <= start or start >= seconds:
            return None, f"no recording: {start} to {end} s is not within {self._full[video]} ({seconds:.2f} s)"
        first, last = round(start * SEGMENT_SAMPLING_RATE), min(round(end * SEGMENT_SAMPLING_RATE), len(samples))
        if not path.is_file() or sf.info(path).frames != last - first:
            path.parent.mkdir(parents=True, exist_ok=True)
            unfinished = path.with_name(f".{os.getpid()}-{path.name}")
            try:
                sf.write(unfinished, samples[first:last], SEGMENT_SAMPLING_RATE, subtype="PCM_16")
                unfinished.replace(path)
            finally:
                unfinished.unlink(missing_ok=True)
        if end > seconds + _TOLERANCE_SECONDS:
            return path, f"segment cut short: it ends at {end} s, {self._full[video]} lasts {seconds:.2f} s"
        return path, None

    def _samples(self, video: str) -> np.ndarray | str:
        """A whole video's samples at 16 kHz, or why there are none. The last are kept: labels come by video."""
        if self._loaded[0] != video:
            try:
                self._loaded = (video, load_audio(self._full[video], SEGMENT_SAMPLING_RATE))
            except ValueError as error:
                self._loaded = (video, str(error))
        return self._loaded[1]
