"""Pictures of explanations: what is written and coloured, read back from SVG, and valid PNG files of any content."""

import dataclasses
import re
import warnings

import matplotlib
import numpy as np
import pytest
from matplotlib import _pylab_helpers
from matplotlib.colors import to_hex
from PIL import Image

from modeling_emo.explanation.co_attention_maps import CoAttentionMaps
from modeling_emo.explanation.explain import Explanation, SpanExplanation, WordExplanation
from modeling_emo.plots.explanation import AGAINST_TO_FOR, plot_explanation
from modeling_emo.plots.text_layout import MISSING, drawable, lay_out


@pytest.fixture(autouse=True)
def untouched_global_state():
    settings = dict(matplotlib.rcParams)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a missing glyph is a warning
        yield
    assert dict(matplotlib.rcParams) == settings
    assert not _pylab_helpers.Gcf.figs


def explanation(text="how nice", seconds=0.3, unit="log-odds", waveform=True, attention=True):
    """Contributions of the words and of 0.1 s spans are 1, -2, 1, -2, ..."""
    words, spans = (text or "").split(), round(seconds * 10)
    shares = {"attention": 0.1 if attention and words and spans else None}
    return Explanation(
        label="happy",
        score=0.75 if unit == "log-odds" else -1.25,
        value=1.1,
        unit=unit,
        text=text,
        words=[WordExplanation(word, 0, 1, (1, -2)[i % 2], **shares) for i, word in enumerate(words)],
        spans=[SpanExplanation(i / 10, (i + 1) / 10, (1, -2)[i % 2], **shares) for i in range(spans)],
        baseline_value=0.1,
        convergence_delta=0.0,
        co_attention=CoAttentionMaps(np.ones((1, 1, 1)), np.ones((1, 1, 1))) if shares["attention"] else None,
        duration_s=seconds or None,
        waveform=np.sin(np.arange(round(seconds * 16_000)) / 5) if waveform and seconds else None,
    )


def texts(path):
    """The strings in an SVG: matplotlib writes each as a comment before its outlines."""
    return re.findall(r"<!-- (.*?) -->", path.read_text(encoding="utf-8"), flags=re.DOTALL)


def fills(path, value):
    """How many shapes of an SVG have the colour of a contribution, as a part of the strongest."""
    colour = to_hex(AGAINST_TO_FOR(0.5 + 0.5 * value))
    return len(re.findall(rf"fill: {colour}[;\"]", path.read_text(encoding="utf-8")))


def test_words_and_spans_are_coloured_by_their_contribution(tmp_path):
    path = plot_explanation(explanation("how nice it is", 0.3), tmp_path / "new" / "picture.svg")
    assert path == tmp_path / "new" / "picture.svg"
    written = texts(path)
    assert {"how", "nice", "it", "is", "happy 75%", "voice", "attention", "seconds"} <= set(written)
    assert "log-odds +1.10   0.3 s of speech, 4 words" in written
    assert {"against 2", "for 2"} <= set(written)
    assert "contribution to the log-odds, at most 2; purple: co-attention" in written
    assert fills(path, 0.5) == 4  # two words and two spans
    assert fills(path, -1.0) == 3  # two words and one span


def test_a_score_is_lowered_or_raised(tmp_path):
    path = plot_explanation(explanation("so sad", 0, unit="score"), tmp_path / "picture.svg")
    written = texts(path)
    assert {"happy -1.25", "2 words", "lowers 2", "raises 2", "contribution to the score, at most 2"} <= set(written)
    assert not {"voice", "attention", "seconds"} & set(written)


def test_one_fixed_scale_for_words_and_spans_and_all_pictures(tmp_path):
    content = explanation("fine", 0.1)
    spans = [dataclasses.replace(content.spans[0], attribution=4.0)]
    path = plot_explanation(dataclasses.replace(content, spans=spans), tmp_path / "picture.svg")
    assert (fills(path, 0.5), fills(path, 1.0)) == (1, 1)  # 1 is half of the strongest colour, 4 is beyond it
    assert {"for 2", "contribution to the log-odds, at most 4; purple: co-attention"} <= set(texts(path))
    assert "log-odds +1.10   0.1 s of speech, 1 word" in texts(path)
    # Little is pale, however little the rest is.
    weak = [dataclasses.replace(content.words[0], attribution=0.04)]
    path = plot_explanation(dataclasses.replace(content, spans=[], words=weak), tmp_path / "weak.svg")
    assert (fills(path, 0.02), fills(path, 1.0)) == (1, 0)
    path = plot_explanation(dataclasses.replace(content, spans=[], words=weak), tmp_path / "own.svg", scale=0.04)
    assert fills(path, 1.0) == 1 and "for 0.04" in texts(path)
    with pytest.raises(ValueError, match="scale must be positive, got 0"):
        plot_explanation(content, tmp_path / "picture.svg", scale=0)


def test_scores_are_shown_on_a_quarter_of_the_models_range(tmp_path):
    content = dataclasses.replace(explanation("so sad", 0, unit="score"), score_range=(-4.0, 8.0))
    path = plot_explanation(content, tmp_path / "picture.svg")
    assert {"lowers 3", "raises 3"} <= set(texts(path)) and fills(path, 1 / 3) == 1


def test_a_title_of_one_s_own(tmp_path):
    assert "call.wav" in texts(plot_explanation(explanation(), tmp_path / "picture.svg", title="call.wav"))


@pytest.mark.parametrize(
    "content",
    [
        explanation(),
        explanation(None, 1.0),
        explanation("one two three", 0),
        explanation("word " * 80, 10.0),
        explanation("hm", 0.1, waveform=False, attention=False),
        explanation("$5 and $_{$ _{x} \\frac <b>&amp;</b>", 0.2),
        explanation("今天天气很好 😀 👍🏽 हिन्दी العربية \x07 \ufe0f", 0.2),
        explanation("a" * 400, 0),
        dataclasses.replace(explanation(), waveform=np.zeros(1)),
        dataclasses.replace(
            explanation(), words=[WordExplanation("flat", 0, 4, 0.0, None)], spans=[], co_attention=None
        ),
    ],
)
def test_every_content_makes_a_picture(content, tmp_path):
    path = plot_explanation(content, tmp_path / "picture.png")
    with Image.open(path) as image:
        image.load()
        assert image.format == "PNG"
        assert image.width == 1350
        lines = 1 if len(content.words) < 80 else 4
        assert image.height >= 150 * (0.72 + 0.4 * lines * bool(content.words))
        assert np.asarray(image.convert("L")).std() > 3  # not blank


def test_long_texts_are_wrapped_and_long_words_cut():
    places = lay_out(["word"] * 40 + ["a" * 400], width=3.0, size=11)
    assert max(place.line for place in places) >= 5
    assert all(place.x + place.width <= 3.0 for place in places)
    for before, after in zip(places, places[1:], strict=False):
        same_line = after.line == before.line
        assert after.x >= before.x + before.width if same_line else (after.x == 0 and after.line == before.line + 1)
    assert places[-1].text.endswith("a…")


def test_characters_without_a_glyph_become_squares():
    assert drawable("mir мир \U0010fffd a\u200d") == f"mir мир {MISSING} a"
