"""What a call of the pipeline costs over the model's own forward.

    python benchmarks/pipeline_overhead.py --output outputs/benchmarks/pipeline_overhead.json --threads 1

One utterance of 3 s in memory with a transcript of ten words, a waveform encoder (wav2vec2) and a text encoder (BERT)
of two narrow layers, so that the rest is not lost in their time. `forward` has its inputs ready; `processor and
forward` makes them first, `pipeline` is a call of the pipeline. CPU times, in turn, medians.
"""

import time
from statistics import median

import numpy as np
import torch
from report import argument_parser, parse_arguments, report, seconds_in_turn
from transformers import BertConfig, BertTokenizerFast, Wav2Vec2Config, Wav2Vec2FeatureExtractor

from configuration_emo import EmoBertConfig
from modeling_emo import EmoBertForSequenceClassification, EmotionRecognitionPipeline
from preprocess import EmoBertProcessor


WORDS = ["nothing", "that", "was", "said", "could", "have", "been", "meant", "any", "kinder"]
SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
RATE = 16_000


def small_pipeline() -> EmotionRecognitionPipeline:
    """A pipeline of small random encoders."""
    narrow = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    vocabulary = {token: index for index, token in enumerate((*SPECIAL_TOKENS, *WORDS))}
    speech = Wav2Vec2Config(**narrow, conv_dim=(32,) * 7, num_conv_pos_embedding_groups=2)
    config = EmoBertConfig.from_text_speech_configs(
        BertConfig(**narrow, vocab_size=len(vocabulary)), speech, num_labels=4
    )
    processor = EmoBertProcessor(
        Wav2Vec2FeatureExtractor(do_normalize=False), BertTokenizerFast(vocab=vocabulary, model_max_length=64)
    )
    return EmotionRecognitionPipeline(
        model=EmoBertForSequenceClassification(config).eval(), processor=processor, device=-1
    )


def main() -> None:
    arguments = parse_arguments(argument_parser(__doc__, repeats=200))
    recognise = small_pipeline()
    model, processor = recognise.model, recognise.processor
    sound = np.random.default_rng(arguments.seed).normal(0, 0.1, 3 * RATE).astype(np.float32)
    text = " ".join(WORDS)
    ready = processor(audio=sound, text=text, sampling_rate=RATE, return_tensors="pt")

    def process_and_forward() -> None:
        model(**processor(audio=sound, text=text, sampling_rate=RATE, return_tensors="pt"))

    ways = {
        "forward": lambda: model(**ready),
        "processor and forward": process_and_forward,
        "pipeline": lambda: recognise((sound, RATE), text=text),
    }
    with torch.inference_mode():
        seconds = seconds_in_turn(ways, arguments.repeats, clock=time.process_time)
    medians = {name: 1000 * median(values) for name, values in seconds.items()}
    over = {name: value - medians["forward"] for name, value in medians.items()}
    results = {name: {"milliseconds": medians[name], "over_forward": over[name]} for name in ways}
    rows = [[name, f"{medians[name]:.2f}", f"{over[name]:.2f}"] for name in ways]
    report(arguments, results, header=["call", "CPU ms", "over forward, ms"], rows=rows)


if __name__ == "__main__":
    main()
