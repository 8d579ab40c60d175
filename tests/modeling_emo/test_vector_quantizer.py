import pytest
import torch

from modeling_emo.vector_quantizer import codes_to_codevectors, nearest_codeword


def broadcast_nearest(features, codebook):
    """The distances as fairseq lays them out: (codewords, frames, width) with time innermost."""
    differences = features.t().unsqueeze(0) - codebook.unsqueeze(1)
    return differences.norm(dim=-1).argmin(dim=0)


@pytest.mark.parametrize(("width", "frames"), [(256, 200), (5, 1), (256, 1), (8, 3)])
def test_it_is_the_first_smallest_distance(width, frames):
    torch.manual_seed(0)
    features, codebook = torch.randn(width, frames), torch.randn(320, width)
    exact = torch.cdist(features.t().double(), codebook.double()).argmin(dim=1)
    assert torch.equal(nearest_codeword(features, codebook), exact)


def test_equal_codewords_give_the_lowest_index():
    torch.manual_seed(0)
    codebook = torch.randn(20, 16).repeat(3, 1)[torch.randperm(60)]
    features = torch.randn(16, 50)
    nearest = nearest_codeword(features, codebook)
    firsts = [(codebook == codebook[index]).all(dim=1).nonzero()[0].item() for index in nearest]
    assert nearest.tolist() == firsts


@pytest.mark.parametrize("offset", [0.0, 30.0])
def test_near_ties_are_decided_as_the_direct_distance_decides_them(offset):
    """Codewords that differ by a few units in the last place, far from the origin, where the expansion is blind."""
    torch.manual_seed(0)
    centres = torch.randn(4, 64) + offset
    codebook = (centres.repeat(8, 1) * (1 + 3e-7 * torch.randn(32, 64))).contiguous()
    features = (centres.repeat(25, 1) + 0.5 * torch.randn(100, 64)).t().contiguous()
    nearest = nearest_codeword(features, codebook)
    assert torch.equal(nearest, broadcast_nearest(features, codebook))
    # The expansion alone would not do: it picks other codewords here.
    scores = codebook.square().sum(1) - 2 * features.t() @ codebook.t()
    assert not torch.equal(nearest, scores.argmin(dim=1))


def test_a_frame_s_code_does_not_depend_on_its_neighbours():
    torch.manual_seed(0)
    codebook = torch.randn(8, 64).repeat(4, 1) * (1 + 3e-7 * torch.randn(32, 64))
    features = torch.randn(64, 40)
    together = nearest_codeword(features, codebook)
    pairs = [nearest_codeword(features[:, start : start + 2], codebook) for start in range(0, 40, 2)]
    assert torch.equal(together, torch.cat(pairs))


def test_frames_without_numbers_and_a_codebook_of_one():
    features = torch.tensor([[torch.nan, 2.9, 0.2]])
    assert nearest_codeword(features, torch.tensor([[1.0], [3.0], [3.0]])).tolist() == [0, 1, 0]
    assert nearest_codeword(features, torch.tensor([[1.0]])).tolist() == [0, 0, 0]


def test_codewords_of_the_groups_lie_side_by_side():
    codebook = torch.arange(12.0).view(2, 3, 2)  # 2 codebooks of 3 codewords
    codes = torch.tensor([[[2, 0]]])
    assert codes_to_codevectors(codes, codebook).tolist() == [[[4.0, 5.0, 6.0, 7.0]]]
    assert codes_to_codevectors(codes, codebook[:1]).tolist() == [[[4.0, 5.0, 0.0, 1.0]]]
