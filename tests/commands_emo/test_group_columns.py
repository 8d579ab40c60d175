"""Which column tells a kind of group: one answer for tables and prepared corpora."""

import pytest

from commands_emo.group_columns import group_columns


COLUMNS = {"gender": ["f", None], "Seconds": ["1", "2"], "duration": ["1.5", None], "snr": [None, None], "room": "ab"}


def found(*kinds):
    return group_columns(kinds, list(COLUMNS), COLUMNS.__getitem__, ["u1", "u2"], "The table", " Add it.")


def test_columns_by_their_usual_names(capsys):
    assert found("sex", "length", "room") == {"sex": ["f", None], "length": [1.5, None], "room": ["a", "b"]}
    assert (
        found("snr") == {} and capsys.readouterr().out == "snr: the table does not tell it, no groups are compared\n"
    )
    with pytest.raises(ValueError, match="The table does not tell speaker; its columns are gender, .* Add it."):
        found("speaker")
