"""Tokenises a corpus of wav files in the processes that run this; the tests start it with `accelerate launch`."""

import argparse
import sys
import time
from pathlib import Path

from accelerate import PartialState
from datasets import Dataset, DatasetDict


sys.path.insert(0, str(Path(__file__).parents[3]))

from modeling_emo.conversion.convert_vq_wav2vec_fairseq_to_hf import convert_vq_wav2vec  # noqa: E402
from modeling_emo.conversion.fairseq_checkpoint import load_fairseq_checkpoint  # noqa: E402
from preprocess.speech_tokens.speech_tokenization import tokenize_speech  # noqa: E402
from preprocess.speech_tokens.speech_tokenizer import SpeechTokenizer  # noqa: E402
from tests.fairseq_fixtures import REFERENCE  # noqa: E402


def corpus_of(folder):
    """The wav files of a folder in two splits, with one row whose file is missing and one without a sound."""
    rows = [
        {"id": path.stem, "audio": str(path), "text": f"clip {path.stem}"} for path in sorted(folder.glob("*.wav"))
    ]
    rows.insert(3, {"id": "missing", "audio": str(folder / "missing.wav"), "text": "gone"})
    rows.insert(5, {"id": "silent", "audio": None, "text": "no sound"})
    return DatasetDict({"train": Dataset.from_list(rows[:-4]), "test": Dataset.from_list(rows[-4:])})


def reference_model():
    """The tiny k-means model of the reference, and its dictionary with room for 300 ids."""
    model, _ = convert_vq_wav2vec(load_fairseq_checkpoint(REFERENCE / "vq_wav2vec" / "tiny_kmeans_readme.pt"))
    dictionary = SpeechTokenizer.from_pretrained(REFERENCE / "tokenization", max_length=300)
    return model, dictionary


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("wav_folder", type=Path)
    parser.add_argument("output_dir", type=Path)
    parser.add_argument("--num_processes", type=int)
    parser.add_argument("--pause", type=float, default=0.0)
    arguments = parser.parse_args()
    model, tokenizer = reference_model()
    encode, encoded = model.encode, []

    def counting_encode(input_values, attention_mask):
        encoded.append(len(input_values))
        time.sleep(arguments.pause)
        return encode(input_values, attention_mask)

    model.encode = counting_encode
    tokenize_speech(
        corpus_of(arguments.wav_folder),
        model,
        tokenizer,
        arguments.output_dir,
        batch_size=2,
        num_processes=arguments.num_processes,
    )
    print(
        f"process {PartialState().process_index} of {PartialState().num_processes}: {sum(encoded)} clips", flush=True
    )
    PartialState().destroy_process_group()


if __name__ == "__main__":
    main()
