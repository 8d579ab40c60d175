"""Pushes tiny models to the Hub of HF_ENDPOINT and writes down what they compute. EmoBERT is installed here.

Run as `python -m tests.hub.push <folder>`: the folder holds what the other machine is given, `inputs.npz` and
`clip.wav`, and gets what it must find, `expected.npz` and `pushed.json`.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from datasets import Dataset, DatasetDict, load_dataset
from huggingface_hub import create_tag
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForSequenceClassification,
    AutoProcessor,
    RobertaConfig,
    TrainerCallback,
    pipeline,
)

from configuration_emo import EmoBertConfig
from configuration_emo.speech_dictionary import SpeechDictionary
from modeling_emo import (
    EmoBertForSequenceClassification,
    EmoBertTrainer,
    EmoBertTrainingArguments,
    EmotionRecognitionPipeline,
    VqWav2VecModel,
)
from modeling_emo.conversion.convert_vq_wav2vec_fairseq_to_hf import convert_vq_wav2vec
from modeling_emo.conversion.fairseq_checkpoint import load_fairseq_checkpoint
from modeling_emo.evaluation.model_card import EvaluationResult, ModelDescription, TrainingRun, write_model_card
from modeling_emo.evaluation.setting import EvaluationSetting
from modeling_emo.speech_tokenizer_module import SpeechTokenizerModule
from preprocess import EmoBertDataCollator
from preprocess.corpora.reading.hub_dataset import load_hub_splits
from tests.fairseq_fixtures import REFERENCE
from tests.tiny import tiny_processor, write_tone
from tests.tiny_models import TRANSFORMER, emobert, ragged_batch, text_config


UTTERANCE = {"audio": "clip.wav", "text": "how nice this is !"}


def main(folder: Path) -> None:
    write_tone(folder / "clip.wav", seconds=0.4)
    expected: dict[str, np.ndarray] = {}
    inputs: dict[str, np.ndarray] = {}
    push_models(expected, inputs)
    pushed = {
        "revision": push_again_after_a_tag(expected, inputs),
        "pipeline": push_pipeline(folder),
        "refusals": refusals(),
        "installed": load_with_the_packages(folder),
        "dataset": push_dataset(),
    }
    train_and_push(folder / "trained", expected, inputs)
    np.savez(folder / "expected.npz", **expected)
    np.savez(folder / "inputs.npz", **inputs)
    (folder / "pushed.json").write_text(json.dumps(pushed))


def remember(name, model, batch, expected, inputs) -> None:
    """Inputs and logits under `name`."""
    inputs.update({f"{name}/{key}": value.numpy() for key, value in batch.items()})
    with torch.no_grad():
        expected[name] = model(**batch).logits.numpy()


def push_models(expected, inputs) -> None:
    tokens = emobert("roberta")
    tokens.push_to_hub("tokens")  # a name without an owner goes to the user
    remember("tokens", tokens, ragged_batch("roberta"), expected, inputs)

    vq_wav2vec, speech_tokens = speech_token_models()
    vq_wav2vec.push_to_hub("lab/vq_wav2vec", private=True)
    speech_tokens.push_to_hub("tester/speech-tokens")
    processor = tiny_processor()
    processor.push_to_hub("tester/speech-tokens")
    sounds = [np.sin(np.arange(length) / 9).astype(np.float32) for length in (6400, 4800)]
    batch = processor(text=["how nice", None], audio=sounds, sampling_rate=16_000, return_tensors="pt")
    remember("speech-tokens", speech_tokens, batch, expected, inputs)
    codes = vq_wav2vec.encode(batch["input_values"], batch["speech_attention_mask"])
    expected["vq_wav2vec"] = codes.audio_codes.numpy()


def speech_token_models() -> tuple[VqWav2VecModel, EmoBertForSequenceClassification]:
    """A vq-wav2vec, and a classifier that has it as its speech tokenizer."""
    vq_wav2vec, _ = convert_vq_wav2vec(load_fairseq_checkpoint(REFERENCE / "vq_wav2vec" / "tiny_kmeans_readme.pt"))
    dictionary = SpeechDictionary.from_file(REFERENCE / "tokenization" / "dict.txt")
    speech_config = RobertaConfig(**TRANSFORMER, vocab_size=len(dictionary), max_position_embeddings=602)
    torch.manual_seed(0)
    model = EmoBertForSequenceClassification(
        EmoBertConfig.from_text_speech_configs(
            text_config(),
            speech_config,
            speech_tokenizer_config=vq_wav2vec.config,
            num_labels=2,
            initializer_range=0.3,
        )
    ).eval()
    tokenizer = SpeechTokenizerModule.from_vq_wav2vec(vq_wav2vec, dictionary, speech_config)
    model.emobert.speech_tokenizer.load_state_dict(tokenizer.state_dict())
    return vq_wav2vec, model


def push_again_after_a_tag(expected, inputs) -> str:
    """`tester/waveform` as it is, under the tag `v1`, and then with other weights; returns the first commit."""
    batch = ragged_batch("wav2vec2-group-norm")
    for seed, name in ((0, "waveform-v1"), (1, "waveform")):
        model = emobert("wav2vec2-group-norm", seed=seed, id2label={0: "sad", 1: "happy", 2: "calm"})
        commit = model.push_to_hub("tester/waveform")
        remember(name, model, batch, expected, inputs)
        if seed == 0:
            create_tag("tester/waveform", tag="v1")
            first = commit.oid
    processor = tiny_processor("normalized")
    processor.push_to_hub("tester/waveform")
    encoded = processor(text=[UTTERANCE["text"]], audio=[str(Path(sys.argv[1]) / "clip.wav")], return_tensors="np")
    expected.update({f"processor/{key}": value for key, value in encoded.items()})
    return first


def push_pipeline(folder) -> list[dict]:
    model = emobert("wav2vec2-group-norm", problem_type="regression", num_labels=1)
    recognise = EmotionRecognitionPipeline(model=model, processor=tiny_processor())
    recognise.push_to_hub("tester/pipe")
    recognise.save_pretrained(folder / "pipe")
    recognise.save_pretrained(folder / "pipe", push_to_hub=True, repo_id="tester/saved-and-pushed")
    return recognise({**UTTERANCE, "audio": str(folder / UTTERANCE["audio"])})


class WaitForPush(TrainerCallback):
    """Lets each push end before training goes on: a later checkpoint would replace the files that it uploads."""

    def __init__(self, trainer: EmoBertTrainer):
        self.trainer = trainer

    def on_save(self, args, state, control, **kwargs):
        self.trainer.push_in_progress.wait_until_done()


def train_and_push(folder, expected, inputs) -> None:
    """Two steps with a checkpoint and a push after each, then a card, then the last push, and once more by hand."""
    torch.manual_seed(0)
    model = emobert("roberta")
    rows = [{"input_ids": [2, 10, 3], "speech_input_ids": [0, 9, 8, 2], "labels": row % 3} for row in range(4)]
    arguments = EmoBertTrainingArguments(
        output_dir=str(folder),
        max_steps=2,
        per_device_train_batch_size=2,
        save_steps=1,
        push_to_hub=True,
        hub_model_id="lab/trained",
        hub_always_push=True,
        disable_tqdm=True,
        report_to="none",
    )
    processor = tiny_processor()
    trainer = EmoBertTrainer(
        model=model,
        args=arguments,
        train_dataset=Dataset.from_list(rows),
        data_collator=EmoBertDataCollator(processor, problem_type=model.config.problem_type),
        processing_class=processor,
    )
    trainer.add_callback(WaitForPush(trainer))
    trainer.train()
    write_model_card(
        folder,
        model.config,
        ModelDescription(name="Tiny", data="Four rows.", repo_id="lab/trained"),
        training=TrainingRun(hyperparameters={"max_steps": 2}),
        result=EvaluationResult(
            setting=EvaluationSetting(corpus="rows", protocol="none", checkpoint_selection="the last step", seed=0),
            n=4,
            metrics={"accuracy": 0.5},
        ),
    )
    trainer.push_to_hub()
    model.save_pretrained(folder, push_to_hub=True, repo_id="lab/trained-again")
    remember("trained", model.eval(), ragged_batch("roberta"), expected, inputs)


def refusals() -> dict[str, str]:
    """What a user reads who may not do what he tries to."""

    def message(action):
        try:
            action()
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        return "no error"

    processor = tiny_processor()
    return {
        "wrong token": message(lambda: processor.push_to_hub("tester/other", token="hf_wrong")),
        "foreign owner": message(lambda: processor.push_to_hub("somebody/other")),
        "two slashes": message(lambda: processor.push_to_hub("tester/a/b")),
        "private, no token": message(lambda: AutoModel.from_pretrained("lab/vq_wav2vec", token=False)),
        "no such revision": message(lambda: AutoConfig.from_pretrained("tester/waveform", revision="v9")),
        "not there": message(lambda: AutoConfig.from_pretrained("tester/nothing")),
    }


def load_with_the_packages(folder) -> dict:
    """Classes that are found without `trust_remote_code`, and what the pipeline says."""
    found = [
        AutoConfig.from_pretrained("tester/waveform"),
        AutoModelForSequenceClassification.from_pretrained("tester/waveform"),
        AutoModel.from_pretrained("tester/waveform"),
        AutoProcessor.from_pretrained("tester/waveform"),
        AutoModel.from_pretrained("lab/vq_wav2vec"),
        AutoModel.from_pretrained("tester/waveform", trust_remote_code=True),
    ]
    recognise = pipeline("emotion-recognition", model="tester/pipe")
    classes = [f"{type(thing).__module__}.{type(thing).__name__}" for thing in (*found, recognise)]
    return {
        "classes": classes,
        "pipeline": recognise({**UTTERANCE, "audio": str(folder / UTTERANCE["audio"])}),
    }


def push_dataset() -> dict[str, list]:
    """A prepared dataset, there and back."""
    rows = Dataset.from_dict({"input_ids": [[2, 5, 3], [2, 3]], "labels": [0, 1]})
    DatasetDict({"train": rows, "test": rows.select([1])}).push_to_hub("lab/rows")
    there = {split: list(dataset["input_ids"]) for split, dataset in load_dataset("lab/rows").items()}
    create_tag("lab/rows", tag="v1", repo_type="dataset")
    DatasetDict({"train": rows.select([1, 0])}).push_to_hub("lab/rows")
    for name, options in (("now", {}), ("then", {"revision": "v1"})):
        there[name] = list(load_hub_splits("lab/rows", **options)["train"]["labels"])
        renamed = load_hub_splits("lab/rows", splits={"test": "train"}, **options)
        there[f"{name}, renamed"] = list(renamed["test"]["labels"])
    return there


if __name__ == "__main__":
    main(Path(sys.argv[1]))
