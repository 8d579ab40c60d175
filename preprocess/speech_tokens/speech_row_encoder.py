"""The sounds of a few rows to token ids."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

from ..audio.load_audio import load_audio
from .speech_tokenizer import SpeechTokenizer
from .tokenization_journal import TokenizedRow


class SpeechRowEncoder:
    """
    Reads sounds, and turns them into codes and the codes into ids.

    Args:
        model (`PreTrainedModel`): a `VqWav2VecModel` in evaluation mode.
        tokenizer ([`SpeechTokenizer`]): the dictionary.
        long_audio (`str`): `"truncate"` or `"split"`, what is done with more ids than the speech encoder takes.
    """

    def __init__(self, model: PreTrainedModel, tokenizer: SpeechTokenizer, long_audio: str):
        self.model = model
        self.tokenizer = tokenizer
        self.long_audio = long_audio

    def __call__(self, sounds: list[Any]) -> Iterator[TokenizedRow]:
        """
        One [`TokenizedRow`] for each sound, in their order.

        Args:
            sounds (`list`): anything that `load_audio` reads; None for a row without speech.
        """
        waveforms = [self._load(sound) for sound in sounds]
        usable = [waveform for waveform in waveforms if isinstance(waveform, np.ndarray)]
        codes = iter(self._encode(usable) if usable else [])
        for waveform in waveforms:
            if waveform is None:
                yield TokenizedRow()
            elif isinstance(waveform, str):
                yield TokenizedRow(problem=waveform)
            else:
                yield self._to_row(next(codes))

    def _load(self, sound: Any) -> np.ndarray | str | None:
        """The waveform, the reason why there is none that can be used, or None for a row without speech."""
        if sound is None:
            return None
        rate, minimum = self.model.config.sampling_rate, self.model.config.receptive_field
        try:
            waveform = load_audio(sound, rate, allow_silence=False)
        except ValueError as error:
            return str(error)
        if len(waveform) < minimum:
            return f"The sound has {len(waveform)} samples at {rate} Hz, but one speech token takes {minimum}."
        return waveform

    def _encode(self, waveforms: list[np.ndarray]) -> list[np.ndarray]:
        """The codes (frames, groups) of each waveform."""
        values = torch.zeros(len(waveforms), max(map(len, waveforms)))
        mask = torch.zeros(values.shape, dtype=torch.bool)
        for row, waveform in enumerate(waveforms):
            values[row, : len(waveform)] = torch.from_numpy(waveform)
            mask[row, : len(waveform)] = True
        encode: Any = self.model.encode
        output = encode(values.to(self.model.device), mask.to(self.model.device))
        lengths = output.codes_attention_mask.sum(dim=1).tolist()
        codes = output.audio_codes.cpu().numpy()
        return [clip[:length] for clip, length in zip(codes, lengths, strict=True)]

    def _to_row(self, codes: np.ndarray) -> TokenizedRow:
        ids = self.tokenizer.encode(codes)
        pieces = self.tokenizer.split(ids) if self.long_audio == "split" else [self.tokenizer.truncate(ids)]
        return TokenizedRow(pieces, num_ids=len(ids))
