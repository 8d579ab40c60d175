"""The page and the interface of a trained model, put together and ready to be launched."""

import os
from pathlib import Path
from typing import Any


# Both are read by Gradio when it is imported: no telemetry, and the table of all past calls, for an admin page that is
# not served, is built anew after so many calls and not after each.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", "10000")

import gradio as gr

from ..arguments import ServeArguments
from ..load_pipeline import load_pipeline
from .endpoints import add_endpoints
from .http_api import api_routes
from .live_tab import LIVE_SCRIPT
from .model_facts import model_facts
from .page import SCRIPT, STYLE, TITLE, add_page
from .service import EmotionService
from .uploads import refuse_addresses


# Fonts that every system has: nothing is fetched.
# Text and buttons of at least 4.5 : 1 in light and dark; Gradio's own have less.
THEME = gr.themes.Default(
    primary_hue="blue", font=("system-ui", "sans-serif"), font_mono=("ui-monospace", "monospace")
).set(
    **dict.fromkeys(
        ("body_text_color_subdued", "block_info_text_color", "input_placeholder_color", "block_label_text_color"),
        "*neutral_600",
    ),
    **dict.fromkeys(
        (
            *("body_text_color_subdued_dark", "block_info_text_color_dark"),
            *("input_placeholder_color_dark", "block_label_text_color_dark"),
        ),
        "*neutral_300",
    ),
    **dict.fromkeys(("button_primary_background_fill", "button_primary_background_fill_dark"), "*primary_700"),
    **dict.fromkeys(
        ("button_primary_background_fill_hover", "button_primary_background_fill_hover_dark"), "*primary_800"
    ),
)


def load_service(arguments: ServeArguments) -> EmotionService:
    """The trained model, with speech recognition where it is wanted, behind the limits."""
    if arguments.model == "outputs/demo" and not Path(arguments.model).is_dir():
        raise ValueError("There is no model in outputs/demo: run `make demo`, or give --model.")
    recognise = load_pipeline("emotion-recognition", arguments.model)
    return EmotionService(
        recognise,
        None if arguments.asr is None else load_pipeline("automatic-speech-recognition", arguments.asr),
        chunk_length_s=arguments.chunk_length_s,
        max_audio_seconds=arguments.max_audio_seconds,
        max_text_length=arguments.max_text_length,
        forward_batch_size=arguments.forward_batch_size
        or (4 if recognise.device.type == "cpu" else arguments.max_batch_size),
    )


def build_app(service: EmotionService, arguments: ServeArguments) -> gr.Blocks:
    """The page and the endpoints, to be started with `launch(**launch_options(arguments))`."""
    keep = arguments.keep_files_seconds
    facts = model_facts(arguments.model, service.recognise.model.config)
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(min(keep, 60), keep)) as app:
        add_page(service, arguments, facts)
        add_endpoints(service, arguments)
    refuse_addresses(app)
    return app.queue(max_size=arguments.max_queue_size)


def launch_options(arguments: ServeArguments, service: EmotionService) -> dict[str, Any]:
    """How the server is started, and what it has beside the page."""
    facts = model_facts(arguments.model, service.recognise.model.config)
    return {
        # Before Gradio's own routes.
        "app_kwargs": {"routes": api_routes(service, arguments, facts)},
        "server_name": arguments.server_name,
        "server_port": arguments.server_port,
        "max_file_size": round(arguments.max_file_mb * 1e6),
        "theme": THEME,
        "css": STYLE,
        "head": f"<script>{SCRIPT}{LIVE_SCRIPT}</script>",
        "footer_links": ["api"],
        "run_history": False,
        "ssr_mode": False,
        "share": False,
    }
