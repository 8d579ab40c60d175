"""Read a corpus and prepare it once: `emobert prepare`.

    python examples/prepare_dataset.py --help

What it does stands in commands_emo/prepare.py, step by step.
"""

from commands_emo import run_script


if __name__ == "__main__":
    run_script("prepare")
