"""Frame arithmetic of a stack of convolutions over a waveform."""

from __future__ import annotations

import math


class ConvolutionFrames:
    """
    For configurations with `sampling_rate`, `conv_kernel` and `conv_stride`: how samples become frames when no
    convolution pads its input.
    """

    sampling_rate: int
    conv_kernel: list[int] | tuple[int, ...]
    conv_stride: list[int] | tuple[int, ...]

    @property
    def hop_length(self) -> int:
        """Samples between the starts of two frames."""
        return math.prod(self.conv_stride)

    @property
    def frame_rate(self) -> float:
        """Frames per second."""
        return self.sampling_rate / self.hop_length

    @property
    def receptive_field(self) -> int:
        """Samples that one frame sees, which is the fewest that a waveform may have."""
        samples = 1
        for kernel, stride in zip(reversed(self.conv_kernel), reversed(self.conv_stride), strict=True):
            samples = (samples - 1) * stride + kernel
        return samples

    def num_frames(self, num_samples: int) -> int:
        """
        Frames of a waveform of `num_samples` samples; 0 when it is shorter than the receptive field.

        Args:
            num_samples (`int`): length of the waveform.

        Returns:
            `int`: the number of frames.
        """
        length = num_samples
        for kernel, stride in zip(self.conv_kernel, self.conv_stride, strict=True):
            length = max(0, (length - kernel) // stride + 1)
        return length

    def _check_convolutions(self, dims: str, kernels: str, strides: str) -> None:
        """Refuses lists of layers that differ in length, are empty or hold other than positive numbers."""
        lengths = {name: len(getattr(self, name)) for name in (dims, kernels, strides)}
        if len(set(lengths.values())) != 1 or 0 in lengths.values():
            raise ValueError(f"{dims}, {kernels} and {strides} must have the same number of layers, got {lengths}.")
        for name in lengths:
            if min(getattr(self, name)) < 1:
                raise ValueError(f"{name} must hold positive numbers, got {getattr(self, name)}.")
