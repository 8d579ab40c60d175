"""The arguments of `emobert serve`: the model, its limits, and where it listens."""

import os
from dataclasses import dataclass, field
from typing import ClassVar


@dataclass
class ServeArguments:
    """The page and the interface for programs."""

    _argument_group_name: ClassVar[str] = "server"

    model: str = field(
        default_factory=lambda: os.environ.get("EMOBERT_MODEL", "outputs/demo"),
        metadata={"help": "Folder or Hub id of the trained model; the variable EMOBERT_MODEL if left out."},
    )
    asr: str | None = field(
        default_factory=lambda: os.environ.get("EMOBERT_ASR"),
        metadata={"help": "Folder or Hub id of a speech recogniser for sound without transcript; EMOBERT_ASR."},
    )
    chunk_length_s: float = field(
        default=10.0, metadata={"help": "Longer recordings get a timeline of windows of so many seconds."}
    )
    max_audio_seconds: float = field(default=600.0, metadata={"help": "Longer recordings are refused."})
    max_file_mb: float = field(default=50.0, metadata={"help": "Larger files are refused, in millions of bytes."})
    max_uploads_mb: float = field(
        default=2000.0,
        metadata={"help": "Of more in all, in millions of bytes, the oldest uploads and pictures are deleted."},
    )
    max_text_length: int = field(default=5000, metadata={"help": "Longer texts are refused, in characters."})
    max_batch_size: int = field(default=16, metadata={"help": "Most requests of programs predicted at a time."})
    forward_batch_size: int | None = field(
        default=None, metadata={"help": "How many of these the model sees in one pass; 4 on a CPU, all on a GPU."}
    )
    max_queue_size: int = field(default=200, metadata={"help": "Further requests are refused until some are done."})
    max_streams: int = field(default=32, metadata={"help": "Live connections at a time; more are refused."})
    max_stream_seconds: float = field(default=3600.0, metadata={"help": "A live connection is ended after that."})
    allowed_hosts: str = field(
        default="",
        metadata={"help": "Hosts with commas between them, from which POST /predict fetches an `address`; none."},
    )
    keep_files_seconds: int = field(default=3600, metadata={"help": "Uploads and pictures are deleted after that."})
    server_name: str | None = field(
        default=None, metadata={"help": "Address to listen on; GRADIO_SERVER_NAME or 127.0.0.1 if left out."}
    )
    server_port: int | None = field(
        default=None, metadata={"help": "Port; GRADIO_SERVER_PORT or the first free one from 7860 on if left out."}
    )

    def __post_init__(self):
        for name in (
            *("chunk_length_s", "max_audio_seconds", "max_file_mb", "max_text_length"),
            *("max_uploads_mb", "max_batch_size", "max_queue_size", "keep_files_seconds"),
            *("max_streams", "max_stream_seconds"),
        ):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}.")
