"""The page: a recording and its transcript on one side, what the model makes of them on the other; and a live tab."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from ..arguments import ServeArguments
from .explanation_view import EXPLANATION_STYLE, explanation_html
from .gauge import GAUGE_STYLE, gauge_html
from .live_tab import LIVE_STYLE, can_stream, live_html
from .model_facts import ModelFacts
from .service import Analysis, Cancelled, EmotionService
from .timeline_lanes import TIMELINE_STYLE, timeline_html


TITLE = "Emotion in speech and text"
# Gradio answers a file of another kind with a list of thirteen names of media types.
SCRIPT = """
new MutationObserver(() => {
  for (const said of document.querySelectorAll('[data-testid="toast-body"] *')) {
    const found = said.children.length === 0 && said.textContent.match(/Invalid file type: (.*)\\. Only .* allowed/s);
    if (found) said.textContent = `${found[1]} is no sound file. Give wav, mp3, flac, ogg, m4a or webm.`;
  }
}).observe(document, { childList: true, subtree: true });
"""
EMPTY_SCORE = '<p class="empty">The predicted score comes here.</p>'
EXAMPLES = (
    "Thank you so much, this is wonderful!",
    "I waited for an hour and nobody came.",
    "Well, it is what it is.",
)
STYLE = f"""
footer {{ opacity: 1; }}
button[role="tab"].selected {{ color: var(--body-text-color) !important; }}
#speech time, #speech .playback, #speech .playback span {{ color: var(--body-text-color) !important; }}
.gradio-container {{ width: 100%; min-width: 0 !important; max-width: 1100px !important; margin: 0 auto !important; }}
#limits p, #facts p {{ color: var(--body-text-color-subdued); font-size: 0.9rem; overflow-wrap: anywhere; }}
.empty {{ color: var(--body-text-color-subdued); padding: 1.5rem 0; text-align: center; }}
{GAUGE_STYLE}{TIMELINE_STYLE}{EXPLANATION_STYLE}{LIVE_STYLE}
"""


def add_page(service: EmotionService, arguments: ServeArguments, facts: ModelFacts) -> None:
    """Lays out the page inside a `gr.Blocks` and connects it.

    Args:
        service (`EmotionService`): what answers.
        arguments (`ServeArguments`): the limits, which the page states.
        facts (`ModelFacts`): what the page says of the model.
    """
    gr.Markdown(f"# {TITLE}\nRecord or upload speech, type what is said, or both.")
    gr.HTML(_facts(facts), elem_id="facts")
    if not can_stream():
        _add_recording(service, arguments)
        return
    with gr.Tabs():
        with gr.Tab("Recording"):
            _add_recording(service, arguments)
        with gr.Tab("Live"):
            gr.HTML(live_html(service.recognise.model.config.problem.has_classes))


def _add_recording(service: EmotionService, arguments: ServeArguments) -> None:
    config = service.recognise.model.config
    has_classes = config.problem.has_classes
    running: dict[str, threading.Event] = {}  # by session, what ends its explanation
    with gr.Row():
        with gr.Column():
            audio = gr.Audio(
                sources=["upload", "microphone"],
                type="filepath",
                editable=False,
                buttons=["download"],
                label="Speech",
                elem_id="speech",
            )
            channels = gr.Checkbox(label="Each channel is a speaker", visible=False, elem_id="channels")
            text = gr.Textbox(
                label="Transcript",
                info="Where it is left empty, speech is recognised." if service.asr else "May be left empty.",
                placeholder="What is said, word for word",
                lines=3,
                max_length=arguments.max_text_length,
                visible=service.reads_text,
                elem_id="transcript",
            )
            with gr.Row():
                analyse_button = gr.Button("Recognise", variant="primary", elem_id="recognise")
                clear_button = gr.Button("Clear", elem_id="clear")
            if service.reads_text:
                with gr.Row(elem_id="examples"):
                    examples = [gr.Button(example, size="sm") for example in EXAMPLES]
            gr.Markdown(_limits(arguments), elem_id="limits")
        with gr.Column():
            if has_classes:
                scores: Any = gr.Label(label="Prediction", num_top_classes=8, elem_id="scores")
            else:
                scores = gr.HTML(
                    EMPTY_SCORE, label="Prediction", show_label=True, container=True, padding=True, elem_id="scores"
                )
            notes = gr.Markdown(visible=False, elem_id="notes")
            heard = gr.Textbox(label="What was heard", visible=False, interactive=False, elem_id="heard")
            explain_button = gr.Button("Explain this prediction", visible=False, elem_id="explain")
    timeline = gr.HTML(visible=False, elem_id="timeline", container=True, padding=True)
    explanation = gr.HTML(visible=False, elem_id="explanation", container=True, padding=True)
    analysed = gr.State()  # what the shown prediction is of, whatever is typed after it

    def end_explanation(request: gr.Request) -> None:
        running.pop(str(request.session_hash), threading.Event()).set()

    def look_at(path: str | None):
        if path is None:
            return gr.Checkbox(False, visible=False)
        with _readable_errors():
            count = service.num_channels(Path(path))
        return gr.Checkbox(count == 2, label=f"There are {count} channels: each is a speaker", visible=1 < count <= 8)

    def analyse(
        path: str | None,
        text: str | None,
        each_channel: bool,
        request: gr.Request,
        progress=gr.Progress(),  # noqa: B008  as Gradio wants it
    ):
        end_explanation(request)
        with _readable_errors():
            result = service.analyse(
                None if path is None else Path(path),
                text,
                lambda share: progress(share, desc="Listening, part by part"),
                each_channel=path is not None and each_channel,
            )
        lanes = _timeline(service, result)
        shown = result.predictions is not None
        return (
            _shown_scores(service, result.predictions),
            gr.Markdown("\n\n".join(result.notes), visible=bool(result.notes)),
            gr.Textbox(result.text, visible=service.asr is not None and result.text is not None),
            gr.Button(visible=shown),
            gr.HTML(lanes, visible=lanes is not None),
            gr.HTML("", visible=False),
            (path, result.text, _best_label(result) if has_classes else None, result.timeline is not None),
        )

    def explain(
        shown: tuple[str | None, str | None, str | None, bool],
        request: gr.Request,
        progress=gr.Progress(),  # noqa: B008
    ):
        end_explanation(request)
        ended = running[str(request.session_hash)] = threading.Event()
        path, text, label, is_part_of_more = shown
        progress(0, desc="Explaining")
        try:
            with _readable_errors():
                result = service.explain(
                    None if path is None else Path(path),
                    text,
                    label,
                    # How many passes there will be is not known: half of what is left at every tenth.
                    lambda count: progress(1 - 0.93**count, desc=f"Explaining, pass {count} of the model"),
                    ended.is_set,
                )
        except Cancelled:
            return gr.skip()
        if ended.is_set():
            return gr.skip()
        return gr.HTML(explanation_html(result, is_part_of_more=is_part_of_more), visible=True)

    def clear(request: gr.Request):
        end_explanation(request)
        hidden = [kind(visible=False) for kind in (gr.Markdown, gr.Textbox, gr.Button)]
        views = [gr.HTML("", visible=False) for _ in range(2)]
        unchecked = gr.Checkbox(False, visible=False)
        return None, "", unchecked, None if has_classes else EMPTY_SCORE, *hidden, *views, None

    results = [scores, notes, heard, explain_button, timeline, explanation, analysed]
    private: dict[str, Any] = {"api_visibility": "private"}
    at_a_time: dict[str, Any] = {"concurrency_id": "page", "concurrency_limit": 2}
    explaining = explain_button.click(explain, analysed, explanation, show_progress_on=scores, **at_a_time, **private)
    analyse_button.click(
        analyse, [audio, text, channels], results, show_progress_on=scores, cancels=explaining, **at_a_time, **private
    )
    clear_button.click(clear, None, [audio, text, channels, *results], cancels=explaining, **private)
    audio.change(look_at, audio, channels, show_progress="hidden", **private)
    if service.reads_text:
        for button, example in zip(examples, EXAMPLES, strict=True):
            button.click(lambda example=example: example, None, text, show_progress="hidden", **private)


def _timeline(service: EmotionService, result: Analysis) -> str | None:
    if result.timeline is None:
        return None
    config = service.recognise.model.config
    return timeline_html(
        result.timeline,
        has_classes=config.problem.has_classes,
        score_range=getattr(config, "label_range", None),
        of_sound=result.predictions != result.timeline["predictions"],
        seconds=result.seconds,
    )


def _best_label(result: Analysis) -> str | None:
    return max(result.predictions or [], key=lambda entry: entry["score"], default={"label": None})["label"]


def _shown_scores(service: EmotionService, predictions: list[dict[str, Any]] | None) -> Any:
    config = service.recognise.model.config
    if predictions is None:
        return "Nothing is heard." if config.problem.has_classes else '<p class="empty">Nothing is heard.</p>'
    if not config.problem.has_classes:
        return gauge_html(predictions, config.label_range)
    return {entry["label"]: entry["score"] for entry in predictions}


def _facts(facts: ModelFacts) -> str:
    said = (
        f"Model: {facts.name}. Languages: {facts.languages}. Trained on: {facts.datasets}. Licence: {facts.licence}. "
        f"A score is {facts.meaning}."
    )
    return f"<p>{escape(said)}</p>"


def _limits(arguments: ServeArguments) -> str:
    return (
        f"Recordings of up to {_minutes(arguments.max_audio_seconds)} and {arguments.max_file_mb:g} MB; those longer "
        f"than {arguments.chunk_length_s:g} s get a timeline. Uploads are deleted after "
        f"{_minutes(arguments.keep_files_seconds)}."
    )


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:g} minutes" if seconds > 60 else f"{seconds:g} seconds"


@contextmanager
def _readable_errors() -> Iterator[None]:
    """Shows an error of ours, which says what is wrong and what to do, as a message on the page."""
    try:
        yield
    except (ValueError, ImportError) as error:
        raise gr.Error(str(error), duration=None, print_exception=False) from error
