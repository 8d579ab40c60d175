"""What programs call without Gradio: `POST /predict`, `GET /health`, `GET /metrics` and `GET /openapi.json`."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from gradio.utils import get_upload_folder
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException

from ..arguments import ServeArguments
from .allowed_addresses import fetch_allowed
from .counters import Counters
from .model_facts import ModelFacts
from .request_batches import QueueFull, RequestBatches
from .service import EmotionService
from .stream_socket import add_stream_socket


# Beside the file: the text, the boundaries and headers of the parts.
_OTHER_BYTES = 1 << 20
_FIELDS = ("audio", "address", "text")


class ScoredLabel(BaseModel):
    """A label and its score, see `meaning` of `/health`."""

    label: str
    score: float


class Chunk(BaseModel):
    """A part of at most 30 s; `predictions` is null where nothing can be heard."""

    timestamp: tuple[float | None, float | None]
    text: str | None = None
    predictions: list[ScoredLabel] | None
    speaker: str | None = None
    untrained_input: str | None = None


class Prediction(BaseModel):
    """The prediction of the whole, and of its parts."""

    predictions: list[ScoredLabel] | None
    text: str | None = None
    chunks: list[Chunk] = []
    untrained_input: str | None = None


class Failure(BaseModel):
    """What is wrong with a request."""

    error: str


class Health(BaseModel):
    """The server has loaded its model and predicted with it once."""

    status: str = "ok"
    model: ModelFacts


class _Refused(Exception):
    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status, self.message = status, message


def api_routes(
    service: EmotionService, arguments: ServeArguments, facts: ModelFacts, counters: Counters | None = None
) -> list[Any]:
    """The routes, for the application that Gradio makes.

    Args:
        service (`EmotionService`): what answers.
        arguments (`ServeArguments`): the limits.
        facts (`ModelFacts`): what `/health` says of the model.
        counters (`Counters`, *optional*): what `/metrics` tells of.
    """
    counters = counters or Counters()
    batches = RequestBatches(service.predict_read, arguments.max_batch_size, arguments.max_queue_size)
    api = FastAPI(title="EmoBERT", summary=f"Emotion in speech and text: {facts.name}", docs_url=None, redoc_url=None)
    refusals: dict[int | str, dict[str, Any]] = {
        status: {"model": Failure, "description": said}
        for status, said in (
            *((400, "The request cannot be read."), (413, "It is too large."), (422, "It cannot be predicted.")),
            (503, "The server is busy."),
        )
    }

    @api.post(
        "/predict",
        response_model=Prediction,
        response_model_exclude_unset=True,
        responses=refusals,
        openapi_extra=_request_body(),
        summary="Emotion of a recording, a text, or both",
    )
    async def predict(request: Request) -> Response | dict[str, Any]:
        if counters["in_flight"] >= arguments.max_queue_size:
            counters.add("refused_total")
            return _failure(503, "The server is busy. Try again later.", {"Retry-After": "1"})
        try:
            with counters.request():
                utterance = await _read(request, service, arguments)
                future = asyncio.wrap_future(batches.submit(utterance))
                result = await future
                if "error" in result:
                    raise _Refused(422, result["error"])
                return result
        except _Refused as error:
            return _failure(error.status, error.message)
        except QueueFull:
            counters.add("refused_total")
            return _failure(503, "The server is busy. Try again later.", {"Retry-After": "1"})

    @api.get("/health", response_model=Health, summary="Whether the server answers, and with which model")
    async def health() -> dict[str, Any]:
        return {"status": "ok", "model": facts}

    @api.get("/metrics", response_class=PlainTextResponse, summary="Counts, in the text format of Prometheus")
    async def metrics() -> Response:
        gradio = "".join(
            f"# TYPE emobert_gradio_{name}_total counter\nemobert_gradio_{name}_total {count}\n"
            for name, count in service.counts.items()
        )
        return Response(counters.text() + gradio, media_type="text/plain; version=0.0.4; charset=utf-8")

    add_stream_socket(api, service, arguments, counters)
    return api.routes


async def _read(request: Request, service: EmotionService, arguments: ServeArguments) -> dict[str, Any]:
    """The utterance of a request within the limits; nothing of it is left on the disk.

    Raises:
        _Refused: it is beyond them, or cannot be read.
    """
    max_bytes = round(arguments.max_file_mb * 1e6)
    stated = request.headers.get("content-length", "")
    if stated.isdigit() and int(stated) > max_bytes + _OTHER_BYTES:
        raise _Refused(413, f"The limit is {arguments.max_file_mb:g} MB. Give a smaller file.")
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise _Refused(400, "Send a form (multipart/form-data) with some of audio (a file), address and text.")
    try:
        async with _bounded(request, max_bytes + _OTHER_BYTES).form(
            max_files=1, max_fields=len(_FIELDS), max_part_size=_OTHER_BYTES
        ) as form:
            unknown = sorted(set(form) - set(_FIELDS))
            if unknown:
                raise _Refused(400, f"Unknown field {unknown[0][:50]}: send some of {', '.join(_FIELDS)}.")
            audio, address, text = (form.get(name) for name in _FIELDS)
            if audio is not None and not isinstance(audio, UploadFile):
                raise _Refused(400, "`audio` must be a file. An address belongs into `address`.")
            if isinstance(address, UploadFile) or isinstance(text, UploadFile):
                raise _Refused(400, "`address` and `text` must be texts.")
            if audio is not None and address is not None:
                raise _Refused(400, "Give `audio` or `address`, not both.")
            if audio is not None and (audio.size or 0) > max_bytes:
                raise _Refused(413, f"The limit is {arguments.max_file_mb:g} MB. Give a smaller file.")
            return await run_in_threadpool(_utterance, service, arguments, audio, address, text)
    except (MultiPartException, HTTPException) as error:
        raise _Refused(400, f"The form cannot be read: {getattr(error, 'detail', error)}") from error
    except ValueError as error:
        raise _Refused(400, str(error)) from error


def _utterance(
    service: EmotionService, arguments: ServeArguments, audio: UploadFile | None, address: str | None, text: str | None
) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(dir=_upload_folder(), prefix="predict-") as name:
        path = None
        if address is not None:
            allowed = [one for one in arguments.allowed_hosts.split(",") if one]
            path = fetch_allowed(address, allowed, Path(name), round(arguments.max_file_mb * 1e6))
        if audio is not None:
            # Its sender's name, which errors call it by, and no other part of a path.
            path = Path(name) / (Path((audio.filename or "").replace("\0", "")).name[-100:] or "audio")
            with path.open("wb") as file:
                while part := audio.file.read(1 << 20):
                    file.write(part)
        return service.read_utterance(path, text)


def _upload_folder() -> str:
    folder = Path(get_upload_folder())
    folder.mkdir(parents=True, exist_ok=True)
    return str(folder)


def _bounded(request: Request, max_bytes: int) -> Request:
    """The same request, whose body ends with an error when it is longer than that, whatever its header states."""
    received = 0

    async def receive() -> Any:
        nonlocal received
        message = await request.receive()
        received += len(message.get("body", b""))
        if received > max_bytes:
            raise _Refused(413, f"The limit is {max_bytes / 1e6:.1f} MB. Give a smaller file.")
        return message

    return Request(request.scope, receive)


def _failure(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": message}, status, headers)


def _request_body() -> dict[str, Any]:
    """The form, for OpenAPI; it is read by hand so that its size is bounded while it comes."""
    properties = {
        "audio": {"type": "string", "format": "binary", "description": "a recording, in any usual format"},
        "address": {"type": "string", "description": "of a recording, on a host that the operator allows"},
        "text": {"type": "string", "description": "what is said, or written"},
    }
    schema = {"type": "object", "properties": properties}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}
