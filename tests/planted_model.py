"""A small model that is truly trained, on data in which one word or one burst of sound decides the label."""

import functools

import numpy as np
import torch
from transformers import BertConfig, MoonshineConfig, Wav2Vec2FeatureExtractor

from configuration_emo import EmoBertConfig
from modeling_emo import EmoBertForSequenceClassification
from preprocess import EmoBertProcessor

from .tiny import tiny_tokenizer


RATE = 16_000
SECONDS = 1.0
BURST_S = 0.1
LABELS = ("neutral", "sad", "happy")
FILLERS = ("how", "day", "a", "what", "i", "am", "so", "this", "is", "it")
FREQUENCIES = {"sad": 300.0, "happy": 2000.0}
WIDTH = {"hidden_size": 32, "intermediate_size": 64}


def planted_text(label: str, generator: np.random.Generator, length: int = 8) -> tuple[str, int]:
    """A text of fillers with the label's own word in it, none for neutral, and the place of that word."""
    words = list(generator.choice(FILLERS, length))
    place = int(generator.integers(length))
    if label != "neutral":
        words[place] = label
    return " ".join(words), place


def planted_sound(label: str, generator: np.random.Generator) -> tuple[np.ndarray, int]:
    """Noise with one burst at the label's own frequency, none for neutral, and the 0.1 s span that holds it."""
    samples, burst = round(SECONDS * RATE), round(BURST_S * RATE)
    sound = generator.normal(0, 0.05, samples).astype(np.float32)
    span = int(generator.integers(samples // burst))
    if label != "neutral":
        wave = np.sin(2 * np.pi * FREQUENCIES[label] * np.arange(burst) / RATE)
        sound[span * burst : (span + 1) * burst] += wave.astype(np.float32)
    return sound, span


def planted_utterances(count: int, seed: int, labels: tuple[str, ...] = LABELS[1:]) -> list[dict]:
    """Utterances with `text` and `audio` of one label, and where their word and their burst are."""
    generator = np.random.default_rng(seed)
    utterances = []
    for index in range(count):
        label = labels[index % len(labels)]
        text, word = planted_text(label, generator)
        audio, span = planted_sound(label, generator)
        utterances.append({"label": label, "text": text, "audio": audio, "word": word, "span": span})
    return utterances


def planted_processor() -> EmoBertProcessor:
    """Of the planted model."""
    return EmoBertProcessor(Wav2Vec2FeatureExtractor(do_normalize=False), tiny_tokenizer())


@functools.cache
def planted_model(steps: int = 60) -> EmoBertForSequenceClassification:
    """Trained in a few seconds on each modality alone, until both decide every label; the same object every time."""
    torch.manual_seed(0)
    text = BertConfig(vocab_size=22, num_hidden_layers=1, num_attention_heads=2, hidden_dropout_prob=0.0, **WIDTH)
    speech = MoonshineConfig(
        vocab_size=8,
        encoder_num_hidden_layers=1,
        decoder_num_hidden_layers=1,
        encoder_num_attention_heads=2,
        decoder_num_attention_heads=2,
        **WIDTH,
    )
    config = EmoBertConfig.from_text_speech_configs(
        text,
        speech,
        id2label=dict(enumerate(LABELS)),
        problem_type="single_label_classification",
        text_pooling="mean",
        speech_pooling="mean",
        co_attention_dropout=0.0,
        classifier_dropout=0.0,
        label_smoothing=0.1,  # keeps the log-odds small
    )
    model = EmoBertForSequenceClassification(config).train()
    processor = planted_processor()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.0)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=3e-3, total_steps=steps)
    for step in range(steps):
        rows = planted_utterances(24, 1000 + step, LABELS)
        labels = torch.tensor([LABELS.index(row["label"]) for row in rows])
        text_batch = processor(text=[row["text"] for row in rows], return_tensors="pt")
        speech_batch = processor(audio=[row["audio"] for row in rows], sampling_rate=RATE, return_tensors="pt")
        loss = model(**text_batch, labels=labels).loss + model(**speech_batch, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
    return model.eval()
