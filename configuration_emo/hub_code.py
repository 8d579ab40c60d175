"""Code beside the weights: what Transformers runs where EmoBERT is not installed.

Transformers loads classes that are not its own from Python files in the model's folder, which `auto_map` in
`config.json` or `processor_config.json` names. It follows imports of the form `from .x import y` only, and so the
files are written side by side, with imports across packages rewritten.
"""

from __future__ import annotations

import ast
import os
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from transformers import PreTrainedConfig
from transformers.utils import PushToHubMixin


PACKAGES = ("configuration_emo", "modeling_emo", "preprocess")
_ROOT = Path(__file__).resolve().parent.parent
_IMPORT = re.compile(r"\s*from\s+[.\w]+\s+import\b")


class SelfContained(PushToHubMixin):
    """Lets a configuration, model or processor write the code that it is made of whenever it is saved.

    A subclass that the saved class does not name, such as one of a user, is saved as Transformers does it: without our
    code and without a claim that our code would load it.

    Class attributes:
        _auto_map_classes (`dict[str, str]`): by the name of an auto class, the class of the same module that it loads.
        _config_file (`str`): the file that says so.
    """

    _auto_map_classes: ClassVar[dict[str, str]] = {}
    _config_file = "config.json"

    def save_pretrained(self, save_directory, *args, **kwargs):
        """As in Transformers, and the code that a machine without EmoBERT needs.

        Args:
            save_directory (`str` or `os.PathLike`): the folder.
            args, kwargs: as in Transformers.
        """
        self._name_code()
        saved = super().save_pretrained(os.fspath(save_directory), *args, **kwargs)
        self._write_code(save_directory)
        if not isinstance(self._auto_map_owner, PreTrainedConfig):
            vars(self).pop("auto_map", None)  # only configurations have it when they are loaded
        return saved

    def _upload_modified_files(self, working_dir, *args, **kwargs):
        # `save_pretrained(push_to_hub=True)` uploads before it returns, and only what was written since it began.
        self._write_code(working_dir)
        return super()._upload_modified_files(working_dir, *args, **kwargs)

    @property
    def _auto_map_owner(self) -> Any:
        """The object whose `auto_map` is saved."""
        return self

    def _name_code(self) -> None:
        """Enters our classes into `auto_map`, or takes them out where another class is saved."""
        ours = {auto_class: _reference(cls) for auto_class, cls in self._own_classes().items()}
        auto_map = dict(getattr(self._auto_map_owner, "auto_map", None) or {})
        if self._is_own():
            auto_map |= ours
        else:
            auto_map = {name: reference for name, reference in auto_map.items() if reference != ours.get(name)}
        if auto_map or hasattr(self._auto_map_owner, "auto_map"):
            self._auto_map_owner.auto_map = auto_map

    def _write_code(self, folder) -> None:
        # Without that file nothing was saved that would need the code: an adapter only, or by another process.
        if self._is_own() and (Path(folder) / self._config_file).is_file():
            write_code(folder, *self._own_classes().values())

    def _own_classes(self) -> dict[str, type]:
        owner = next(cls for cls in type(self).__mro__ if "_auto_map_classes" in vars(cls))
        module = sys.modules[owner.__module__]
        return {auto_class: getattr(module, name) for auto_class, name in self._auto_map_classes.items()}

    def _is_own(self) -> bool:
        # Sharding puts a class of its own, made in torch, in front of the model's.
        saved = next(cls for cls in type(self).__mro__ if not cls.__module__.startswith("torch."))
        return saved in self._own_classes().values()


class NamesPipelines:
    """Lets a configuration say which pipeline of ours its model has, for `pipeline()` where EmoBERT is not installed.

    `config.json` says so under `custom_pipelines`. Under that name a loaded configuration would make `pipeline()`
    insist on code from the model's folder where EmoBERT is installed too, and so it is kept as `remote_pipelines`.
    """

    remote_pipelines: dict[str, Any] | None = None

    def _keep_pipelines(self, fields: dict[str, Any]) -> None:
        """Takes them out of the fields that a configuration is made with."""
        if not is_remote_copy():
            self.remote_pipelines = fields.pop("custom_pipelines", None)

    def to_dict(self) -> dict[str, Any]:
        """All fields, in types that JSON has."""
        fields = super().to_dict()  # type: ignore[misc]  # of the configuration that this is mixed into
        remote_pipelines = fields.pop("remote_pipelines", None) or {}
        # `pipeline()` puts classes in the place of their names into the configuration that it has loaded.
        pipelines = {
            task: {**pipeline, "pt": [getattr(cls, "__name__", cls) for cls in pipeline.get("pt", ())]}
            for task, pipeline in {**fields.pop("custom_pipelines", {}), **remote_pipelines}.items()
        }
        return {**fields, "custom_pipelines": pipelines} if pipelines else fields


def write_code(folder: str | Path, *classes: type) -> list[Path]:
    """Writes the modules that define these classes, and all of ours that they import, side by side.

    Args:
        folder (`str` or `Path`): where to; files of the same names are replaced.
        classes (`type`): what is to be loaded from there.

    Returns:
        `list[Path]`: the files.

    Raises:
        ValueError: see [`flat_sources`].

    Example:

    ```python
    >>> from tempfile import mkdtemp
    >>> from configuration_emo import VqWav2VecConfig
    >>> from configuration_emo import write_code

    >>> [path.name for path in write_code(mkdtemp(), VqWav2VecConfig)]
    ['configuration_vq_wav2vec.py', 'convolution_frames.py', 'hub_code.py']

    ```
    """
    written = []
    for name, source in flat_sources(*sorted({str(sys.modules[cls.__module__].__file__) for cls in classes})).items():
        written.append(Path(folder) / f"{name}.py")
        written[-1].write_text(source, encoding="utf-8")
    return written


@cache
def flat_sources(*files: str) -> dict[str, str]:
    """Modules and all of ours that they import, with imports that hold when all lie in one folder.

    Args:
        files (`str`): Python files, of these packages or of a folder that was written by [`write_code`].

    Returns:
        `dict[str, str]`: source by module name, in alphabetical order.

    Raises:
        ValueError: two modules have one name, or an import is of a form that cannot be followed. Names the file.
    """
    paths: dict[str, Path] = {}
    sources: dict[str, str] = {}
    waiting = [Path(file).resolve() for file in files]
    while waiting:
        path = waiting.pop()
        if paths.setdefault(path.stem, path) != path:
            raise ValueError(
                f"{paths[path.stem]} and {path} would become one file, {path.name}, beside the weights: rename one."
            )
        if path.stem not in sources:
            sources[path.stem], needed = _flatten(path)
            waiting += needed
    return dict(sorted(sources.items()))


def _flatten(path: Path) -> tuple[str, list[Path]]:
    """One module's source with rewritten imports, and the modules of ours that it imports."""
    source = path.read_text(encoding="utf-8")
    lines = source.splitlines(keepends=True)
    needed = []
    for node in _own_imports(path, source):
        module = _module_file(path, node)
        first, last = node.lineno - 1, node.end_lineno or node.lineno
        if module.name != "__init__.py":
            lines[first] = _IMPORT.sub(f"{' ' * node.col_offset}from .{module.stem} import", lines[first], count=1)
            needed.append(module)
            continue
        rewritten = ""
        for alias in node.names:
            definition, name = _definition(module, alias.name)
            known_as = alias.asname or alias.name
            renamed = f" as {known_as}" if known_as != name else ""
            rewritten += f"{' ' * node.col_offset}from .{definition.stem} import {name}{renamed}\n"
            needed.append(definition)
        lines[first:last] = [rewritten, *[""] * (last - first - 1)]  # the later lines keep their numbers
    return "".join(lines), needed


def _own_imports(path: Path, source: str) -> Iterator[ast.ImportFrom]:
    """Imports of our modules, wherever in the file."""
    for node in ast.walk(ast.parse(source, str(path))):
        if isinstance(node, ast.Import):
            if any(alias.name.split(".")[0] in PACKAGES for alias in node.names):
                raise ValueError(f"{path}, line {node.lineno}: write `from package.module import name` instead.")
        elif isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").split(".")[0] in PACKAGES):
            if node.level and node.module is None:
                raise ValueError(f"{path}, line {node.lineno}: write `from .module import name` instead.")
            yield node


def _module_file(path: Path, node: ast.ImportFrom) -> Path:
    """The file that an import in `path` names: a module, or the `__init__.py` of a package."""
    base = path.parents[node.level - 1] if node.level else _ROOT
    place = base.joinpath(*(node.module or "").split("."))
    for file in (place.with_name(f"{place.name}.py"), place / "__init__.py"):
        if file.is_file():
            return file
    raise ValueError(f"{path}, line {node.lineno}: there is neither {place}.py nor {place / '__init__.py'}.")


def _definition(package: Path, name: str) -> tuple[Path, str]:
    """The module from which a package's `__init__.py` has a name, and the name that it has there."""
    for node in _own_imports(package, package.read_text(encoding="utf-8")):
        for alias in node.names:
            if (alias.asname or alias.name) == name:
                module = _module_file(package, node)
                is_package = module.name == "__init__.py"
                return _definition(module, alias.name) if is_package else (module, alias.name)
    raise ValueError(f"{package} does not import {name!r} from a module: import it from where it is defined.")


def _reference(cls: type) -> str:
    """A class as `auto_map` names it: `module.Class`."""
    return f"{cls.__module__.rpartition('.')[2]}.{cls.__name__}"


def is_remote_copy() -> bool:
    """Whether this is the code that Transformers loaded from beside the weights, not the installed package."""
    return __name__.split(".")[0] not in PACKAGES
