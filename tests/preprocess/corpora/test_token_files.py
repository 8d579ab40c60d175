import pytest

from preprocess.corpora.token_files import read_token_file, write_token_file


def test_a_tab_follows_every_id(tmp_path):
    write_token_file(tmp_path / "a" / "b.txt", [0, 15, 2])
    assert (tmp_path / "a" / "b.txt").read_bytes() == b"0\t15\t2\t"
    assert read_token_file(tmp_path / "a" / "b.txt") == [0, 15, 2]


@pytest.mark.parametrize("content", [b"0\t15\t2", b"0 15 2\r\n", b"0\n15\t\t2\n"])
def test_other_white_space_is_read(tmp_path, content):
    (tmp_path / "a.txt").write_bytes(content)
    assert read_token_file(tmp_path / "a.txt") == [0, 15, 2]


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "is empty"), (b" \n", "is empty"), (b"0\tx\t2", "holds 'x'"), (b"0\t-1", "holds '-1'"), (b"\xe9", "read")],
)
def test_files_without_ids_are_refused(tmp_path, content, message):
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_token_file(tmp_path / "a.txt")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"absent\.txt cannot be read"):
        read_token_file(tmp_path / "absent.txt")
