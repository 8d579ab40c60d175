"""Labels of the raw releases of CMU-MOSI and CMU-MOSEI: `.csd` files (HDF5) and MOSI's `OpinionLevelSentiment.csv`."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from configuration_emo.corpora import CORPORA

from ...labels.label_maps import LABEL_MAPS
from ...recordings.text_files import files_with_suffix, read_lines
from ...schema import Label


EMOTIONS = ("happy", "sad", "anger", "surprise", "disgust", "fear")
SENTIMENT = "sentiment"
SCORE_LIMIT = CORPORA["mosei"].scale()[1]  # MOSI's scale is the same
_CSD_LAYOUT = "<name>/data/<video>/features (n, 1, 6 or 7) and intervals (n, 2)"

# What the columns of a .csd are where the file does not say, by their number. See the readme of CMU-MOSEI in the
# CMU-MultimodalSDK and its issue 191.
_DIMENSIONS = {1: (SENTIMENT,), 6: EMOTIONS, 7: (SENTIMENT, *EMOTIONS)}


@dataclass(frozen=True)
class SegmentLabel:
    """What one segment of a video is labelled with.

    Args:
        video (`str`): the video's id.
        position (`int`): from 1, the segment's place in time among the video's labels.
        start, end (`float`): interval in seconds.
        scores (`dict[str, str | float]`): by name of the dimension: sentiment from -3 to 3, emotions from 0 to 3.
        place (`str`): where it stands.
    """

    video: str
    position: int
    start: float
    end: float
    scores: dict[str, Any]
    place: str


def find_label_file(folder: Path, label_set: str) -> Path | None:
    """The corpus's labels: a `.csd` with `label` in its name, or MOSI's CSV file.

    MOSEI's labels were published as one file with all dimensions, and before as one of sentiment and one of emotions.
    """
    other_kind = "sentiment" if label_set == "emotions" else "emotion"
    names = [path for path in files_with_suffix(folder, ".csd") if "label" in path.name.lower()]
    names = [path for path in names if other_kind not in path.name.lower()]
    tables = [path for path in files_with_suffix(folder, ".csv") if path.stem.lower() == "opinionlevelsentiment"]
    return next(iter([*names, *tables]), None)


def read_label_file(path: Path) -> Iterator[SegmentLabel | tuple[str, str]]:
    """The labels of a `.csd` or of `OpinionLevelSentiment.csv`; a line that cannot be read as (place, reason).

    Raises:
        ValueError: the file is not of its format, or h5py is needed and missing.
    """
    return _read_csd(path) if path.suffix.lower() == ".csd" else _read_opinion_csv(path)


def label_of(scores: dict[str, Any], label_set: str) -> tuple[Label, str | None]:
    """A segment's label, and why it has none.

    Args:
        scores (`dict`): see `SegmentLabel`.
        label_set (`str`): `score`, `binary-has0`, `binary-non0`, `7-class` or `emotions`.

    Example:
        >>> label_of({"sentiment": "-1.4"}, "7-class"), label_of({"sentiment": "7"}, "score")
        (('-1', None), (None, 'out of range: the score 7.0 is not in [-3, 3]'))
    """
    if label_set == "emotions":
        return _emotions(scores)
    written = scores.get(SENTIMENT)
    try:
        score = float(written)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None, f"no label: {written!r} is no score"
    if score != score:
        return None, "NaN label: the score is not a number"
    if abs(score) > SCORE_LIMIT:
        return None, f"out of range: the score {score} is not in [-3, 3]"
    if label_set == "score":
        return score, None
    label = LABEL_MAPS[f"score-{label_set}"].apply(score)
    return label, f"not among the labels of {label_set}: {score}" if label is None else None


def _emotions(scores: dict[str, Any]) -> tuple[Label, str | None]:
    """Every emotion that some annotator saw (its mean intensity is above 0)."""
    values = {name: float(scores[name]) for name in EMOTIONS if name in scores}
    if len(values) < len(EMOTIONS):
        return None, "no label: the file has no emotions"
    if any(value != value for value in values.values()):
        return None, "NaN label: an emotion's intensity is not a number"
    for name, value in values.items():
        if not 0 <= value <= SCORE_LIMIT:
            return None, f"out of range: the intensity {value} of {name} is not in [0, 3]"
    return [name for name, value in values.items() if value > 0], None


def _read_csd(path: Path) -> Iterator[SegmentLabel | tuple[str, str]]:
    try:
        import h5py
    except ImportError as error:
        raise ValueError(f"{path}: to read .csd files, install h5py: pip install 'h5py>=3.11'.") from error
    try:
        with h5py.File(path, "r") as file:
            root = file[next(iter(file))]
            names = _dimension_names(root)
            found = [
                row for video, entry in root["data"].items() for row in _read_csd_video(path, video, entry, names)
            ]
            if not any(isinstance(row, SegmentLabel) for row in found):
                raise KeyError(next((row[1] for row in found if isinstance(row, tuple)), "it holds no video"))
            yield from found
    except (OSError, KeyError, StopIteration, AttributeError, IndexError) as error:
        raise ValueError(
            f"{path} is not a .csd file of labels: expected HDF5 with {_CSD_LAYOUT}. {type(error).__name__}: {error}"
        ) from error


def _read_csd_video(
    path: Path, video: str, entry: Any, names: tuple[str, ...] | None
) -> Iterator[SegmentLabel | tuple[str, str]]:
    place = f"{path}, {video}"
    try:
        features, intervals = (np.asarray(entry[part][()], dtype=np.float64) for part in ("features", "intervals"))
        if names is None or len(names) != features.shape[1]:
            names = _DIMENSIONS[features.shape[1]]
        if intervals.shape != (len(features), 2):
            raise ValueError(f"{len(features)} features with intervals of shape {intervals.shape}")
    except (OSError, KeyError, AttributeError, IndexError, ValueError, TypeError) as error:
        yield place, f"malformed labels: expected {_CSD_LAYOUT}; {type(error).__name__}: {error}"
        return
    positions = np.argsort(np.argsort(intervals[:, 0], kind="stable"), kind="stable") + 1
    for position, values, (start, end) in zip(positions.tolist(), features.tolist(), intervals.tolist(), strict=True):
        scores = dict(zip(names, values, strict=True))
        yield SegmentLabel(video, position, start, end, scores, f"{place}, interval {position}")


def _dimension_names(root: Any) -> tuple[str, ...] | None:
    """The names that the file itself gives its columns, where it does."""
    written = root["metadata"].get("dimension names") if "metadata" in root else None
    if written is None:
        return None
    try:
        content = written[0] if written.shape else written[()]
        names = json.loads(content)
    except (ValueError, TypeError):
        return None
    return tuple(str(name) for name in names) if set(map(str, names)) <= {SENTIMENT, *EMOTIONS} else None


def _read_opinion_csv(path: Path) -> Iterator[SegmentLabel | tuple[str, str]]:
    """Lines without a header: start, end, video, number of the segment, score."""
    for line in read_lines(path):
        if not line.text.strip():
            continue
        place = f"{path}, line {line.number}"
        try:
            start, end, video, number, score = next(csv.reader([line.text], strict=True))
            yield SegmentLabel(video.strip(), int(number), float(start), float(end), {SENTIMENT: score}, place)
        except (ValueError, csv.Error):
            yield place, f"malformed line: {line.text[:60]!r}"
