"""Speech tokens from their sources to what the model is given."""

import json

import numpy as np
import pytest
import soundfile
import torch
from datasets import Dataset

from modeling_emo.conversion.convert_emobert_fairseq_to_hf import ConversionOptions, convert_emobert
from modeling_emo.conversion.fairseq_checkpoint import load_fairseq_checkpoint
from preprocess import EmoBertDataCollator, LabelEncoder, load_corpus, prepare_dataset
from preprocess.corpora.manifest_writer import write_manifests
from preprocess.speech_tokens.speech_tokenization import tokenize_speech
from tests.fairseq_fixtures import REFERENCE, padded_batch, reference_waves
from tests.preprocess.speech_tokens.tokenize_corpus import reference_model
from tests.tiny import tiny_processor


LABELS = LabelEncoder("single_label_classification", label2id={"neu": 0, "hap": 1})


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wavs")
    rows = []
    for index, wave in enumerate(reference_waves()[:4]):
        soundfile.write(folder / f"{index}.wav", wave, 16_000, subtype="FLOAT")
        rows.append({"id": str(index), "audio": str(folder / f"{index}.wav"), "text": "good", "label": "neu"})
    rows.append({"id": "gone", "audio": str(folder / "gone.wav"), "text": "good", "label": "neu"})
    return Dataset.from_list(rows)


def reference_ids():
    clips = json.loads((REFERENCE / "tokenization" / "token_ids.json").read_text())["tiny_kmeans_readme"]
    return [clip["ids"] for clip in clips if clip["kind"] == "f32"]


def test_tokenised_prepared_and_collated_ids_give_the_logits_of_the_waveforms(corpus, tmp_path):
    vq_wav2vec, tokenizer = reference_model()
    tokenization = tokenize_speech(corpus, vq_wav2vec, tokenizer, tmp_path / "tokens")
    prepared = prepare_dataset(tokenization.datasets, tiny_processor(), LABELS, output_dir=tmp_path / "prepared")
    assert list(prepared["train"]["id"]) == ["0", "1", "2", "3"]
    skipped = [json.loads(line) for line in (tmp_path / "prepared" / "skipped.jsonl").read_text().splitlines()]
    assert [row["id"] for row in skipped] == ["gone"]
    rows = [prepared["train"][index] for index in range(4)]
    assert [row["speech_input_ids"].tolist() for row in rows] == reference_ids()[:4]
    batch = EmoBertDataCollator(tiny_processor())(rows)

    checkpoint = load_fairseq_checkpoint(REFERENCE / "fusion" / "emo_cross1_stack.pt")
    options = ConversionOptions("co_attention", text_num_attention_heads=4, speech_num_attention_heads=4)
    model, _ = convert_emobert(checkpoint, options, vq_wav2vec=vq_wav2vec, dictionary=tokenizer.dictionary)
    speech = {name: batch[name] for name in ("speech_input_ids", "speech_attention_mask")}
    text = {"input_ids": torch.tensor([[0, 5, 6, 2]] * 4), "attention_mask": torch.ones(4, 4, dtype=torch.long)}
    values, mask = padded_batch(reference_waves()[:4])
    with torch.no_grad():
        offline = model(**text, **speech).logits
        online = model(**text, input_values=values, speech_attention_mask=mask).logits
    assert torch.equal(offline, online)


def test_token_files_are_cut_as_the_original_cuts_them(tmp_path):
    rows = [
        {"id": "a", "label": "neu", "input_ids": [0, *range(10, 20), 2], "speech_input_ids": [0, *range(30, 50), 2]}
    ]
    write_manifests({"train": rows}, tmp_path / "data", token_dir=tmp_path / "raw")
    corpus = load_corpus("manifest", data_dir=tmp_path / "data", token_dir=tmp_path / "raw")
    prepared = prepare_dataset(corpus, tiny_processor(), LABELS, max_text_length=6, max_speech_ids=8)
    np.testing.assert_array_equal(prepared["train"][0]["input_ids"], [0, 10, 11, 12, 13, 2])
    np.testing.assert_array_equal(prepared["train"][0]["speech_input_ids"], [0, 30, 31, 32, 33, 34, 35, 2])
