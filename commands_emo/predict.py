"""Predict one or many recordings with a trained model.

    emobert predict --model outputs/demo --audio call.wav --text "Thank you so much!"
    emobert predict --model outputs/demo --audio hour.mp3 --chunk_length_s 10 --output hour.csv
    emobert predict --model outputs/demo --audio call.wav --segmentation voice --channels each --vtt call.vtt
    emobert predict --model outputs/demo --audio recordings/ --text_files --output predictions.jsonl

    emobert predict --model outputs/meld_text_context/model --table dialogues.csv --output predictions.csv

Recordings and transcripts belong together by their order; either may be left out. A folder's run can be stopped and
goes on where it was; what cannot be read is listed in `predictions_skipped.jsonl`. A model that was trained with the
turns before an utterance is told them: by `--context`, or by the columns `dialogue`, `turn` and `speaker` of a
`--table`.
"""

import csv
import io
import sys
from pathlib import Path
from typing import Any

from transformers import pipeline

from modeling_emo import predict_to_file, to_vtt, with_contexts  # this package registers the model and the pipeline
from preprocess import find_recordings, left_out_files  # and this one the processor

from .prediction_arguments import PredictionArguments


TABLE_COLUMNS = ("audio", "text", "dialogue", "turn", "speaker")


def find_utterances(arguments: PredictionArguments) -> list[dict]:
    """The recordings with their transcripts."""
    if arguments.table is not None:
        return read_utterance_table(arguments.table)
    utterances = find_recordings(arguments.audio, text_files=arguments.text_files)
    if not arguments.text:
        return utterances
    if utterances and len(utterances) != len(arguments.text):
        raise ValueError(
            f"Got {len(utterances)} recordings and {len(arguments.text)} texts: give one text per recording, only "
            "recordings, or only texts."
        )
    recordings = [utterance["audio"] for utterance in utterances] or [None] * len(arguments.text)
    return [{"audio": audio, "text": text} for audio, text in zip(recordings, arguments.text, strict=True)]


def read_utterance_table(path: str) -> list[dict]:
    """The rows of a table with `audio`, `text` or both, and with `dialogue`, `turn` and `speaker` as far as there.

    Raises:
        ValueError: it is not there, has neither `audio` nor `text`, or a turn is no number.
    """
    if not Path(path).is_file():
        raise ValueError(f"There is no table {path}.")
    with Path(path).open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        columns = [name for name in TABLE_COLUMNS if name in (reader.fieldnames or [])]
        if not {"audio", "text"} & set(columns):
            raise ValueError(f"{path} has the columns {', '.join(reader.fieldnames or [])}: audio or text is needed.")
        rows = [{name: row[name] or None for name in columns} for row in reader]
    for number, row in enumerate(rows, start=2):
        if row.get("audio") and "://" not in row["audio"]:
            row["audio"] = str(Path(path).parent / row["audio"])
        try:
            row |= {"turn": float(row["turn"])} if row.get("turn") else {}
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: the turn is no number: {row['turn']!r}.") from error
    return rows


def format_predictions(predictions: list[dict] | None) -> str:
    """The labels with their scores; silence has none."""
    if predictions is None:
        return "silence"
    return ", ".join(f"{entry['label']} {entry['score']:.3f}" for entry in predictions)


def print_result(utterance: dict, result: dict) -> None:
    """One line for an utterance, one for each speaker, and one for each segment of a timeline."""
    print(f"{utterance.get('audio') or '-'}\t{result['text'] or '-'}\t{format_predictions(result['predictions'])}")
    for name, predictions in result.get("speakers", {}).items():
        print(f"  {name}\t-\t{format_predictions(predictions)}")
    for chunk in result.get("chunks", []):
        start, end = chunk["timestamp"]
        times = "-" if start is None else f"{start:.2f} - {end:.2f} s"
        who = f"\t{chunk['speaker'] or '-'}" if "speaker" in chunk else ""
        print(f"  {times}{who}\t{chunk['text'] or '-'}\t{format_predictions(chunk['predictions'])}")


def explain(recognise, utterance: dict, path: str) -> None:
    """Draws which words and moments a prediction comes from."""
    from modeling_emo import plot_explanation

    plot_explanation(recognise.explain(utterance), path)


def run(arguments: PredictionArguments) -> None:
    """Predicts, and prints or writes what comes out."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names of files need not be UTF-8
    utterances = find_utterances(arguments)
    left_out = left_out_files(arguments.audio)
    if left_out:
        print(f"{len(left_out)} files are neither recordings nor transcripts and left out, such as {left_out[0]}")
    if not utterances:
        raise ValueError("There is nothing to predict: give recordings (--audio), texts (--text) or both.")
    if arguments.context is not None and len(utterances) != 1:
        raise ValueError(f"--context is of one text, got {len(utterances)}: give a --table with dialogue and turn.")
    if arguments.explain is not None and len(utterances) != 1:
        raise ValueError(f"--explain draws one utterance, got {len(utterances)}: predict them one by one.")
    if arguments.vtt is not None and (len(utterances) != 1 or arguments.output is not None):
        raise ValueError(f"--vtt is of one recording and without --output, got {len(utterances)}: predict it alone.")

    asr = None
    if arguments.asr is not None:
        asr = pipeline("automatic-speech-recognition", model=arguments.asr, device=arguments.device)
    recognise = pipeline(  # type: ignore[call-overload]  # a task that Transformers learns from this package
        "emotion-recognition", model=arguments.model, device=arguments.device, dtype=arguments.dtype, asr=asr
    )
    if arguments.context is not None:
        utterances[0]["context"] = arguments.context
    turns = getattr(recognise.processor, "context_turns", None)
    utterances = [
        {name: value for name, value in utterance.items() if name in ("audio", "text", "context")}
        for utterance in with_contexts(iter(utterances), turns)
    ]
    names = ("top_k", "labels", "batch_size")
    options: dict[str, Any] = {name: getattr(arguments, name) for name in names} | arguments.division()

    if arguments.output is None:
        for utterance in utterances:
            result = recognise(utterance, return_text=True, **options)
            print_result(utterance, result)
            if arguments.vtt is not None:
                Path(arguments.vtt).write_text(to_vtt(result), encoding="utf-8", errors="backslashreplace")
    else:
        counts = predict_to_file(
            recognise, utterances, arguments.output, settings=arguments.settings(), left_out=left_out, **options
        )
        print(f"{arguments.output}: {counts.predicted} predicted ({counts.resumed} before), {counts.skipped} skipped")
    if arguments.explain is not None:
        explain(recognise, utterances[0], arguments.explain)
