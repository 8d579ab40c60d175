"""Fine-tune EmoBERT on a prepared dataset with Trainer: `emobert train`.

    python examples/run_emotion_recognition.py --help

What it does stands in commands_emo/train.py, step by step.
"""

from commands_emo import run_script


if __name__ == "__main__":
    run_script("train")
