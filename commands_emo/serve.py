"""Serve a trained model: a page in the browser, and an interface for programs.

    emobert serve                                      # the model of `make demo`
    emobert serve --model my/model --asr openai/whisper-tiny --server_name 0.0.0.0

See docs/serving.md. It works offline: the page loads nothing from other hosts, and nothing is reported to anybody.
"""

import logging
import signal

from .arguments import ServeArguments


try:
    from .serving.app import build_app, launch_options, load_service
    from .serving.upload_folder import own_upload_folder
    from .serving.uploads import NoDisconnects
except ModuleNotFoundError as error:
    if error.name != "gradio":
        raise
    raise ValueError("The server needs Gradio: pip install 'emobert[gradio]'.") from error


def run(arguments: ServeArguments) -> None:
    """Serves until it is stopped."""
    # As Ctrl-C: Gradio then stops in order and deletes the uploads. A container is stopped by this signal.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    logging.getLogger("uvicorn.error").addFilter(NoDisconnects())
    with own_upload_folder(arguments.keep_files_seconds, arguments.max_uploads_mb * 1e6):
        service = load_service(arguments)
        service.warm_up()
        build_app(service, arguments).launch(**launch_options(arguments, service))
