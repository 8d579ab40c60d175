"""Hooks of MkDocs: a page of reference for each package, made of what it publishes, and links from name to name."""

import ast
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from markdown import Extension
from markdown.inlinepatterns import InlineProcessor
from mkdocs.structure.files import File


ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ("commands_emo", "configuration_emo", "modeling_emo", "preprocess")


def public_names(package):
    """Public names of a package by the wing, or the file, that they lie in, as its `__init__.py` imports them."""
    source = ast.parse((ROOT / package / "__init__.py").read_text(encoding="utf-8"))
    wings = {}
    for block in source.body:
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING":
            for statement in block.body:
                if isinstance(statement, ast.ImportFrom) and statement.level == 1:
                    wing = statement.module.split(".")[0]
                    for alias in statement.names:
                        place = f"{statement.module}.{alias.name}"
                        wings.setdefault(wing, {})[alias.asname or alias.name] = place
    return source, wings


def on_files(files, config):
    """Adds the pages `api/<package>.md`."""
    for package in PACKAGES:
        source, wings = public_names(package)
        lines = [f"# `{package}`", "", ast.get_docstring(source) or "", ""]
        for wing, places in sorted(wings.items()):
            lines += [f"## {wing.replace('_', ' ').capitalize()}", ""]
            for place in sorted(places.values()):
                lines += [f"::: {package}.{place}", ""]
        files.append(File.generated(config, f"api/{package}.md", content="\n".join(lines)))
    return files


class NameLinks(Extension):
    """[`EmoBertModel`] in a docstring leads to its reference."""

    def extendMarkdown(self, md):  # noqa: N802  the name that Markdown calls
        targets = {}
        for package in PACKAGES:
            for places in public_names(package)[1].values():
                targets |= {name: f"{package}.{place}" for name, place in places.items()}

        class Link(InlineProcessor):
            def handleMatch(self, match, data):  # noqa: N802
                name = match[1].lstrip("~").split(".")[-1]
                code = ElementTree.Element("code")
                code.text = match[1].lstrip("~")
                if name not in targets:
                    return code, *match.span()
                link = ElementTree.Element("autoref", {"identifier": targets[name], "optional": ""})
                link.append(code)
                return link, *match.span()

        # Before code in backticks, which has 190.
        md.inlinePatterns.register(Link(r"\[`(~?[\w.]+)`\](?![\[(])", md), "name_links", 195)


def on_config(config):
    config.markdown_extensions.append(NameLinks())
    return config
