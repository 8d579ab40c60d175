"""Tables of results as Markdown, LaTeX (booktabs) and CSV, from the same cells."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO

from configuration_emo.text_tables import markdown_table


UNDEFINED = "-"

# The field's own writing of the metrics' names; any other stands as it is.
METRIC_TITLES = {
    "wa": "WA",
    "ua": "UA",
    "wf1": "WF1",
    "macro_f1": "macro F1",
    "micro_f1": "micro F1",
    "mae": "MAE",
    "corr": "Corr",
    "acc_7": "Acc-7",
    "acc_5": "Acc-5",
    "acc_2_has0": "Acc-2 has0",
    "f1_has0": "F1 has0",
    "acc_2_non0": "Acc-2 non0",
    "f1_non0": "F1 non0",
    "mean_ccc": "mean CCC",
    "mean_accuracy": "mean accuracy",
    "mean_wf1": "mean WF1",
}

_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}


@dataclass(frozen=True)
class Cell:
    """A number with how much it varies.

    Args:
        value (`float`): the number; NaN is written as undefined.
        spreads (`dict[str, float]`): standard deviations by what they are over, for example `folds`; those that are
            NaN (of a single value) are not written.
    """

    value: float
    spreads: Mapping[str, float] = field(default_factory=dict)

    def numbers(self) -> list[str]:
        """The value and its spreads with three decimals."""
        if math.isnan(self.value):
            return [UNDEFINED]
        return [f"{number:.3f}" for number in (self.value, *self.spreads.values()) if not math.isnan(number)]


@dataclass(frozen=True)
class Table:
    """A table.

    Args:
        name (`str`): short, for a file's name.
        caption (`str`): what the numbers are.
        columns (`list[str]`): names; those of metrics are written as the field does.
        rows (`list[list[str | int | Cell]]`): as many entries as columns.
    """

    name: str
    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str | int | Cell]]

    def __post_init__(self) -> None:
        wrong = [row for row in self.rows if len(row) != len(self.columns)]
        if wrong:
            raise ValueError(
                f"Table {self.name!r}: a row has {len(wrong[0])} entries for {len(self.columns)} columns."
            )


def to_markdown(table: Table) -> str:
    """The table with its caption above it; `|` in a text is escaped."""

    rows = markdown_table(_titles(table), ([_plain(entry) for entry in row] for row in table.rows))
    return f"{table.caption}\n\n{rows}\n"


def to_latex(table: Table) -> str:
    """The table as a `table` environment; it needs `\\usepackage{booktabs}`."""
    numeric = [all(not isinstance(row[index], str) for row in table.rows) for index in range(len(table.columns))]
    lines = [
        r"\begin{table}",
        r"  \centering",
        f"  \\caption{{{escape_latex(table.caption)}}}",
        f"  \\label{{tab:{table.name.replace('_', '-')}}}",
        f"  \\begin{{tabular}}{{{''.join('r' if right else 'l' for right in numeric)}}}",
        r"    \toprule",
        f"    {' & '.join(escape_latex(title) for title in _titles(table))} \\\\",
        r"    \midrule",
        *(f"    {' & '.join(_latex(entry) for entry in row)} \\\\" for row in table.rows),
        r"    \bottomrule",
        r"  \end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def to_csv(table: Table) -> str:
    """The table with its columns' own names and unrounded numbers; each spread has a column `<column>_std_<over>`."""
    spreads = {column: _spread_names([row[index] for row in table.rows]) for index, column in enumerate(table.columns)}
    file = StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(
        [name for column in table.columns for name in (column, *(f"{column}_std_{over}" for over in spreads[column]))]
    )
    for row in table.rows:
        written: list[str | int | float] = []
        for column, entry in zip(table.columns, row, strict=True):
            values = (
                [entry.value, *(entry.spreads.get(over, math.nan) for over in spreads[column])]
                if isinstance(entry, Cell)
                else [entry, *("" for _ in spreads[column])]
            )
            written += ["" if isinstance(value, float) and math.isnan(value) else value for value in values]
        writer.writerow(written)
    return file.getvalue()


def _spread_names(entries: Sequence[str | int | Cell]) -> list[str]:
    """What the deviations of a column's numbers are over, each once."""
    return list(dict.fromkeys(name for entry in entries if isinstance(entry, Cell) for name in entry.spreads))


def escape_latex(text: str) -> str:
    """Text whose special characters LaTeX prints as they are."""
    return "".join(_LATEX.get(character, character) for character in text).replace("±", r"$\pm$")


def _titles(table: Table) -> list[str]:
    return [METRIC_TITLES.get(column, column) for column in table.columns]


def _plain(entry: str | int | Cell) -> str:
    return " ± ".join(entry.numbers()) if isinstance(entry, Cell) else str(entry)


def _latex(entry: str | int | Cell) -> str:
    if not isinstance(entry, Cell):
        return escape_latex(str(entry))
    numbers = entry.numbers()
    joined = r" \pm ".join(numbers)
    return UNDEFINED if numbers == [UNDEFINED] else f"${joined}$"
