"""MELD, dialogues of the series Friends (Poria et al., ACL 2019), in the layout of `MELD.Raw`.

Read are `train_sent_emo.csv`, `dev_sent_emo.csv` and `test_sent_emo.csv`, anywhere below the folder, and the clips
`dia<dialogue>_utt<utterance>.mp4` (or wav and others) of each split's folder. Known of the release: train's
`dia125_utt3` is corrupt, dev's `dia110_utt7` is missing, some folders hold clips without a row, and test clips come
with a prefix (`final_videos_testdia93_utt6.mp4`), mostly beside one without. The CSV files carry mojibake apostrophes,
see `clean_text` for what is repaired.
"""

from __future__ import annotations

import re
from pathlib import Path

from configuration_emo.corpora import CORPORA

from ..audio.check import audio_files
from ..labels.label_maps import LABEL_MAPS
from ..recordings.text_files import TableRow, clean_text, read_table
from ..schema import CorpusReading, Turn, Utterance
from .reading.collector import UtteranceCollector, check_option, corpus_folder
from .reading.known_counts import note_known_counts


CORPUS = CORPORA["meld"]
LAYOUT = "MELD's train_sent_emo.csv, dev_sent_emo.csv, test_sent_emo.csv and the folders of their clips"

# MELD's name of each split, and the folders its clips are found in: as released, as renamed, as converted to wav.
MELD_SPLITS = {"train": "train", "validation": "dev", "test": "test"}
CLIP_FOLDERS = {
    "train": ("train_splits", "train_splits_wav", "train"),
    "validation": ("dev_splits_complete", "dev_splits_complete_wav", "dev_splits", "dev"),
    "test": ("output_repeated_splits_test", "output_repeated_splits_test_wav", "test_splits", "test"),
}
MELD_COLUMNS = ("utterance", "speaker", "emotion", "sentiment", "dialogue_id", "utterance_id")

_CLIP_NAME = re.compile(r"(?:final_videos_test)?dia(?P<dialogue>\d+)_utt(?P<utterance>\d+)", re.IGNORECASE)

_KEY = re.compile(r"[0-9]{1,9}")
_TIME = re.compile(r"(?P<hours>[0-9]{1,2}):(?P<minutes>[0-9]{1,2}):(?P<seconds>[0-9]{1,2}([.,][0-9]{1,6})?)")

ClipKey = tuple[int, int]


def read(
    data_dir: str | Path,
    *,
    label_set: str = "emotion",
    check_audio: str = "header",
    keep_without_audio: bool | None = None,
    keep_wrongly_cut: bool = True,
) -> CorpusReading:
    """Reads MELD with its official split.

    Args:
        data_dir (`str` or `Path`): the folder with the CSV files. Without clips each utterance stays as text only.
        label_set (`str`, defaults to `"emotion"`): `"emotion"` (anger, disgust, fear, joy, neutral, sadness, surprise)
            or `"sentiment"` (negative, neutral, positive).
        check_audio (`str`, defaults to `"header"`): `"exists"`, `"header"` or `"decode"`, see `check_audio_file`.
        keep_without_audio (`bool`, *optional*): False leaves out utterances without a usable clip; otherwise
            they stay as text. True is needed where not one clip is there.

        keep_wrongly_cut (`bool`, defaults to `True`): clips that are far from as long as the table's StartTime and
            EndTime say (minutes for an utterance of a second) are listed in any case; False takes them for broken.

    Returns:
        `CorpusReading`: `id` such as `dev_dia3_utt0`, `session` the dialogue (`dev_dia3`), `speaker` as in the CSV,
        where a role such as `Waiter` may stand for several people. Splits share speakers, by MELD's design.

    Raises:
        ValueError: `data_dir` is not a folder or holds none of the CSV files, one lacks a column, or an option is
            unknown.

    Example:
        >>> reading = read("MELD.Raw", label_set="sentiment")  # doctest: +SKIP
        >>> reading.splits["validation"][0].text  # doctest: +SKIP
        'Oh my God, he’s lost it. He’s totally lost it.'
    """
    check_option("label_set", label_set, CORPUS.label_sets)
    collector = UtteranceCollector(
        check_audio, keep_without_audio=keep_without_audio, keep_wrongly_cut=keep_wrongly_cut
    )
    folder = corpus_folder(data_dir, LAYOUT)
    tables = {split: _find_table(folder, split) for split in MELD_SPLITS}
    if not any(tables.values()):
        raise ValueError(f"{folder} holds no annotations. Expected: {LAYOUT}.")
    for split, table in tables.items():
        if table is None:
            name = f"{MELD_SPLITS[split]}_sent_emo.csv"
            collector.problem(name, str(folder), "no annotations: the file is not in the folder", split)
        else:
            _read_split(folder, table, split, label_set, collector)
    return note_known_counts(collector.reading(), CORPUS.name, label_set, folder)


def _find_table(folder: Path, split: str) -> Path | None:
    return next(
        iter(sorted(folder.rglob(f"{MELD_SPLITS[split]}_sent_emo.csv"), key=lambda path: len(path.parts))), None
    )


def _read_split(folder: Path, table: Path, split: str, label_set: str, collector: UtteranceCollector) -> None:
    clips, spare = _find_clips(_clip_folders(folder, table.parent, split), split, collector)
    missing_clips = folder / CLIP_FOLDERS[split][0]
    seen: set[ClipKey] = set()
    for row in read_table(table):
        place = f"{table}, line {row.line.number}"
        key = _read_key(row, table)
        if key is None:
            reason = f"malformed line: {row.error or _wrong_key(row)}"
            collector.problem(f"{MELD_SPLITS[split]}_line{row.line.number}", place, reason, split)
            continue
        seen.add(key)
        session = f"{MELD_SPLITS[split]}_dia{key[0]}"
        utterance_id = f"{session}_utt{key[1]}"
        collector.note_encoding(utterance_id, place, row.line, split)
        speaker = clean_text(row.cells["speaker"]) or None
        text = clean_text(row.cells["utterance"]) or None
        collector.turn(session, Turn(utterance_id, text, speaker, float(key[1]), split))
        written = row.cells[label_set].strip().lower()
        label = LABEL_MAPS[str(CORPUS.label_sets[label_set].label_map)].apply(written)
        if label is None:
            reason = f"unknown label: {written!r} is no {label_set} of MELD" if written else "no label"
            collector.problem(utterance_id, place, reason, split)
            continue
        clip = clips.get(key, missing_clips / f"dia{key[0]}_utt{key[1]}.mp4")
        collector.add(
            Utterance(
                id=utterance_id,
                audio=str(clip),
                text=row.cells["utterance"],
                label=label,
                speaker=speaker,
                session=session,
            ),
            place,
            split,
            expected_seconds=_stated_seconds(row),
        )
    for key, clip in clips.items():
        if key not in seen:
            collector.problem(clip.stem, str(clip), f"no label: {table.name} has no such utterance", split)
    for clip in spare:
        collector.problem(clip.stem, str(clip), "unused recording: another one of the same utterance is read", split)


def _read_key(row: TableRow, table: Path) -> ClipKey | None:
    """Dialogue and utterance of a row, None where the row is malformed."""
    if row.error is not None:
        return None
    missing = [column for column in MELD_COLUMNS if column not in row.cells]
    if missing:
        raise ValueError(
            f"{table} has no column {', '.join(missing)}; its columns are {', '.join(row.cells)} (in lower case, with "
            "underscores)."
        )
    numbers = row.cells["dialogue_id"].strip(), row.cells["utterance_id"].strip()
    return (int(numbers[0]), int(numbers[1])) if all(map(_KEY.fullmatch, numbers)) else None


def _wrong_key(row: TableRow) -> str:
    numbers = f"{row.cells['dialogue_id']!r} and {row.cells['utterance_id']!r}"
    return f"Dialogue_ID and Utterance_ID must be whole numbers such as 3 and 0, got {numbers}"


def _stated_seconds(row: TableRow) -> float | None:
    """From StartTime to EndTime, which are written as `00:19:28,792`; None where they are not."""
    start, end = (_TIME.fullmatch(row.cells.get(name, "").strip()) for name in ("start_time", "end_time"))
    if start is None or end is None:
        return None
    first, last = (
        3600 * int(time["hours"]) + 60 * int(time["minutes"]) + float(time["seconds"].replace(",", "."))
        for time in (start, end)
    )
    return last - first


def _find_clips(
    folders: list[Path], split: str, collector: UtteranceCollector
) -> tuple[dict[ClipKey, Path], list[Path]]:
    """One clip per utterance, and the recordings that are a second one of the same utterance.

    A name without a prefix wins over `final_videos_test...`, and wav over the video it was taken from.
    """
    found: dict[ClipKey, list[Path]] = {}
    for clip_folder in folders:
        for path in audio_files(clip_folder):
            name = _CLIP_NAME.fullmatch(path.stem)
            if name is None:
                collector.problem(path.stem, str(path), "malformed file name: expected such as dia0_utt0.mp4", split)
            else:
                found.setdefault((int(name["dialogue"]), int(name["utterance"])), []).append(path)
    clips, spare = {}, []
    for key, paths in sorted(found.items()):
        paths.sort(key=lambda path: (not path.stem.lower().startswith("dia"), path.suffix.lower() != ".wav", path))
        clips[key] = paths[0]
        spare += [path for path in paths[1:] if path.stem != paths[0].stem]
    return clips, spare


def _clip_folders(folder: Path, table_folder: Path, split: str) -> list[Path]:
    """Folders of a split's clips: `train_splits/` and the like, in the folder, beside the table, or in a `train/`."""
    parents = [parent / name for parent in (folder, table_folder) for name in (MELD_SPLITS[split], "")]
    found = [parent / name for name in CLIP_FOLDERS[split] for parent in parents if (parent / name).is_dir()]
    named = list(dict.fromkeys(found))
    return [path for path in named if not any(other in path.parents for other in named)]
