"""Small corpora in the exact folder layouts and file formats of the releases, with the quirks that these have."""

from __future__ import annotations

import json
from pathlib import Path

import av
import h5py
import numpy as np
import soundfile as sf

from preprocess.schema import CorpusReading


SECONDS = 0.25


def write_tone(path: Path, seconds: float = SECONDS, sampling_rate: int = 16_000) -> Path:
    """A 220 Hz tone as a 16-bit mono wav file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    times = np.arange(round(seconds * sampling_rate)) / sampling_rate
    sf.write(path, 0.1 * np.sin(2 * np.pi * 220 * times), sampling_rate, subtype="PCM_16")
    return path


def write_clip(path: Path, seconds: float = SECONDS, *, with_audio: bool = True) -> Path:
    """An mp4 file with a small MPEG-4 picture and, where asked for, an AAC tone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rate = 16_000
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=8)
        video.width, video.height, video.pix_fmt = 16, 16, "yuv420p"
        audio = container.add_stream("aac", rate=rate, layout="mono") if with_audio else None
        for _ in range(2):
            picture = av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), dtype=np.uint8), format="rgb24")
            container.mux(video.encode(picture))
        container.mux(video.encode())
        if audio is not None:
            times = np.arange(round(seconds * rate)) / rate
            samples = (0.1 * np.sin(2 * np.pi * 220 * times)).astype(np.float32)[None]
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
            frame.sample_rate = rate
            container.mux(audio.encode(frame))
            container.mux(audio.encode())
    return path


def cut_short(path: Path, fraction: float = 0.5) -> Path:
    """Keeps only the first part of a file's bytes, as an interrupted download does."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * fraction)])
    return path


def make_empty(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    return path


def damaged_sounds(folder: Path) -> None:
    """Recordings by name, one good and the others broken each in its own way."""
    write_tone(folder / "good.wav", 0.2)
    make_empty(folder / "empty.wav")
    cut_short(write_tone(folder / "cut.wav"))
    cut_short(write_clip(folder / "cut.mp4"))
    write_clip(folder / "silent.mp4", with_audio=False)
    (folder / "page.wav").write_bytes(b"<html>404 Not Found</html>")
    write_tone(folder / "nothing.wav", 0)
    sf.write(folder / "nan.wav", np.full(4_000, np.nan), 16_000, subtype="FLOAT")
    write_tone(folder / "short.wav", 0.01)


def make_apple_double(path: Path) -> Path:
    """The `._` companion that macOS's tar writes beside a file: not a recording, in spite of its suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    companion = path.with_name("._" + path.name)
    companion.write_bytes(b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        ")
    return companion


def rows(reading: CorpusReading, root: Path) -> dict[str, list[tuple]]:
    """What a reading holds, for comparisons: by split (id, audio below root, text, label, speaker, session)."""

    def below_root(audio: str | None) -> str | None:
        return None if audio is None else Path(audio).relative_to(root).as_posix()

    return {
        split: [(u.id, below_root(u.audio), u.text, u.label, u.speaker, u.session) for u in utterances]
        for split, utterances in reading.splits.items()
    }


def damage(reading: CorpusReading) -> list[tuple[str, str, str | None, bool]]:
    """A reading's problems as (id, kind of reason, split, kept), without the warning about published counts."""
    kinds = [(p.id, p.reason.partition(":")[0], p.split, p.kept) for p in reading.problems]
    return sorted(
        (kind for kind in kinds if not kind[1].startswith("counts differ")), key=lambda kind: tuple(map(str, kind))
    )


def emodb_tree(root: Path, names: list[str]) -> Path:
    for name in names:
        write_tone(root / "wav" / f"{name}.wav", sampling_rate=22_050)
    return root


MELD_HEADER = b"Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime"


def meld_row(utterance: bytes, speaker: bytes, emotion: bytes, sentiment: bytes, dialogue: int, number: int) -> bytes:
    """A row as MELD writes it; the text is quoted where it holds a comma."""
    quoted = b'"' + utterance + b'"' if b"," in utterance else utterance
    cells = [b"1", quoted, speaker, emotion, sentiment, b"%d" % dialogue, b"%d" % number, b"8", b"21"]
    return b",".join([*cells, b'"00:16:16,059"', b'"0:16:16,309"'])


def write_meld_table(path: Path, rows: list[bytes], header: bytes = MELD_HEADER) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\r\n".join([header, *rows, b""]))
    return path


def meld_tree(root: Path) -> Path:
    """MELD.Raw as released: CRLF tables, each split's clips in a folder of its own, mp4."""
    train = [
        meld_row(
            "also I was, like, on my company\u2019s transition".encode(), b"Chandler", b"neutral", b"neutral", 0, 0
        ),
        meld_row(b"You must\xc2\x92ve had  your hands full.", b"The Interviewer", b"joy", b"positive", 0, 1),
        meld_row("I don\u00e2\u20ac\u2122t know.".encode(), b"Chandler", b"fear", b"negative", 1, 0),
    ]
    write_meld_table(root / "train" / "train_sent_emo.csv", train)
    write_meld_table(root / "dev_sent_emo.csv", [meld_row(b"Hey!", b"All", b"surprise", b"positive", 0, 0)])
    write_meld_table(root / "test_sent_emo.csv", [meld_row(b"Hi.", b"Joey", b"anger", b"negative", 93, 6)])
    for name in ("dia0_utt0", "dia0_utt1", "dia1_utt0"):
        write_clip(root / "train" / "train_splits" / f"{name}.mp4")
    write_clip(root / "dev_splits_complete" / "dia0_utt0.mp4")
    write_clip(root / "output_repeated_splits_test" / "final_videos_testdia93_utt6.mp4")
    make_apple_double(root / "output_repeated_splits_test" / "dia93_utt6.mp4")
    return root


IEMOCAP_EVALUATION_HEAD = b"% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"


def iemocap_evaluation(turn: str, code: str, ratings: str = "2.5000, 3.5000, 4.0000") -> bytes:
    """A turn's block in an EmoEvaluation file: the agreed line, then what each annotator said."""
    judgements = "C-E2:\tNeutral;\t()\nC-F1:\tNeutral; Other;\t(curious)\nA-E3:\tval 3; act 2; dom  2;\t()\n\n"
    return f"[6.2901 - 8.2357]\t{turn}\t{code}\t[{ratings}]\n{judgements}".encode()


def iemocap_dialogue(root: Path, dialogue: str, turns: list[tuple[str, str, str]]) -> Path:
    """One dialogue with all its files; a turn is (number with gender, emotion code, transcript)."""
    session = root / f"Session{int(dialogue[3:5])}"
    evaluations = IEMOCAP_EVALUATION_HEAD
    transcripts = b""
    for turn, code, text in turns:
        name = f"{dialogue}_{turn}"
        evaluations += iemocap_evaluation(name, code)
        transcripts += f"{name} [006.2901-008.2357]: {text}\n".encode()
        write_tone(session / "sentences" / "wav" / dialogue / f"{name}.wav")
    for kind, content in (("EmoEvaluation", evaluations), ("transcriptions", transcripts)):
        path = session / "dialog" / kind / f"{dialogue}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        make_apple_double(path)
    categorical = session / "dialog" / "EmoEvaluation" / "Categorical" / f"{dialogue}_e1_cat.txt"
    categorical.parent.mkdir(exist_ok=True)
    categorical.write_text(f"{dialogue}_F000 :Neutral state; :()\n")
    make_apple_double(session / "sentences" / "wav" / dialogue / f"{dialogue}_{turns[0][0]}.wav")
    return root


def iemocap_tree(root: Path) -> Path:
    """Two sessions; in the second dialogue the man wears the motion markers, which does not change who speaks."""
    iemocap_dialogue(
        root,
        "Ses01F_impro01",
        [
            ("F000", "neu", "Excuse me."),
            ("M000", "xxx", "Do you have your forms?"),
            ("F001", "exc", "Yeah."),
            ("M001", "fru", "Let me see them.  "),
            ("F002", "oth", "Is there a problem?"),
        ],
    )
    iemocap_dialogue(
        root,
        "Ses05M_script01_1b",
        [("F000", "hap", "Hello."), ("M000", "ang", "[LAUGHTER] No!"), ("M001", "sad", "Oh."), ("FXX0", "sur", "Ha.")],
    )
    return root


MMSA_HEADER = "video_id,clip_id,text,label,label_T,label_A,label_V,annotation,mode"


def mmsa_row(video: str, clip: str, text: str, label: str, mode: str) -> str:
    return f'{video},{clip},"{text}",{label},,,,Positive,{mode}'


def mmsa_tree(root: Path) -> Path:
    """CMU-MOSI as MMSA passes it on: one table, a folder of clips per video."""
    table = [
        mmsa_row("03bSnISJMiM", "1", "anyhow it was really good", "2.4", "train"),
        mmsa_row("03bSnISJMiM", "11", "a lot of sad parts, i mean", "-0.8", "train"),
        mmsa_row("_dI--eQ6qVU", "2", "it’s fine", "0.0", "valid"),
        mmsa_row("tmZoasNr4rU", "3", "i loved it", "3.0", "test"),
    ]
    root.mkdir(exist_ok=True)
    (root / "label.csv").write_text("\n".join([MMSA_HEADER, *table, ""]), encoding="utf-8")
    for video, clip in (("03bSnISJMiM", 1), ("03bSnISJMiM", 11), ("_dI--eQ6qVU", 2), ("tmZoasNr4rU", 3)):
        write_clip(root / "Raw" / video / f"{clip}.mp4")
    return root


def write_csd(path: Path, name: str, videos: dict[str, tuple[list[list[float]], list[list[float]]]], dimensions=None):
    """A computational sequence as CMU's SDK writes it: by video, features and intervals in seconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for video, (features, intervals) in videos.items():
            group = file.create_group(f"{name}/data/{video}")
            group["features"] = np.array(features, dtype=np.float32)
            group["intervals"] = np.array(intervals, dtype=np.float64)
        metadata = file.require_group(f"{name}/metadata")
        metadata.create_dataset("root name", (1,), dtype=h5py.string_dtype())[0] = json.dumps(name)
        if dimensions is not None:
            metadata.create_dataset("dimension names", (1,), dtype=h5py.string_dtype())[0] = json.dumps(dimensions)
    return path


def mosi_raw_tree(root: Path) -> Path:
    """CMU-MOSI's raw release: transcripts in capitals, numbered from 1, 16 kHz segments, scores in a .csd file."""
    raw = root / "Raw"
    transcripts = {
        "03bSnISJMiM": b"1_DELIM_ANYHOW IT WAS REALLY GOOD\r\n2_DELIM_A LOT OF SAD PARTS\r\n",
        "WKA5OygbEKI": b"1_DELIM_IT'S FINE\n",
        "c7UH_rxdZv4": b"1_DELIM_I LOVED IT\n",
    }
    for video, content in transcripts.items():
        path = raw / "Transcript" / "Segmented" / f"{video}.annotprocessed"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        for number in range(1, content.count(b"_DELIM_") + 1):
            write_tone(raw / "Audio" / "WAV_16000" / "Segmented" / f"{video}_{number}.wav")
        write_tone(raw / "Audio" / "WAV_16000" / "Full" / f"{video}.wav", 2.0)
    labels = {
        "03bSnISJMiM": ([[2.4], [-0.8]], [[0.25, 0.75], [1.0, 1.5]]),
        "WKA5OygbEKI": ([[0.0]], [[0.0, 1.0]]),
        "c7UH_rxdZv4": ([[3.0]], [[0.0, 1.0]]),
    }
    write_csd(root / "CMU_MOSI_Opinion_Labels.csd", "Opinion Segment Labels", labels)
    return root


MOSEI_DIMENSIONS = ["sentiment", "happy", "sad", "anger", "surprise", "disgust", "fear"]


def mosei_raw_tree(root: Path) -> Path:
    """CMU-MOSEI's raw release: transcripts with intervals, whole recordings, unordered labels of some segments."""
    transcripts = {
        "-3g5yACwYnA": (
            b"-3g5yACwYnA___0___0.05___0.6___Key is part of the people\n"
            b"-3g5yACwYnA___1___0.6___1.2___they've been here  before\n"
            b"-3g5yACwYnA___2___1.2___1.9___and nobody rated this.\n"
        ),
        "100178": b"100178___7___-0.4176___0.5___I thought so___really\n",
    }
    for video, content in transcripts.items():
        path = root / "Raw" / "Transcript" / "Segmented" / "Combined" / f"{video}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        write_tone(root / "Raw" / "Audio" / "Full" / "WAV_16000" / f"{video}.wav", 2.0)
    labels = {
        "-3g5yACwYnA": (
            [[-1.0, 0, 0.67, 0.33, 0, 0, 0], [1.67, 2, 0, 0, 1, 0, 0]],
            [[0.6, 1.2], [0.05, 0.6]],
        ),
        "100178": ([[0.0, 0, 0, 0, 0, 0, 0]], [[-0.41768707483, 0.5]]),
    }
    write_csd(root / "CMU_MOSEI_Labels.csd", "All Labels", labels, MOSEI_DIMENSIONS)
    return root
