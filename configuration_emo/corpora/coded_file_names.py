"""Corpora of acted emotions whose file names say all: who speaks, what, and with which emotion. One row each.

Sizes are those that the corpora's own pages and papers state; where they are remembered and nobody here has compared
them with a page or a release, the row says so. EmoBox (arXiv 2406.07162) publishes folds for most of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .corpus import Corpus, FileNames, LabelSet, PublishedFolds, SideTable, VoteTable


# All actors speak the same sentences.
_SAME_SENTENCES = {"allow": ("text",)}
_BY_SPEAKER = {"leave-one-speaker-out": _SAME_SENTENCES, "speaker-k-fold": _SAME_SENTENCES}


def _each(speakers: Iterable[str]) -> PublishedFolds:
    """Each speaker is tested once, in this order."""
    return PublishedFolds(tuple((speaker,) for speaker in speakers))


def _counts(labels: Iterable[str], each: int, speakers: int, **others: int) -> dict[str, int]:
    """Published counts of a corpus with as many recordings of every emotion, but for `others`."""
    by_label = {**dict.fromkeys(labels, each), **others}
    counts = {f"label {label}": count for label, count in by_label.items()}
    return {"all": sum(by_label.values()), "speakers": speakers, **counts}


_RAVDESS = {
    **{"01": "neutral", "02": "calm", "03": "happy", "04": "sad"},
    **{"05": "angry", "06": "fearful", "07": "disgust", "08": "surprised"},
}
_RAVDESS_ACTORS = tuple(f"{number:02d}" for number in range(1, 25))
_CREMA_D = {"ANG": "anger", "DIS": "disgust", "FEA": "fear", "HAP": "happy", "NEU": "neutral", "SAD": "sad"}
_CREMA_D_ACTORS = tuple(str(number) for number in range(1001, 1092))
_SAVEE = {
    **{"a": "anger", "d": "disgust", "f": "fear", "h": "happiness"},
    **{"n": "neutral", "sa": "sadness", "su": "surprise"},
}
_TESS = {
    **{"angry": "anger", "disgust": "disgust", "fear": "fear", "happy": "happiness"},
    **{"neutral": "neutral", "ps": "pleasant surprise", "sad": "sadness"},
}
_EMOVO = {
    **{"dis": "disgust", "gio": "joy", "neu": "neutral", "pau": "fear"},
    **{"rab": "anger", "sor": "surprise", "tri": "sadness"},
}
_EMOVO_ACTORS = ("f1", "f2", "f3", "m1", "m2", "m3")
_EMODB = {
    **{"W": "anger", "L": "boredom", "E": "disgust", "A": "fear"},
    **{"F": "happiness", "T": "sadness", "N": "neutral"},
}
_JL_PRIMARY = ("angry", "excited", "happy", "neutral", "sad")
_JL_SECONDARY = ("anxious", "apologetic", "assertive", "concerned", "encouraging")
_JL_SPEAKERS = ("female1", "female2", "male1", "male2")
_CASIA = ("angry", "fear", "happy", "neutral", "sad", "surprise")
_CASIA_SPEAKERS = ("liuchanhg", "wangzhe", "zhaoquanyin", "zhaozuoxiang")
_AESDD = {"a": "anger", "d": "disgust", "f": "fear", "h": "happiness", "s": "sadness"}
_ASVP_ESD = {
    **{"01": "boredom", "02": "neutral", "03": "happy", "04": "sad", "05": "angry", "06": "fearful", "07": "disgust"},
    **{"08": "surprised", "09": "excited", "10": "pleasure", "11": "pain", "12": "disappointment", "13": "breath"},
}
_MEAD = ("angry", "contempt", "disgusted", "fear", "happy", "neutral", "sad", "surprised")
_NEMO = ("anger", "fear", "happiness", "neutral", "sadness", "surprised")
_URDU = {"A": "angry", "H": "happy", "N": "neutral", "S": "sad"}


def _named(labels: Iterable[str], name: str, counts: Mapping[str, int] | None = None) -> LabelSet:
    """Labels that the files already write as words."""
    return LabelSet(name, counts or {}, {label: label for label in labels})


CODED_CORPORA = (
    Corpus(
        "aesdd",
        "AESDD, acted emotional speech in Greek (Vryzas et al., Journal of the Audio Engineering Society 2018)",
        "m3c.web.auth.gr, free for research",
        # It grows; of its five or six actors and some 600 files no size is published that holds for all copies.
        label_sets={"5-class": LabelSet("aesdd-5-class", {}, _AESDD)},
        metrics={"aesdd": "emotion"},
        protocols=_BY_SPEAKER,
        files=FileNames(
            # A letter behind the actor marks another take: `a05 (5)b`; some names lack the blank or the number.
            pattern=r"(?P<label>[a-z])(?P<sentence>\d\d) ?\((?P<speaker>\d+)\)[a-z]?",
            example="anger/a03 (3).wav",
            suspects=("s05 (3)",),
        ),
        leaking_folds={"aesdd-emobox": "nearly all speakers"},
    ),
    Corpus(
        "asvp_esd",
        "ASVP-ESD, speech and other sounds of emotion from broadcasts and films (Landry et al., 2020)",
        "kaggle.com/datasets/dejolilandry/asvpesdspeech-nonspeech-emotional-utterances, for research",
        label_sets={"13-class": LabelSet("asvp-esd-13-class", {}, _ASVP_ESD)},
        metrics={"asvp_esd": "emotion"},
        protocols={"leave-one-speaker-out": {}, "speaker-k-fold": {}},
        files=FileNames(
            pattern=r"\d\d-(?P<channel>\d\d)-(?P<label>\d\d)-(?P<intensity>\d\d)-\d\d-(?P<speaker>\d+)(-\d+){1,6}",
            example="Audio/actor_36/03-01-02-01-01-36-02-02-02-39.wav",
            parts={"speech": {"channel": "01"}, "other sounds": {"channel": "02"}},
            values={"intensity": {"01": "normal", "02": "high"}},
            genders={f"{number:02d}": "female" if number % 2 else "male" for number in range(1, 200)},
            own_folder=r"actor_(?P<speaker>\d+)",
        ),
        leaking_folds={"asvp_esd-emobox": "all 131 speakers"},
    ),
    Corpus(
        "casia",
        "CASIA, acted emotional speech in Chinese (Chinese Academy of Sciences)",
        "on request; a part of 1200 recordings circulates",
        label_sets={"6-class": _named(_CASIA, "casia-6-class", _counts(_CASIA, 200, 4))},
        metrics={"casia": "emotion"},
        protocols={**_BY_SPEAKER, "casia-4": _SAME_SENTENCES},
        files=FileNames(
            pattern=r"(?P<speaker>liuchanhg|wangzhe|zhaoquanyin|zhaozuoxiang)/(?P<label>[a-z]+)/\d+",
            example="wangzhe/angry/201.wav",
        ),
        folds={"casia-4": _each(_CASIA_SPEAKERS)},
    ),
    Corpus(
        "crema_d",
        "CREMA-D (Cao et al., IEEE Transactions on Affective Computing 2014)",
        "github.com/CheyneyComputerScience/CREMA-D, Open Database License",
        label_sets={
            # 7442 is published; how many of each emotion is remembered.
            "acted": LabelSet("crema-d-6-class", _counts(_CREMA_D.values(), 1271, 91, neutral=1087), _CREMA_D),
            # What most listeners heard, of the voice alone; ties are no label.
            "perceived": LabelSet("crema-d-votes", {}, {code[0]: name for code, name in _CREMA_D.items()}),
        },
        metrics={"crema_d": "emotion"},
        protocols={**_BY_SPEAKER, "crema_d-actors": _SAME_SENTENCES},
        files=FileNames(
            pattern=r"(?P<speaker>1\d{3})_(?P<sentence>[A-Z]{3})_(?P<label>[A-Z]{3})_(?P<intensity>[A-Z]{2})",
            example="AudioWAV/1001_DFA_ANG_XX.wav",
            values={"intensity": {"LO": "low", "MD": "medium", "HI": "high", "XX": "unspecified"}},
            texts={
                "IEO": "It's eleven o'clock.",
                "TIE": "That is exactly what happened.",
                "IOM": "I'm on my way to the meeting.",
                "IWW": "I wonder what this is about.",
                "TAI": "The airplane is almost full.",
                "MTI": "Maybe tomorrow it will be cold.",
                "IWL": "I would like a new alarm clock.",
                "ITH": "I think I have a doctor's appointment.",
                "DFA": "Don't forget a jacket.",
                "ITS": "I think I've seen this before.",
                "TSI": "The surface is slick.",
                "WSI": "We'll stop in a couple of minutes.",
            },
            misspelt={"1040_ITH_SAD_X": "1040_ITH_SAD_XX"},
            # The first is silent.
            suspects=("1076_MTI_SAD_XX", "1076_MTI_NEU_XX", "1064_TIE_SAD_XX"),
            # `1064_IEO_DIS_MD` is said to be a minute long and to hold several emotions.
            seconds=(0.0, 10.0),
            tables=(
                SideTable("VideoDemographics.csv", "actor_id", "speaker", {"gender": "sex", "age": "age"}),
                SideTable("summaryTable.csv", "file_name", "id", {"label": "voice_vote"}, label_set="perceived"),
            ),
            # Rows 1xxxxx are about the voice, 2xxxxx about the face, 3xxxxx about both.
            votes=VoteTable(
                "tabulatedVotes.csv",
                "file_name",
                {name: code[0].lower() for code, name in _CREMA_D.items()},
                only=("", r"1\d{5}"),
            ),
            beside=("AudioMP3", "VideoFlash"),
        ),
        folds={"crema_d-actors": PublishedFolds((_CREMA_D_ACTORS[73:],), validation=_CREMA_D_ACTORS[58:73])},
        leaking_folds={"crema_d-emobox": "all 91 speakers"},
    ),
    Corpus(
        "emodb",
        "EmoDB, the Berlin database of emotional speech (Burkhardt et al., Interspeech 2005)",
        "emodb.bilderbar.info, free",
        label_sets={
            # As published with the corpus.
            "7-class": LabelSet(
                "emodb-7-class",
                {
                    "all": 535,
                    "speakers": 10,
                    **{"label anger": 127, "label boredom": 81, "label disgust": 46, "label fear": 69},
                    **{"label happiness": 71, "label sadness": 62, "label neutral": 79},
                },
                _EMODB,
            ),
            "all": LabelSet(),
        },
        metrics={"emodb": "emotion"},
        protocols=_BY_SPEAKER,
        files=FileNames(
            pattern=r"(?P<speaker>\d\d)(?P<sentence>[ab]\d\d)(?P<label>[a-z])[a-z]?",
            example="wav/03a01Fa.wav",
            folder="wav",
            # As published; the codes a03, a06 and b04 to b08 were not used.
            texts={
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
            },
            genders={
                **dict.fromkeys(("03", "10", "11", "12", "15"), "male"),
                **dict.fromkeys(("08", "09", "13", "14", "16"), "female"),
            },
        ),
        leaking_folds={"emodb-emobox": "all 10 speakers"},
    ),
    Corpus(
        "emovo",
        "EMOVO, acted emotional speech in Italian (Costantini et al., LREC 2014)",
        "voice.fub.it, free for research",
        label_sets={"7-class": LabelSet("emovo-7-class", _counts(_EMOVO.values(), 84, 6), _EMOVO)},
        metrics={"emovo": "emotion"},
        protocols={**_BY_SPEAKER, "emovo-6": _SAME_SENTENCES},
        files=FileNames(
            pattern=r"(?P<label>[a-z]{3})-(?P<speaker>[fm]\d)-(?P<sentence>[bdln]\d)",
            example="f1/dis-f1-b1.wav",
            texts={
                "b1": "Gli operai si alzano presto.",
                "b2": "I vigili sono muniti di pistola.",
                "b3": "La cascata fa molto rumore.",
                "l1": "L'autunno prossimo Tony partirà per la Spagna nella prima metà di ottobre.",
                "l2": "Ora prendo la felpa di là ed esco per fare una passeggiata.",
                "l3": "Un attimo dopo s'è incamminato ed è inciampato.",
                "l4": "Vorrei il numero telefonico del Signor Piatti.",
                "n1": "La casa forte vuole col pane.",
                "n2": "La forza trova il passo e l'aglio rosso.",
                "n3": "Il gatto sta scorrendo nella pera.",
                "n4": "Insalata pastasciutta coscia d'agnello limoncello.",
                "n5": "Uno quarantatré dieci mille cinquantasette venti.",
                "d1": "Sabato sera cosa farà?",
                "d2": "Porti con te quella cosa?",
            },
            genders={actor: "female" if actor[0] == "f" else "male" for actor in _EMOVO_ACTORS},
        ),
        folds={"emovo-6": _each(_EMOVO_ACTORS)},
    ),
    Corpus(
        "jl",
        "JL corpus, acted emotional speech in New Zealand English (James et al., Interspeech 2018)",
        "kaggle.com/datasets/tli725/jl-corpus, public domain",
        label_sets={
            # The sizes are remembered.
            "5-class": _named(_JL_PRIMARY, "jl-5-class", _counts(_JL_PRIMARY, 240, 4)),
            "10-class": _named(
                (*_JL_PRIMARY, *_JL_SECONDARY), "jl-10-class", _counts((*_JL_PRIMARY, *_JL_SECONDARY), 240, 4)
            ),
        },
        metrics={"jl": "emotion"},
        protocols={**_BY_SPEAKER, "jl-4": _SAME_SENTENCES},
        files=FileNames(
            pattern=r"(?P<speaker>(fe)?male\d)_(?P<label>[a-z]+)_(?P<sentence>\d+[a-z])_\d+",
            example="JL(wav+txt)/female1_angry_1a_1.wav",
            text_beside=True,
            genders={speaker: speaker[:-1] for speaker in _JL_SPEAKERS},
        ),
        folds={"jl-4": _each(_JL_SPEAKERS)},
    ),
    Corpus(
        "mead",
        "MEAD, talking faces with emotions of three intensities (Wang et al., ECCV 2020)",
        "wywu.github.io/projects/MEAD, for research",
        label_sets={"8-class": _named(_MEAD, "mead-8-class", {"speakers": 48})},
        metrics={"mead": "emotion"},
        protocols={"leave-one-speaker-out": {}, "speaker-k-fold": {}},
        files=FileNames(
            # The number of the clip says what is spoken, except for M003, who lost a clip: it is not taken for a text.
            pattern=r"(?P<speaker>[MW]\d{3})/audio/(?P<label>[a-z]+)/level_(?P<intensity>\d)/\d+",
            example="M003/audio/angry/level_1/001.m4a",
            values={"intensity": {level: level for level in "123"}},
            genders={
                f"{letter}{n:03d}": gender for letter, gender in (("M", "male"), ("W", "female")) for n in range(100)
            },
            beside=("video",),
        ),
        leaking_folds={"mead-emobox": "all 48 speakers"},
    ),
    Corpus(
        "nemo",
        "nEMO, acted emotional speech in Polish (Christop, LREC-COLING 2024)",
        "github.com/amu-cai/nEMO, CC BY-NC-SA 4.0",
        label_sets={"6-class": _named(_NEMO, "nemo-6-class", {"all": 4481, "speakers": 9})},
        metrics={"nemo": "emotion"},
        protocols=_BY_SPEAKER,
        files=FileNames(
            pattern=r"(?P<speaker>[A-Z]+\d*)_(?P<label>[a-z]+)_(?P<sentence>\d+)",
            example="samples/EB0_anger_1.wav",
            # Its speaker_id is padded with blanks; the name is not.
            tables=(SideTable("data.tsv", "file_id", "id", {"text": "raw_text", "gender": "gender", "age": "age"}),),
        ),
    ),
    Corpus(
        "ravdess",
        "RAVDESS, acted speech and song in North American English (Livingstone and Russo, PLoS ONE 2018)",
        "zenodo.org/records/1188976, CC BY-NC-SA 4.0",
        label_sets={
            "8-class": LabelSet("ravdess-8-class", _counts(_RAVDESS.values(), 192, 24, neutral=96), _RAVDESS),
            "without-calm": LabelSet(
                "ravdess-without-calm",
                {"all": 1248, "speakers": 24},
                {code: name for code, name in _RAVDESS.items() if name != "calm"},
            ),
            "calm-as-neutral": LabelSet(
                "ravdess-calm-as-neutral", {"all": 1440, "speakers": 24}, {**_RAVDESS, "02": "neutral"}
            ),
            "4-class": LabelSet(
                "ravdess-4-class",
                {"all": 672, "speakers": 24},
                {code: _RAVDESS[code] for code in ("01", "03", "04", "05")},
            ),
        },
        metrics={"ravdess": "emotion"},
        protocols={**_BY_SPEAKER, "ravdess-emobox-6": _SAME_SENTENCES, "ravdess-actors": _SAME_SENTENCES},
        files=FileNames(
            # Neutral is never strong.
            pattern=(
                r"(?P<modality>0[1-3])-(?P<channel>0[12])-(?P<label>\d\d)-(?P<intensity>01|(?<!-01-)02)"
                r"-(?P<sentence>0[12])-0[12]-(?P<speaker>\d\d)"
            ),
            example="Actor_05/03-01-06-01-02-01-05.wav",
            parts={
                "speech": {"modality": "03", "channel": "01"},
                "song": {"modality": "03", "channel": "02"},
            },
            part_counts={"song": 1012},  # remembered
            values={"intensity": {"01": "normal", "02": "strong"}},
            texts={"01": "Kids are talking by the door.", "02": "Dogs are sitting by the door."},
            genders={actor: "male" if int(actor) % 2 else "female" for actor in _RAVDESS_ACTORS},
            # 2.97 to 5.27 s in the speech of 16 actors. Copies that were cut to 2.4 s circulate.
            seconds=(2.5, 10.0),
            own_folder=r"Actor_(?P<speaker>\d\d)",
        ),
        folds={
            "ravdess-emobox-6": PublishedFolds(
                (
                    *(("01", "11", "20", "21"), ("04", "10", "12", "14"), ("08", "09", "19", "23")),
                    *(("03", "05", "07", "24"), ("02", "15", "16", "18"), ("06", "13", "17", "22")),
                )
            ),
            "ravdess-actors": PublishedFolds((("23", "24"),), validation=("21", "22")),
        },
    ),
    Corpus(
        "savee",
        "SAVEE, four British men (Haq and Jackson, AVSP 2009)",
        "kahlan.eps.surrey.ac.uk/savee, on request, for research",
        label_sets={"7-class": LabelSet("savee-7-class", _counts(_SAVEE.values(), 60, 4, neutral=120), _SAVEE)},
        metrics={"savee": "emotion"},
        protocols={**_BY_SPEAKER, "savee-4": _SAME_SENTENCES},
        files=FileNames(
            pattern=r"(?P<speaker>DC|JE|JK|KL)[/_](?P<label>sa|su|[a-z])(?P<sentence>\d\d)",
            example="AudioData/DC/a01.wav",
            genders=dict.fromkeys(("DC", "JE", "JK", "KL"), "male"),
        ),
        folds={"savee-4": _each(("DC", "JE", "JK", "KL"))},
    ),
    Corpus(
        "tess",
        "TESS, the Toronto emotional speech set (Pichora-Fuller and Dupuis, 2020)",
        "tspace.library.utoronto.ca/handle/1807/24487, CC BY-NC-ND 4.0",
        label_sets={"7-class": LabelSet("tess-7-class", _counts(_TESS.values(), 400, 2), _TESS)},
        metrics={"tess": "emotion"},
        # With two speakers none is left to validate.
        protocols={"leave-one-speaker-out": {**_SAME_SENTENCES, "validation_fraction": 0}},
        files=FileNames(
            pattern=r"(?P<speaker>OAF|YAF)_(?P<sentence>[a-z']+)_(?P<label>[a-z]+)",
            example="OAF_angry/OAF_back_angry.wav",
            text_template="Say the word {sentence}.",
            genders={"OAF": "female", "YAF": "female"},
            misspelt={"OA_bite_neutral": "OAF_bite_neutral"},
        ),
        leaking_folds={"tess-emobox": "both speakers"},
    ),
    Corpus(
        "urdu",
        "URDU, emotions in talk shows (Latif et al., FIT 2018)",
        "github.com/siddiquelatif/URDU-Dataset, free for research",
        # The readme tells of 38 speakers, the names of 29.
        label_sets={"4-class": LabelSet("urdu-4-class", _counts(_URDU.values(), 100, 29), _URDU)},
        metrics={"urdu": "emotion"},
        protocols={"leave-one-speaker-out": {}, "speaker-k-fold": {}},
        files=FileNames(
            pattern=r"(?P<speaker>S[FM]\d+)_F\d+_(?P<label>[A-Z])\d+",
            example="Angry/SM1_F10_A010.wav",
            genders={
                f"S{letter}{n}": gender for letter, gender in (("F", "female"), ("M", "male")) for n in range(100)
            },
        ),
        leaking_folds={"urdu-emobox": "18 of 19 speakers"},
    ),
)
