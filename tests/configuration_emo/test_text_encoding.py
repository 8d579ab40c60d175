"""Text of every encoding that is recognised is read; what cannot be read is a ValueError that names file and line."""

import pytest

from configuration_emo.text_encoding import read_text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_encodings_of_text(tmp_path, encoding):
    path = tmp_path / "text.txt"
    path.write_bytes("id,text\n1,how nice a café\n".encode(encoding))
    assert read_text(path) == "id,text\n1,how nice a café\n"


def test_text_that_cannot_be_read(tmp_path):
    path = tmp_path / "old.txt"
    path.write_bytes("one\ncafé".encode("latin-1"))
    with pytest.raises(
        ValueError, match=r"old.txt, line 2 cannot be read: byte 0xe9 is not UTF-8. Save the file as UTF-8"
    ):
        read_text(path)
    with pytest.raises(ValueError, match=r"gone.txt cannot be read: No such file"):
        read_text(tmp_path / "gone.txt")
    with pytest.raises(ValueError, match=r"cannot be read: Is a directory"):
        read_text(tmp_path)
