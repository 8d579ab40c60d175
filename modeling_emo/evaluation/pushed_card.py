"""The card of a pipeline that is pushed: that of the folder it came from, the repository's own, or one of ours."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from ..hub import with_address
from .model_card import ModelDescription, write_model_card


# What Transformers writes where a repository has no card.
_AUTOMATIC = "This model card has been automatically generated"
_PICTURE = re.compile(r"!\[[^\]]*\]\(([^)\s]+)\)")


def write_pushed_card(
    model: Any, working_dir: str | Path, repo_id: str, folder: str | os.PathLike | None = None
) -> None:
    """Writes `README.md` into a folder that is about to be uploaded, with the pictures that it shows.

    Args:
        model: the pipeline's model. The folder that it was loaded from gives the card, where it has one.
        working_dir (`str` or `Path`): what is uploaded; a `README.md` in it is the repository's.
        repo_id (`str`): the repository, which the card's examples load.
        folder (`str` or `Path`, *optional*): that the model was saved to, whose card comes first.
    """
    target = Path(working_dir) / "README.md"
    folders = [folder, getattr(model, "name_or_path", None)]
    sources = [readme for one in folders if one and (readme := Path(one) / "README.md").is_file()]
    if sources:
        source = sources[0]
        card = source.read_text(encoding="utf-8")
        target.write_text(with_address(card, repo_id), encoding="utf-8")
        for picture in map(unquote, _PICTURE.findall(card)):
            path = (source.parent / picture).resolve()
            # Only files at the top of the folder are uploaded.
            if path.is_file() and path.parent == source.parent.resolve():
                shutil.copy(path, target.parent / path.name)
    elif (
        not target.is_file() or _AUTOMATIC in target.read_text(encoding="utf-8")
    ) and model.config.model_type == "emobert":
        description = ModelDescription(name=repo_id.rpartition("/")[2], data="Not stated.", repo_id=repo_id)
        write_model_card(working_dir, model.config, description)
