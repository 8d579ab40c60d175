"""Predict one or many recordings with a trained model.

    emobert predict --model outputs/demo --audio call.wav --text "Thank you so much!"
    emobert predict --model outputs/demo --audio hour.mp3 --chunk_length_s 10 --output hour.csv
    emobert predict --model outputs/demo --audio call.wav --segmentation voice --channels each --vtt call.vtt
    emobert predict --model outputs/demo --audio recordings/ --text_files --output predictions.jsonl
    emobert predict --model outputs/demo --audio recordings/ --embeddings vectors.parquet
    accelerate launch examples/predict.py --model outputs/demo --table recordings.csv --output predictions.jsonl

    emobert predict --model outputs/meld_text_context/model --table dialogues.csv --output predictions.csv

Recordings and transcripts belong together by their order; either may be left out. A folder's run can be stopped and
goes on where it was; what cannot be read is listed in `predictions_skipped.jsonl`. A model that was trained with the
turns before an utterance is told them: by `--context`, or by the columns `dialogue`, `turn` and `speaker` of a
`--table`.
"""

import io
import os
import sys
from pathlib import Path
from typing import Any

from modeling_emo import (  # this package registers the model and the pipeline
    predict_to_file,
    rows_of_predictions,
    to_vtt,
    with_contexts,
    write_embeddings,
)
from preprocess import RecordingTable, find_recordings, launched_processes, left_out_files  # and this the processor

from .load_pipeline import load_pipeline
from .prediction_arguments import PredictionArguments


TABLE_COLUMNS = ("audio", "text", "dialogue", "turn", "speaker")


def find_utterances(arguments: PredictionArguments) -> list[dict]:
    """The recordings with their transcripts."""
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
    table = RecordingTable(path)
    columns = [name for name in TABLE_COLUMNS if name in table.columns]
    rows: list[dict[str, Any]] = []
    for (number, cells), utterance in zip(table.rows(), table, strict=True):
        row: dict[str, Any] = {name: cells[name] for name in columns} | utterance
        try:
            row |= {"turn": float(row["turn"])} if row.get("turn") else {}
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: the turn is no number: {row['turn']!r}.") from error
        rows.append(row)
    return rows


def format_predictions(predictions: list[dict] | None) -> str:
    """The labels with their scores; silence has none."""
    if predictions is None:
        return "silence"
    return ", ".join(f"{entry['label']} {entry['score']:.3f}" for entry in predictions)


def decision(part: dict) -> str:
    """The label, or that there is none, where one was asked for."""
    if "abstained" not in part:
        return ""
    return f"\t{'unsure' if part['abstained'] else part['label'] or '-'}"


def print_result(utterance: dict, result: dict) -> None:
    """One line for an utterance, one for each speaker, and one for each segment of a timeline."""
    said = format_predictions(result["predictions"]) + decision(result)
    print(f"{utterance.get('audio') or '-'}\t{result['text'] or '-'}\t{said}")
    for name, predictions in result.get("speakers", {}).items():
        print(f"  {name}\t-\t{format_predictions(predictions)}")
    for chunk in result.get("chunks", []):
        start, end = chunk["timestamp"]
        times = "-" if start is None else f"{start:.2f} - {end:.2f} s"
        who = f"\t{chunk['speaker'] or '-'}" if "speaker" in chunk else ""
        print(f"  {times}{who}\t{chunk['text'] or '-'}\t{format_predictions(chunk['predictions'])}{decision(chunk)}")


def explain(recognise, utterance: dict, path: str) -> None:
    """Draws which words and moments a prediction comes from."""
    from modeling_emo import plot_explanation

    plot_explanation(recognise.explain(utterance), path)


def run(arguments: PredictionArguments) -> None:
    """Predicts, and prints or writes what comes out."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names of files need not be UTF-8
    processes = launched_processes() if int(os.environ.get("WORLD_SIZE", 1)) > 1 else None
    if processes is not None and arguments.output is None:
        raise ValueError(f"{processes.num_processes} processes share recordings and write --output: give it.")
    is_table = arguments.table is not None
    utterances: Any = RecordingTable(str(arguments.table)) if is_table else find_utterances(arguments)
    left_out = left_out_files(arguments.audio)
    if left_out:
        print(f"{len(left_out)} files are neither recordings nor transcripts and left out, such as {left_out[0]}")
    if not is_table and not utterances:
        raise ValueError("There is nothing to predict: give recordings (--audio), texts (--text) or both.")
    if arguments.context is not None and (is_table or len(utterances) != 1):
        raise ValueError("--context is of one text: give several as a --table with the columns dialogue and turn.")
    if arguments.explain is not None and (is_table or len(utterances) != 1):
        given = "a table" if is_table else len(utterances)
        raise ValueError(f"--explain draws one utterance, got {given}: predict them one by one.")
    if arguments.vtt is not None and (is_table or len(utterances) != 1 or arguments.output is not None):
        given = "a table" if is_table else len(utterances)
        raise ValueError(f"--vtt is of one recording and without --output, got {given}: predict it alone.")

    arguments.check_division()
    device = arguments.device
    if processes is not None and device is None:
        device = processes.device
    asr: Any = arguments.asr
    if asr not in (None, "moonshine"):
        asr = load_pipeline("automatic-speech-recognition", str(asr), device=device)
    recognise = load_pipeline("emotion-recognition", arguments.model, device=device, dtype=arguments.dtype, asr=asr)
    if arguments.context is not None:
        utterances[0]["context"] = arguments.context
    turns = getattr(recognise.processor, "context_turns", None)
    if is_table and turns:
        told = with_contexts(iter(read_utterance_table(str(arguments.table))), turns)
        names = ("audio", "text", "context")
        utterances = [{name: value for name, value in row.items() if name in names} for row in told]
    chosen = ("top_k", "labels", "batch_size", "max_batch_seconds")
    options: dict[str, Any] = {name: getattr(arguments, name) for name in chosen} | arguments.division()

    if arguments.output is None:
        for utterance in utterances:
            result = recognise(utterance, return_text=True, **options)
            print_result(utterance, result)
            if arguments.vtt is not None:
                Path(arguments.vtt).write_text(to_vtt(result), encoding="utf-8", errors="backslashreplace")
    else:
        if arguments.embeddings is not None:
            options["return_embeddings"] = True
        counts = predict_to_file(
            recognise,
            utterances,
            arguments.output,
            settings=arguments.settings(),
            left_out=left_out,
            processes=processes,
            **options,
        )
        if processes is None or processes.is_main_process:
            done = f"{counts.predicted} predicted ({counts.resumed} before), {counts.skipped} skipped"
            print(f"{arguments.output}: {done}")
            if arguments.embeddings is not None:
                rows = rows_of_predictions(Path(arguments.output).with_suffix(".jsonl"))
                print(f"{arguments.embeddings}: {write_embeddings(arguments.embeddings, rows)} rows of embeddings")
    if arguments.explain is not None:
        explain(recognise, utterances[0], arguments.explain)
