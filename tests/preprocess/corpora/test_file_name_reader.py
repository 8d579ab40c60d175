"""Corpora coded in their file names: what names say, and the quirks of each release, on small trees in its layout."""

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from preprocess import CORPORA, load_audio, load_corpus, read_corpus
from tests.preprocess.corpora.corpus_trees import cut_short, damage, make_apple_double, make_empty, write_tone


def tree(root, *names, seconds=0.1):
    """Recordings by their names."""
    for name in names:
        path = write_tone(root / Path(name).with_suffix(".wav"), seconds)
        path.rename(root / name)
    return root


def found(reading, *columns):
    """Id, label, speaker and further columns of each utterance."""
    return [
        (row.id, row.label, row.speaker, *(row.extra[column] for column in columns)) for row in reading.splits["train"]
    ]


def texts(reading):
    return {row.text for row in reading.splits["train"]}


class TestRavdess:
    def test_names_say_all(self, tmp_path):
        names = (
            "Actor_01/03-01-01-01-01-01-01.wav",
            "Actor_02/03-01-05-02-02-02-02.flac",
            "Actor_02/03-01-02-01-01-01-02.wav",
        )
        tree(tmp_path / "Audio_Speech_Actors_01-24", *names, seconds=3)
        reading = read_corpus("ravdess", tmp_path)
        assert found(reading, "intensity", "gender") == [
            ("03-01-01-01-01-01-01", "neutral", "01", "normal", "male"),
            ("03-01-02-01-01-01-02", "calm", "02", "normal", "female"),
            ("03-01-05-02-02-02-02", "angry", "02", "strong", "female"),
        ]
        assert [row.text for row in reading.splits["train"]] == [
            "Kids are talking by the door.",
            "Kids are talking by the door.",
            "Dogs are sitting by the door.",
        ]
        assert damage(reading) == []
        assert "all: 3 where 1440 are published; speakers: 2 where 24" in reading.problems[-1].reason

    @pytest.mark.parametrize(
        ("label_set", "expected"),
        [
            ("without-calm", ["neutral", "happy"]),
            ("calm-as-neutral", ["neutral", "neutral", "happy"]),
            ("4-class", ["neutral", "happy"]),
        ],
    )
    def test_calm(self, tmp_path, label_set, expected):
        tree(tmp_path, *(f"Actor_01/03-01-0{code}-01-01-01-01.wav" for code in (1, 2, 3)), seconds=3)
        reading = read_corpus("ravdess", tmp_path, label_set=label_set)
        assert [row.label for row in reading.splits["train"]] == expected
        assert len(damage(reading)) == 3 - len(expected)
        assert all(reason.startswith("not among the labels") for _, reason, *_ in damage(reading))

    def test_the_speaker_is_the_name_s_and_copies_are_listed(self, tmp_path):
        tree(tmp_path / "Actor_05", "03-01-03-01-01-01-02.wav", "03-01-03-01-01-01-05.wav", seconds=3)
        # One popular copy holds all folders twice.
        tree(tmp_path / "audio_speech_actors_01-24" / "Actor_05", "03-01-03-01-01-01-05.wav", seconds=3)
        reading = read_corpus("ravdess", tmp_path)
        assert [(row.id, row.speaker) for row in reading.splits["train"]] == [
            ("03-01-03-01-01-01-02", "02"),
            ("03-01-03-01-01-01-05", "05"),
        ]
        assert damage(reading) == [
            ("03-01-03-01-01-01-02", "in another's folder", "train", True),
            ("03-01-03-01-01-01-05", "duplicated id", "train", False),
        ]
        assert "audio_speech_actors_01-24" in str([row.place for row in reading.problems])

    def test_cut_copies_stereo_and_irregular_names(self, tmp_path):
        tree(tmp_path, "Actor_01/03-01-03-01-01-01-01.wav", seconds=2.4)
        sf.write(tmp_path / "Actor_01" / "03-01-04-01-01-01-01.wav", np.full((48_000 * 3, 2), 0.1), 48_000)
        tree(
            tmp_path,
            "Actor_01/03-01-01-02-01-01-01.wav",
            "Actor_01/03-01-09-01-01-01-01.wav",
            "Actor_01/copy.wav",
            seconds=3,
        )
        reading = read_corpus("ravdess", tmp_path)
        assert [row.label for row in reading.splits["train"]] == ["happy", "sad"]
        assert load_audio(reading.splits["train"][1].audio).shape == (48_000,)
        assert damage(reading) == [
            ("03-01-01-02-01-01-01", "malformed file name", None, False),  # neutral is never strong
            ("03-01-03-01-01-01-01", "wrongly cut recording", "train", True),
            ("03-01-09-01-01-01-01", "unknown label", None, False),
            ("copy", "malformed file name", None, False),
        ]
        assert "2.40 s long, all of the release are from 2.5 to 10 s" in str(reading.problems)

    def test_speech_and_song_are_parts(self, tmp_path):
        names = ("03-01-03-01-01-01-01.wav", "03-02-04-01-01-01-01.wav", "01-01-03-01-01-01-01.wav")
        tree(tmp_path / "Actor_01", *names, seconds=3)
        ids = {
            part: [row.id[:5] for row in read_corpus("ravdess", tmp_path, part=part).splits["train"]]
            for part in (None, "speech", "song", "all")
        }
        assert ids == {None: ["03-01"], "speech": ["03-01"], "song": ["03-02"], "all": ["01-01", "03-01", "03-02"]}
        reading = read_corpus("ravdess", tmp_path, part="song")
        reasons = [problem.reason for problem in reading.problems]
        assert reasons == [
            "not in the part song: modality is 01, there it is 03",
            "not in the part song: channel is 01, there it is 02",
            "counts differ from the published ones: all: 1 where 1012 are published",
        ]
        assert read_corpus("ravdess", tmp_path, part="all").problems == []
        with pytest.raises(ValueError, match="part='sung' is unknown. ravdess has: speech, song, all"):
            read_corpus("ravdess", tmp_path, part="sung")
        with pytest.raises(ValueError, match="part='speech' is unknown. tess has: all"):
            read_corpus("tess", tmp_path, part="speech")


SUMMARY = '"","FileName","VoiceVote","VoiceLevel","FaceVote"\n'


class TestCremaD:
    def test_names_and_demographics(self, tmp_path):
        tree(tmp_path / "AudioWAV", "1001_DFA_ANG_XX.wav", "1091_IEO_NEU_HI.wav", "1040_ITH_SAD_X.wav")
        (tmp_path / "VideoDemographics.csv").write_text(
            "ActorID,Age,Sex,Race,Ethnicity\n1001,51,Male,Caucasian,Not Hispanic\n"
        )
        reading = read_corpus("crema_d", tmp_path)
        assert found(reading, "intensity", "gender", "age") == [
            ("1001_DFA_ANG_XX", "anger", "1001", "unspecified", "Male", "51"),
            ("1040_ITH_SAD_XX", "sad", "1040", "unspecified", None, None),
            ("1091_IEO_NEU_HI", "neutral", "1091", "high", None, None),
        ]
        assert texts(reading) == {
            "Don't forget a jacket.",
            "It's eleven o'clock.",
            "I think I have a doctor's appointment.",
        }
        assert damage(reading) == [("1040_ITH_SAD_XX", "irregular file name", "train", True)]

    def test_silence_pointers_and_other_forms(self, tmp_path):
        tree(tmp_path / "AudioWAV", "1001_DFA_ANG_XX.wav", "1002_DFA_XYZ_XX.wav", "1002_DFA_SAD_QQ.wav")
        sf.write(tmp_path / "AudioWAV" / "1076_MTI_SAD_XX.wav", np.zeros(16_000), 16_000)
        pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0f\nsize 72000\n"
        (tmp_path / "AudioWAV" / "1003_DFA_HAP_XX.wav").write_text(pointer)
        tree(tmp_path / "AudioMP3", "1001_DFA_ANG_XX.mp3", "1003_DFA_HAP_XX.mp3")
        reading = read_corpus("crema_d", tmp_path, check_audio="exists")
        assert [row.audio for row in reading.splits["train"]] == [str(tmp_path / "AudioWAV" / "1001_DFA_ANG_XX.wav")]
        assert damage(reading) == [
            ("1002_DFA_SAD_QQ", "unknown intensity", None, False),
            ("1002_DFA_XYZ_XX", "unknown label", None, False),
            ("1003_DFA_HAP_XX", "broken recording", "train", False),
            ("1076_MTI_SAD_XX", "broken recording", "train", False),
            ("AudioMP3", "passed over", None, True),
            ("VideoDemographics.csv", "no table VideoDemographics.csv", None, True),
        ]
        reasons = {problem.id: problem.reason for problem in reading.problems}
        assert "is a Git LFS pointer, not the sound. Run git lfs pull" in reasons["1003_DFA_HAP_XX"]
        assert "silent" in reasons["1076_MTI_SAD_XX"]
        assert reasons["AudioMP3"].endswith("(2 files)")
        assert len(read_corpus("crema_d", tmp_path / "AudioMP3").splits["train"]) == 2

    def test_what_listeners_heard(self, tmp_path):
        names = ("1001_DFA_ANG_XX", "1001_IEO_ANG_HI", "1001_IEO_FEA_LO", "1001_IEO_SAD_LO")
        tree(tmp_path / "AudioWAV", *(f"{name}.wav" for name in names))
        cells = (f'{names[0]}","D",50', f'{names[1]}","A:N",50', f'{names[2]}","A","50', f'{names[2]}","F",1')
        rows = "".join(f'"{number}","{row},"A"\n' for number, row in enumerate(cells, start=1))
        with pytest.raises(ValueError, match="has no summaryTable.csv, which the label set perceived comes from"):
            read_corpus("crema_d", tmp_path, label_set="perceived")
        (tmp_path / "processedResults").mkdir()
        (tmp_path / "processedResults" / "summaryTable.csv").write_text(SUMMARY + rows)
        reading = read_corpus("crema_d", tmp_path, label_set="perceived")
        assert found(reading) == [(names[0], "disgust", "1001"), (names[2], "fear", "1001")]
        assert [damaged[:2] for damaged in damage(reading)] == [
            (names[1], "no agreement"),
            (names[3], "no label"),
            ("VideoDemographics.csv", "no table VideoDemographics.csv"),
            ("summaryTable.csv", "malformed line"),
        ]
        (tmp_path / "processedResults" / "summaryTable.csv").write_text("FileName,Vote\na,A\n")
        with pytest.raises(ValueError, match="has no column voice_vote; its columns are file_name, vote"):
            read_corpus("crema_d", tmp_path, label_set="perceived")

    def test_votes(self, tmp_path):
        names = ("1001_DFA_ANG_XX", "1001_IEO_FEA_LO", "1001_IEO_SAD_LO")
        tree(tmp_path / "AudioWAV", *(f"{name}.wav" for name in names))
        with pytest.raises(ValueError, match="has no tabulatedVotes.csv, in which the votes are"):
            read_corpus("crema_d", tmp_path, votes=True)
        rows = (
            f"100001,8,1,0,0,1,0,{names[0]},10,0.8,A",
            f"200001,0,0,0,9,1,0,{names[0]},10,0.9,H",
            f"300001,0,0,0,0,9,0,{names[0]},10,0.9,N",
            f"100002,1,x,0,0,1,0,{names[1]},10,0.8,A",
        )
        header = ",A,D,F,H,N,S,fileName,numResponses,agreement,emoVote"
        (tmp_path / "tabulatedVotes.csv").write_text("\n".join((header, *rows)))
        reading = read_corpus("crema_d", tmp_path, votes=True)
        assert [row.soft_label for row in reading.splits["train"]] == [
            {"anger": 8, "disgust": 1, "fear": 0, "happy": 0, "neutral": 1, "sad": 0},
            None,
            None,
        ]
        assert (names[1], "malformed votes", None, True) in damage(reading)
        assert read_corpus("crema_d", tmp_path).splits["train"][0].soft_label is None
        with pytest.raises(ValueError, match="ravdess comes without its annotators' votes"):
            read_corpus("ravdess", tmp_path, votes=True)


class TestOthers:
    @pytest.mark.parametrize("names", [("AudioData/DC/{}.wav", "JE/{}.wav"), ("DC_{}.wav", "JE_{}.wav")])
    def test_savee(self, tmp_path, names):
        tree(tmp_path, *(name.format(code) for name in names for code in ("a01", "sa02", "su03", "d04", "n30", "x05")))
        reading = read_corpus("savee", tmp_path)
        assert [row for row in found(reading, "gender") if row[2] == "DC"] == [
            ("DC_a01", "anger", "DC", "male"),
            ("DC_d04", "disgust", "DC", "male"),
            ("DC_n30", "neutral", "DC", "male"),
            ("DC_sa02", "sadness", "DC", "male"),
            ("DC_su03", "surprise", "DC", "male"),
        ]
        assert len(reading.splits["train"]) == 10 and texts(reading) == {None}
        assert damage(reading) == [(f"{speaker}_x05", "unknown label", None, False) for speaker in ("DC", "JE")]

    def test_tess(self, tmp_path):
        names = (
            "TESS/OAF_angry/OAF_back_angry.wav",
            "TESS/YAF_pleasant_surprised/YAF_young_ps.wav",
            "TESS/OAF_neutral/OA_bite_neutral.wav",
        )
        tree(tmp_path, *names, "TESS/OAF_Fear/OAF_mill_fear.wav")
        for name, rate in (("OAF_jug_fear", 24_414), ("OAF_dog_fear", 96_000)):
            write_tone(tmp_path / "TESS" / "OAF_Fear" / f"{name}.wav", 0.5, rate)
        sf.write(tmp_path / "TESS" / "OAF_Fear" / "OAF_red_fear.wav", np.full(22_050, 0.1), 44_100, subtype="FLOAT")
        # In the release every folder is also below a second one of the same name.
        tree(tmp_path, "TESS/TESS/OAF_angry/OAF_back_angry.wav")
        reading = read_corpus("tess", tmp_path)
        assert found(reading)[:2] == [("OAF_dog_fear", "fear", "OAF"), ("OAF_jug_fear", "fear", "OAF")]
        assert {(row[1], row[2]) for row in found(reading)} == {
            ("anger", "OAF"),
            ("fear", "OAF"),
            ("neutral", "OAF"),
            ("pleasant surprise", "YAF"),
        }
        assert {"Say the word back.", "Say the word bite."} <= texts(reading)
        assert {load_audio(row.audio).size for row in reading.splits["train"][:2]} == {8_000}
        assert damage(reading) == [
            ("OAF_back_angry", "duplicated id", "train", False),
            ("OAF_bite_neutral", "irregular file name", "train", True),
        ]

    def test_emovo(self, tmp_path):
        reading = read_corpus("emovo", tree(tmp_path, "f1/dis-f1-b1.wav", "m3/GIO-M3-N5.WAV", "m3/sor-m3-x9.wav"))
        assert found(reading, "gender") == [
            ("dis-f1-b1", "disgust", "f1", "female"),
            ("GIO-M3-N5", "joy", "m3", "male"),
        ]
        assert texts(reading) == {"Gli operai si alzano presto.", "Uno quarantatré dieci mille cinquantasette venti."}
        assert damage(reading) == [("sor-m3-x9", "malformed file name", None, False)]

    def test_jl(self, tmp_path):
        folder = tmp_path / "Raw JL corpus (unchecked and unannotated)" / "JL(wav+txt)"
        tree(
            folder,
            "female1_angry_1a_1.wav",
            "male2_encouraging_10b_2.wav",
            "male1_sad_2a_1.wav",
            "male1_bored_2a_1.wav",
        )
        (folder / "female1_angry_1a_1.txt").write_text("Carl leaps into a jeep.\n")
        (folder / "male1_sad_2a_1.txt").write_bytes(b"He\x92s sad\r\n")
        reading = read_corpus("jl", tmp_path)
        assert [
            (*row, text) for row, text in zip(found(reading), [u.text for u in reading.splits["train"]], strict=True)
        ] == [
            ("female1_angry_1a_1", "angry", "female1", "Carl leaps into a jeep."),
            ("male1_sad_2a_1", "sad", "male1", "He’s sad"),
        ]
        assert damage(reading) == [
            ("male1_bored_2a_1", "unknown label", None, False),
            ("male2_encouraging_10b_2", "not among the labels of 5-class", None, False),
        ]
        reading = read_corpus("jl", tmp_path, label_set="10-class")
        assert found(reading)[-1] == ("male2_encouraging_10b_2", "encouraging", "male2")
        assert ("male2_encouraging_10b_2", "no transcript", "train", True) in damage(reading)

    def test_casia(self, tmp_path):
        tree(tmp_path, "wangzhe/angry/201.wav", "liuchanhg/sad/201.wav", "somebody/sad/201.wav", "wangzhe/calm/1.wav")
        reading = read_corpus("casia", tmp_path)
        assert found(reading) == [
            ("liuchanhg_sad_201", "sad", "liuchanhg"),
            ("wangzhe_angry_201", "angry", "wangzhe"),
        ]
        assert damage(reading) == [
            ("201", "malformed file name", None, False),
            ("wangzhe_calm_1", "unknown label", None, False),
        ]
        assert found(read_corpus("casia", tmp_path / "wangzhe")) == [("wangzhe_angry_201", "angry", "wangzhe")]

    def test_aesdd(self, tmp_path):
        tree(tmp_path, "anger/a03 (3).wav", "anger/a03 (5)b.wav", "sadness/s01 (2).wav", "anger/(5)a.wav")
        cut_short(write_tone(tmp_path / "sadness" / "s05 (3).wav"))
        reading = read_corpus("aesdd", tmp_path, check_audio="exists")
        assert found(reading) == [
            ("a03 (3)", "anger", "3"),
            ("a03 (5)b", "anger", "5"),
            ("s01 (2)", "sadness", "2"),
        ]
        assert damage(reading) == [
            ("(5)a", "malformed file name", None, False),
            ("s05 (3)", "broken recording", "train", False),
        ]

    def test_asvp_esd(self, tmp_path):
        speech, cry = "03-01-02-01-01-36-02-02-02-39", "03-02-13-02-01-101-02-02-02-39"
        tree(
            tmp_path / "Audio", f"actor_36/{speech}.wav", f"actor_101/{cry}.wav", "actor_1/03-01-04-01-01-02-02-02.wav"
        )
        reading = read_corpus("asvp_esd", tmp_path)
        assert found(reading, "intensity", "gender") == [
            ("03-01-04-01-01-02-02-02", "sad", "02", "normal", "male"),
            (speech, "neutral", "36", "normal", "male"),
        ]
        assert damage(reading) == [
            ("03-01-04-01-01-02-02-02", "in another's folder", "train", True),
            (cry, "not in the part speech", None, False),
        ]
        reading = read_corpus("asvp_esd", tmp_path, part="other sounds")
        assert found(reading, "intensity", "gender") == [(cry, "breath", "101", "high", "female")]

    def test_mead(self, tmp_path):
        tree(
            tmp_path,
            "M003/audio/angry/level_1/001.wav",
            "W009/audio/neutral/level_1/001.wav",
            "M003/audio/angry/level_4/001.wav",
        )
        make_apple_double(tmp_path / "M003" / "audio" / "angry" / "level_1" / "001.wav")
        make_empty(tmp_path / "M003" / "video" / "front" / "angry" / "level_1" / "001.mp4")
        reading = read_corpus("mead", tmp_path)
        assert found(reading, "intensity", "gender") == [
            ("M003_audio_angry_level_1_001", "angry", "M003", "1", "male"),
            ("W009_audio_neutral_level_1_001", "neutral", "W009", "1", "female"),
        ]
        # The number says what is spoken, but not for M003: no text is taken from it.
        assert texts(reading) == {None}
        assert damage(reading) == [
            ("M003_audio_angry_level_4_001", "unknown intensity", None, False),
            ("video", "passed over", None, True),
        ]

    def test_nemo(self, tmp_path):
        tree(tmp_path / "samples", "EB0_anger_1.wav", "EB0_sadness_2.wav")
        header = "file_id\temotion\traw_text\tnormalized_text\tspeaker_id\tgender\tage\n"
        row = "EB0_anger_1.wav\tanger\tChodź, już późno.\tchodź już późno\tEB0   \tfemale\t24\n"
        (tmp_path / "data.tsv").write_text(header + row + row, encoding="utf-8")
        reading = read_corpus("nemo", tmp_path)
        assert found(reading, "gender", "age") == [
            ("EB0_anger_1", "anger", "EB0", "female", "24"),
            ("EB0_sadness_2", "sadness", "EB0", None, None),
        ]
        assert texts(reading) == {"Chodź, już późno.", None}
        assert damage(reading) == [
            ("EB0_anger_1", "duplicated row", None, True),
            ("EB0_sadness_2", "no transcript", "train", True),
        ]

    def test_urdu(self, tmp_path):
        reading = read_corpus(
            "urdu", tree(tmp_path, "Angry/SM1_F10_A010.wav", "Sad/SF2_F1_S001.wav", "Sad/SM1_F1_X001.wav")
        )
        assert found(reading, "gender") == [
            ("SM1_F10_A010", "angry", "SM1", "male"),
            ("SF2_F1_S001", "sad", "SF2", "female"),
        ]
        assert damage(reading) == [("SM1_F1_X001", "unknown label", None, False)]


CODED = [corpus for corpus in CORPORA.values() if corpus.files is not None]


@pytest.mark.parametrize("corpus", CODED, ids=lambda corpus: corpus.name)
def test_all_of_them_read_their_own_example_and_say_what_is_wrong(corpus, tmp_path):
    example = Path(corpus.files.example).with_suffix(".wav")
    with pytest.raises(ValueError, match="holds no recording. Expected: the recordings of"):
        read_corpus(corpus.name, tmp_path)
    tree(tmp_path, str(example), "noise.wav", seconds=3)
    rows = load_corpus(corpus.name, tmp_path, report_dir=tmp_path / "report")["train"]
    assert rows.num_rows == 1
    assert rows[0]["label"] in corpus.label_sets[next(iter(corpus.label_sets))].labels.values()
    assert rows[0]["speaker"] and rows[0]["audio"] == str(tmp_path / example)
    skipped = (tmp_path / "report" / "skipped.jsonl").read_text()
    assert ("noise" in skipped) == (corpus.files.folder is None)
    with pytest.raises(ValueError, match="label_set='none' is unknown"):
        read_corpus(corpus.name, tmp_path, label_set="none")


def test_a_wav_file_is_read_before_other_forms_of_it(tmp_path):
    tree(
        tmp_path, "a/03-01-03-01-01-01-01.flac", "b/03-01-03-01-01-01-01.wav", "c/03-01-03-01-01-01-01.wav", seconds=3
    )
    reading = read_corpus("ravdess", tmp_path)
    assert [row.audio for row in reading.splits["train"]] == [str(tmp_path / "b" / "03-01-03-01-01-01-01.wav")]
    places = [problem.place for problem in reading.problems if problem.reason.startswith("duplicated")]
    assert places == [
        str(tmp_path / "a" / "03-01-03-01-01-01-01.flac"),
        str(tmp_path / "c" / "03-01-03-01-01-01-01.wav"),
    ]
