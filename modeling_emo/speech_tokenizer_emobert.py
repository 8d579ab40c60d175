"""Waveforms to Speech-BERT's token ids inside the model: vq-wav2vec, then a lookup table."""

from __future__ import annotations

import torch
from torch import nn
from transformers import PreTrainedConfig
from transformers import initialization as init

from configuration_emo.configuration_vq_wav2vec import VqWav2VecConfig
from configuration_emo.speech_dictionary import EOS_ID, PAD_ID, UNK_ID, SpeechDictionary
from configuration_emo.token_positions import max_token_positions

from .modeling_vq_wav2vec import VqWav2VecModel, VqWav2VecPreTrainedModel


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
    >>> from configuration_emo.speech_dictionary import SpeechDictionary
    >>> from modeling_emo.speech_tokenizer_emobert import CodesToIds

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
