"""What the server of the page can be told."""

import os
from dataclasses import dataclass, field


@dataclass
class DemoArguments:
    """The page and the interface for programs, see app.py."""

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
        ):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}.")
