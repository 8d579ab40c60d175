"""Score predictions of any system against labels: `emobert score`.

    python examples/evaluate_predictions.py --help

What it does stands in commands_emo/score.py, step by step.
"""

from commands_emo import run_script


if __name__ == "__main__":
    run_script("score")
