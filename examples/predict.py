"""Predict one or many recordings with a trained model: `emobert predict`.

    python examples/predict.py --help

What it does stands in commands_emo/predict.py, step by step.
"""

from commands_emo import run_script


if __name__ == "__main__":
    run_script("predict")
