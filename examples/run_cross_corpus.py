"""Train on some corpora and test on the others: `emobert cross-corpus`.

    python examples/run_cross_corpus.py --help

What it does stands in commands_emo/cross_corpus.py, step by step.
"""

from commands_emo import run_script


if __name__ == "__main__":
    run_script("cross-corpus")
