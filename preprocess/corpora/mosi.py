"""CMU-MOSI: 2199 opinion segments of 93 video reviews with sentiment from -3 to 3 (Zadeh et al., 2016).

Both layouts are read, see `cmu.multimodal`. MMSA's transcripts are in lower case and the raw release's in capitals;
the case is left as it is.
"""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

from configuration_emo.corpora import CORPORA

from ..schema import CorpusReading
from .cmu.multimodal import read_cmu_corpus


# The videos of the CMU-MultimodalSDK's standard folds.
_TRAIN_VIDEOS = """
    03bSnISJMiM 0h-zjBukYpk 1DmNV9C1hbY 1iG0909rllw 2WGyTLYerpo 2iD-tVS8NPw 5W7Z1C_fDaE 6Egk_28TtTM 6_0THN4chvY
    73jzhE8R1TQ 7JsX8y1ysxY 8OtFthrtaJM 8d-gEyoeBzc 8qrpnFRGt2A 9J25DZhivz8 9T9Hf74oK10 9c67fiY0wGQ 9qR7uwkblbs
    Af8D0E4ZXaw BI97DNYfe5I BXuRRbG0Ugk Bfr499ggo-0 BioHAh1qJAQ BvYR0L6f2Ig Ci-AH39fi3Y Clx4VXItLTE Dg_0XKD0Mf4
    G-xst2euQUc G6GlGvlkxAQ GWuJjcEuzt8 HEsqda8_d0Q I5y0__X72p0 Iu2PFX3z_1s IumbAb8q2dM Jkswaaud0hk LSi-o-IrDMs
    MLal-t_vJPM Njd1F0vZSm4 Nzq88NnDkEk OQvJTdtJ2H4 OtBXNcAL_lE Oz06ZWiO20M POKffnXeBds PZ-lDQFboO8 QN9ZIUWUXsY
    Qr1Ca94K55A Sqr0AcuoNnk TvyZBvOMOTc VCslbP0mgZI VbQk4H8hgr0 Vj1wYRQjB-o W8NXH0Djyww
"""
_VALIDATION_VIDEOS = """
    WKA5OygbEKI X3j2zQgwYgE ZAIRrfG22O0 ZUXBRvtny7o _dI--eQ6qVU aiEXnCPZubE atnd_PF-Lbs bOL9jKpeJRs bvLlb-M3UXU
    c5xsKMxpXnc
"""
_TEST_VIDEOS = """
    c7UH_rxdZv4 cM3Yna7AavY cW1FSBF59ik cXypl4FnoZo d3_k5Xpfmik d6hH302o4v8 dq3Nf_lMPnE etzxEpPuc6I f9O3YtZ2VfI
    f_pcplsH_V0 fvVhgmXxadc iiK8YX8oH1E jUzDDGyPkXU k5Y_838nuGo lXPQBPVc5Cw nbWiPyCm4g0 nzpVDcQ0ywM ob23OKe5a9Q
    pLTX3ipuDJI phBUpBr1hSo rnaNMUZpvvg tIrG4oNLFzE tStelxIAHjw tmZoasNr4rU v0zCBqDeKcE vvZ4IcEtiZc vyB00TXsimI
    wMbj6ajWbic yDtzw_Y-7RU yvsjCA6Y5Fc zhpQhgha_KU
"""
SPLIT_VIDEOS = MappingProxyType(
    {
        "train": tuple(_TRAIN_VIDEOS.split()),
        "validation": tuple(_VALIDATION_VIDEOS.split()),
        "test": tuple(_TEST_VIDEOS.split()),
    }
)


def read(
    data_dir: str | Path,
    *,
    label_set: str = "score",
    split_file: str | Path | None = None,
    segment_dir: str | Path | None = None,
    check_audio: str = "header",
    keep_without_audio: bool | None = None,
) -> CorpusReading:
    """Reads CMU-MOSI with its official split.

    Args:
        data_dir (`str` or `Path`): the folder of MMSA (`label.csv`, `Raw/`) or of the CMU release (`Raw/Transcript`,
            `Raw/Audio`, and the labels as `CMU_MOSI_Opinion_Labels.csd` or `OpinionLevelSentiment.csv`).
        label_set (`str`, defaults to `"score"`): `"score"`, `"binary-has0"` (negative, non-negative), `"binary-non0"`
            (negative, positive; segments of score 0 are left out) or `"7-class"`.
        split_file (`str` or `Path`, *optional*): another split, see `cmu.splits.read_split_file`.
        segment_dir (`str` or `Path`, *optional*): where segments are written as 16 kHz wav files when only recordings
            of whole videos are there. Without it these segments stay as text only.
        check_audio (`str`, defaults to `"header"`): `"exists"`, `"header"` or `"decode"`, see `check_audio_file`.
        keep_without_audio (`bool`, *optional*): False leaves out segments without a usable recording; otherwise
            they stay as text. True is needed where not one recording is there.

    Returns:
        `CorpusReading`: `id` is `<video>_<clip>`; `speaker` and `session` are the video, as who speaks is not told.

    Raises:
        ValueError: the folder has neither layout, a file cannot be read, or an option is unknown.

    Example:
        >>> reading = read("MOSI", label_set="7-class")  # doctest: +SKIP
        >>> {split: len(rows) for split, rows in reading.splits.items()}  # doctest: +SKIP
        {'train': 1284, 'validation': 229, 'test': 686}
    """
    return read_cmu_corpus(
        CORPORA["mosi"],
        data_dir,
        splits={video: split for split, videos in SPLIT_VIDEOS.items() for video in videos},
        label_set=label_set,
        split_file=split_file,
        segment_dir=segment_dir,
        check_audio=check_audio,
        keep_without_audio=keep_without_audio,
    )
