import json

import numpy as np
import pytest

from modeling_emo.inference.predict_to_file import deal
from modeling_emo.inference.prediction_file import PredictionFile, gather_parts, part_path, utterance_key
from preprocess import RecordingTable


def rows(path):
    return [json.loads(line)["input"]["text"] for line in path.read_text().splitlines()]


def write(path, *texts):
    path.write_text("".join(json.dumps({"input": {"audio": None, "text": text}}) + "\n" for text in texts))


def test_recordings_are_dealt_out_by_length(tmp_path):
    generator = np.random.default_rng(0)
    sizes = generator.integers(1, 100_000, 60)
    utterances = []
    for index, size in enumerate(sizes.tolist()):
        (tmp_path / f"{index}.wav").write_bytes(bytes(size))
        utterances.append({"audio": str(tmp_path / f"{index}.wav"), "text": None})
    finished = {utterance_key(utterances[0]), utterance_key(utterances[7])}
    dealt = deal([*utterances, utterances[3]], finished, 4)
    assert dealt.of[[0, 7, 60]].tolist() == [-1, -1, -1] and len(dealt.given) == 60
    loads = [sizes[np.flatnonzero(dealt.of[:60] == process)].sum() for process in range(4)]
    assert max(loads) - min(loads) < 0.02 * sum(loads)
    assert (deal([*utterances, utterances[3]], finished, 1).of[:60] == np.where(dealt.of[:60] < 0, -1, 0)).all()
    assert dealt.digest == deal([*utterances, utterances[3]], finished, 2).digest
    assert dealt.digest != deal(utterances, finished, 4).digest


def test_parts_are_gathered_once_whenever_the_run_was_killed(tmp_path):
    path = tmp_path / "out.jsonl"
    write(path, "a", "b")
    write(part_path(path, 0), "c", "b")
    write(part_path(path, 1), "d")
    with part_path(path, 1).open("a") as file:
        file.write('{"input": {"text": "to')
    parts = {part_path(path, one): part_path(path, one).read_bytes() for one in (0, 1)}
    gather_parts(path)
    assert rows(path) == ["a", "c", "b", "d"] and not part_path(path, 0).exists()
    for part, content in parts.items():  # killed after the file was replaced and before the parts were removed
        part.write_bytes(content)
    order = [utterance_key({"audio": None, "text": text}) for text in "dcbx"]
    gather_parts(path, order)
    assert rows(path) == ["a", "d", "c", "b"]


def test_parts_of_other_settings_are_refused(tmp_path):
    PredictionFile(tmp_path / "out.csv", {"model": "one"}).close()
    write(part_path(tmp_path / "out.csv", 0), "a")
    with pytest.raises(ValueError, match="has predictions with another model"):
        PredictionFile(tmp_path / "out.csv", {"model": "two"})
    with PredictionFile(tmp_path / "out.csv", {"model": "one"}) as file:
        assert file.finished == {utterance_key({"audio": None, "text": "a"})}


class TestTable:
    def test_paths_are_relative_to_it(self, tmp_path):
        (tmp_path / "calls.csv").write_text(
            "\ufefffile,text,rating\na.wav,how nice,1\nhttps://x.org/b.wav,,2\n,so,3\n"
        )
        table = RecordingTable(tmp_path / "calls.csv")
        assert (
            list(table)
            == list(table)
            == [
                {"audio": str(tmp_path / "a.wav"), "text": "how nice"},
                {"audio": "https://x.org/b.wav", "text": None},
                {"audio": None, "text": "so"},
            ]
        )

    def test_what_is_refused(self, tmp_path):
        with pytest.raises(ValueError, match="There is no table of recordings nothing.csv"):
            RecordingTable("nothing.csv")
        (tmp_path / "a.csv").write_text("name\nx\n")
        with pytest.raises(ValueError, match="a.csv has the columns name: one of audio, file, path or text"):
            RecordingTable(tmp_path / "a.csv")
        for content, message in (
            ("audio,text\na.wav,\n,\n", "line 3: there is neither recording nor text"),
            ("audio,text\n", "a.csv has no rows: write one recording a line"),
            ("audio,text\na.wav,Yes, we do\n", "line 2: 3 cells where there are 2 columns. Quote cells"),
        ):
            (tmp_path / "a.csv").write_text(content)
            with pytest.raises(ValueError, match=message):
                list(RecordingTable(tmp_path / "a.csv"))
        for content, message in (
            ("", "a.csv has the columns none: one of audio"),
            ("audio,Audio\nx,y\n", "a.csv has several columns audio. Rename all but one"),
        ):
            (tmp_path / "a.csv").write_text(content)
            with pytest.raises(ValueError, match=message):
                RecordingTable(tmp_path / "a.csv")
        (tmp_path / "a.csv").write_bytes(b"text\nfine\n" + b"so\n" * 10_000 + "schön\n".encode("latin-1"))
        with pytest.raises(ValueError, match=r"a.csv, after line \d+: a byte is not UTF-8. Save the table as UTF-8"):
            list(RecordingTable(tmp_path / "a.csv"))

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
    @pytest.mark.parametrize("delimiter", [",", ";", "\t"])
    @pytest.mark.parametrize("above", ["", "sep="])
    def test_as_spreadsheets_write_it(self, tmp_path, encoding, delimiter, above):
        first = above and f"{above}{delimiter}\r\n"
        content = f'{first} Audio {delimiter}TEXT\r\n/a.wav{delimiter}"one{delimiter}\ntwo"\r\n\r\n/b.wav\r\n'
        (tmp_path / "a.csv").write_bytes(content.encode(encoding))
        table = RecordingTable(tmp_path / "a.csv")
        rows = [{"audio": "/a.wav", "text": f"one{delimiter}\ntwo"}, {"audio": "/b.wav", "text": None}]
        assert list(table) == list(table) == rows
        numbers = [number for number, _ in table.rows()]
        assert numbers == ([4, 6] if above else [3, 5])
