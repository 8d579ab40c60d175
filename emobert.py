"""All public names of EmoBERT under one.

    import emobert  # registers models, processors and pipelines with Transformers

    emobert.EmoBertForSequenceClassification.from_pretrained("outputs/demo")

The names live in `configuration_emo`, `modeling_emo` and `preprocess`, and are imported when they are first used.
"""

from typing import TYPE_CHECKING, Any

import configuration_emo
import modeling_emo
import preprocess


if TYPE_CHECKING:
    from configuration_emo import *  # noqa: F403
    from modeling_emo import *  # noqa: F403
    from preprocess import *  # noqa: F403

__version__ = "0.1.0.dev0"

_PACKAGES = (configuration_emo, modeling_emo, preprocess)

__all__ = list(dict.fromkeys(name for package in _PACKAGES for name in package.__all__))


def __getattr__(name: str) -> Any:
    for package in _PACKAGES:
        if name in package.__all__:
            return getattr(package, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)


def __dir__() -> list[str]:
    return sorted(__all__)
