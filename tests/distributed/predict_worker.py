"""One of the processes that share recordings: `predict_worker.py FOLDER [GATE]`.

With a gate each process stops for good in its third recording, and says so in a file.
"""

import sys
import time
from pathlib import Path

from modeling_emo import EmotionRecognitionPipeline, predict_to_file
from preprocess import RecordingTable, launched_processes
from tests.tiny import tiny_processor
from tests.tiny_models import emobert


LABELS = {0: "angry", 1: "happy", 2: "sad"}


def recogniser(gate: Path | None, rank: int):
    heard = []

    def asr(sound):
        heard.append(len(sound["raw"]))
        if gate is not None and len(heard) == 3:
            gate.with_name(f"stopped-{rank}").touch()
            time.sleep(600)
        return "how nice" if len(sound["raw"]) % 3200 else "bad day"

    return asr


def main(folder: Path, gate: Path | None = None):
    processes = launched_processes()
    model = emobert("moonshine", id2label=LABELS)
    recognise = EmotionRecognitionPipeline(model=model, processor=tiny_processor(), device=-1)
    counts = predict_to_file(
        recognise,
        RecordingTable(folder / "table.csv"),
        folder / "out.csv",
        settings={"model": "tiny"},
        processes=processes,
        asr=recogniser(gate, processes.process_index),
    )
    if processes.is_main_process:
        print(f"{processes.num_processes} processes: {counts}")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
