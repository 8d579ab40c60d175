"""Where text and voice look at each other: co-attention weights by word and by time span."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ..modeling_emobert import EmoBertModel
from ..modeling_outputs import EncodedSequence
from .timed_speech import TimedSpeech, frame_scale, share_among_spans
from .tokenized_words import TokenizedWords


@dataclass(frozen=True)
class CoAttentionMaps:
    """Co-attention weights of one utterance. Attention says where the model looks, not what it concludes from it.

    Args:
        words (`array` of shape `(layers, heads, words)`): how much the voice looks at each word (`speech_to_text`).
            The rest to 1 goes to special tokens.
        spans (`array` of shape `(layers, heads, spans)`): how much the text looks at each time span
            (`text_to_speech`). The rest to 1, of speech token ids, goes to `<s>` and `</s>`.
    """

    words: np.ndarray
    spans: np.ndarray


def co_attention_maps(
    model: EmoBertModel,
    text: EncodedSequence,
    speech: EncodedSequence,
    *,
    tokens: TokenizedWords,
    timed_speech: TimedSpeech,
    special_frames: np.ndarray | None,
    edges: np.ndarray,
) -> CoAttentionMaps | None:
    """Co-attention weights of an utterance that has text and speech.

    Args:
        model ([`EmoBertModel`]): in evaluation mode.
        text, speech ([`EncodedSequence`] of one row): what the encoders made. They need not have returned attention
            weights of their own: the fusion computes its weights in any case.
        tokens ([`TokenizedWords`]): the text's words.
        timed_speech ([`TimedSpeech`]): the speech input.
        special_frames (`array` of shape `(frames,)`, *optional*): True for frames of special tokens.
        edges (`array` of shape `(spans + 1,)`): borders of the time spans in seconds.

    Returns:
        [`CoAttentionMaps`], or None if the model fuses without attention.
    """
    if model.text_to_speech is None:
        return None
    present = torch.ones(1, dtype=torch.bool, device=text.mask.device)
    with torch.no_grad():
        weights = model.fuse(text, speech, present, present, output_attentions=True)["co_attentions"]
    # The text's weights of all layers come first; each is (1, heads, positions).
    to_speech, to_text = (
        np.stack([layer[0].cpu().double().numpy() for layer in layers])
        for layers in (weights[: len(weights) // 2], weights[len(weights) // 2 :])
    )
    num_frames = int(speech.mask.sum())
    spans = share_among_spans(
        to_speech[..., :num_frames], frame_scale(model, timed_speech, num_frames), edges, special_frames
    )
    return CoAttentionMaps(words=tokens.sum_by_word(to_text), spans=spans)
