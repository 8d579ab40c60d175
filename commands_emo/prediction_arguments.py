"""The arguments of `emobert predict`: what is predicted, how it is divided, and where it goes."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from configuration_emo import as_mapping


def _label_choice(labels: dict | str | None) -> dict[str, str] | None:
    """A mapping, as JSON or as `ang=anger,hap=joy`; or names that stay as they are, `happy,sad`."""
    if not isinstance(labels, str) or labels.strip().startswith("{"):
        return as_mapping(labels) or None
    pairs = [pair.split("=", 1) for pair in labels.split(",") if pair.strip()]
    return {pair[0].strip(): pair[-1].strip() for pair in pairs} or None


DTYPES = ("auto", "float32", "float16", "bfloat16", "float64")


@dataclass
class PredictionArguments:
    """Recordings and transcripts to predict."""

    _argument_group_name: ClassVar[str] = "prediction"

    model: str = field(
        metadata={"help": "Folder or Hub id of the trained model.", "aliases": ["--model_name_or_path"]}
    )
    audio: list[str] = field(
        default_factory=list, metadata={"help": "Audio or video files, folders of them, or addresses."}
    )
    table: str | None = field(
        default=None, metadata={"help": "A .csv file with the columns audio and text, in the place of these."}
    )
    text: list[str] = field(default_factory=list, metadata={"help": "Their transcripts, in the same order."})
    context: list[str] | None = field(
        default=None,
        metadata={"help": "What was said before a text, a turn each; for a model that was trained with that."},
    )
    text_files: bool = field(
        default=False, metadata={"help": "Transcripts are the .txt files beside the recordings, where there are any."}
    )
    asr: str | None = field(
        default=None,
        metadata={"help": "Folder or Hub id of a speech recognition model, or moonshine, for missing transcripts."},
    )
    transcription: str | None = field(
        default=None,
        metadata={"help": "What it hears: segment, or recording: once, divided by its words afterwards."},
    )
    abstain_below: float | None = field(
        default=None, metadata={"help": "Give no label where the best probability is below it."}
    )
    adapt_to_speakers: str | None = field(
        default=None,
        metadata={
            "help": "Adapt the segments of a recording to who speaks, without labels: unknown, or equal where each "
            "shows all labels equally often."
        },
    )
    output: str | None = field(
        default=None, metadata={"help": "A .jsonl or .csv file; a run that was stopped goes on there."}
    )
    embeddings: str | None = field(
        default=None,
        metadata={"help": "A .parquet file with the vectors of each recording or segment; they are in output, too."},
    )
    explain: str | None = field(
        default=None, metadata={"help": "A .png file that shows why one recording is predicted as it is."}
    )
    top_k: int | None = field(default=None, metadata={"help": "How many labels of each recording; all if left out."})
    labels: dict | str | None = field(
        default=None,
        metadata={"help": "Labels to choose from: happy,sad or, with the names to report, hap=joy,ang=anger."},
    )
    chunk_length_s: float | None = field(
        default=None, metadata={"help": "Seconds of a window: recordings are predicted window by window."}
    )
    stride_length_s: float | None = field(
        default=None, metadata={"help": "Seconds that a window shares with its neighbours; a sixth of it if left out."}
    )
    segmentation: str | None = field(
        default=None, metadata={"help": "windows or voice; turns if --turns is given. Each segment is predicted."}
    )
    turns: str | None = field(default=None, metadata={"help": "An RTTM file: who speaks when in each recording."})
    channels: str | None = field(
        default=None, metadata={"help": "mix, each (every channel a speaker), or the number of one, from 0."}
    )
    voice_detector: str | None = field(default=None, metadata={"help": "For voice: energy, or silero."})
    vtt: str | None = field(
        default=None, metadata={"help": "A .vtt file: the timeline of one recording, for players of sound and video."}
    )
    batch_size: int = field(default=1, metadata={"help": "Recordings, or windows of them, that are run together."})
    max_batch_seconds: float | None = field(
        default=None, metadata={"help": "Most seconds of sound of a batch, rows times the longest."}
    )
    device: str | None = field(default=None, metadata={"help": "Such as cpu or cuda:1; the first GPU if left out."})
    dtype: str = field(default="auto", metadata={"help": "Such as bfloat16; as the model was saved if left out."})

    def __post_init__(self):
        self.labels = _label_choice(self.labels)
        if isinstance(self.channels, str) and self.channels.isdecimal():
            self.channels = int(self.channels)  # type: ignore[assignment]
        if self.text and self.text_files:
            raise ValueError("Give the transcripts themselves (text) or say that they lie in text_files, not both.")
        if self.table is not None and (self.audio or self.text or self.text_files):
            raise ValueError(f"The recordings are in the table {self.table}: leave audio, text and text_files out.")
        if self.embeddings is not None and Path(self.embeddings).suffix != ".parquet":
            raise ValueError(f"--embeddings are written as .parquet, got {self.embeddings!r}.")
        if self.dtype not in DTYPES:
            raise ValueError(f"--dtype is one of {', '.join(DTYPES)}, got {self.dtype!r}.")
        if self.embeddings is not None and self.output is None:
            self.output = str(Path(self.embeddings).with_suffix(".jsonl"))

    def settings(self) -> dict[str, Any]:
        """What the predictions depend on."""
        names = ("model", "asr", "top_k", "labels", "dtype")
        settings = {name: getattr(self, name) for name in names} | self.division()
        settings |= {"embeddings": True} if self.embeddings is not None else {}
        if self.turns is not None and Path(self.turns).is_file():
            settings["turns_sha256"] = hashlib.sha256(Path(self.turns).read_bytes()).hexdigest()
        return settings

    def check_division(self) -> None:
        """ValueError of options that no recording can be divided by, and of adapting what is not divided."""
        from preprocess import check_division  # with PyTorch, which --help does not wait for

        check_division(**self.division())
        dividing = (self.chunk_length_s, self.segmentation, self.turns)
        is_divided = self.channels == "each" or self.transcription == "recording" or dividing != (None,) * 3
        if self.adapt_to_speakers is not None and not is_divided:
            raise ValueError(
                "--adapt_to_speakers adapts the segments of a recording, and nothing divides it: give --segmentation, "
                "--turns or --chunk_length_s.\nOver rows of a corpus `emobert evaluate --adapt_to_speakers` does it."
            )

    def division(self) -> dict[str, Any]:
        """How recordings are divided into what is predicted, and when there is a label."""
        names = (
            *("chunk_length_s", "stride_length_s", "segmentation", "turns", "channels", "voice_detector"),
            *("transcription", "abstain_below", "adapt_to_speakers"),
        )
        return {name: getattr(self, name) for name in names}
