"""CMU-MOSEI: about 23,000 sentences of 3,228 videos with sentiment and six emotions (Zadeh et al., ACL 2018).

Both layouts are read, see `cmu.multimodal`. The emotions are only in the `.csd` labels. Known of the release: some
intervals start below 0 (0 is taken), three sentences have scores beyond 3, hundreds of labels have no recording or no
transcript, and many segments have no label.
"""

from __future__ import annotations

from pathlib import Path

from configuration_emo.corpora import CORPORA

from ..schema import CorpusReading
from .cmu.multimodal import read_cmu_corpus


def read(
    data_dir: str | Path,
    *,
    label_set: str = "score",
    split_file: str | Path | None = None,
    segment_dir: str | Path | None = None,
    check_audio: str = "header",
    keep_without_audio: bool | None = None,
) -> CorpusReading:
    """Reads CMU-MOSEI. MMSA's `label.csv` states the split; for the raw release it comes from `split_file`.

    Args:
        data_dir (`str` or `Path`): the folder of MMSA (`label.csv`, `Raw/`) or of the CMU release (`Raw/Transcript`,
            `Raw/Audio`, and the labels as `CMU_MOSEI_Labels.csd`).
        label_set (`str`, defaults to `"score"`): `"score"`, `"binary-has0"` (negative, non-negative), `"binary-non0"`
            (negative, positive; sentences of score 0 are left out), `"7-class"`, or `"emotions"` (multi-label: each of
            happy, sad, anger, surprise, disgust, fear whose mean intensity is above 0; often none).
        split_file (`str` or `Path`, *optional*): which video is in which split, for example the CMU-MultimodalSDK's
            `cmu_mosei_std_folds.py`, see `cmu.splits.read_split_file`. Without it the raw release is all in `train`.
        segment_dir (`str` or `Path`, *optional*): where segments are written as 16 kHz wav files when only recordings
            of whole videos are there. Without it these segments stay as text only.
        check_audio (`str`, defaults to `"header"`): `"exists"`, `"header"` or `"decode"`, see `check_audio_file`.
        keep_without_audio (`bool`, *optional*): False leaves out sentences without a usable recording; otherwise
            they stay as text. True is needed where not one recording is there.

    Returns:
        `CorpusReading`: `id` is `<video>_<clip>`; `speaker` and `session` are the video, as who speaks is not told.

    Raises:
        ValueError: the folder has neither layout, a file cannot be read, or an option is unknown.

    Example:
        >>> reading = read("CMU-MOSEI", label_set="emotions", split_file="cmu_mosei_std_folds.py")  # doctest: +SKIP
        >>> reading.splits["train"][0].label  # doctest: +SKIP
        ['happy', 'surprise']
    """
    return read_cmu_corpus(
        CORPORA["mosei"],
        data_dir,
        splits=None,
        label_set=label_set,
        split_file=split_file,
        segment_dir=segment_dir,
        check_audio=check_audio,
        keep_without_audio=keep_without_audio,
    )
