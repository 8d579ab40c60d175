"""The mutants that benchmarks/mutation.py tries."""

import ast

from benchmarks.mutants import mutants_of


SOURCE = '''
def share(values, total=1, *, axis: int = 0) -> float:
    """A docstring stays, and so do annotations."""
    if not values or total < 0:
        raise ValueError(f"{total + 1} is too little")
    warn("a message", stacklevel=2)
    return sum(values[1:], start=axis) / -total
'''


def test_each_node_is_changed_once():
    tree = ast.parse(SOURCE)
    mutants = mutants_of(tree)
    assert {mutant.function for mutant in mutants if not isinstance(mutant.statement, ast.FunctionDef)} == {"share"}
    shown = [mutant.shown() for mutant in mutants]
    head, condition = "def share(values, total=1, *, axis: int=0) -> float:", "if not values or total < 0:"
    result = "return sum(values[1:], start=axis) / -total"
    assert sorted(after for before, after in shown if before == head) == [
        "def share(values, total=0, *, axis: int=0) -> float:",
        "def share(values, total=1, *, axis: int=1) -> float:",
        "def share(values, total=2, *, axis: int=0) -> float:",
    ]
    assert sorted(after for before, after in shown if before == condition) == [
        "if not (not values or total < 0):",
        "if not values and total < 0:",
        "if not values or total < 1:",
        "if not values or total <= 0:",
        "if values or total < 0:",
    ]
    assert {after for before, after in shown if before == result} == {
        "return None",
        "return sum(values[0:], start=axis) / -total",
        "return sum(values[1 + 1:], start=axis) / -total",
        "return sum(values[1:-1], start=axis) / -total",
        "return sum(values[1:], start=axis) * -total",
        "return sum(values[1:], start=axis) / total",
        "return sum(values[1:]) / -total",
        "return sum(values[2:], start=axis) / -total",
    }
    # Of messages nothing is changed, but whether they are given.
    assert [before for before, after in shown if after == "pass"] == [
        "raise ValueError(f'{total + 1} is too little')",
        "warn('a message', stacklevel=2)",
    ]
    assert "".join(ast.unparse(tree).split()) == "".join(ast.unparse(ast.parse(SOURCE)).split()), "nothing is left"


def test_a_mutant_takes_its_place():
    tree = ast.parse("def double(value):\n    return value * 2\n")
    outcomes = []
    for mutant in mutants_of(tree):
        again = ast.parse("def double(value):\n    return value * 2\n")
        (twin,) = [other for other in mutants_of(again) if other.shown() == mutant.shown()]
        twin.place()
        names = {}
        exec(compile(ast.fix_missing_locations(again), "double.py", "exec"), names)
        outcomes.append(names["double"](8))
    assert sorted(outcomes, key=str) == [0, 24, 4.0, None]
