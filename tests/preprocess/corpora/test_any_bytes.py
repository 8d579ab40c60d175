"""Whatever the bytes of a corpus's files, a reader ends well or with a ValueError that names file or folder."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from configuration_emo.speech_dictionary import SpeechDictionary
from preprocess import read_corpus
from preprocess.corpora.cmu.splits import read_split_file
from preprocess.corpora.token_files import read_token_file
from preprocess.labels.label_maps import resolve_label_map
from preprocess.skipped import read_skipped


def corpus(name, **files):
    """A reader of a corpus one of whose files holds the bytes, the others (None) being as given."""

    def read(folder, content):
        for path, before in files.items():
            file = folder / path.replace("__", "/").replace("_dot_", ".")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(before + content)
        read_corpus(name, folder)

    return read


def file(name, reader):
    def read(folder, content):
        (folder / name).write_bytes(content)
        reader(folder / name)

    return read


MELD = b"Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,StartTime,EndTime\n"
READERS = {
    "meld": corpus("meld", train_sent_emo_dot_csv=MELD),
    "meld, header": corpus("meld", train_sent_emo_dot_csv=b""),
    "iemocap": corpus(
        "iemocap",
        Session1__dialog__EmoEvaluation__a_dot_txt=b"",
        Session1__dialog__transcriptions__a_dot_txt=b"",
    ),
    "mosi": corpus("mosi", label_dot_csv=b"video_id,clip_id,text,label,mode\n"),
    "mosi, raw": corpus(
        "mosi", OpinionLevelSentiment_dot_csv=b"", Transcript__Segmented__abc_dot_txt=b"1_DELIM_hello\n"
    ),
    "manifest": corpus(
        "manifest",
        train_a_dot_tsv=b"u1.wav\n",
        train_t_dot_tsv=b"u1.txt\n",
        train_size_dot_tsv=b"u1,",
        label_file_train_dot_csv=b"u1,",
    ),
    "csd labels": corpus("mosei", CMU_MOSEI_Labels_dot_csd=b""),
    "label map": file("map.json", resolve_label_map),
    "splits": file("split.json", read_split_file),
    "splits of the SDK": file("folds.py", read_split_file),
    "split table": file("split.csv", read_split_file),
    "token file": file("u1.txt", read_token_file),
    "dictionary": file("dict.txt", lambda path: SpeechDictionary.from_file(path).code_to_id(3, 2)),
    "skipped": file("skipped.jsonl", read_skipped),
    "parquet": file("train.parquet", lambda path: read_corpus("csv", path)),
}
WORDS = [
    "abc",
    "1",
    "0",
    "-3",
    "1.5",
    "9" * 5_000,
    "train",
    "valid",
    "[",
    "]",
    "{",
    "}",
    "(",
    ")",
    ":",
    ",",
    ";",
    "\t",
]
WORDS += [
    "\n",
    " ",
    '"',
    "'",
    "=",
    "standard_train_fold = ",
    "[1 - 2]\tSes01F_a_M000\tneu\t[1, 2, 3]",
    "\\ud800",
    "é",
    "\0",
]
CONTENTS = st.lists(st.sampled_from(WORDS), max_size=12).map(lambda words: "".join(words).encode())


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(content=CONTENTS | st.binary(max_size=40))
def test_only_a_value_error_that_names_the_file(reader, tmp_path, content):
    try:
        reader(tmp_path, content)
    except ValueError as error:
        assert type(error) is ValueError and str(tmp_path) in str(error)


@pytest.mark.parametrize("content", [b"[" * 100_000, b"(" * 5_000, b"a = [" + b"[" * 500 + b"]" * 500 + b"]"])
@pytest.mark.parametrize("name", ["label map", "splits", "splits of the SDK", "skipped"])
def test_deep_nesting(name, tmp_path, content):
    try:
        READERS[name](tmp_path, content)
    except ValueError as error:
        assert type(error) is ValueError and str(tmp_path) in str(error)


@pytest.mark.parametrize("digits", [20, 30, 5_000])
def test_numbers_that_are_no_ids(tmp_path, digits):
    (tmp_path / "u1.txt").write_text("1\t" + "9" * digits)
    with pytest.raises(ValueError, match="u1.txt holds '9+.*, which is not a token id"):
        read_token_file(tmp_path / "u1.txt")
    (tmp_path / "dict.txt").write_text(f"1-{'9' * digits} 3\n0-1 2\n")
    table = SpeechDictionary.from_file(tmp_path / "dict.txt").code_to_id(2, 2)
    assert table.tolist() == [[3, 5], [3, 3]]
