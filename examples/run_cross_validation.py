"""Train and evaluate every fold of a protocol, with one or several seeds, and put the results into tables.

    python examples/run_cross_validation.py examples/configs/emodb.yaml --data_dir data/emodb

Prepares the corpus first, if that is not done yet. Each (fold, seed) is run_emotion_recognition.py and
evaluate_emotion_recognition.py in processes of their own, with the file's sections `train` and `evaluate`. A run that
was stopped goes on after the finished ones. In `output_dir`: `results.json`, `results.md`, `results.tex`, tables as
CSV, plots, and a folder per run with its predictions and its log.
"""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from arguments import CONFIG_SUFFIXES, CrossValidationArguments, parse_arguments, read_section
from fold_runs import SCRIPTS, FoldRun
from tqdm.auto import tqdm
from transformers import AutoConfig

import modeling_emo  # noqa: F401  registers the configuration
from modeling_emo.cross_validation_emobert import read_fold_run, summarize_runs
from modeling_emo.cross_validation_report_emobert import write_cross_validation
from preprocess import load_prepared
from preprocess.prepared_folds import prepared_folds
from preprocess.protocols import pooled


def main():
    (arguments,) = parse_arguments("cross_validation", CrossValidationArguments)
    config_file = Path(sys.argv[1]) if len(sys.argv) > 1 else Path()
    if config_file.suffix not in CONFIG_SUFFIXES:
        raise ValueError("The first argument is the configuration file with the sections prepare, train and evaluate.")

    # 1. The prepared corpus and its folds; a fold that leaks is refused here.
    prepare_corpus(config_file, arguments)
    prepared = load_prepared(read_section(config_file, "prepare")["output_dir"])
    folds = prepared_folds(prepared, arguments.protocol, **arguments.protocol_options)
    unknown = sorted(set(arguments.folds or []) - {fold.name for fold in folds})
    if unknown:
        raise ValueError(f"No fold {', '.join(unknown)}; there are {', '.join(fold.name for fold in folds)}.")

    # 2. The runs that are not finished yet, as many at a time as there are cores for.
    names = arguments.folds or [fold.name for fold in folds]
    runs = [fold_run(name, seed, config_file, arguments, prepared) for seed in arguments.seeds for name in names]
    failed = run_all([run for run in runs if not run.is_finished(redo=arguments.redo)], arguments)
    if failed:
        raise SystemExit("\n".join(f"{run.folder} failed, see {run.folder / 'log.txt'}" for run in failed))

    # 3. Metrics averaged over the folds and of the pooled predictions, over all seeds.
    model_config = AutoConfig.from_pretrained(runs[0].folder)
    results_of = [read_fold_run(run.folder, model_config) for run in runs]
    rows = pooled(prepared.datasets).with_format(None)
    speakers = dict(zip(rows["id"][:], rows["speaker"][:], strict=True))
    results = summarize_runs(
        results_of, model_config, task=runs[0].sections["evaluate"].get("task"), speakers=speakers
    )
    files = write_cross_validation(
        arguments.output_dir,
        results,
        model_config,
        corpus=prepared.info["corpus"],
        protocol=arguments.protocol,
        checkpoint_selection=results_of[0].checkpoint_selection,
        protocol_options=arguments.protocol_options,
        num_folds=len(folds),
    )
    print(files["results.md"].read_text(encoding="utf-8"))


def prepare_corpus(config_file: Path, arguments: CrossValidationArguments) -> None:
    """Runs prepare_dataset.py, which leaves as it is what was prepared from the same things before."""
    command = [sys.executable, str(SCRIPTS / "prepare_dataset.py"), str(config_file)]
    if arguments.data_dir is not None:
        command += ["--data_dir", arguments.data_dir]
    subprocess.run(command, check=True)


def fold_run(name: str, seed: int, config_file: Path, arguments: CrossValidationArguments, prepared) -> FoldRun:
    """The configuration of one run: the file's sections, with the fold, the seed and the folder."""
    folder = Path(arguments.output_dir) / "runs" / f"{name.replace('/', '_')}_seed={seed}"
    fold = {"protocol": arguments.protocol, "fold": name, "protocol_options": arguments.protocol_options}
    data_dir = read_section(config_file, "prepare")["output_dir"]
    train = {**read_section(config_file, "train"), **arguments.train_options, **fold, "seed": seed}
    evaluate = {**read_section(config_file, "evaluate"), **arguments.evaluate_options, **fold, "model": str(folder)}
    places = {"data_dir": data_dir, "output_dir": str(folder)}
    sections = {"train": {**train, **places, "disable_tqdm": True}, "evaluate": {**evaluate, **places}}
    return FoldRun(name, seed, folder, sections, prepared.info["fingerprint"])


def run_all(runs: list[FoldRun], arguments: CrossValidationArguments) -> list[FoldRun]:
    """Runs all, several at a time, and returns those that failed."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    num_workers = max(1, min(arguments.num_workers or cores, len(runs)))
    options = {"num_threads": max(1, cores // num_workers), "keep_model": arguments.keep_models}
    with ThreadPoolExecutor(num_workers) as pool:
        futures = {pool.submit(run.run, **options): run for run in runs}
        finished = tqdm(as_completed(futures), total=len(futures), desc="Folds", unit="run")
        return [futures[future] for future in finished if not future.result()]


if __name__ == "__main__":
    main()
