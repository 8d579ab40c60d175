"""Train and evaluate every fold of a protocol: `emobert cross-validate`.

    python examples/run_cross_validation.py --help

What it does stands in commands_emo/cross_validate.py, step by step.
"""

from commands_emo import run_script


if __name__ == "__main__":
    run_script("cross-validate")
