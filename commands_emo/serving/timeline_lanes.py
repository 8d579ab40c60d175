"""A timeline as HTML that fits any width and both themes: a lane for each speaker, a bar for each segment."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any


# Okabe and Ito's, which people with any colour vision tell apart.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#e69f00", "#cc79a7", "#56b4e9", "#aa4499", "#8a8a8a")
TIMELINE_STYLE = """
.lanes { font-size: 0.9rem; }
.lanes h3, .why h3 { margin: 0 0 0.2rem; font-size: 1.05rem; }
.lanes .said, .why .said { color: var(--body-text-color-subdued); margin: 0 0 0.6rem; }
.lane { display: grid; grid-template-columns: minmax(0, 6.5rem) minmax(0, 1fr) minmax(0, 7rem); gap: 0.2rem 0.6rem;
  align-items: center; margin-bottom: 0.4rem; }
.lane > :first-child { overflow-wrap: anywhere; }
.lane-track { position: relative; height: 2.6rem; background: var(--background-fill-secondary);
  border: 1px solid var(--border-color-primary); border-radius: 0.25rem; overflow: hidden; }
.lane-bar { position: absolute; min-width: 2px; border-radius: 1px; }
.lane-zero { position: absolute; left: 0; right: 0; border-top: 1px dashed var(--body-text-color-subdued); }
.lane-ends { display: flex; justify-content: space-between; grid-column: 2; font-size: 0.8rem;
  color: var(--body-text-color-subdued); }
.keys { display: flex; flex-wrap: wrap; gap: 0.2rem 1rem; margin: 0.4rem 0; }
.keys i { display: inline-block; width: 0.8rem; height: 0.8rem; border-radius: 0.15rem; margin-right: 0.35rem;
  vertical-align: -0.05rem; }
.lanes table { width: 100%; border-collapse: collapse; margin-top: 0.4rem; }
.lanes td, .lanes th { text-align: left; padding: 0.15rem 0.6rem 0.15rem 0; vertical-align: top; }
.lanes summary { cursor: pointer; }
@media (max-width: 520px) { .lane { grid-template-columns: 1fr auto; }
  .lane > :nth-child(2) { grid-column: 1 / -1; grid-row: 2; } .lane-ends { grid-column: 1 / -1; } }
"""


def timeline_html(
    result: Mapping[str, Any],
    *,
    has_classes: bool,
    score_range: Sequence[float] | None = None,
    of_sound: bool = False,
    seconds: float | None = None,
) -> str:
    """Bars of classes are as high as the most probable label's probability, those of scores end at the score.

    Silence, which has no predictions, is left empty. Below is the same as a table.

    Args:
        result (`dict`): of the pipeline, with `chunks` that have times.
        has_classes (`bool`): whether scores are probabilities.
        score_range (`(lowest, highest)`, *optional*): the scale of scores.
        of_sound (`bool`): the shown prediction has heard more than the timeline, which is said.
        seconds (`float`, *optional*): of the recording; the end of the last segment if left out.

    Returns:
        `str`: HTML; `TIMELINE_STYLE` belongs to it.
    """
    chunks = result["chunks"]
    end = max([seconds or 1e-3, *(chunk["timestamp"][1] for chunk in chunks)])
    labels = sorted({entry["label"] for chunk in chunks for entry in chunk["predictions"] or []})
    colours = {label: COLOURS[min(index, len(COLOURS) - 1)] for index, label in enumerate(labels)}
    speakers = list(result.get("speakers") or {None: result["predictions"]})
    means = result.get("speakers") or {None: result["predictions"]}
    lanes, used = [], set()
    for speaker in speakers:
        own = [one for one in chunks if one["predictions"] and ("speaker" not in one or one["speaker"] == speaker)]
        if has_classes:
            bars = "".join(_class_bar(chunk, end, colours) for chunk in own)
            used |= {_best(chunk)["label"] for chunk in own}
            lanes.append(_lane(speaker or "", bars, _mean(means[speaker], has_classes=True)))
            continue
        low, high = _scale(chunks, score_range)
        for label in labels:
            zero = f'<div class="lane-zero" style="bottom: {100 * (0 - low) / (high - low):.1f}%"></div>'
            bars = "".join(_score_bar(chunk, label, end, low, high, colours[label]) for chunk in own)
            name = " · ".join(part for part in (speaker, label) if part)
            value = next((e["score"] for e in means[speaker] or [] if e["label"] == label), None)
            lanes.append(
                _lane(name, (zero if low < 0 < high else "") + bars, "" if value is None else f"{value:+.2f}")
            )
    whole = _mean(result["predictions"], has_classes=has_classes)
    said = f"{'Of the sound alone. ' if of_sound else ''}Mean by duration: {whole}. Empty: nothing is heard."
    if has_classes:
        said += " Height: probability of the most probable label."
    ends = f'<div class="lane"><div class="lane-ends"><span>0:00</span><span>{_clock(end / 2)}</span>'
    ends += f"<span>{_clock(end)}</span></div></div>"
    keys = "".join(f'<span><i style="background: {colours[one]}"></i>{escape(one)}</span>' for one in sorted(used))
    return (
        f'<div class="lanes"><h3>Timeline</h3><p class="said">{escape(said)}</p>{"".join(lanes)}{ends}'
        f'<div class="keys">{keys}</div>{_table(chunks, has_classes)}</div>'
    )


def _lane(name: str, bars: str, mean: str) -> str:
    cells = f'<div>{escape(name)}</div><div class="lane-track">{bars}</div><div>{escape(mean)}</div>'
    return f'<div class="lane">{cells}</div>'


def _class_bar(chunk: Mapping[str, Any], end: float, colours: Mapping[str, str]) -> str:
    best = _best(chunk)
    return _bar(chunk, end, 0, 100 * best["score"], colours[best["label"]], f"{best['label']} {best['score']:.0%}")


def _score_bar(chunk: Mapping[str, Any], label: str, end: float, low: float, high: float, colour: str) -> str:
    score = next(entry["score"] for entry in chunk["predictions"] if entry["label"] == label)
    base = min(max(0.0, low), high)
    bottom, top = sorted(100 * (min(max(value, low), high) - low) / (high - low) for value in (base, score))
    return _bar(chunk, end, bottom, max(top - bottom, 2), colour, f"{label} {score:+.2f}")


def _bar(chunk: Mapping[str, Any], end: float, bottom: float, height: float, colour: str, said: str) -> str:
    start, stop = chunk["timestamp"]
    return (
        f'<div class="lane-bar" title="{_clock(start)} to {_clock(stop)}: {escape(said)}" style="left: '
        f"{100 * start / end:.2f}%; width: {100 * (stop - start) / end:.2f}%; bottom: {bottom:.1f}%; "
        f'height: {height:.1f}%; background: {colour}"></div>'
    )


def _table(chunks: Sequence[Mapping[str, Any]], has_classes: bool) -> str:
    rows = []
    for chunk in chunks:
        start, stop = chunk["timestamp"]
        cells = [f"{_clock(start)} to {_clock(stop)}", chunk.get("speaker") or "", chunk.get("text") or ""]
        cells.insert(2, _mean(chunk["predictions"], has_classes=has_classes))
        rows.append("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>")
    head = "".join(f"<th>{name}</th>" for name in ("time", "speaker", "prediction", "text"))
    return f"<details><summary>As a table</summary><table><tr>{head}</tr>{''.join(rows)}</table></details>"


def _scale(chunks: Sequence[Mapping[str, Any]], score_range: Sequence[float] | None) -> tuple[float, float]:
    scores = [entry["score"] for chunk in chunks for entry in chunk["predictions"] or []]
    low, high = (min([0.0, *scores]), max([0.0, *scores])) if score_range is None else score_range
    return (low, high) if high > low else (low, low + 1)


def _best(chunk: Mapping[str, Any]) -> Mapping[str, Any]:
    return max(chunk["predictions"], key=lambda entry: entry["score"])


def _mean(predictions: Sequence[Mapping[str, Any]] | None, *, has_classes: bool) -> str:
    if predictions is None:
        return "nothing is heard"
    if has_classes:
        best = max(predictions, key=lambda entry: entry["score"])
        return f"{best['label']} {best['score']:.0%}"
    return ", ".join(f"{entry['label']} {entry['score']:+.2f}" for entry in predictions)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds, 1), 60)
    return f"{int(minutes)}:{rest:04.1f}"
