"""Waveforms to Speech-BERT's token ids inside the model: vq-wav2vec, then a lookup table."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedConfig, PreTrainedModel
from transformers import initialization as init
from transformers.utils.hub import cached_file

from configuration_emo.configuration_vq_wav2vec import VqWav2VecConfig
from configuration_emo.speech_dictionary import DICTIONARY_FILE, EOS_ID, PAD_ID, UNK_ID, SpeechDictionary
from configuration_emo.token_positions import max_token_positions

from .modeling_vq_wav2vec import VqWav2VecModel, VqWav2VecPreTrainedModel


# A file that may be absent, from a folder or from the Hub.
_OPTIONAL: dict[str, Any] = {
    "_raise_exceptions_for_missing_entries": False,
    "_raise_exceptions_for_connection_errors": False,
}


class CodesToIds(nn.Module):
    """
    Looks the codes of each frame up in a table filled from fairseq's `dict.txt`.

    Args:
        num_codevectors (`int`): codewords of each group.
        num_groups (`int`): codes of each frame.
        max_length (`int`): ids that the speech encoder takes, `<s>` and `</s>` among them. Of a longer clip the first
            ids are kept and the last of them becomes `</s>`, as the original does.

    Example:

    ```python
    >>> import torch
    >>> from configuration_emo import SpeechDictionary
    >>> from modeling_emo import CodesToIds

    >>> codes_to_ids = CodesToIds(num_codevectors=8, num_groups=2, max_length=2048)
    >>> codes_to_ids.load_dictionary(SpeechDictionary([("2-3", 301, False), ("6-5", 74, False)]))
    >>> codes_to_ids(torch.tensor([[[6, 5], [0, 1]]]), torch.ones(1, 2))
    (tensor([[0, 5, 3, 2]]), tensor([[1, 1, 1, 1]]))

    ```"""

    code_to_id: torch.Tensor
    bos_id: torch.Tensor

    def __init__(self, num_codevectors: int, num_groups: int, max_length: int):
        super().__init__()
        self.num_groups = num_groups
        self.max_length = max_length
        self.register_buffer("code_to_id", torch.full((num_codevectors,) * num_groups, UNK_ID))
        self.register_buffer("bos_id", torch.zeros((), dtype=torch.long))

    def load_dictionary(self, dictionary: SpeechDictionary) -> None:
        """
        Fills the table.

        Args:
            dictionary ([`SpeechDictionary`]): the vocabulary of the speech encoder.
        """
        table = dictionary.code_to_id(self.code_to_id.shape[0], self.num_groups)
        self.code_to_id.copy_(torch.from_numpy(table))
        self.bos_id.fill_(dictionary.bos_id)

    def forward(
        self, audio_codes: torch.Tensor, codes_attention_mask: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """
        Args:
            audio_codes (`torch.LongTensor` of shape `(batch, frames, groups)`): the codes, padding on the right.
            codes_attention_mask (`torch.Tensor` of shape `(batch, frames)`): 1 for real frames. A row without any (no
                speech) gets no ids at all, not even `<s>`.

        Returns:
            Ids and their mask, `torch.LongTensor` both of shape `(batch, length)` with
            `length = min(frames + 2, max_length)`: `<s>`, one id for each frame, `</s>`, then `<pad>`.
        """
        lengths = codes_attention_mask.long().sum(dim=1)  # (batch,)
        frame_ids = self.code_to_id[audio_codes.unbind(dim=-1)]  # (batch, frames)
        ids = nn.functional.pad(frame_ids, (1, 1), value=PAD_ID)
        ids[:, 0] = self.bos_id
        ids = ids[:, : self.max_length]
        num_ids = torch.where(lengths > 0, lengths + 2, 0).clamp(max=self.max_length).unsqueeze(1)  # (batch, 1)
        positions = torch.arange(ids.shape[1], device=ids.device)
        ids = ids.masked_fill(positions == num_ids - 1, EOS_ID)
        mask = positions < num_ids
        return ids.masked_fill(~mask, PAD_ID), mask.long()


class SpeechTokenizerModule(VqWav2VecPreTrainedModel):
    """
    The frozen front end of a Speech-BERT: waveforms in, token ids out, the same that the offline tokenizer writes.

    Args:
        config ([`VqWav2VecConfig`]): of the vq-wav2vec model.
        speech_config (`PreTrainedConfig`): of the speech encoder; its positions bound the number of ids.
    """

    def __init__(self, config: VqWav2VecConfig, speech_config: PreTrainedConfig):
        super().__init__(config)
        self.vq_wav2vec = VqWav2VecModel(config)
        self.codes_to_ids = CodesToIds(
            config.num_codevectors_per_group, config.num_codevector_groups, max_token_positions(speech_config)
        )
        self.requires_grad_(False)
        self.post_init()

    @classmethod
    def from_vq_wav2vec(
        cls, vq_wav2vec: VqWav2VecModel, dictionary: SpeechDictionary, speech_config: PreTrainedConfig
    ) -> SpeechTokenizerModule:
        """
        Joins a vq-wav2vec and a dictionary.

        Args:
            vq_wav2vec ([`VqWav2VecModel`]): whose weights are copied.
            dictionary ([`SpeechDictionary`]): the vocabulary of the speech encoder.
            speech_config (`PreTrainedConfig`): of the speech encoder.

        Returns:
            [`SpeechTokenizerModule`]

        Raises:
            ValueError: the dictionary does not fit the speech encoder's embedding.
        """
        dictionary.check_embedding(speech_config.vocab_size)
        module = cls(copy.deepcopy(vq_wav2vec.config), speech_config)
        module.vq_wav2vec.load_state_dict(vq_wav2vec.state_dict())
        module.codes_to_ids.load_dictionary(dictionary)
        return module.eval()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, CodesToIds):
            init.constant_(module.code_to_id, UNK_ID)
            init.zeros_(module.bos_id)

    @torch.no_grad()
    def forward(
        self, input_values: torch.Tensor, attention_mask: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """
        Args:
            input_values (`torch.Tensor` of shape `(batch, samples)`): waveforms at 16 kHz, not normalised.
            attention_mask (`torch.Tensor` of shape `(batch, samples)`, *optional*): 1 for real samples.

        Returns:
            `speech_input_ids` and `speech_attention_mask`, both of shape `(batch, length)`.

        Raises:
            ValueError: a waveform is shorter than one frame.
        """
        output = self.vq_wav2vec.encode(input_values, attention_mask)
        return self.codes_to_ids(output.audio_codes, output.codes_attention_mask)


def load_speech_tokenizer(
    speech_tokenizer: str | PreTrainedModel, speech_model: str | PreTrainedModel, speech_config: PreTrainedConfig
) -> SpeechTokenizerModule:
    """
    A speech tokenizer from what a user has of it.

    Args:
        speech_tokenizer (`str` or `PreTrainedModel`): a [`SpeechTokenizerModule`], a [`VqWav2VecModel`], or the folder
            or Hub id of a [`VqWav2VecModel`].
        speech_model (`str` or `PreTrainedModel`): the speech encoder, in whose folder its dictionary, `dict.txt`, is
            looked for; else it is in that of `speech_tokenizer`.
        speech_config (`PreTrainedConfig`): of the speech encoder.

    Returns:
        [`SpeechTokenizerModule`]

    Raises:
        ValueError: there is no dictionary, it does not fit the speech encoder's embedding, or the model is another.
    """
    if isinstance(speech_tokenizer, SpeechTokenizerModule):
        return speech_tokenizer
    if isinstance(speech_tokenizer, str):
        vq_wav2vec = VqWav2VecModel.from_pretrained(speech_tokenizer)
    elif isinstance(speech_tokenizer, VqWav2VecModel):
        vq_wav2vec = speech_tokenizer
    else:
        raise ValueError(f"A speech tokenizer is a VqWav2VecModel, got {type(speech_tokenizer).__name__}.")
    places = [_name_of(speech_model), _name_of(speech_tokenizer)]
    dictionary = next((path for place in places if (path := cached_file(place, DICTIONARY_FILE, **_OPTIONAL))), None)
    if dictionary is None:
        raise ValueError(
            f"The speech tokenizer needs the speech encoder's {DICTIONARY_FILE}, which is neither in {places[0]!r} "
            f"nor in {places[1]!r}: convert_speech_bert_fairseq_to_hf puts it there."
        )
    return SpeechTokenizerModule.from_vq_wav2vec(vq_wav2vec, SpeechDictionary.from_file(dictionary), speech_config)


def _name_of(model: str | PreTrainedModel) -> str:
    """The folder or Hub id that a model came from."""
    return model if isinstance(model, str) else str(model.name_or_path)
