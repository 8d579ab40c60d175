"""`/stream`: live sound over a WebSocket, an event for each stretch of voice."""

import asyncio
import json
import logging
from collections.abc import Awaitable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from urllib.parse import urlsplit

import numpy as np
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

from modeling_emo import EmotionStream

from ..arguments import ServeArguments
from .counters import Counters
from .service import EmotionService


logger = logging.getLogger(__name__)

FORMATS = {"float32": "<f4", "int16": "<i2"}
# A message may be so long, in bytes; a client may be silent for so long, and must read what it is sent within it.
MAX_MESSAGE_BYTES = 1 << 20
PATIENCE_SECONDS = 30.0
_WORKERS = 4
# Close codes of RFC 6455 and its registry.
_NORMAL, _WRONG, _TOO_BIG, _FAILED, _BUSY = 1000, 1008, 1009, 1011, 1013

Result = TypeVar("Result")


class _Ended(Exception):
    """The server ends a stream, with a close code and what is wrong."""

    def __init__(self, code: int, message: str):
        super().__init__(message)
        self.code = code


def add_stream_socket(api: FastAPI, service: EmotionService, arguments: ServeArguments, counters: Counters) -> None:
    """Adds `/stream`.

    The first message of a client is a JSON text such as `{"sampling_rate": 48000, "format": "int16"}` (`format`
    `"float32"` if left out, `num_channels` 1), which is answered with `{"type": "ready"}`. Then come binary messages
    of little-endian samples, the channels of a moment next to each other; the server answers with `{"type": "event",
    "timestamp": ..., "text": ..., "predictions": ..., "so_far": ...}` for each segment that ends. `{"type": "close"}`
    of the client, or the limit of the duration, is answered with the events of the rest and `{"type": "end",
    "seconds": ..., "so_far": ...}`. What is wrong is `{"type": "error", "error": ...}`, and the end.

    No block is read before the one before it was predicted: a client that is too fast waits, and the server keeps no
    more than one message of each. A connection that is cut, silent, or does not read for half a minute is ended.

    Args:
        api (`FastAPI`): the routes of programs.
        service (`EmotionService`): what answers.
        arguments (`ServeArguments`): the limits.
        counters (`Counters`): are told.
    """
    workers = ThreadPoolExecutor(_WORKERS, thread_name_prefix="stream")

    async def aside(work: Any, *given: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(workers, work, *given)

    @api.websocket("/stream")
    async def stream(socket: WebSocket) -> None:
        await socket.accept()
        if not _is_same_origin(socket):
            await _end(socket, _Ended(_WRONG, "Pages of other hosts may not use this server."))
            return
        if counters["streams"] >= arguments.max_streams:
            counters.add("refused_total")
            await _end(socket, _Ended(_BUSY, "The server is busy. Try again later."))
            return
        counters.add("streams")
        counters.add("streams_total")
        try:
            await _serve(socket, service, arguments.max_stream_seconds, counters, aside)
        except WebSocketDisconnect:
            pass
        except _Ended as error:
            await _end(socket, error)
        except ValueError as error:
            await _end(socket, _Ended(_WRONG, str(error)))
        except Exception as error:
            logger.exception("A stream failed.")
            await _end(socket, _Ended(_FAILED, f"The stream failed ({type(error).__name__})."))
        finally:
            counters.add("streams", -1)


async def _serve(
    socket: WebSocket, service: EmotionService, max_seconds: float, counters: Counters, aside: Any
) -> None:
    first = await _patiently(socket.receive(), "No first message came.")
    opened, kind, channels = _opened(_checked(first), service)
    await _send(socket, {"type": "ready", "max_seconds": max_seconds})
    while True:
        message = _checked(await _patiently(socket.receive(), "No sound came."))
        if message.get("bytes") is None:
            if _json(message.get("text")).get("type") != "close":
                raise _Ended(_WRONG, 'Send samples as binary messages, or {"type": "close"}.')
            break
        block = _samples(message["bytes"], kind, channels)
        before = opened.seconds
        events = await aside(opened.feed, block)
        counters.add("stream_audio_seconds_total", opened.seconds - before)
        for event in events:
            counters.add("stream_events_total")
            await _send(socket, {"type": "event", **event})
        if opened.seconds >= max_seconds:
            break
    for event in await aside(opened.close):
        counters.add("stream_events_total")
        await _send(socket, {"type": "event", **event})
    await _send(socket, {"type": "end", "seconds": opened.seconds, "so_far": opened.so_far})
    await socket.close(_NORMAL)


def _opened(message: dict[str, Any], service: EmotionService) -> tuple[EmotionStream, str, int]:
    said = _json(message.get("text"))
    rate, kind, channels = said.get("sampling_rate"), said.get("format", "float32"), said.get("num_channels", 1)
    if type(rate) not in (int, float) or not isinstance(kind, str) or kind not in FORMATS or type(channels) is not int:
        raise _Ended(
            _WRONG,
            f'The first message is like {{"sampling_rate": 48000, "format": "float32"}}, or {list(FORMATS)[1]}.',
        )
    assert isinstance(rate, (int, float))
    return service.open_stream(rate, channels), FORMATS[kind], channels


def _samples(data: bytes, kind: str, channels: int) -> np.ndarray:
    if len(data) % (np.dtype(kind).itemsize * channels):
        raise _Ended(_WRONG, f"{len(data)} bytes are no whole number of samples.")
    samples = np.frombuffer(data, dtype=kind)
    return samples if channels == 1 else samples.reshape(-1, channels).T


def _checked(message: Any) -> dict[str, Any]:
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code") or 1006)
    if len(message.get("bytes") or message.get("text") or b"") > MAX_MESSAGE_BYTES:
        raise _Ended(_TOO_BIG, f"A message has at most {MAX_MESSAGE_BYTES:,} bytes. Send smaller blocks.")
    return message


def _json(text: Any) -> dict[str, Any]:
    try:
        said = json.loads(text)
    except (TypeError, ValueError):
        said = None
    return said if isinstance(said, dict) else {}


def _is_same_origin(socket: WebSocket) -> bool:
    """Browsers state whose page it is; programs state nothing."""
    origin = socket.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == socket.headers.get("host")


async def _patiently(awaited: Awaitable[Result], otherwise: str) -> Result:
    try:
        return await asyncio.wait_for(awaited, PATIENCE_SECONDS)
    except asyncio.TimeoutError:
        raise _Ended(_WRONG, f"{otherwise} The limit is {PATIENCE_SECONDS:g} s.") from None


async def _send(socket: WebSocket, message: dict[str, Any]) -> None:
    try:
        await _patiently(socket.send_text(json.dumps(message)), "The answers are not read.")
    except RuntimeError as error:  # it is closed already
        raise WebSocketDisconnect(1006) from error


async def _end(socket: WebSocket, error: _Ended) -> None:
    try:
        await _send(socket, {"type": "error", "error": str(error)})
        await socket.close(error.code)
    except (WebSocketDisconnect, RuntimeError, _Ended):  # nobody is there
        return
