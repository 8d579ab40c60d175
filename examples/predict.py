"""Predict one or many recordings with a trained model.

    python examples/predict.py --model outputs/demo --audio call.wav --text "Thank you so much!"
    python examples/predict.py --model outputs/demo --audio a.mp3 b.mp4 --output predictions.json

Audio files and transcripts belong together by their order; either may be left out.
"""

import json
from pathlib import Path

from arguments import PredictionArguments, parse_arguments
from transformers import pipeline

import modeling_emo  # noqa: F401  registers the model and the pipeline
import preprocess  # noqa: F401  registers the processor


def main():
    (arguments,) = parse_arguments("predict", PredictionArguments)
    count = max(len(arguments.audio), len(arguments.text))
    if not count or {len(arguments.audio), len(arguments.text)} - {0, count}:
        raise ValueError(
            f"Got {len(arguments.audio)} audio files and {len(arguments.text)} texts: give one text per audio file, "
            "or only audio, or only texts."
        )
    inputs = [
        {
            "audio": arguments.audio[index] if arguments.audio else None,
            "text": arguments.text[index] if arguments.text else None,
        }
        for index in range(count)
    ]

    recognise = pipeline("emotion-recognition", model=arguments.model, top_k=arguments.top_k)
    results = [{**utterance, "predictions": recognise(utterance)} for utterance in inputs]

    for result in results:
        predictions = ", ".join(f"{entry['label']} {entry['score']:.3f}" for entry in result["predictions"])
        print(f"{result['audio'] or '-'}\t{result['text'] or '-'}\t{predictions}")
    if arguments.output is not None:
        text = json.dumps(results, indent=2, ensure_ascii=False)
        Path(arguments.output).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
