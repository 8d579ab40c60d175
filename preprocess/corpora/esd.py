"""ESD, 350 sentences of ten Chinese and ten English speakers in five emotions (Zhou et al., 2022).

`0001/Angry/0001_000351.wav` or `0001/Angry/train/0001_000351.wav`, and `0001/0001.txt` with lines of id, text and
label, tabs between. These files are in GB 2312, UTF-16, UTF-8 or Windows-1252 by speaker, some with labels in Chinese.
Speakers 0001 to 0010 speak Chinese.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from configuration_emo.corpora import CORPORA
from configuration_emo.text_encoding import wide_encoding

from ..audio.check import audio_files
from ..recordings.text_files import files_with_suffix
from ..schema import CorpusReading, Utterance
from .reading.collector import UtteranceCollector, check_option, corpus_folder
from .reading.known_counts import note_known_counts


CORPUS = CORPORA["esd"]
LAYOUT = "ESD's folders 0001 to 0020 with 0001/Angry/0001_000351.wav and 0001/0001.txt"
LANGUAGES = ("chinese", "english")
SPLITS = ("none", "official")

# The folders of its own split, as the schema calls them.
_SPLIT_FOLDERS = {"train": "train", "evaluation": "validation", "test": "test"}
_LABELS = MappingProxyType(
    {
        **{name.casefold(): name for name in ("Angry", "Happy", "Neutral", "Sad", "Surprise")},
        **{"生气": "Angry", "快乐": "Happy", "中立": "Neutral", "伤心": "Sad", "惊喜": "Surprise"},
    }
)
_RECORDING = re.compile(
    r"(?P<folder>[^/]+)/((?P<split>train|evaluation|test)/)?(?P<id>(?P<speaker>\d{4})_\d{6})", re.I
)
_LINE = re.compile(r"(?P<id>\d{4}_\d{6})\s+(?P<text>\S.*?)\s+(?P<label>\S+)")


@dataclass(frozen=True)
class _Line:
    """What a speaker's text file says of one recording."""

    text: str
    label: str | None
    place: str


def read(
    data_dir: str | Path,
    *,
    label_set: str = "5-class",
    split: str = "none",
    language: str | None = None,
    check_audio: str = "header",
    keep_without_audio: bool = False,
) -> CorpusReading:
    """Reads ESD.

    Args:
        data_dir (`str` or `Path`): the folder with `0001` to `0020`.
        label_set (`str`, defaults to `"5-class"`): angry, happy, neutral, sad, surprise.
        split (`str`, defaults to `"none"`): `"none"` puts all into `train`, for folds by speaker (`esd-5`).
            `"official"` is ESD's own, which is by sentence: every speaker is in all parts. It is read from the folders
            `train`, `evaluation` and `test`.
        language (`str`, *optional*): `"chinese"` or `"english"`; both if not given.
        check_audio (`str`, defaults to `"header"`): `"exists"`, `"header"` or `"decode"`, see `check_audio_file`.
        keep_without_audio (`bool`, defaults to `False`): True keeps an utterance with a broken recording as text only.

    Returns:
        `CorpusReading`: `speaker` such as `0011`; the label is that of the folder, and a line that says another one is
        remarked on. The column `language` says which.

    Raises:
        ValueError: `data_dir` is not a folder or holds no recording, or an option is unknown.

    Example:
        >>> reading = read("Emotion Speech Dataset", language="english")  # doctest: +SKIP
        >>> reading.splits["train"][0].label  # doctest: +SKIP
        'angry'
    """
    check_option("label_set", label_set, CORPUS.label_sets)
    check_option("split", split, SPLITS)
    if language is not None:
        check_option("language", language, LANGUAGES)
    collector = UtteranceCollector(check_audio, keep_without_audio=keep_without_audio)
    folder = corpus_folder(data_dir, LAYOUT)
    paths = list(audio_files(folder))
    if not paths:
        raise ValueError(f"{folder} holds no recording. Expected: {LAYOUT}.")
    lines: dict[str, _Line] = {}
    for path in files_with_suffix(folder, ".txt"):
        if re.fullmatch(r"\d{4}", path.stem):
            _read_lines(path, lines, collector)
    found = set()
    for path in paths:
        found.add(path.stem)
        _read_recording(path, lines, split, language, collector)
    for id in sorted(set(lines) - found):
        if language in (None, _language(id[:4])):
            collector.problem(id, lines[id].place, f"no recording: there is no file {id}.wav")
    published: dict[str, int] | None = {} if language is not None else None
    return note_known_counts(collector.reading(), CORPUS.name, label_set, folder, published=published)


def _read_recording(
    path: Path, lines: dict[str, _Line], split: str, language: str | None, collector: UtteranceCollector
) -> None:
    name = _RECORDING.search(path.absolute().with_suffix("").as_posix())
    if name is None or name["id"] != path.stem:
        collector.problem(path.stem, str(path), "malformed file name: expected such as 0001/Angry/0001_000351.wav")
        return
    spoken = _language(name["speaker"])
    if language not in (None, spoken):
        return
    label = _LABELS.get(name["folder"].casefold())
    if label is None:
        collector.problem(path.stem, str(path), f"unknown label: the folder {name['folder']!r} stands for no emotion")
        return
    part = "train"
    if split == "official":
        if name["split"] is None:
            reason = "no split: it is in no folder train, evaluation or test. Read it with split='none'"
            collector.problem(path.stem, str(path), reason)
            return
        part = _SPLIT_FOLDERS[name["split"].lower()]
    line = lines.get(path.stem)
    remark = None
    if line is not None and line.label is not None and line.label != label:
        remark = f"labels differ: its folder says {label}, {line.place} says {line.label}; the folder's is read"
    collector.add(
        Utterance(
            id=path.stem,
            audio=str(path),
            text=None if line is None else line.text,
            label=label.lower(),
            speaker=name["speaker"],
            extra={"language": spoken},
        ),
        str(path),
        part,
        remark=remark,
    )


def _read_lines(path: Path, lines: dict[str, _Line], collector: UtteranceCollector) -> None:
    """Adds the lines of a speaker's text file; those that cannot be read become problems."""
    for number, text in enumerate(_decoded(path).splitlines(), start=1):
        if not text.strip():
            continue
        place = f"{path}, line {number}"
        cells = [cell.strip() for cell in text.split("\t") if cell.strip()]
        spaced = _LINE.fullmatch(text.strip())
        if len(cells) != 3 and spaced is not None and spaced["label"].casefold() in _LABELS:
            cells = [spaced["id"], spaced["text"], spaced["label"]]  # blanks in place of tabs
        if len(cells) != 3 or not re.fullmatch(r"\d{4}_\d{6}", cells[0]):
            reason = f"malformed line: expected id, text and label with tabs between, got {text.strip()[:60]!r}"
            collector.problem(path.stem, place, reason, kept=True)
        elif cells[0] in lines:
            collector.problem(cells[0], place, "duplicated transcript: the first one is read", kept=True)
        else:
            lines[cells[0]] = _Line(cells[1], _LABELS.get(cells[2].casefold()), place)


def _decoded(path: Path) -> str:
    """A speaker's text file: in the encoding in which most of its labels are ones that ESD has."""
    content = path.read_bytes()
    wide = wide_encoding(content)
    if wide is not None:
        return content.decode(wide, errors="replace").removeprefix("\ufeff")
    narrow = ["cp1252", "gb18030"] if _language(path.stem) == "english" else ["gb18030", "cp1252"]
    texts = []
    for encoding in ("utf-8-sig", *narrow, "utf-16-le", "utf-16-be"):
        try:
            texts.append(content.decode(encoding, errors="replace" if encoding == "cp1252" else "strict"))
        except UnicodeDecodeError:
            continue
    return max(texts, key=_known_labels)  # of equally good ones the first


def _known_labels(text: str) -> int:
    last_words = (line.split()[-1].casefold() for line in text.splitlines() if line.strip())
    return sum(word in _LABELS for word in last_words)


def _language(speaker: str) -> str:
    return "chinese" if int(speaker) <= 10 else "english"
