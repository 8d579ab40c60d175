"""Files come into the app by upload only: no address is fetched and no path of the server is read for a client."""

import logging
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder
from starlette.requests import ClientDisconnect


def refuse_addresses(app: gr.Blocks) -> None:
    """Makes every component of the page refuse a file that is an address; Gradio would have the server fetch it.

    Args:
        app (`gr.Blocks`): the page with all its components.
    """
    for component in app.blocks.values():
        _refuse_addresses(component)


def _refuse_addresses(component: Any) -> None:
    # On the object and not in a subclass: for each of those Gradio writes a stub file beside the source.
    keep = component.async_move_resource_to_block_cache

    async def keep_uploads(path: str | Path | None) -> str | None:
        if str(path).lower().startswith(("http:", "https:")):
            raise gr.Error("Addresses are not fetched. Upload the file.", print_exception=False)
        return await keep(path)

    component.async_move_resource_to_block_cache = keep_uploads


class NoDisconnects(logging.Filter):
    """Leaves out of a log that a client went away in the middle of an upload: nothing is wrong with the server."""

    def filter(self, record: logging.LogRecord) -> bool:
        error: Any = record.exc_info[1] if record.exc_info else None
        while len(getattr(error, "exceptions", ())) == 1:  # a group of one
            error = error.exceptions[0]
        return not isinstance(error, ClientDisconnect)


def uploaded_file(value: Any) -> Path:
    """The path of a file that came by upload.

    Args:
        value: what a client sent: a file of Gradio's, `{"path": ..., "meta": {"_type": "gradio.FileData"}}`.

    Raises:
        ValueError: it is something else, or its path is not in the folder of uploads.
    """
    path = value.get("path") if isinstance(value, dict) else None
    if not isinstance(path, str):
        raise ValueError("`audio` must be an uploaded file: handle_file(path) of gradio_client.")
    folder = Path(get_upload_folder()).resolve()
    try:
        resolved = Path(path).resolve()
    except (OSError, ValueError):  # a name that no file can have
        resolved = Path("/")
    if not resolved.is_relative_to(folder):
        raise ValueError("`audio` must be an uploaded file; paths of the server are not read.")
    return resolved
