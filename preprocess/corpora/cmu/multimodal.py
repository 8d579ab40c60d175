"""What the readers of CMU-MOSI and CMU-MOSEI share: both layouts in which these corpora are passed on.

- **MMSA**: `label.csv` (`video_id, clip_id, text, label, ..., annotation, mode`) and `Raw/<video>/<clip>.mp4`.
- **CMU raw**: transcripts below `Transcript/Segmented`, recordings below `Segmented` or `Full` folders, labels in a
  `.csd` file (HDF5) or MOSI's `OpinionLevelSentiment.csv`. Transcripts are called `<video>.annotprocessed` or
  `<video>.txt`; MOSI's lines are `<clip>_DELIM_<text>`, MOSEI's `<video>___<clip>___<start>___<end>___<text>`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from configuration_emo.corpora import Corpus

from ...audio.check import recordings_by_name
from ...recordings.text_files import Line, files_with_suffix, read_lines, read_table
from ...schema import CorpusReading, Label, Utterance
from ..reading.collector import UtteranceCollector, check_option, corpus_folder
from ..reading.known_counts import note_known_counts
from .labels import SENTIMENT, SegmentLabel, find_label_file, label_of, read_label_file
from .segments import SegmentRecordings
from .splits import read_split_file, split_name


LAYOUT = "label.csv with Raw/ (MMSA), or Transcript/Segmented with labels in a .csd or .csv file (CMU raw)"
MMSA_COLUMNS = ("video_id", "clip_id", "text", "label", "mode")

# Labels and transcripts of one segment state its interval with different numbers of decimals.
INTERVAL_TOLERANCE_SECONDS = 0.05

_ID = re.compile(r"[\w-]+")  # also keeps separators of paths out of the names of files
_MOSI_LINE = re.compile(r"\s*(?P<clip>\d+)(?:_DELIM_|___)(?P<text>.*)")
_MOSEI_REST = re.compile(r"(?P<clip>\d+)___(?P<start>-?[\d.]+)___(?P<end>-?[\d.]+)___(?P<text>.*)")

_Segments = dict[str, dict[str, "_Segment"]]


@dataclass(frozen=True)
class _Segment:
    """A segment's transcript; the interval in seconds is None where the transcripts do not state it."""

    video: str
    clip: str
    text: str | None
    start: float | None
    end: float | None
    place: str
    line: Line | None

    @property
    def name(self) -> str:
        return f"{self.video}_{self.clip}"


def read_cmu_corpus(
    corpus: Corpus,
    data_dir: str | Path,
    *,
    splits: Mapping[str, str] | None,
    label_set: str,
    split_file: str | Path | None,
    segment_dir: str | Path | None,
    check_audio: str,
    keep_without_audio: bool | None,
) -> CorpusReading:
    """Reads CMU-MOSI or CMU-MOSEI in whichever layout is there.

    Args:
        corpus (`Corpus`): CMU-MOSI or CMU-MOSEI.
        splits (`Mapping[str, str]`, *optional*): from video to split, for CMU raw without a `split_file`.
        data_dir, label_set, split_file, segment_dir, check_audio, keep_without_audio: see the corpus's `read`.

    Raises:
        ValueError: `data_dir` has neither layout, a file of labels or splits cannot be read, or an option is unknown.
    """
    check_option("label_set", label_set, corpus.label_sets)
    collector = UtteranceCollector(check_audio, keep_without_audio=keep_without_audio)
    folder = corpus_folder(data_dir, LAYOUT)
    if split_file is not None:
        splits = read_split_file(split_file)
    if (folder / "label.csv").is_file():
        if label_set == "emotions":
            raise ValueError(
                f"{folder / 'label.csv'} holds no emotions: they are in the .csd labels of the CMU release."
            )
        _read_mmsa(folder, label_set, splits if split_file is not None else None, collector)
    else:
        _read_cmu_raw(folder, label_set, splits, SegmentRecordings(folder, segment_dir), collector)
    return note_known_counts(collector.reading(), corpus.name, label_set, folder)


def _read_mmsa(folder: Path, label_set: str, splits: Mapping[str, str] | None, collector: UtteranceCollector) -> None:
    table = folder / "label.csv"
    recordings = recordings_by_name(folder / "Raw")
    listed = set()
    for row in read_table(table):
        place = f"{table}, line {row.line.number}"
        missing = [column for column in MMSA_COLUMNS if column not in row.cells]
        if missing and row.error is None:
            raise ValueError(f"{table} has no column {', '.join(missing)}; its columns are {', '.join(row.cells)}.")
        video, clip = row.cells.get("video_id", "").strip(), row.cells.get("clip_id", "").strip()
        # A spreadsheet turns a video's id that starts with a minus sign into #NAME?.
        if row.error is not None or not _ID.fullmatch(video) or not _ID.fullmatch(clip):
            detail = row.error or f"video_id={video!r}, clip_id={clip!r}"
            collector.problem(f"{table.name}_line{row.line.number}", place, f"malformed line: {detail}")
            continue
        listed.add(f"{video}/{clip}")
        split = split_name(row.cells["mode"]) if splits is None else splits.get(video)
        label, reason = label_of({SENTIMENT: row.cells["label"]}, label_set)
        if split is None:
            reason = f"no split: {row.cells['mode']!r}" if splits is None else f"no split: {video} is not in the list"
        _add_segment(
            _Segment(video, clip, row.cells["text"], None, None, place, row.line),
            recordings.get(f"{video}/{clip}", folder / "Raw" / video / f"{clip}.mp4"),
            label,
            reason,
            split,
            collector,
        )
    for name in sorted(set(recordings) - listed):
        reason = f"no label: {table.name} lists no such clip"
        collector.problem(name.replace("/", "_"), str(recordings[name]), reason)


def _read_cmu_raw(
    folder: Path,
    label_set: str,
    splits: Mapping[str, str] | None,
    recordings: SegmentRecordings,
    collector: UtteranceCollector,
) -> None:
    label_file = find_label_file(folder, label_set)
    if label_file is None:
        raise ValueError(f"{folder} holds no labels. Expected: {LAYOUT}.")
    segments = _read_transcripts(folder, collector)
    if splits is None:
        advice = "no official split: give split_file; until then all segments are in train"
        collector.problem(label_file.name, str(folder), advice, kept=True)
    labelled = set()
    for found in read_label_file(label_file):
        if isinstance(found, tuple):
            collector.problem(label_file.name, *found)
            continue
        segment = _segment_of(found, segments.get(found.video, {}))
        if segment is None:
            detail = f"no segment goes from {found.start} to {found.end} s"
            collector.problem(f"{found.video}[{found.position}]", found.place, f"no transcript: {detail}")
            continue
        labelled.add(segment.name)
        split = "train" if splits is None else splits.get(segment.video)
        label, reason = label_of(found.scores, label_set)
        if split is None:
            reason = f"no split: {segment.video} is not in the list"
        audio, remark = None, None
        if reason is None:
            audio, remark = recordings.find(segment.video, segment.clip, found.start, found.end)
        _add_segment(segment, audio, label, reason, split, collector, remark=remark)
    unlabelled: dict[str, Path | str] = dict(recordings.segments)
    unlabelled |= {segment.name: segment.place for clips in segments.values() for segment in clips.values()}
    for name in sorted(set(unlabelled) - labelled):
        collector.problem(name, str(unlabelled[name]), f"no label: {label_file.name} lists no such segment")


def _add_segment(
    segment: _Segment,
    audio: Path | None,
    label: Label,
    reason: str | None,
    split: str | None,
    collector: UtteranceCollector,
    *,
    remark: str | None = None,
) -> None:
    """Adds a labelled segment, or its problem where there is a reason."""
    if reason is not None or split is None:
        collector.problem(segment.name, segment.place, str(reason), split)
        return
    if segment.line is not None:
        collector.note_encoding(segment.name, segment.place, segment.line, split)
    utterance = Utterance(
        id=segment.name,
        audio=None if audio is None else str(audio),
        text=segment.text,
        label=label,
        speaker=segment.video,
        session=segment.video,
    )
    collector.add(utterance, segment.place, split, remark=remark)


def _read_transcripts(folder: Path, collector: UtteranceCollector) -> _Segments:
    """All segments by video and clip."""
    segments: _Segments = {}
    for path in files_with_suffix(folder, ".annotprocessed", ".txt"):
        if "Segmented" not in path.relative_to(folder).parts:
            continue
        if not _ID.fullmatch(path.stem):
            collector.problem(path.stem, str(path), "malformed file name: expected a video's id")
            continue
        for line in read_lines(path):
            if not line.text.strip():
                continue
            place = f"{path}, line {line.number}"
            segment = _parse_transcript(path, line, place)
            if segment is None:
                collector.problem(path.stem, place, f"malformed line: {line.text[:60]!r}")
            elif segment.clip in segments.setdefault(segment.video, {}):
                collector.problem(segment.name, place, "duplicated transcript: the first one is read", kept=True)
            else:
                segments[segment.video][segment.clip] = segment
    return segments


def _parse_transcript(path: Path, line: Line, place: str) -> _Segment | None:
    """One line of a transcript, None where it is malformed."""
    written = line.text.strip()
    if not written.startswith(f"{path.stem}___"):
        parts = _MOSI_LINE.fullmatch(written)
        if parts is None or _MOSEI_REST.fullmatch(parts["text"]):  # the latter is a line of another video
            return None
        return _Segment(path.stem, parts["clip"], parts["text"], None, None, place, line)
    parts = _MOSEI_REST.fullmatch(written.removeprefix(f"{path.stem}___"))
    if parts is None:
        return None
    try:
        start, end = float(parts["start"]), float(parts["end"])
    except ValueError:
        return None
    return _Segment(path.stem, parts["clip"], parts["text"], start, end, place, line)


def _segment_of(label: SegmentLabel, clips: Mapping[str, _Segment]) -> _Segment | None:
    """The segment that a label belongs to, among those of its video.

    Where transcripts state intervals (MOSEI) it is the one with the label's interval, as labels are in no order and
    many segments have none. Otherwise (MOSI) labels are in the order of the segments, and one without a transcript
    still has a recording.
    """
    for segment in clips.values():
        if segment.start is not None and segment.end is not None:
            distance = max(abs(segment.start - label.start), abs(segment.end - label.end))
            if distance <= INTERVAL_TOLERANCE_SECONDS:
                return segment
    if any(segment.start is not None for segment in clips.values()):
        return None
    number = str(label.position)
    return clips.get(number) or _Segment(label.video, number, None, None, None, label.place, None)
