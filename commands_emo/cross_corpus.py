"""Train on some corpora and test on the others, and put every pair into one table.

    emobert cross-corpus examples/configs/cross_corpus.yaml --data_dir data

`data_dir` holds a folder for each corpus. The file's section `prepare` reads them as one (the corpus `several`: one
set of labels, rows without a counterpart left out and counted). Each choice of training corpora is tested on all
others and, by held-out speakers, on its own; each training is a process of its own, and a run that was stopped goes on
after the finished ones. In `output_dir`: `results.md` with a table of UA and of WA with intervals over speakers,
`results.json`, `results.tex`, `cells.csv`, a picture, and a folder per run.
"""

from pathlib import Path

from filelock import FileLock, Timeout
from transformers import AutoConfig

from configuration_emo import as_mapping
from modeling_emo import CorpusRun, EvaluationSetting, read_fold_predictions, summarize_corpora, write_cross_corpus
from preprocess import check_protocol, corpus_of, count_left_out, pooled

from .cross_validate import finish_runs, read_sections
from .runs_arguments import CrossCorpusArguments


PROTOCOL = "cross-corpus"
READER = "several"


def run(arguments: CrossCorpusArguments) -> None:
    """Makes the runs that are not there yet, and writes the table."""
    sections = read_sections(Path(arguments.config_file or ""))
    reader = sections["prepare"].get("corpus")
    if reader != READER:
        raise ValueError(f"The section prepare reads the corpus {reader!r}. Write `corpus: {READER}`.")
    options = as_mapping(arguments.protocol_options)
    check_protocol(PROTOCOL, options)
    output_dir = Path(arguments.output_dir)
    output_dir.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(output_dir / "cross_corpus.lock", timeout=0):
            # 1. The corpora as one, and the trainings that are not finished yet.
            prepared, folds, runs = finish_runs(arguments, PROTOCOL, sections)

            # 2. Every pair of what was trained on and what was tested.
            config = AutoConfig.from_pretrained(runs[0].folder)
            rows = pooled(prepared.datasets).with_format(None)
            ids = rows["id"][:]
            corpora = {one: corpus_of(one) for one in ids}
            trained_on = {
                fold.name: "+".join(
                    dict.fromkeys(corpora[ids[row]] for row in sorted((*fold.train, *fold.validation)))
                )
                for fold in folds
            }
            predicted = [read_fold_predictions(run.folder, config) for run in runs]
            results = summarize_corpora(
                [CorpusRun(trained_on[one.fold], one) for one in predicted],
                config,
                corpora,
                task=runs[0].sections["evaluate"].get("task"),
                speakers=dict(zip(ids, rows["speaker"][:], strict=True)),
            )

            # 3. The table.
            files = write_cross_corpus(
                output_dir,
                results,
                config,
                EvaluationSetting(
                    corpus=", ".join(dict.fromkeys(corpora.values())),
                    protocol=PROTOCOL,
                    checkpoint_selection=predicted[0].checkpoint_selection,
                ),
                left_out=count_left_out(prepared.problems),
                protocol_options=options,
            )
    except Timeout as error:
        raise ValueError(f"Another run is at work in {output_dir}. Wait for it.") from error
    print(files["results.md"].read_text(encoding="utf-8"))
