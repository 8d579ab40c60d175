"""An explanation as HTML that fits any width and both themes: words and moments in the colours of their weight."""

from html import escape
from typing import Any

import numpy as np

from modeling_emo import Explanation


# Against the label, nothing, for it; dark text is readable on all of them.
_AGAINST, _NOTHING, _FOR = np.array([90, 162, 214]), np.array([244, 244, 245]), np.array([240, 138, 75])
_COLUMNS = 300
_SHAPE = f'viewBox="0 0 {_COLUMNS} 100" preserveAspectRatio="none" shape-rendering="crispEdges" role="img"'
EXPLANATION_STYLE = """
.why { font-size: 0.95rem; }
.why svg { width: 100%; height: 5.5rem; display: block; border-radius: 0.25rem; }
.why .look { height: 2.2rem; margin-top: 0.2rem; }
.why-ends { display: flex; justify-content: space-between; font-size: 0.8rem; color: var(--body-text-color-subdued); }
.why-words { line-height: 2.1; margin: 0.6rem 0; }
.why-word { color: #18181b; border-radius: 0.25rem; padding: 0.1rem 0.35rem; margin-right: 0.15rem; }
.why-key { color: #18181b; border-radius: 0.25rem; padding: 0.05rem 0.4rem; }
"""


def explanation_html(explanation: Explanation, *, is_part_of_more: bool = False) -> str:
    """The recording with its spans, and the text with its words, on one scale of colours.

    Args:
        explanation ([`Explanation`]): of the pipeline.
        is_part_of_more (`bool`, defaults to False): the shown prediction is a mean over segments, which is said.

    Returns:
        `str`: HTML; `EXPLANATION_STYLE` belongs to it.
    """
    is_score = explanation.unit == "score"
    number = f"{explanation.score:+.2f}" if is_score else f"{explanation.score:.0%}"
    units: list[Any] = [*explanation.words, *explanation.spans]
    limit = max((abs(unit.attribution) for unit in units), default=0.0) or 1.0
    parts = [f"<h3>Why {escape(explanation.label)} {number}</h3>"]
    if is_part_of_more:
        parts.append(
            '<p class="said">Of the whole as one utterance, its channels mixed; the prediction above is a mean over '
            "the timeline.</p>"
        )
    if explanation.spans:
        parts.append(_voice(explanation, limit))
    if explanation.words:
        words = "".join(
            f'<span class="why-word" title="{word.attribution:+.2g}" style="background: '
            f'{_colour(word.attribution, limit)}">{escape(word.text)}</span> '
            for word in explanation.words
        )
        parts.append(f'<div class="why-words">{words}</div>')
    verbs = ("lowers", "raises") if is_score else ("speaks against it", "speaks for it")
    keys = " ".join(
        f'<span class="why-key" style="background: {_colour(sign * limit, limit)}">{verb} (up to {limit:.2g})</span>'
        for sign, verb in zip((-1, 1), verbs, strict=True)
    )
    parts.append(f'<p class="said">{keys} Contributions to the {explanation.unit}.</p>')
    return f'<div class="why">{"".join(parts)}</div>'


def _voice(explanation: Explanation, limit: float) -> str:
    end = explanation.spans[-1].end_s
    rects = "".join(_rect(span, end, 0, 100, _colour(span.attribution, limit)) for span in explanation.spans)
    wave = "" if explanation.waveform is None else _wave(explanation.waveform)
    html = f'<svg {_SHAPE} aria-label="The recording and what its moments contribute">{rects}{wave}</svg>'
    if any(span.attention is not None for span in explanation.spans):
        html += _attention(explanation, end)
    return f'{html}<div class="why-ends"><span>0 s</span><span>{end:.1f} s</span></div>'


def _wave(waveform: np.ndarray) -> str:
    pieces = [piece for piece in np.array_split(waveform, _COLUMNS) if len(piece)]
    highest = max(float(np.abs(waveform).max()), 1e-9)
    lines = "".join(
        f"M{index + 0.5} {50 - 48 * float(piece.max()) / highest:.1f}V{50.5 - 48 * float(piece.min()) / highest:.1f}"
        for index, piece in enumerate(pieces)
    )
    return f'<path d="{lines}" stroke="#27272a" stroke-width="0.8" fill="none"/>'


def _attention(explanation: Explanation, end: float) -> str:
    """How much of the text's look a moment gets, by its length."""
    looks: list[Any] = [(one.attention or 0.0) / (one.end_s - one.start_s) for one in explanation.spans]
    highest = max(looks) or 1.0
    heights = [100 * look / highest for look in looks]
    rects = "".join(
        _rect(span, end, 100 - height, height, "#8f5fbf")
        for span, height in zip(explanation.spans, heights, strict=True)
    )
    look = f'<svg class="look" {_SHAPE} aria-label="Where the text looks">{rects}</svg>'
    return f'{look}<div class="why-ends"><span>violet: where the text looks</span></div>'


def _rect(span: Any, end: float, top: float, height: float, colour: str) -> str:
    left, right = (_COLUMNS * seconds / end for seconds in (span.start_s, span.end_s))
    # A little wider, so that no hairline shows between neighbours.
    return (
        f'<rect x="{left:.2f}" width="{right - left + 0.3:.2f}" y="{top:.1f}" height="{height:.1f}" fill="{colour}"/>'
    )


def _colour(attribution: float, limit: float) -> str:
    share = attribution / limit
    mixed = _NOTHING + abs(share) * ((_FOR if share > 0 else _AGAINST) - _NOTHING)
    return "#" + "".join(f"{round(value):02x}" for value in mixed)
