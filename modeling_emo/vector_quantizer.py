"""The two vector quantisers of vq-wav2vec: the nearest codeword (k-means) and the largest logit (Gumbel)."""

from __future__ import annotations

import torch
from torch import nn
from transformers.activations import ACT2FN

from configuration_emo.configuration_vq_wav2vec import VqWav2VecConfig


# Bounds the memory of a lookup, whatever the length of the clip.
FRAMES_AT_A_TIME = 512


def nearest_codeword(features: torch.Tensor, codebook: torch.Tensor) -> torch.Tensor:
    r"""
    The codeword with the smallest L2 distance to each column; the lowest index among equals.

    Distances are ranked through `|e|^2 - 2 x.e`, one matrix product without a (codewords, frames, width) tensor.
    Where codewords lie closer together than the rounding error of that expansion, `|x - e|` decides.

    Args:
        features (`torch.Tensor` of shape `(width, frames)`):
            The vectors to quantise, float32.
        codebook (`torch.Tensor` of shape `(codewords, width)`):
            The codewords.

    Returns:
        `torch.LongTensor` of shape `(frames,)`: indices of the nearest codewords.

    Example:

    ```python
    >>> import torch
    >>> from modeling_emo import nearest_codeword

    >>> nearest_codeword(torch.tensor([[0.0, 2.9]]), torch.tensor([[1.0], [3.0], [3.0]]))
    tensor([0, 1])

    ```"""
    codeword_norms = codebook.norm(dim=1)
    single_frame = features.shape[1] == 1
    nearest = [
        _nearest_in_block(block, codebook, codeword_norms, single_frame)
        for block in features.split(FRAMES_AT_A_TIME, dim=1)
    ]
    return torch.cat(nearest)


def _nearest_in_block(
    features: torch.Tensor, codebook: torch.Tensor, codeword_norms: torch.Tensor, single_frame: bool
) -> torch.Tensor:
    """`nearest_codeword` of a few frames."""
    scores = torch.addmm(codeword_norms.square(), features.t(), codebook.t(), alpha=-2.0)  # (frames, codewords)
    best, order = scores.topk(min(2, scores.shape[1]), dim=1, largest=False)
    nearest = order[:, 0].clone()

    # Bound on the difference between this ranking and that of the direct distances: each sum of `width` products is
    # off by at most width * eps times the sum of their magnitudes, which (|x| + |e|)^2 covers.
    largest_sum = (features.norm(dim=0) + codeword_norms.max()).square()
    tolerance = 4 * (codebook.shape[1] + 4) * torch.finfo(scores.dtype).eps * largest_sum
    limit = best[:, 0] + tolerance
    # Not `<=`, so that NaN counts as ambiguous.
    ambiguous = (~(best[:, -1] > limit)).nonzero().squeeze(1)
    if len(ambiguous):
        candidates = scores[ambiguous] <= limit[ambiguous].unsqueeze(1)
        nearest[ambiguous] = _nearest_among(features, codebook, ambiguous, candidates, single_frame)
    return nearest


def _nearest_among(
    features: torch.Tensor,
    codebook: torch.Tensor,
    frames: torch.Tensor,
    candidates: torch.Tensor,
    single_frame: bool,
) -> torch.Tensor:
    """The nearest of the `candidates` (len(frames), codewords) to each of `frames`, by the direct distance."""
    frame, codeword = candidates.nonzero(as_tuple=True)
    differences = features[:, frames[frame]] - codebook.t()[:, codeword]  # (width, pairs)
    # fairseq's differences have time innermost, so that the width is summed one by one; only in a clip of a single
    # frame is the width innermost, and summed in vector lanes. Keeping its order of summation gives the same bits.
    pair_distances = differences.t().contiguous().norm(dim=1) if single_frame else differences.norm(dim=0)
    distances = torch.full(candidates.shape, torch.inf, dtype=features.dtype, device=features.device)
    distances[frame, codeword] = pair_distances
    return distances.argmin(dim=1)


def _empty_codebook(config: VqWav2VecConfig) -> nn.Parameter:
    """Codewords (codebooks, codewords, width), in float32 whatever the default dtype is."""
    width = config.codevector_dim // config.num_codevector_groups
    return nn.Parameter(
        torch.empty(config.num_codebooks, config.num_codevectors_per_group, width, dtype=torch.float32)
    )


class VqWav2VecKmeansQuantizer(nn.Module):
    """
    Quantises each group of channels to its nearest codeword, after a grouped 1x1 convolution and a group normalisation
    (vq-wav2vec, section 3.2).

    Args:
        config (`VqWav2VecConfig`): the architecture.
    """

    def __init__(self, config: VqWav2VecConfig):
        super().__init__()
        self.num_groups = config.num_codevector_groups
        dim = config.codevector_dim
        self.conv = nn.Conv1d(dim, dim, kernel_size=1, groups=self.num_groups, bias=False, dtype=torch.float32)
        self.norm = nn.GroupNorm(self.num_groups, dim, dtype=torch.float32)
        self.codebook = _empty_codebook(config)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """
        Args:
            features (`torch.Tensor` of shape `(1, channels, frames)`): one clip's features, unpadded.

        Returns:
            `torch.LongTensor` of shape `(1, frames, groups)`: the codes.
        """
        projected = self.norm(self.conv(features))
        chunks = projected[0].chunk(self.num_groups)  # groups x (width, frames)
        codebooks = self.codebook.expand(self.num_groups, -1, -1)
        codes = [nearest_codeword(chunk, codebook) for chunk, codebook in zip(chunks, codebooks, strict=True)]
        return torch.stack(codes, dim=-1).unsqueeze(0)


class VqWav2VecGumbelQuantizer(nn.Module):
    """
    Quantises each group to the codeword with the largest logit, which is what the Gumbel softmax does outside training
    (vq-wav2vec, section 3.1).

    Args:
        config (`VqWav2VecConfig`): the architecture.
    """

    def __init__(self, config: VqWav2VecConfig):
        super().__init__()
        self.num_groups = config.num_codevector_groups
        self.activation = ACT2FN[config.hidden_act]
        dim = config.conv_dim[-1]
        hidden = 2 * dim
        depth = config.gumbel_projection_depth
        widths = [dim] + [hidden] * (depth - 1) + [self.num_groups * config.num_codevectors_per_group]
        self.layers = nn.ModuleList(
            nn.Linear(before, after, dtype=torch.float32)
            for before, after in zip(widths[:-1], widths[1:], strict=True)
        )
        self.codebook = _empty_codebook(config)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """
        Args:
            features (`torch.Tensor` of shape `(1, channels, frames)`): one clip's features, unpadded.

        Returns:
            `torch.LongTensor` of shape `(1, frames, groups)`: the codes.
        """
        hidden = features.transpose(1, 2)
        for layer in self.layers[:-1]:
            hidden = self.activation(layer(hidden))
        logits = self.layers[-1](hidden)  # (1, frames, groups * codewords)
        return logits.unflatten(-1, (self.num_groups, -1)).argmax(dim=-1)


def codes_to_codevectors(codes: torch.Tensor, codebook: torch.Tensor) -> torch.Tensor:
    """
    The codewords of each frame, side by side.

    Args:
        codes (`torch.LongTensor` of shape `(batch, frames, groups)`): indices into the codebooks.
        codebook (`torch.Tensor` of shape `(codebooks, codewords, width)`): one codebook, or one for each group.

    Returns:
        `torch.Tensor` of shape `(batch, frames, groups * width)`.
    """
    codebooks = codebook.expand(codes.shape[-1], -1, -1)
    groups = torch.arange(codes.shape[-1], device=codes.device)
    return codebooks[groups, codes].flatten(-2)
