"""An extension of Griffe: docstrings in Transformers' style, as the parser of Google's style reads them."""

import re

from griffe import Extension


# `    name, other (`int`, *optional*): ...`, the type and what is said of it.
_ARGUMENT = re.compile(r"^( +[\w, *]+ \()([^\n]*?)(\):)", re.MULTILINE)


class TransformersStyle(Extension):
    """Doctests behind `Example:` are set as code, and types, which are code too, without their backticks."""

    def on_object(self, *, obj, **kwargs):
        if obj.docstring is None:
            return
        text = re.sub(r"^Example:(?=\n+ +>>>)", "Examples:", obj.docstring.value, flags=re.MULTILINE)
        obj.docstring.value = _ARGUMENT.sub(lambda found: found[1] + re.sub("[`*]", "", found[2]) + found[3], text)
