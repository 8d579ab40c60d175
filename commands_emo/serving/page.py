"""The page: a recording and its transcript on one side, what the model makes of them on the other."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gradio as gr

from ..serve_arguments import ServeArguments
from .gauge import GAUGE_STYLE, gauge_html
from .pictures import explanation_picture, timeline_picture
from .service import EmotionService


TITLE = "Emotion in speech and text"
EMPTY_SCORE = '<p class="empty">The predicted score comes here.</p>'
STYLE = f"""
footer {{ opacity: 0.7; }}
.gradio-container {{ width: 100%; min-width: 0 !important; max-width: 1100px !important; margin: 0 auto !important; }}
#limits p {{ color: var(--body-text-color-subdued); font-size: 0.9rem; }}
.empty {{ color: var(--body-text-color-subdued); padding: 1.5rem 0; text-align: center; }}
{GAUGE_STYLE}
"""


def add_page(service: EmotionService, arguments: ServeArguments) -> None:
    """Lays out the page inside a `gr.Blocks` and connects it.

    Args:
        service (`EmotionService`): what answers.
        arguments (`ServeArguments`): the limits, which the page states.
    """
    is_regression = not service.recognise.model.config.problem.has_classes
    gr.Markdown(f"# {TITLE}\nRecord or upload speech, type what is said, or both.")
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
            text = gr.Textbox(
                label="Transcript",
                info="Where it is left empty, speech is recognised." if service.asr else "May be left empty.",
                placeholder="What is said, word for word",
                lines=3,
                max_length=arguments.max_text_length,
                elem_id="transcript",
            )
            with gr.Row():
                clear_button = gr.Button("Clear", elem_id="clear")
                analyse_button = gr.Button("Recognise", variant="primary", elem_id="recognise")
            gr.Markdown(_limits(arguments), elem_id="limits")
        with gr.Column():
            if is_regression:
                scores: Any = gr.HTML(
                    EMPTY_SCORE, label="Prediction", show_label=True, container=True, padding=True, elem_id="scores"
                )
            else:
                scores = gr.Label(label="Prediction", num_top_classes=8, elem_id="scores")
            notes = gr.Markdown(visible=False, elem_id="notes")
            heard = gr.Textbox(label="What was heard", visible=False, interactive=False, elem_id="heard")
            explain_button = gr.Button("Explain this prediction", visible=False, elem_id="explain")
    timeline = _picture("Timeline", "timeline")
    explanation = _picture("Explanation", "explanation")
    analysed = gr.State()  # what the shown prediction is of, whatever is typed after it

    def analyse(path: str | None, text: str | None, progress=gr.Progress()):  # noqa: B008  as Gradio wants it
        with _readable_errors():
            result = service.analyse(
                _path(path), text, lambda share: progress(share, desc="Listening, window by window")
            )
        picture = None if result.timeline is None else timeline_picture(service.recognise, result.timeline)
        return (
            _shown_scores(service, result.predictions),
            gr.Markdown("\n\n".join(result.notes), visible=bool(result.notes)),
            gr.Textbox(result.text, visible=service.asr is not None and result.text is not None),
            gr.Button(visible=True),
            gr.Image(picture, visible=picture is not None),
            gr.Image(None, visible=False),
            (path, result.text),
        )

    def explain(shown: tuple[str | None, str | None]):
        path, text = shown
        with _readable_errors():
            picture = explanation_picture(service.recognise, service.read_single_utterance(_path(path), text))
        return gr.Image(picture, visible=True)

    def clear():
        hidden = [kind(visible=False) for kind in (gr.Markdown, gr.Textbox, gr.Button)]
        pictures = [gr.Image(None, visible=False) for _ in range(2)]
        return None, "", EMPTY_SCORE if is_regression else None, *hidden, *pictures, None

    results = [scores, notes, heard, explain_button, timeline, explanation, analysed]
    hidden_from_programs: dict[str, Any] = {"api_visibility": "private"}
    at_a_time: dict[str, Any] = {"concurrency_id": "page", "concurrency_limit": 2}
    analyse_button.click(analyse, [audio, text], results, show_progress_on=scores, **at_a_time, **hidden_from_programs)
    explain_button.click(explain, analysed, explanation, show_progress_on=scores, **at_a_time, **hidden_from_programs)
    clear_button.click(clear, None, [audio, text, *results], **hidden_from_programs)


def _shown_scores(service: EmotionService, predictions: list[dict[str, Any]]) -> Any:
    config = service.recognise.model.config
    if not config.problem.has_classes:
        return gauge_html(predictions, config.label_range)
    return {entry["label"]: entry["score"] for entry in predictions}


def _picture(label: str, name: str) -> gr.Image:
    """A place for a picture, which has its title in itself."""
    return gr.Image(
        label=label,
        show_label=False,
        type="pil",
        format="png",
        visible=False,
        interactive=False,
        elem_id=name,
        buttons=["download", "fullscreen"],
    )


def _limits(arguments: ServeArguments) -> str:
    return (
        f"Recordings of up to {_minutes(arguments.max_audio_seconds)} and {arguments.max_file_mb:g} MB; those longer "
        f"than {arguments.chunk_length_s:g} s get a timeline. Uploads are deleted after "
        f"{_minutes(arguments.keep_files_seconds)}."
    )


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:g} minutes" if seconds > 60 else f"{seconds:g} seconds"


def _path(path: str | None) -> Path | None:
    return None if path is None else Path(path)


@contextmanager
def _readable_errors() -> Iterator[None]:
    """Shows an error of ours, which says what is wrong and what to do, as a message on the page."""
    try:
        yield
    except (ValueError, ImportError) as error:
        raise gr.Error(str(error), duration=None, print_exception=False) from error
