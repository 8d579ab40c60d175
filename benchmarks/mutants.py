"""The mutants of a module: its syntax tree with one node changed."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from typing import Any, NamedTuple


COMPARED: dict[type, type] = {
    **{ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq},
    **{ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In},
}
COMPUTED: dict[type, type] = {
    **{ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult},
    **{ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd},
}
# Without their only argument these always fail.
NEED_AN_ARGUMENT = frozenset(
    {"abs", "bool", "dict", "enumerate", "float", "getattr", "hasattr", "int", "isinstance", "iter", "len", "list"}
    | {"map", "max", "min", "next", "range", "reversed", "round", "set", "sorted", "str", "sum", "super", "tuple"}
    | {"type", "zip", "cast"}
)
MESSAGES = ("warn",)
SLOTS_LEFT_OUT = {"annotation", "returns", "decorator_list", "bases", "type_comment"}


class Mutant(NamedTuple):
    """A node, and what takes its place.

    Args:
        function (`str`): the dotted name of the function that it is in.
        statement (`ast.stmt`): the statement that it is in.
        lines (pair of `int`): first and last line of that statement, of a block those of its head, of a function those
            of its body.
        parent, field, index: where the node hangs; `index` is None where the field is no list.
        new: the node that takes its place.
    """

    function: str
    statement: ast.stmt
    lines: tuple[int, int]
    parent: ast.AST
    field: str
    index: int | None
    new: Any

    def place(self) -> Any:
        """Changes the tree; returns the node that was there."""
        if self.index is None:
            old = getattr(self.parent, self.field)
            setattr(self.parent, self.field, self.new)
        else:
            values = getattr(self.parent, self.field)
            old, values[self.index] = values[self.index], self.new
            if self.new is None:
                del values[self.index]
        return old

    def shown(self) -> tuple[str, str]:
        """The statement, of a block its head, before and after."""
        before = _head(self.statement)
        slot = getattr(self.parent, self.field)
        kept = list(slot) if isinstance(slot, list) else slot
        self.place()
        is_removed = isinstance(self.new, ast.Pass)
        after = "pass" if is_removed else _head(self.statement)
        setattr(self.parent, self.field, kept)
        return before, after


def mutants_of(tree: ast.Module) -> list[Mutant]:
    """All of a module, in the order of its lines."""
    return list(_inside(tree, (), None))


def _head(statement: ast.stmt) -> str:
    shown = copy.copy(statement)
    for field in ("body", "orelse", "finalbody", "handlers", "decorator_list"):
        if hasattr(shown, field):
            setattr(shown, field, [])
    return " ".join(ast.unparse(ast.fix_missing_locations(shown)).split())


def _lines(statement: ast.stmt) -> tuple[int, int]:
    body = getattr(statement, "body", None)
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
        # Its head runs once, on import; what tells is a call.
        return statement.body[0].lineno, statement.end_lineno or statement.lineno
    last = body[0].lineno - 1 if body else statement.end_lineno or statement.lineno
    return statement.lineno, max(statement.lineno, last)


def _inside(node: ast.AST, names: tuple[str, ...], statement: ast.stmt | None) -> Iterator[Mutant]:
    for field, value in ast.iter_fields(node):
        if field in SLOTS_LEFT_OUT:
            continue
        children = list(enumerate(value)) if isinstance(value, list) else [(None, value)]
        for index, child in children:
            if not isinstance(child, ast.AST) or _is_left_out(child):
                continue
            inside = child if isinstance(child, ast.stmt) else statement
            if inside is not None:
                slot = (".".join(names), inside, _lines(inside), node, field, index)
                yield from (Mutant(*slot, new) for new in _alternatives(child, node, field))
                yield from (Mutant(".".join(names), inside, _lines(inside), *rest) for rest in _removals(child))
            if isinstance(child, ast.Raise):
                continue
            is_named = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
            yield from _inside(child, (*names, child.name) if is_named else names, inside)


def _is_left_out(node: ast.AST) -> bool:
    if isinstance(node, (ast.JoinedStr, ast.Import, ast.ImportFrom)):
        return True
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _alternatives(node: ast.AST, parent: ast.AST, field: str) -> Iterator[ast.AST]:
    """What may take the place of a node."""
    if isinstance(node, ast.Compare):
        for index, operator in enumerate(node.ops):
            operators = [*node.ops[:index], COMPARED[type(operator)](), *node.ops[index + 1 :]]
            yield ast.Compare(node.left, operators, node.comparators)
    elif isinstance(node, ast.BinOp) and type(node.op) in COMPUTED and not _is_text(node.left, node.right):
        yield ast.BinOp(node.left, COMPUTED[type(node.op)](), node.right)
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        yield ast.Constant(node.value + 1)
        if node.value:
            yield ast.Constant(0)
    elif isinstance(node, ast.UnaryOp):
        yield node.operand
    elif isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.And() if isinstance(node.op, ast.Or) else ast.Or(), node.values)
    elif isinstance(node, ast.Slice):
        yield ast.Slice(_shifted(node.lower, 0, 1), node.upper, node.step)
        yield ast.Slice(node.lower, _shifted(node.upper, 0, -1), node.step)
    elif isinstance(node, ast.AugAssign) and type(node.op) in COMPUTED:
        yield ast.AugAssign(node.target, COMPUTED[type(node.op)](), node.value)
    is_condition = field == "test" or (field == "ifs" and isinstance(parent, ast.comprehension))
    if is_condition and not isinstance(node, (ast.Compare, ast.UnaryOp)):
        yield ast.UnaryOp(ast.Not(), node)
    if field == "value" and isinstance(parent, ast.Return) and not _is_none(node):
        yield ast.Constant(None)
    if isinstance(node, (ast.Raise, ast.Continue)) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    ):
        yield ast.Pass()


def _removals(node: ast.AST) -> Iterator[tuple[ast.AST, str, int, None]]:
    """The arguments that a call may lose."""
    if not isinstance(node, ast.Call):
        return
    name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
    if name in MESSAGES:
        return
    yield from ((node, "keywords", index, None) for index, keyword in enumerate(node.keywords) if keyword.arg)
    if name not in NEED_AN_ARGUMENT or len(node.args) > 1:
        yield from ((node, "args", index, None) for index in range(len(node.args)))


def _shifted(bound: ast.expr | None, start: int, by: int) -> ast.expr:
    if bound is None:
        return ast.Constant(start + by) if by > 0 else ast.UnaryOp(ast.USub(), ast.Constant(-by))
    return ast.BinOp(bound, ast.Add(), ast.Constant(by)) if by > 0 else ast.BinOp(bound, ast.Sub(), ast.Constant(-by))


def _is_text(*nodes: ast.expr) -> bool:
    return any(isinstance(node, ast.JoinedStr) or isinstance(getattr(node, "value", None), str) for node in nodes)


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
