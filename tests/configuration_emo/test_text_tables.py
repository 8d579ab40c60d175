"""The one writer of tables."""

import pytest

from configuration_emo.text_tables import markdown_table, plain_table


def test_markdown_cells_are_escaped_and_stay_on_one_line():
    table = markdown_table(["a", "b"], [["x|y", "two\nlines"], [1, None]])
    assert table.splitlines() == ["| a | b |", "| --- | --- |", "| x\\|y | two lines |", "| 1 | None |"]


def test_plain_columns_have_one_width_and_numbers_stand_to_the_right():
    table = plain_table(["split", "n", "note"], [["train", 120, ""], ["dev|1", 7, "0.5 s"], ["test", 12, "a\nb"]])
    assert table.splitlines() == [
        "split    n  note",
        "----------------",
        "train  120",
        "dev|1    7  0.5 s",
        "test    12  a b",
    ]


def test_a_table_without_rows_and_a_row_that_does_not_fit():
    assert markdown_table(["a", "b"], []) == "| a | b |\n| --- | --- |"
    assert plain_table(["a", "b"], []) == "a  b\n----"
    for writer in (markdown_table, plain_table):
        with pytest.raises(ValueError, match="A row has 1 cells for 2 columns: x"):
            writer(["a", "b"], [["x"]])
