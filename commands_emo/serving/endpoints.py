"""What programs call: `predict`, in batches over all callers, and `statistics`."""

from typing import Any

import gradio as gr

from ..arguments import ServeArguments
from .service import EmotionService


def add_endpoints(service: EmotionService, arguments: ServeArguments) -> None:
    """Adds the endpoints to a `gr.Blocks`; nothing of them shows on the page.

    Requests that wait while a batch is predicted are the next batch.

    Args:
        service (`EmotionService`): what answers.
        arguments (`ServeArguments`): the size of batches.
    """
    request, result, counts = (gr.JSON(label=name, visible=False) for name in ("utterance", "result", "counts"))
    # For the page's documentation of the interface.
    request.example_payload = lambda: {"text": "Thank you so much!"}  # type: ignore[method-assign]
    trigger = gr.Button(visible=False)

    def predict(utterance: list[Any]) -> tuple[list[dict[str, Any]]]:  # Gradio passes a list of each input
        return (service.predict_batch(utterance),)

    trigger.click(
        predict,
        request,
        result,
        batch=True,
        max_batch_size=arguments.max_batch_size,
        # Runs when a request arrives, with Gradio's own checks of it: of a request that fails them in a batch, the
        # others of the batch would get the error as well.
        validator=_accept,
        api_name="predict",
        api_description=(
            "A dict with some of `audio` (an uploaded file), `text` and `words` -> what the pipeline returns: "
            "`predictions` of the whole and `chunks` of at most 30 s; or `error`, why it cannot be predicted."
        ),
    )
    trigger.click(
        lambda: service.counts,
        None,
        counts,
        api_name="statistics",
        api_description="Requests and batches that `predict` has answered, and requests with errors, since the start.",
    )


def _accept(requests: list[Any]) -> tuple[list[dict[str, Any]]]:
    return ([gr.validate(True, "") for _ in requests],)
