"""Writes a corpus as the original system's data files, which `manifest.read` and the original read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .manifest import MANIFEST_SPLITS, SPEECH_FOLDER, TEXT_FOLDER
from .token_files import write_token_file


def write_manifests(
    splits: Mapping[str, Iterable[Mapping[str, Any]]],
    data_dir: str | Path,
    *,
    token_dir: str | Path | None = None,
    label_header: str | None = None,
) -> None:
    """
    Writes manifests, labels and, with `token_dir`, token files.

    Args:
        splits (`Mapping`): rows for `train`, `validation` and `test`, such as a `DatasetDict`: `id`, `label`, and
            `text_length` and `speech_length` or the ids themselves, `input_ids` and `speech_input_ids`.
        data_dir (`str` or `Path`): the folder for manifests and labels, made where needed.
        token_dir (`str` or `Path`, *optional*): the folder for token files; every row needs its ids then.
        label_header (`str`, *optional*): header of the label column; `sentiment_score` for numbers and `Emotion` for
            names when None, as in the original's files.

    Raises:
        ValueError: an unknown split, a row without label, lengths or ids, or an id that is no file name.

    Example:
        >>> write_manifests(load_corpus("iemocap", "IEMOCAP_full_release"), "T_data/iemocap")  # doctest: +SKIP
    """
    original_names = {ours: theirs for theirs, ours in MANIFEST_SPLITS.items()}
    data_dir = Path(data_dir)
    data_dir.mkdir(parents=True, exist_ok=True)
    for split, rows in splits.items():
        if split not in original_names:
            raise ValueError(f"The manifests have the splits {', '.join(original_names)}, got {split!r}.")
        name = original_names[split]
        ids, sizes, labels = [], [], []
        for row in rows:
            utterance_id = _checked_id(row)
            text_length = _length(row, "text_length", "input_ids")
            speech_length = _length(row, "speech_length", "speech_input_ids")
            ids.append(utterance_id)
            sizes.append(f"{utterance_id},{text_length},{speech_length}")
            labels.append((utterance_id, _checked_label(row)))
            if token_dir is not None:
                folder = Path(token_dir) / name
                write_token_file(folder / SPEECH_FOLDER / f"{utterance_id}.txt", _ids(row, "speech_input_ids"))
                write_token_file(folder / TEXT_FOLDER / f"{utterance_id}.txt", _ids(row, "input_ids"))
        is_score = all(isinstance(label, (int, float)) for _, label in labels)
        header = label_header or ("sentiment_score" if is_score else "Emotion")
        _write_lines(data_dir / f"{name}_a.tsv", [f"{utterance_id}.wav" for utterance_id in ids])
        _write_lines(data_dir / f"{name}_t.tsv", [f"{utterance_id}.txt" for utterance_id in ids])
        _write_lines(data_dir / f"{name}_size.tsv", ["FileName,text,audio", *sizes])
        label_lines = [f"{utterance_id},{label}" for utterance_id, label in labels]
        _write_lines(data_dir / f"label_file_{name}.csv", [f"FileName,{header}", *label_lines])


def _write_lines(path: Path, lines: list[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")


def _checked_id(row: Mapping[str, Any]) -> str:
    utterance_id = str(row["id"])
    if not utterance_id or utterance_id in (".", "..") or any(character in utterance_id for character in "/\\,\t\r\n"):
        raise ValueError(
            f"The id {utterance_id!r} cannot be the name of a file and a cell of the manifests: it must not be empty "
            "or hold slashes, commas, tabs or line ends."
        )
    return utterance_id


def _checked_label(row: Mapping[str, Any]) -> str | float:
    label = row.get("label")
    if not isinstance(label, (str, int, float)) or (isinstance(label, str) and ("," in label or "\n" in label)):
        raise ValueError(f"The utterance {row['id']!r} has the label {label!r}; the manifests hold one name or score.")
    return label


def _length(row: Mapping[str, Any], length_name: str, ids_name: str) -> int:
    if row.get(ids_name) is not None:
        return len(row[ids_name])
    if row.get(length_name) is None:
        raise ValueError(f"The utterance {row['id']!r} has neither {length_name} nor {ids_name}.")
    return int(row[length_name])


def _ids(row: Mapping[str, Any], name: str) -> Iterable[int]:
    if row.get(name) is None or not len(row[name]):
        raise ValueError(f"The utterance {row['id']!r} has no {name}, which its token file would hold.")
    return row[name]
