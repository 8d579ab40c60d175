"""Speech synthesis with espeak-ng, for corpora whose sound is synthetic.

The library and its voices come with the package `espeakng-loader`; it is called through `ctypes`. espeak-ng seeds its
noise from the clock unless it is told a seed, and keeps hidden state from one sentence to the next, so that a sentence
repeated in one process is not bit-identical. The same sentences in the same order in a fresh, seeded process are:
[`synthesize_files`] therefore runs a process of its own.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import soundfile
import soxr
from tqdm import tqdm


VOICE_SAMPLING_RATE = 16_000
FAILURES_FILE = "failures.json"

# Constants of espeak-ng's speak_lib.h
AUDIO_OUTPUT_SYNCHRONOUS = 2
INITIALIZE_DONT_EXIT = 1 << 15
POSITION_CHARACTER = 1
CHARS_UTF8 = 1
PARAMETER_RATE, PARAMETER_PITCH = 1, 3
EE_OK = 0
NOISE_SEED = 1
MAX_DATA_PATH = 159  # bytes; espeak-ng cuts longer paths without a word

SILENCE_LEVEL = 0.002  # of full scale
SILENCE_MARGIN = 0.05  # seconds kept before and after the speech

SynthCallback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


@dataclass(frozen=True)
class SpeechRequest:
    """One text to be spoken.

    Args:
        id (`str`): name of the file to write, without its ending.
        text (`str`): what to say.
        voice (`str`): language and variant, for example `"en-us+f3"`.
        rate (`int`): words per minute; espeak-ng's own default is 175.
        pitch (`int`): 0 to 100; espeak-ng's own default is 50.
    """

    id: str
    text: str
    voice: str = "en-us"
    rate: int = 175
    pitch: int = 50


class EspeakSynthesizer:
    """espeak-ng in this process, as a context manager.

    Attributes:
        sampling_rate (`int`): rate of the sound that [`speak`] returns, 22050 Hz.

    Raises:
        ValueError: `espeakng-loader` is not installed, or espeak-ng does not find its data.

    Example:
        >>> with EspeakSynthesizer() as synthesizer:
        ...     samples = synthesizer.speak(SpeechRequest("a", "So lucky."))
        >>> samples.dtype, samples.ndim
        (dtype('float32'), 1)
    """

    def __init__(self):
        try:
            import espeakng_loader
        except ImportError as error:
            remedy = "Install it with `pip install espeakng-loader`."
            raise ValueError(f"Speech synthesis needs the package espeakng-loader. {remedy}") from error
        self._data = Path(espeakng_loader.get_data_path())
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        self._chunks: list[np.ndarray] = []
        self._callback = SynthCallback(self._collect)  # kept: the library calls it for as long as it lives
        data_path = os.fsencode(self._data)
        self.sampling_rate = self._library.espeak_Initialize(
            AUDIO_OUTPUT_SYNCHRONOUS, 0, data_path, INITIALIZE_DONT_EXIT
        )
        if len(data_path) > MAX_DATA_PATH or self.sampling_rate <= 0:
            raise ValueError(
                f"espeak-ng cannot use its data in {self._data}. It takes paths of up to {MAX_DATA_PATH} bytes: "
                "install espeakng-loader in an environment with a shorter path."
            )
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(NOISE_SEED))  # else espeak-ng takes the time of day
        self._library.espeak_SetSynthCallback(self._callback)

    def __enter__(self) -> EspeakSynthesizer:
        return self

    def __exit__(self, *exception) -> None:
        self._library.espeak_Terminate()

    def _collect(self, samples, count: int, events) -> int:
        if samples and count > 0:
            self._chunks.append(np.ctypeslib.as_array(samples, shape=(count,)).copy())
        return 0

    def set_voice(self, voice: str) -> None:
        """Choose a voice.

        Args:
            voice (`str`): language and variant, for example `"en-us+f3"`.

        Raises:
            ValueError: espeak-ng has no such language or variant.
        """
        variant = voice.partition("+")[2]
        # espeak-ng falls back to the plain language, without a word, when it does not know the variant
        unknown_variant = variant and (
            Path(variant).name != variant or not (self._data / "voices" / "!v" / variant).is_file()
        )
        if unknown_variant or self._library.espeak_SetVoiceByName(voice.encode()) != EE_OK:
            raise ValueError(f"espeak-ng has no voice {voice!r}: give a language and a variant, such as 'en-us+f3'.")

    def speak(self, request: SpeechRequest) -> np.ndarray:
        """The sound of one request, float32 mono `(samples,)` in [-1, 1] at `sampling_rate`; empty if nothing in the
        text can be voiced.

        Raises:
            ValueError: unknown voice, or espeak-ng reports an error.
        """
        self.set_voice(request.voice)
        self._library.espeak_SetParameter(PARAMETER_RATE, request.rate, 0)
        self._library.espeak_SetParameter(PARAMETER_PITCH, request.pitch, 0)
        self._chunks.clear()
        text = request.text.encode() + b"\0"
        status = self._library.espeak_Synth(text, len(text), 0, POSITION_CHARACTER, 0, CHARS_UTF8, None, None)
        if status != EE_OK:
            raise ValueError(f"espeak-ng failed with status {status} on {request.text!r} (request {request.id!r}).")
        samples = np.concatenate(self._chunks) if self._chunks else np.zeros(0, np.int16)
        return samples.astype(np.float32) / 32768.0


def trim_silence(samples: np.ndarray, sampling_rate: int) -> np.ndarray:
    """Drop the silence before and after the speech, but for `SILENCE_MARGIN` seconds.

    Args:
        samples (`np.ndarray` of shape `(samples,)`): sound in [-1, 1].
        sampling_rate (`int`): in Hz.

    Returns:
        `np.ndarray`: a part of `samples`; empty where all of it is silence.
    """
    loud = np.flatnonzero(np.abs(samples) > SILENCE_LEVEL)
    if not loud.size:
        return samples[:0]
    margin = round(SILENCE_MARGIN * sampling_rate)
    return samples[max(0, loud[0] - margin) : loud[-1] + 1 + margin]


def synthesize_files(requests: Sequence[SpeechRequest], output_dir: str | Path) -> dict[str, str]:
    """Speak all requests, in their order, in one fresh process: equal requests give equal bytes.

    Args:
        requests (`list[SpeechRequest]`): what to say.
        output_dir (`str` or `Path`): receives `<id>.wav`, 16 kHz mono 16-bit.

    Returns:
        `dict[str, str]`: for each request without a file, its id and the reason.

    Raises:
        ValueError: `espeakng-loader` is not installed, or a voice is unknown.
        RuntimeError: the process died.
    """
    with EspeakSynthesizer() as synthesizer:
        for voice in sorted({request.voice for request in requests}):
            synthesizer.set_voice(voice)
    with TemporaryDirectory(prefix="espeak-") as temporary:
        request_file = Path(temporary) / "requests.jsonl"
        request_file.write_text("".join(json.dumps(asdict(request)) + "\n" for request in requests), encoding="utf-8")
        # By its path and not with -m, which would import the whole package first: seconds for one sentence.
        start = "import runpy, sys; runpy.run_path(sys.argv.pop(1), run_name='__main__')"
        command = [sys.executable, "-c", start, __file__, str(request_file), str(Path(output_dir).resolve())]
        process = subprocess.run(command, check=False)
        if process.returncode:
            raise RuntimeError(f"Speech synthesis ended with status {process.returncode}, see the messages above.")
        return json.loads((Path(temporary) / FAILURES_FILE).read_text(encoding="utf-8"))


def _write_all(requests: Sequence[SpeechRequest], output_dir: Path) -> dict[str, str]:
    output_dir.mkdir(parents=True, exist_ok=True)
    failures = {}
    with EspeakSynthesizer() as synthesizer:
        for request in tqdm(requests, desc="Synthesising speech", unit="utterance"):
            try:
                samples = trim_silence(synthesizer.speak(request), synthesizer.sampling_rate)
            except ValueError as error:
                failures[request.id] = str(error)
                continue
            if not samples.size:
                failures[request.id] = f"espeak-ng says nothing to the text {request.text!r}."
                continue
            samples = soxr.resample(samples, synthesizer.sampling_rate, VOICE_SAMPLING_RATE)
            soundfile.write(output_dir / f"{request.id}.wav", samples, VOICE_SAMPLING_RATE, subtype="PCM_16")
    return failures


def main() -> None:
    parser = argparse.ArgumentParser(description="Speak the requests of a JSONL file; the work of synthesize_files.")
    parser.add_argument("request_file", type=Path, help="one SpeechRequest per line")
    parser.add_argument("output_dir", type=Path, help="folder for the wav files")
    arguments = parser.parse_args()
    lines = arguments.request_file.read_text(encoding="utf-8").splitlines()
    failures = _write_all([SpeechRequest(**json.loads(line)) for line in lines], arguments.output_dir)
    arguments.request_file.with_name(FAILURES_FILE).write_text(json.dumps(failures), encoding="utf-8")


if __name__ == "__main__":
    main()
