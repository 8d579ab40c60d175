"""Train and evaluate every fold of a protocol, with one or several seeds, and put the results into tables.

    emobert cross-validate examples/configs/emodb.yaml --data_dir data/emodb

Prepares the corpus first, if that is not done yet. Each (fold, seed) is `emobert train` and `emobert evaluate` in a
process of its own, with the file's sections `train` and `evaluate`. A cross-validation that was stopped goes on after
the finished runs. In `output_dir`: `results.json`, `results.md`, `results.tex`, tables as CSV, plots, and a folder per
run with its predictions and its log.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from tqdm.auto import tqdm
from transformers import AutoConfig

from configuration_emo import CONFIG_SUFFIXES, as_mapping, read_section
from modeling_emo import (
    EvaluationSetting,
    ensemble_seeds,
    read_fold_predictions,
    summarize_runs,
    write_cross_validation,
)
from preprocess import Fold, PreparedDataset, check_protocol, load_prepared, pooled, prepared_folds

from .command_line import parse_command
from .fold_runs import FoldRun, folder_fingerprint, run_all
from .linear_probe import check_probe, probe_folds
from .run_warnings import warnings_of_runs
from .runs_arguments import CrossValidationArguments, RunsArguments
from .training_setup import check_validation


SECTIONS = ("prepare", "train", "evaluate")


def run(arguments: CrossValidationArguments) -> None:
    """Makes the runs that are not there yet, and writes the tables."""
    sections = read_sections(Path(arguments.config_file or ""))
    check_protocol(arguments.protocol, as_mapping(arguments.protocol_options))  # before anything is prepared
    output_dir = Path(arguments.output_dir)
    output_dir.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(output_dir / "cross_validation.lock", timeout=0):
            cross_validate(arguments, sections)
    except Timeout as error:
        raise ValueError(f"Another cross-validation is at work in {output_dir}. Wait for it.") from error


def cross_validate(arguments: CrossValidationArguments, sections: dict[str, dict[str, Any]]) -> None:
    """Everything, while no other process works in `output_dir`."""
    # 1. The prepared corpus, its folds, and the runs that are not finished yet.
    prepared, chosen, runs = finish_runs(
        arguments, arguments.protocol, sections, only=arguments.folds, with_probe=arguments.probe
    )

    # 2. Metrics averaged over the folds and of the pooled predictions, over all seeds.
    config = AutoConfig.from_pretrained(runs[0].folder)
    predicted = [read_fold_predictions(run.folder, config) for run in runs]
    rows = pooled(prepared.datasets).with_format(None)
    speakers = dict(zip(rows["id"][:], rows["speaker"][:], strict=True))
    task = runs[0].sections["evaluate"].get("task")
    results, extra = summarize_runs(predicted, config, task=task, speakers=speakers), {}
    if arguments.ensemble:
        together = summarize_runs(ensemble_seeds(predicted, config), config, task=task, speakers=speakers)
        results = {**results, **together}
    if arguments.probe:
        train = runs[0].sections["train"]
        probe, chosen_layers = probe_folds(
            prepared, chosen, config, train, arguments.output_dir, task=task, speakers=speakers
        )
        results, extra = {**results, **probe}, {"linear_probe": chosen_layers}
    files = write_cross_validation(
        arguments.output_dir,
        results,
        config,
        EvaluationSetting(
            corpus=prepared.info["corpus"],
            protocol=arguments.protocol,
            checkpoint_selection=predicted[0].checkpoint_selection,
        ),
        protocol_options=as_mapping(arguments.protocol_options),
        num_folds=len(prepared_folds(prepared, arguments.protocol, **as_mapping(arguments.protocol_options))),
        extra=extra,
        warnings=warnings_of_runs(run.folder for run in runs),
    )
    print(files["results.md"].read_text(encoding="utf-8"))


def finish_runs(
    arguments: RunsArguments,
    protocol: str,
    sections: dict[str, dict[str, Any]],
    *,
    only: list[str] | None = None,
    with_probe: bool = False,
) -> tuple[PreparedDataset, list[Fold], list[FoldRun]]:
    """Prepares the corpus, and trains and evaluates every fold with every seed that is not finished yet.

    Args:
        arguments ([`RunsArguments`]): what is run, and where.
        protocol (`str`): one of `preprocess.PROTOCOLS`.
        sections (`dict`): of `read_sections`.
        only (`list[str]`, *optional*): these folds.
        with_probe (`bool`): whether a probe stands beside them.

    Returns:
        The prepared corpus, the chosen folds, and their runs, all of them finished.

    Raises:
        ValueError: a fold leaks or is unknown, or a run is refused before it starts.
        SystemExit: the corpus cannot be prepared, or a run failed.
    """
    # 1. The prepared corpus and its folds; a fold that leaks is refused here.
    check_sections(arguments, sections)
    prepare_corpus(arguments)
    prepared = load_prepared(sections["prepare"]["output_dir"])
    if with_probe:
        check_probe(prepared.label_encoder.problem_type)
    folds = prepared_folds(prepared, protocol, **as_mapping(arguments.protocol_options))
    unknown = sorted(set(only or []) - {fold.name for fold in folds})
    if unknown:
        raise ValueError(f"No fold {', '.join(unknown)}; there are {', '.join(fold.name for fold in folds)}.")
    chosen = [fold for fold in folds if only is None or fold.name in only]

    # 2. The runs that are not finished yet, as many at a time as there are cores for.
    runs = fold_runs([fold.name for fold in chosen], arguments, protocol, sections, prepared)
    check_run(runs[0], has_validation=all(fold.validation for fold in chosen))
    waiting = [run for run in runs if not run.is_finished(redo=arguments.redo)]
    print(f"{len(chosen)} folds x {len(arguments.seeds)} seeds: {len(runs) - len(waiting)} runs are finished already")
    failed = make_runs(waiting, arguments)
    if failed:
        raise SystemExit(
            f"{len(failed)} of {len(runs)} runs failed: no results yet. The same command does them again."
        )
    return prepared, chosen, runs


def read_sections(config_file: Path) -> dict[str, dict[str, Any]]:
    """The sections of the configuration file that the runs are made of."""
    if config_file.suffix not in CONFIG_SUFFIXES:
        raise ValueError("The first argument is the configuration file with the sections prepare, train and evaluate.")
    sections = read_section(config_file, "")
    missing = [name for name in SECTIONS if name not in sections]
    if missing:
        raise ValueError(f"{config_file} has no section {', '.join(missing)}.")
    return sections


def prepare_corpus(arguments: RunsArguments) -> None:
    """Runs `emobert prepare`, which leaves as it is what was prepared from the same things before."""
    command = [sys.executable, "-m", __package__, "prepare", str(arguments.config_file)]
    if arguments.data_dir is not None:
        command += ["--data_dir", arguments.data_dir]
    if subprocess.run(command).returncode:
        raise SystemExit("The corpus could not be prepared, see above.")


def fold_runs(
    names: list[str],
    arguments: RunsArguments,
    protocol: str,
    sections: dict[str, dict[str, Any]],
    prepared: PreparedDataset,
) -> list[FoldRun]:
    """Every seed and fold: the file's sections, with the fold, the seed and the run's folder."""
    train, evaluate = {**sections["train"], **as_mapping(arguments.train_options)}, sections["evaluate"]
    encoders = [folder_fingerprint(train[name]) for name in ("text_model", "speech_model")]
    runs = []
    for seed in arguments.seeds:
        for name in names:
            folder = Path(arguments.output_dir) / "runs" / f"{name.replace('/', '_')}_seed={seed}"
            common = {
                "data_dir": sections["prepare"]["output_dir"],
                "output_dir": str(folder),
                "protocol": protocol,
                "fold": name,
                "protocol_options": arguments.protocol_options,
            }
            of_run = {
                "train": {"disable_tqdm": True, **train, **common, "seed": seed},
                # Encoded once: what training kept is what is evaluated.
                "evaluate": {
                    "cache_encoder_states": bool(train.get("cache_encoder_states")),
                    **evaluate,
                    **as_mapping(arguments.evaluate_options),
                    **common,
                    "model": str(folder),
                },
            }
            runs.append(FoldRun(name, seed, folder, of_run, [prepared.info["fingerprint"], *encoders]))
    return runs


def check_sections(arguments: RunsArguments, sections: dict[str, dict[str, Any]]) -> None:
    """Refuses arguments that there are not before the corpus is prepared, which may take hours."""
    # What every run gives anew.
    places = {"data_dir": ".", "output_dir": ".", "protocol": None, "fold": None, "protocol_options": None}
    of_run = {
        "train": {**sections["train"], **as_mapping(arguments.train_options), **places},
        "evaluate": {**sections["evaluate"], **as_mapping(arguments.evaluate_options), **places, "model": "."},
    }
    parse_command("prepare", [str(arguments.config_file)])
    _parsed(FoldRun("", 0, Path(), of_run, []))


def _parsed(run: FoldRun) -> tuple:
    with tempfile.TemporaryDirectory() as folder:
        config = [str(run.write_config(Path(folder) / "config.yaml"))]
        parsed = parse_command("train", config)
        parse_command("evaluate", config)
    return parsed


def check_run(run: FoldRun, *, has_validation: bool) -> None:
    """Refuses, before any run starts, what every run would refuse: unknown arguments, validation without rows."""
    _, _, training, _ = _parsed(run)
    check_validation(has_validation, training)


def make_runs(runs: list[FoldRun], arguments: RunsArguments) -> list[FoldRun]:
    """Makes the runs with the cores that there are, and returns those that failed."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    at_a_time = arguments.num_workers or (1 if torch.cuda.is_available() else cores)
    num_workers = max(1, min(at_a_time, len(runs)))
    ended = run_all(
        runs,
        num_workers=num_workers,
        num_threads=max(1, cores // num_workers),
        keep_models=arguments.keep_models,
    )
    failed = []
    for run, went_well in tqdm(ended, total=len(runs), desc="Runs", unit="run", disable=not runs):
        if not went_well:
            failed.append(run)
            tqdm.write(f"{run.folder} failed, see {run.folder / 'log.txt'}", file=sys.stderr)
    return failed
