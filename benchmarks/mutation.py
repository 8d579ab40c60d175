"""Mutation testing: one node of a module is changed at a time, and its tests must notice.

    nice -n 10 python -m benchmarks.mutation                       # all modules of TARGETS
    nice -n 10 python -m benchmarks.mutation modeling_emo/loss.py --share 1

Libraries are imported once. Then every run of tests is a fork: the first one of a module records which test executes
which of its lines, each of the others has one mutant in the place of the module, and runs the tests of its lines, the
quickest first, until one fails. Of each function `--share` of its mutants is tried, three at least, drawn with a fixed
seed. Messages of errors and warnings, annotations and decorators are not mutated, nor is text. The tests of one mutant
end when they would take longer than `--patience`, so that some of what then counts as survived may not have.

What survives and changes nothing that could be seen is listed, with the reason, in
`benchmarks/equivalent_mutants.tsv`.
"""

from __future__ import annotations

import argparse
import ast
import collections
import contextlib
import functools
import gc
import importlib
import importlib.machinery
import itertools
import json
import os
import random
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from benchmarks.mutants import Mutant, mutants_of


ROOT = Path(__file__).resolve().parent.parent
EQUIVALENT = Path(__file__).with_name("equivalent_mutants.tsv")
MODEL = "tests/modeling_emo"
DATA = "tests/preprocess"
PACKED = tuple(f"{MODEL}/encoders/test_{name}.py" for name in ("frames", "length_aware", "packing"))
LOSS = tuple(f"{MODEL}/test_{name}.py" for name in ("loss", "classification_losses", "loss_parity"))
METRICS = tuple(
    f"{MODEL}/metrics/test_{name}.py"
    for name in (
        *("calibration", "compute_metrics", "diarization", "evaluate_modules", "intervals", "scores"),
        *("sentiment_metrics", "task_metrics", "temperature", "values"),
    )
) + (f"{MODEL}/evaluation/test_predictions_csv.py",)
LABELS = tuple(f"{DATA}/labels/test_{name}.py" for name in ("label_encoder", "label_maps", "label_names", "votes"))
PROTOCOLS = tuple(f"{DATA}/protocols/test_{name}.py" for name in ("folds", "validation_split"))

# A mutant: its module, its function, the statement and what becomes of it.
Key = tuple[str, str, str, str]
# What counts as noticed: a test that failed, one that did not end, a process that did not survive.
KILLED = ("killed", "timeout", "crashed")

# Each module, and the files of tests that speak for it.
TARGETS: dict[str, tuple[str, ...]] = {
    "modeling_emo/loss.py": LOSS,
    "modeling_emo/fusion.py": (f"{MODEL}/test_fusion.py", f"{MODEL}/finetuning/test_standardization.py"),
    "modeling_emo/modalities.py": (f"{MODEL}/test_modalities.py", f"{MODEL}/encoders/test_present_rows.py"),
    "modeling_emo/encoders/present_rows.py": (f"{MODEL}/encoders/test_present_rows.py",),
    "modeling_emo/encoders/segment_attention.py": PACKED,
    "modeling_emo/encoders/packing.py": PACKED,
    "modeling_emo/encoders/ids.py": PACKED,
    "modeling_emo/encoders/frames.py": PACKED,
    "modeling_emo/encoders/length_aware.py": PACKED,
    "preprocess/features/padding.py": (f"{DATA}/features/test_padding.py", f"{DATA}/test_collator.py"),
    **{
        f"modeling_emo/metrics/{name}.py": METRICS
        for name in (
            *("calibration", "compute_metrics", "confusion", "diarization", "intervals", "scores", "task_metrics"),
            *("temperature", "two_steps", "undefined", "values"),
        )
    },
    "modeling_emo/metrics/metric_path.py": (f"{MODEL}/metrics/test_metric_path.py",),
    "modeling_emo/metrics/group_metrics.py": (f"{MODEL}/metrics/test_group_metrics.py",),
    "modeling_emo/metrics/selective.py": (f"{MODEL}/metrics/test_group_metrics.py",),
    **{f"preprocess/labels/{name}.py": LABELS for name in ("label_encoder", "label_maps", "label_names")},
    "preprocess/labels/near_equal_labels.py": (f"{DATA}/labels/test_near_equal_labels.py",),
    **{
        f"preprocess/labels/{name}.py": (f"{DATA}/labels/test_scored_tables.py", "tests/commands_emo/test_score.py")
        for name in ("scored_tables", "scored_tasks")
    },
    "preprocess/protocols/cross_corpus.py": (f"{DATA}/protocols/test_cross_corpus.py",),
    **{f"preprocess/protocols/{name}.py": PROTOCOLS for name in ("fold", "folds", "group_folds", "validation_split")},
}


class Coverage:
    """A pytest plugin: which lines of some files each test executes, and how long a test takes.

    Lines are pairs of file and number. Those that run on import, or in a fixture of several tests, are of all.
    """

    def __init__(self, paths: list[str]) -> None:
        self.paths = {str(ROOT / path): path for path in paths}
        self.shared: set[tuple[str, int]] = set()
        self.lines: dict[str, set[tuple[str, int]]] = collections.defaultdict(set)
        self.seconds: dict[str, float] = collections.defaultdict(float)
        self.failed: list[str] = []
        self._current = self.shared

    def trace(self, frame: Any, event: str, _: Any) -> Any:
        path = self.paths.get(frame.f_code.co_filename)
        if path is None:
            return None
        self._current.add((path, frame.f_lineno))
        return self.trace

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._current = self.lines[item.nodeid]
        sys.settrace(self.trace)
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any, request: Any) -> Iterator[None]:
        before = self._current
        if fixturedef.scope != "function":
            self._current = self.shared
        try:
            return (yield)
        finally:
            self._current = before

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] += report.duration
        if report.failed:
            self.failed.append(report.nodeid)


class Baseline(NamedTuple):
    """What tests do without a mutant: their lines, the lines of all tests, and their seconds."""

    lines: dict[str, set[tuple[str, int]]]
    shared: set[tuple[str, int]]
    seconds: dict[str, float]

    def tests_of(self, path: str, lines: tuple[int, int], patience: float) -> list[str]:
        """Those that execute one of these lines, the quickest first, and no more than there is patience for."""
        wanted = {(path, number) for number in range(lines[0], lines[1] + 1)}
        tests = self.seconds if wanted & self.shared else [name for name in self.lines if wanted & self.lines[name]]
        ordered = sorted(tests, key=self.seconds.__getitem__)
        ends = itertools.accumulate(self.seconds[test] for test in ordered)
        return [
            test for index, (test, end) in enumerate(zip(ordered, ends, strict=True)) if not index or end < patience
        ]


def forked(work: Any, limit: int) -> tuple[str, Any]:
    """What a function returned in a process of its own: how it ended, and the value."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        signal.alarm(limit)
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        value = work()
        with os.fdopen(writing, "w") as pipe:
            json.dump(value, pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    _, status = os.waitpid(child, 0)
    if text:
        return "ended", json.loads(text)
    stopped = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM
    return ("timeout" if stopped else "crashed"), None


def run_tests(tests: list[str], *plugins: object) -> int:
    """pytest's exit status."""
    scratch = tempfile.gettempdir() + f"/mutation_{os.getpid()}"
    options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:warnings", f"--basetemp={scratch}", "--tb=no"]
    try:
        return int(pytest.main([*options, *tests], plugins=list(plugins)))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def run_baseline(files: tuple[str, ...]) -> dict[str, Any]:
    """What [`Coverage`] saw in these files of tests, and the libraries that they import."""
    coverage = Coverage([path for path, tests in TARGETS.items() if tests == files])
    sys.settrace(coverage.trace)
    status = run_tests(list(files), coverage)
    sys.settrace(None)
    return {
        "status": status,
        "failed": coverage.failed,
        "lines": {test: sorted(lines) for test, lines in coverage.lines.items()},
        "shared": sorted(coverage.shared),
        "seconds": coverage.seconds,
        "libraries": [
            name
            for name, module in list(sys.modules.items())
            if "site-packages" in str(getattr(module, "__file__", None))
        ],
    }


@functools.cache
def baseline_of(files: tuple[str, ...]) -> Baseline:
    """That of a process of its own; its libraries are imported here, for the forks to come."""
    how, found = forked(lambda: run_baseline(files), 1800)
    if how != "ended" or found["status"] != 0:
        raise SystemExit(f"{', '.join(files)} fail as they are: {how}, {found and found['failed']}.")
    for name in found["libraries"]:
        if name not in sys.modules:
            with contextlib.suppress(Exception):  # those that a library builds as it goes
                importlib.import_module(name)
    gc.collect()
    gc.freeze()  # or each fork copies what its collections touch
    how, status = forked(lambda: run_tests(list(found["seconds"])), 1800)
    if status != 0:  # or any mutant would count as killed
        raise SystemExit(f"{', '.join(files)}: the tests do not pass when each is named: {how}, status {status}.")
    lines = {test: {(path, number) for path, number in lines} for test, lines in found["lines"].items()}
    return Baseline(lines, {(path, number) for path, number in found["shared"]}, found["seconds"])


def run_mutant(target: str, tree: ast.Module, mutant: Mutant, tests: list[str]) -> int:
    """pytest's exit status with a mutant in the place of a module, which must not have been imported."""
    mutant.place()
    code = compile(ast.fix_missing_locations(tree), str(ROOT / target), "exec")
    get_code = importlib.machinery.SourceFileLoader.get_code

    def changed(loader: importlib.machinery.SourceFileLoader, name: str) -> Any:
        return code if loader.path == str(ROOT / target) else get_code(loader, name)

    importlib.machinery.SourceFileLoader.get_code = changed  # type: ignore[method-assign]
    return run_tests(tests)


def drawn(mutants: list[Mutant], share: float, seed: int) -> list[Mutant]:
    """The share of each function's mutants, three at least, in the order of the file."""
    functions: dict[str, list[Mutant]] = collections.defaultdict(list)
    for mutant in mutants:
        functions[mutant.function].append(mutant)
    generator, chosen = random.Random(seed), set()
    for group in functions.values():
        chosen.update(map(id, generator.sample(group, min(len(group), max(3, round(share * len(group)))))))
    return [mutant for mutant in mutants if id(mutant) in chosen]


def explained() -> dict[Key, str]:
    """The reasons of the mutants that change nothing."""
    if not EQUIVALENT.exists():
        return {}
    rows = [line.split("\t") for line in EQUIVALENT.read_text(encoding="utf-8").splitlines() if line]
    return {(module, function, before, after): reason for module, function, before, after, reason in rows}


def recorded(path: Path) -> dict[Key, str]:
    """The last outcome of each mutant in a record."""
    if not path.exists():
        return {}
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {(row["module"], row["function"], row["before"], row["after"]): row["outcome"] for row in rows}


def outcome_of(target: str, tree: ast.Module, mutant: Mutant, tests: list[str], seconds: float) -> str:
    """What became of a mutant by its tests, which take so long without it: one of `KILLED`, or it survived."""
    if not tests:
        return "not run"
    how, status = forked(lambda: run_mutant(target, tree, mutant, tests), 30 + int(10 * seconds))
    if how != "ended":
        return how
    return "killed" if status else "survived"


def try_module(target: str, arguments: argparse.Namespace) -> None:
    """Tries the drawn mutants of a module and those that the record knows, but as killed; adds to the record."""
    tree = ast.parse((ROOT / target).read_text(encoding="utf-8"))
    reasons, known = explained(), recorded(arguments.record)
    mutants = mutants_of(tree)
    share = set(map(id, drawn(mutants, arguments.share, arguments.seed)))
    for mutant in mutants:
        key = (target, mutant.function, *mutant.shown())
        is_wanted = key in known or (id(mutant) in share and not arguments.again)
        if not is_wanted or known.get(key) in (*KILLED, "equivalent"):
            continue
        if target not in TARGETS:
            raise ValueError(f"No tests are named for {target}: add them to TARGETS.")
        baseline = baseline_of(TARGETS[target])
        tests = baseline.tests_of(target, mutant.lines, arguments.patience)
        outcome = outcome_of(target, tree, mutant, tests, sum(baseline.seconds[test] for test in tests))
        if outcome not in KILLED and key in reasons:
            outcome = "equivalent"
        row = dict(zip(("module", "function", "before", "after"), key, strict=True))
        row |= {"line": mutant.lines[0], "outcome": outcome, "tests": len(tests)}
        with arguments.record.open("a", encoding="utf-8") as file:
            print(json.dumps(row), file=file)


def table_row(target: str, record: Path) -> str:
    """Of a module: its mutants, and how many of them the record knows with each outcome."""
    keys = [
        (target, mutant.function, *mutant.shown())
        for mutant in mutants_of(ast.parse((ROOT / target).read_text(encoding="utf-8")))
    ]
    reasons, known = explained(), recorded(record)
    outcomes = [known[key] for key in keys if key in known]
    killed = sum(outcome in KILLED for outcome in outcomes)
    equivalent = sum(known[key] not in KILLED and key in reasons for key in keys if key in known)
    numbers = (len(keys), len(outcomes), killed, equivalent, len(outcomes) - killed - equivalent)
    return f"| `{target}` | {' | '.join(map(str, numbers))} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", default=list(TARGETS), metavar="module")
    parser.add_argument("--share", type=float, default=1.0, help="of the mutants of each function")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--patience", type=float, default=30, help="seconds of tests for one mutant")
    parser.add_argument("--record", type=Path, default=Path("outputs/mutation.jsonl"), help="a line for each mutant")
    parser.add_argument("--again", action="store_true", help="only what has survived by the record")
    parser.add_argument("--table", action="store_true", help="try nothing, show what the record knows")
    arguments = parser.parse_args()
    os.chdir(ROOT)
    sys.dont_write_bytecode = False
    arguments.record.parent.mkdir(parents=True, exist_ok=True)
    print("| module | mutants | tried | killed | equivalent | survived |\n|---|---|---|---|---|---|")
    for target in arguments.modules:
        if not arguments.table:
            try_module(target, arguments)
        print(table_row(target, arguments.record), flush=True)


if __name__ == "__main__":
    main()
