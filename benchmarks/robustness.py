"""What becomes of damaged inputs: read, refused with an error that names them, or something worse.

    python benchmarks/robustness.py --inputs 10000 --output outputs/benchmarks/robustness.json

Each input is made from its kind and its number alone, so that one that went wrong can be made again
(`--only sound:123`). Worker processes read them, with a limit of memory and of time for each. Counted are
`ok` (it was read, or its bad rows were listed), `clear` (a ValueError that names the file, the row or the value),
`unclear` (any other error), `crash` (the process ended) and `hang` (it took longer than it may).

Sounds are whole files of many formats with bytes changed, cut out, cut off, doubled and joined; objects are what a
program may give in the place of a sound; words are a recogniser's, with wrong times; tables are CSV, TSV and JSON
Lines with wrong cells; configurations have values of another kind; prepared folders have a damaged file.
"""

from __future__ import annotations

import argparse
import io
import json
import multiprocessing
import resource
import shutil
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soundfile as sf


OUTCOMES = ("ok", "clear", "unclear", "crash", "hang")
SOUND_FORMATS = (
    *(("WAV", None), ("WAV", "FLOAT"), ("WAV", "GSM610"), ("WAV", "IMA_ADPCM"), ("WAV", "ULAW"), ("WAVEX", None)),
    *(("FLAC", None), ("OGG", None), ("OGG", "OPUS"), ("MP3", None), ("AIFF", None), ("AU", None), ("CAF", None)),
    *(("CAF", "ALAC_16"), ("W64", None), ("RF64", None), ("NIST", None), ("VOC", None), ("SVX", None), ("PAF", None)),
    *(("m4a", "aac"), ("mkv", "aac"), ("webm", "libopus"), ("mp4", "aac"), ("ac3", "ac3"), ("aac", "aac")),
)
# Values that stand where they should not.
ODD_VALUES = (
    *(
        None,
        True,
        -1,
        0,
        1,
        2**31,
        2**63,
        10**400,
        0.5,
        -0.0,
        float("nan"),
        float("inf"),
        1e308,
        "",
        " ",
        "x",
        "16000",
    ),
    *("\ud800", "a\0b", "x" * 5000, [], [[]], [None], {}, {"a": 1}, b"", b"RIFF", (), (1,), (1, 2, 3)),
)


class Result(NamedTuple):
    """What became of one input."""

    outcome: str
    message: str
    more_bytes: int  # by which the process's peak of memory rose


def sound_bytes(rng: np.random.Generator) -> tuple[bytes, str]:
    """A short sound in one of the formats, and its usual suffix."""
    kind, codec = SOUND_FORMATS[rng.integers(len(SOUND_FORMATS))]
    rate = 48_000 if codec in ("libopus", "OPUS", "ac3") else int(rng.choice([8_000, 16_000, 44_100]))
    channels = 1 if kind in ("SVX",) or codec in ("GSM610", "IMA_ADPCM") else int(rng.integers(1, 3))
    sound = (0.3 * rng.standard_normal((int(rate * rng.uniform(0.05, 0.5)), channels))).astype(np.float32)
    buffer = io.BytesIO()
    if not kind.islower():
        sf.write(buffer, sound, rate, format=kind, subtype=codec)
        return buffer.getvalue(), kind.lower()
    import av

    container_format = {"m4a": "ipod", "mkv": "matroska", "aac": "adts"}.get(kind, kind)
    with av.open(buffer, "w", format=container_format) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.layout = "mono" if channels == 1 else "stereo"
        planes = np.ascontiguousarray(sound.T)
        for start in range(0, planes.shape[1], 1024):
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(planes[:, start : start + 1024]), format="fltp", layout=stream.layout.name
            )
            frame.sample_rate, frame.pts = rate, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue(), kind


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """One to three changes, most of them near the beginning, where headers are."""
    changed = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        size = len(changed)
        if size < 4:
            break
        place = int(rng.integers(size if rng.random() < 0.4 else min(size, 120)))
        length = int(rng.integers(1, 9))
        change = rng.integers(8)
        if change == 0:
            changed[place] ^= 1 << int(rng.integers(8))
        elif change == 1:
            changed[place : place + length] = rng.bytes(len(changed[place : place + length]))
        elif change == 2:  # sizes and numbers that are too large
            changed[place : place + 4] = bytes(rng.choice([0x00, 0x7F, 0xFF], 4).astype(np.uint8).tobytes())
        elif change == 3:
            del changed[place : place + length]
        elif change == 4:
            del changed[int(rng.integers(size)) :]
        elif change == 5:
            changed[place:place] = rng.bytes(length)
        elif change == 6:
            changed[size // 2 :] = bytes(size - size // 2)
        else:
            changed += changed[: int(rng.integers(size))]
    return bytes(changed)


def read_sound(rng: np.random.Generator, folder: Path) -> str:
    """A damaged file, read in one of the ways there are. Returns its name."""
    from preprocess import audio_duration, check_audio_file, header_seconds, load_audio, stream_audio

    content, suffix = sound_bytes(rng)
    path = folder / f"input.{suffix if rng.random() < 0.8 else rng.choice(['wav', 'gsm', 'mp3', 'raw', 'txt'])}"
    path.write_bytes(damaged(content, rng))
    way = rng.integers(5)
    if way == 0:
        sound = load_audio(path)
    elif way == 1:
        sound = np.concatenate(list(stream_audio(path, block_seconds=0.1)))
    elif way == 2:
        sound = load_audio(path.read_bytes())
    elif way == 3:
        seconds, reason = check_audio_file(path, "decode")
        assert (seconds is None) != (reason is None)
        if reason is not None:
            raise ValueError(reason)
        return path.name
    else:
        assert (header_seconds(path) or 0) >= 0 and audio_duration(path) >= 0
        return path.name
    assert sound.ndim == 1 and sound.dtype == np.float32 and np.isfinite(sound).all()
    return path.name


def read_object(rng: np.random.Generator, folder: Path) -> str:
    """Something in the place of a sound. Returns what names it."""
    from preprocess import load_audio

    def odd() -> Any:
        choice = rng.integers(6)
        if choice < 3:
            return ODD_VALUES[rng.integers(len(ODD_VALUES))]
        dtype = rng.choice(["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?", "c8", "O", "U1"])
        shape = tuple(int(size) for size in rng.choice([0, 1, 2, 3, 65, 400], int(rng.integers(0, 4))))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return np.asarray(rng.integers(-5, 5, shape)).astype(dtype)

    form = rng.integers(4)
    if form == 0:
        load_audio((odd(), odd()))
    elif form == 1:
        load_audio((odd(), int(rng.choice([8_000, 16_000]))))
    elif form == 2:
        load_audio({str(key): odd() for key in rng.choice(["array", "sampling_rate", "bytes", "path"], 2)})
    else:
        value = odd()
        load_audio(value)
    return "audio"


def read_words(rng: np.random.Generator, folder: Path) -> str:
    """A recogniser's words with some of them odd. Returns what names them."""
    from preprocess import read_segments

    sound = (0.1 * rng.standard_normal(int(16_000 * rng.uniform(0.05, 3)))).astype(np.float32)
    words: list[Any] = []
    time_s = 0.0
    for index in range(rng.integers(1, 12)):
        start = time_s + rng.normal(0, 0.1)
        end = start + rng.uniform(-0.05, 0.6)
        words.append({"text": f" w{index}{rng.choice(['', '.', '!'])}", "timestamp": (start, end)})
        time_s = max(end, 0) + rng.uniform(0, 0.5)
    if rng.random() < 0.5:
        odd = ODD_VALUES[rng.integers(len(ODD_VALUES))]
        position = int(rng.integers(len(words)))
        words[position] = [odd, {**words[position], "timestamp": odd}, {**words[position], "text": odd}][
            rng.integers(3)
        ]
        if rng.random() < 0.3:
            words[position] = {"text": "w", "timestamp": (odd, 1.0)}
    source = None if rng.random() < 0.2 else (sound, 16_000)
    for segment in read_segments(source, words=words):
        assert segment.waveform is None or len(segment.waveform)
    return "ord"


def read_table(rng: np.random.Generator, folder: Path) -> str:
    """A table with wrong cells, or damaged bytes. Returns its name."""
    from preprocess import read_corpus

    cells = [value for value in ODD_VALUES if not isinstance(value, bytes)]
    rows = []
    for index in range(8):
        row: dict[str, Any] = {"id": f"u{index}", "audio": f"{index}.wav", "text": "how nice", "label": "joy"}
        while rng.random() < 0.4:
            row[str(rng.choice(list(row)))] = cells[rng.integers(len(cells))]
        rows.append(row)
    suffix = str(rng.choice(["csv", "tsv", "jsonl"]))
    if suffix == "jsonl":
        content = "".join(f"{json.dumps(row)}\n" for row in rows)
    else:
        separator = "," if suffix == "csv" else "\t"
        lines = [list(rows[0]), *([str(value) for value in row.values()] for row in rows)]
        quoted = rng.random() < 0.5
        content = "".join(separator.join(f'"{cell}"' if quoted else cell for cell in line) + "\n" for line in lines)
    raw = content.encode("utf-8", "surrogatepass")
    path = folder / f"input.{suffix}"
    path.write_bytes(damaged(raw, rng) if rng.random() < 0.6 else raw)
    options = {} if rng.random() < 0.5 else {"check_audio": str(rng.choice(["exists", "header", "decode"]))}
    read_corpus("csv", path, **options)
    return path.name


def read_config(rng: np.random.Generator, folder: Path) -> str:
    """A configuration with a value of another kind. Returns the name of that value."""
    from configuration_emo import EmoBertConfig

    values = EmoBertConfig().to_dict()
    own = [name for name in values if name in EmoBertConfig.__annotations__ or name in ("num_labels", "problem_type")]
    name = str(rng.choice(own or list(values)))
    odd = [value for value in ODD_VALUES if not isinstance(value, bytes) and value == value and value != 10**400]
    values[name] = odd[rng.integers(len(odd))]
    (folder / "config.json").write_text(json.dumps(values), encoding="utf-8")
    EmoBertConfig.from_pretrained(folder)
    return name


_prepared: list[Path] = []


def read_prepared(rng: np.random.Generator, folder: Path) -> str:
    """A prepared folder with one damaged file. Returns the name of the folder."""
    from preprocess import load_prepared

    if not _prepared:
        _prepared.append(_prepare(Path(tempfile.mkdtemp())))
    copy = folder / "input"
    shutil.copytree(_prepared[0], copy)
    files = sorted(path for path in copy.rglob("*") if path.is_file())
    path = files[rng.integers(len(files))]
    content = path.read_bytes()
    changed = damaged(content, rng)
    path.write_bytes(changed)
    rows = load_prepared(copy).datasets["train"]
    assert changed == content or path.name == "seal.json", f"the damage of {path.name} was not found"
    assert len(rows[:]["id"]) == 2
    return copy.name


def _prepare(folder: Path) -> Path:
    from datasets import Dataset
    from transformers import BertTokenizerFast, Wav2Vec2FeatureExtractor

    from preprocess import EmoBertProcessor, LabelEncoder, prepare_dataset

    vocabulary = {token: index for index, token in enumerate(("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "how"))}
    processor = EmoBertProcessor(Wav2Vec2FeatureExtractor(), BertTokenizerFast(vocab=vocabulary, model_max_length=16))
    rows = []
    for index, label in enumerate(("joy", "anger")):
        path = folder / f"{index}.wav"
        sf.write(path, 0.1 * np.random.default_rng(index).standard_normal(8_000), 16_000)
        rows.append({"id": str(index), "audio": str(path), "text": "how", "label": label})
    encoder = LabelEncoder("single_label_classification", {"joy": 0, "anger": 1})
    prepare_dataset(Dataset.from_list(rows), processor, encoder, output_dir=folder / "prepared")
    return folder / "prepared"


KINDS: dict[str, tuple[float, Callable[[np.random.Generator, Path], str]]] = {
    "sound": (0.6, read_sound),
    "object": (0.1, read_object),
    "words": (0.1, read_words),
    "table": (0.1, read_table),
    "config": (0.05, read_config),
    "prepared": (0.05, read_prepared),
}
# What stands for an input's name in messages; where it is None, the reader returns or the message holds "input".
NAMES = {"object": ("audio", "Audio", "sampling"), "words": ("ord", "audio"), "config": None}


def read_one(kind: str, number: int) -> Result:
    """Makes one input and reads it."""
    rng = np.random.default_rng([sorted(KINDS).index(kind), number])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with tempfile.TemporaryDirectory(prefix="robustness-") as folder:
        try:
            KINDS[kind][1](rng, Path(folder))
            outcome, message = "ok", ""
        except Exception as error:
            message = f"{type(error).__name__}: {error}"
            names = NAMES.get(kind, ("input",))
            named = names is None or any(name in str(error) for name in names) or "audio in memory" in str(error)
            outcome = "clear" if isinstance(error, ValueError) and named else "unclear"
    return Result(outcome, message[:400], (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)


def work(jobs: Connection, most_bytes: int) -> None:
    """A worker: reads what it is told to, until it is told None."""
    from transformers.utils import logging

    import preprocess  # noqa: F401  before the limit of memory

    logging.set_verbosity_error()
    for kind in KINDS:  # whatever is loaded on first use is not the input's
        read_one(kind, 0)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + most_bytes, used + most_bytes))
    jobs.send("ready")
    while (job := jobs.recv()) is not None:
        jobs.send(tuple(read_one(*job)))


class Worker:
    """A process that reads one input at a time, started again where one ended it."""

    def __init__(self, most_bytes: int, seconds: float):
        self.most_bytes, self.seconds = most_bytes, seconds
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.jobs, theirs = context.Pipe()
        self.process = context.Process(target=work, args=(theirs, self.most_bytes), daemon=True)
        self.process.start()
        theirs.close()
        if self.jobs.recv() != "ready":
            raise RuntimeError("a worker did not start")

    def read(self, kind: str, number: int) -> Result:
        """What becomes of an input."""
        self.jobs.send((kind, number))
        try:
            if self.jobs.poll(self.seconds):
                return Result(*self.jobs.recv())
            outcome = "hang"
        except EOFError:
            outcome = "crash"
        self.process.kill()
        self.process.join()
        code = self.process.exitcode
        self._start()
        return Result(outcome, f"exit code {code}", 0)

    def stop(self) -> None:
        self.jobs.send(None)
        self.process.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first input, for others than those before")
    parser.add_argument("--only", nargs="*", metavar="KIND:NUMBER", help="these inputs")
    parser.add_argument("--max_mb", type=int, default=1024, help="memory that one input may ask for")
    parser.add_argument("--seconds", type=float, default=20.0, help="time that one input may take")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()

    if arguments.only:
        jobs = [(kind, int(number)) for kind, number in (name.split(":") for name in arguments.only)]
    else:
        counts = {kind: round(share * arguments.inputs) for kind, (share, _) in KINDS.items()}
        jobs = [(kind, arguments.first + number) for kind, count in counts.items() for number in range(count)]
    worker = Worker(arguments.max_mb * 1024**2, arguments.seconds)
    found: dict[str, Counter] = {kind: Counter() for kind in KINDS}
    peaks: Counter = Counter()
    bad, start = [], time.perf_counter()
    for kind, number in jobs:
        result = worker.read(kind, number)
        found[kind][result.outcome] += 1
        peaks[kind] = max(peaks[kind], result.more_bytes)
        if result.outcome not in ("ok", "clear") or arguments.only:
            bad.append({"input": f"{kind}:{number}", "outcome": result.outcome, "message": result.message})
            print(f"{kind}:{number} {result.outcome}: {result.message}")
    worker.stop()

    print(f"{'kind':10}" + "".join(f"{outcome:>9}" for outcome in OUTCOMES) + "   most memory of one input")
    for kind, outcomes in found.items():
        row = "".join(f"{outcomes[outcome]:9}" for outcome in OUTCOMES)
        print(f"{kind:10}{row}   {peaks[kind] / 1e6:.0f} MB")
    print(f"{len(jobs)} inputs in {time.perf_counter() - start:.0f} s")
    if arguments.output is not None:
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        record = {
            "inputs": len(jobs),
            "first": arguments.first,
            "outcomes": {kind: {name: outcomes[name] for name in OUTCOMES} for kind, outcomes in found.items()},
            "most_memory_bytes": dict(peaks),
            "bad": bad,
        }
        arguments.output.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
