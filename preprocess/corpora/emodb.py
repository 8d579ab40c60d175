"""EmoDB, the Berlin database of emotional speech (Burkhardt et al., Interspeech 2005).

Ten actors speak ten German sentences in seven emotions. All that is known of a recording stands in its name, for
example `03a01Fa.wav`: speaker (2 digits), sentence (3 characters), emotion (1 letter), version (1 letter). The
sentence carries no emotion by design, so any split of this corpus shares its texts between training and test.
"""

from __future__ import annotations

import re
from pathlib import Path
from types import MappingProxyType

from configuration_emo.corpora import CORPORA

from ..audio.check import audio_files
from ..labels.label_maps import LABEL_MAPS
from ..schema import CorpusReading, Utterance
from .reading.collector import UtteranceCollector, check_option, corpus_folder
from .reading.known_counts import note_known_counts


CORPUS = CORPORA["emodb"]
LAYOUT = "EmoDB's wav files (03a01Fa.wav, ...), in this folder or in its folder wav/"

# The sentences as published; the codes a03, a06 and b04 to b08 were not used.
SENTENCES = MappingProxyType(
    {
        "a01": "Der Lappen liegt auf dem Eisschrank.",
        "a02": "Das will sie am Mittwoch abgeben.",
        "a04": "Heute abend könnte ich es ihm sagen.",
        "a05": "Das schwarze Stück Papier befindet sich da oben neben dem Holzstück.",
        "a07": "In sieben Stunden wird es soweit sein.",
        "b01": "Was sind denn das für Tüten, die da unter dem Tisch stehen?",
        "b02": "Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter.",
        "b03": "An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht.",
        "b09": "Ich will das eben wegbringen und dann mit Karl was trinken gehen.",
        "b10": "Die wird auf dem Platz sein, wo wir sie immer hinlegen.",
    }
)

_FILE_NAME = re.compile(r"(?P<speaker>\d\d)(?P<sentence>[ABab]\d\d)(?P<emotion>[A-Za-z])(?P<version>[A-Za-z]?)")


def read(
    data_dir: str | Path,
    *,
    label_set: str = "7-class",
    check_audio: str = "header",
    keep_without_audio: bool = False,
) -> CorpusReading:
    """Reads EmoDB. There is no official split: all utterances are in `train`, see `preprocess.make_folds`.

    Args:
        data_dir (`str` or `Path`): the folder with the wav files or with `wav/`.
        label_set (`str`, defaults to `"7-class"`): `"7-class"` (anger, boredom, disgust, fear, happiness, sadness,
            neutral) or `"all"` (the letters of the file names, for a label map of your own).
        check_audio (`str`, defaults to `"header"`): `"exists"`, `"header"` or `"decode"`, see `check_audio_file`.
        keep_without_audio (`bool`, defaults to `False`): True keeps an utterance with a broken recording as text only.

    Returns:
        `CorpusReading`: `id` is the file's stem, `speaker` its two digits, `session` None.

    Raises:
        ValueError: `data_dir` is not a folder or holds no recording, or an option is unknown.

    Example:
        >>> reading = read("EmoDB")  # doctest: +SKIP
        >>> reading.splits["train"][0].label  # doctest: +SKIP
        'happiness'
    """
    check_option("label_set", label_set, CORPUS.label_sets)
    collector = UtteranceCollector(check_audio, keep_without_audio=keep_without_audio)
    folder = corpus_folder(data_dir, LAYOUT)
    paths = list(audio_files(folder / "wav" if (folder / "wav").is_dir() else folder))
    if not paths:
        raise ValueError(f"{folder} holds no recording. Expected: {LAYOUT}.")
    for path in paths:
        _read_recording(path, label_set, collector)
    return note_known_counts(collector.reading(), CORPUS.name, label_set, folder)


def _read_recording(path: Path, label_set: str, collector: UtteranceCollector) -> None:
    parts = _FILE_NAME.fullmatch(path.stem)
    if parts is None:
        collector.problem(path.stem, str(path), "malformed file name: expected such as 03a01Fa.wav")
        return
    letter = parts["emotion"].upper()  # names that went through an old Windows may be in one case
    emotion = LABEL_MAPS["emodb-7-class"].apply(letter)
    if emotion is None:
        collector.problem(path.stem, str(path), f"unknown label: the letter {letter!r} stands for no emotion")
        return
    collector.add(
        Utterance(
            id=path.stem,
            audio=str(path),
            text=SENTENCES.get(
                parts["sentence"].lower()
            ),  # a code without a sentence is reported as having no transcript
            label=letter if label_set == "all" else emotion,
            speaker=parts["speaker"],
        ),
        place=str(path),
    )
