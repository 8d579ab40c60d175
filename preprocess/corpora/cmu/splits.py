"""Split lists of CMU-MOSI and CMU-MOSEI: which videos train, validate and test."""

from __future__ import annotations

import ast
from pathlib import Path

from configuration_emo.structured_text import read_json
from configuration_emo.text_encoding import read_text

from ...recordings.text_files import read_table


_SPLIT_WORDS = {
    "train": "train",
    "valid": "validation",
    "validation": "validation",
    "val": "validation",
    "dev": "validation",
}
_SPLIT_WORDS["test"] = "test"


# What a file of another kind makes of reading it.
_UNREADABLE = (
    *(OSError, KeyError, ValueError, SyntaxError, TypeError, AttributeError),
    *(RecursionError, MemoryError),
)


def split_name(word: str) -> str | None:
    """`train`, `validation` or `test` for a corpus's own word, None for another word.

    Example:
        >>> split_name("Valid"), split_name("holdout")
        ('validation', None)
    """
    return _SPLIT_WORDS.get(word.strip().lower())


def read_split_file(path: str | Path) -> dict[str, str]:
    """From video to split.

    Args:
        path (`str` or `Path`): a `.json` with lists of videos by `train`, `valid`, `test`; a `.csv` with the columns
            `video_id` and `split`; or the CMU-MultimodalSDK's module of folds (`cmu_mosei_std_folds.py`), of which
            only the lists are read: nothing is executed.

    Raises:
        ValueError: the file is of another kind or names a video for two splits.
    """
    path = Path(path)
    try:
        if path.suffix == ".csv":
            pairs = [(row.cells["video_id"].strip(), row.cells["split"]) for row in read_table(path)]
        elif path.suffix == ".json":
            pairs = _pairs(read_json(path))
        elif path.suffix == ".py":
            pairs = _pairs(_assigned_lists(read_text(path)))
        else:
            raise ValueError("expected a .json, .csv or .py file")
    except _UNREADABLE as error:
        raise ValueError(
            f"The split file {path} cannot be read: {type(error.__cause__ or error).__name__}: {error}"
        ) from error
    videos: dict[str, str] = {}
    for video, word in pairs:
        split = split_name(word)
        if split is None:
            raise ValueError(f"{path}: {word!r} is no split; expected train, valid or test.")
        if videos.setdefault(video, split) != split:
            raise ValueError(f"{path} names the video {video!r} for {videos[video]} and for {split}.")
    return videos


def _pairs(lists: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(video, word) for word, videos in lists.items() for video in videos]


def _assigned_lists(source: str) -> dict[str, list[str]]:
    """`standard_train_fold = [...]` and its like as {"train": [...]}"""
    lists = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            word = node.targets[0].id.removeprefix("standard_").removesuffix("_fold")
            if split_name(word) is not None:
                lists[word] = ast.literal_eval(node.value)
    return lists
