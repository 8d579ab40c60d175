"""Read a corpus and prepare it once: audio decoded, text tokenised, labels encoded.

    python examples/prepare_dataset.py examples/configs/demo.yaml
    python examples/prepare_dataset.py --corpus csv --data_dir calls.csv --output_dir outputs/calls \
        --text_model roberta-large --speech_model microsoft/wavlm-large
"""

from arguments import EncoderArguments, PreparationArguments, parse_arguments
from preparation import prepare


def main():
    encoders, arguments = parse_arguments("prepare", EncoderArguments, PreparationArguments)
    prepared = prepare(encoders, arguments)
    for split, rows in prepared.items():
        print(f"{split}: {len(rows)} utterances")
    print(f"skipped: see {arguments.output_dir}/skipped.jsonl")


if __name__ == "__main__":
    main()
