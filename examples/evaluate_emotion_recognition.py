"""Evaluate a trained model on a split: `emobert evaluate`.

    python examples/evaluate_emotion_recognition.py --help

What it does stands in commands_emo/evaluate.py, step by step.
"""

from commands_emo import run_script


if __name__ == "__main__":
    run_script("evaluate")
