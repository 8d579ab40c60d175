"""Predicted scores as marks on their scale, for the page."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any


GAUGE_STYLE = """
.gauge { margin: 0.4rem 0 1.4rem; }
.gauge-name { color: var(--body-text-color-subdued); }
.gauge-value { font-size: 2.4rem; font-weight: 600; line-height: 1.2; font-variant-numeric: tabular-nums; }
.gauge-track { position: relative; height: 0.7rem; margin: 0.4rem 0.4rem 0.2rem; border-radius: 0.35rem;
  background: var(--border-color-primary); }
.gauge-mark { position: absolute; top: -0.25rem; width: 0.5rem; height: 1.2rem; margin-left: -0.25rem;
  border-radius: 0.25rem; background: #0072b2; box-shadow: 0 0 0 2px var(--background-fill-primary); }
.gauge-ends { display: flex; justify-content: space-between; color: var(--body-text-color-subdued);
  font-size: 0.85rem; }
"""


def gauge_html(predictions: Sequence[Mapping[str, Any]], score_range: Sequence[float] | None) -> str:
    """One gauge per score.

    Args:
        predictions (sequence of `dict`): `label` and `score`, as the pipeline returns them.
        score_range (`(lowest, highest)`, *optional*): the scale, `config.label_range`; without it the numbers alone.

    Returns:
        `str`: HTML; `GAUGE_STYLE` belongs to it.
    """
    return "".join(_gauge(entry["label"], entry["score"], score_range) for entry in predictions)


def _gauge(label: str, score: float, score_range: Sequence[float] | None) -> str:
    head = f'<div class="gauge-name">{escape(label)}</div><div class="gauge-value">{score:+.2f}</div>'
    if score_range is None:
        return f'<div class="gauge">{head}</div>'
    low, high = score_range
    position = 100 * min(max((score - low) / (high - low), 0.0), 1.0)
    return (
        f'<div class="gauge">{head}'
        f'<div class="gauge-track"><div class="gauge-mark" style="left: {position:.1f}%"></div></div>'
        f'<div class="gauge-ends"><span>{low:+g}</span><span>{(low + high) / 2:g}</span><span>{high:+g}</span></div>'
        "</div>"
    )
