"""Are explanations true to the model? Deletes what they put first, and as much at random, and compares.

    python benchmarks/faithfulness.py --model outputs/demo --corpus spoken_sentiment \
        --data_dir outputs/corpora/spoken_sentiment --corpus_options '{"limit": 2000}' --modality text --only_modality

Beside the explanation's own contributions (words: integrated gradients; spans: silencing) it tests other ways to rank
words and spans: co-attention weights, leaving each word out, integrated gradients over the waveform, loudness.
"""

import argparse
import json

import numpy as np
from report import argument_parser, parse_arguments, report
from transformers import AutoProcessor

from modeling_emo import (
    REMOVALS,
    EmoBertForSequenceClassification,
    deletion_faithfulness,
    explain_prediction,
    explained_direction,
    explained_values,
    label_names,
)
from preprocess import load_audio, load_corpus


IG_STEPS, IG_BATCH = 16, 4
# When only words are looked at, one span holds the whole recording.
ONE_SPAN_S = 1e4


def read_utterances(arguments: argparse.Namespace, sampling_rate: int) -> list[dict]:
    """Random utterances of the split, with waveforms."""
    rows = load_corpus(arguments.corpus, arguments.data_dir, **arguments.corpus_options)[arguments.split]
    if arguments.speakers:
        rows = rows.filter(lambda speaker: speaker in arguments.speakers, input_columns="speaker")
    order = np.random.default_rng(arguments.seed).permutation(len(rows))[: arguments.num_utterances]
    utterances = []
    for row in rows.select(order):
        utterance = {"text": row["text"], "audio": None}
        if arguments.modality == "speech" or not arguments.only_modality:
            utterance["audio"] = load_audio(row["audio"], sampling_rate)
        if arguments.modality == "speech" and arguments.only_modality:
            utterance["text"] = None
        utterances.append(utterance)
    return utterances


def word_methods(model, processor) -> dict:
    """Ways to rank words; None is the explanation's own."""

    def leave_one_out(explanation, utterance):
        text = utterance["text"]
        without = [{**utterance, "text": text[: w.start] + text[w.end :] or None} for w in explanation.words]
        label = label_names(model.config).index(explanation.label)
        falls = explanation.value - explained_values(model, processor, without, label=label)
        return explained_direction(explanation, explanation.words) * falls

    return {"integrated gradients (explanation)": None, "leave one out": leave_one_out, "co-attention": attention}


def span_methods(model, processor) -> dict:
    """Ways to rank time spans; None is the explanation's own."""
    rate = processor.feature_extractor.sampling_rate

    def by_span(explanation, samples):
        borders = [round(span.start_s * rate) for span in explanation.spans]
        return np.add.reduceat(samples, borders)

    def loudness(explanation, utterance):
        return by_span(explanation, utterance["audio"] ** 2)

    def gradients(explanation, utterance):
        options = {"num_steps": IG_STEPS, "batch_size": IG_BATCH, "span_method": "integrated_gradients"}
        spans = explain_prediction(model, processor, utterance, label=explanation.label, **options).spans
        return [span.attribution for span in spans]

    methods = {"silencing (explanation)": None, "loudness": loudness, "co-attention": attention}
    if model.emobert.speech_input_name == "input_values" and model.emobert.speech_tokenizer is None:
        methods["integrated gradients of the waveform"] = gradients
    return methods


def attention(explanation, utterance):
    """The explanation's co-attention weights."""
    units = explanation.words if len(explanation.spans) == 1 else explanation.spans
    return [unit.attention for unit in units]


def main():
    parser = argument_parser(__doc__)
    parser.add_argument("--model", required=True, help="folder of a trained model with its processor")
    parser.add_argument("--corpus", required=True)
    parser.add_argument("--data_dir", required=True)
    parser.add_argument("--corpus_options", type=json.loads, default={}, help="JSON")
    parser.add_argument("--split", default="test")
    parser.add_argument("--speakers", nargs="*", help="only these, for a model that was trained without them")
    parser.add_argument("--modality", choices=tuple(REMOVALS), required=True, help="what is deleted from")
    parser.add_argument("--only_modality", action="store_true", help="leave the other modality out")
    parser.add_argument("--num_utterances", type=int, default=100)
    parser.add_argument("--share", type=float, default=0.2, help="of the words or spans to delete")
    arguments = parse_arguments(parser)

    model = EmoBertForSequenceClassification.from_pretrained(arguments.model).eval()
    processor = AutoProcessor.from_pretrained(arguments.model)
    utterances = read_utterances(arguments, processor.feature_extractor.sampling_rate)
    options = {"span_s": ONE_SPAN_S} if arguments.modality == "text" else {}
    explanations = [explain_prediction(model, processor, utterance, **options) for utterance in utterances]
    methods = (word_methods if arguments.modality == "text" else span_methods)(model, processor)
    if explanations[0].co_attention is None:
        del methods["co-attention"]

    print(f"{len(utterances)} utterances, {arguments.share:.0%} of the {arguments.modality} deleted")
    results, rows = [], []
    for name, method in methods.items():
        for removal in REMOVALS[arguments.modality]:
            result = deletion_faithfulness(
                model,
                processor,
                utterances,
                modality=arguments.modality,
                removal=removal,
                share=arguments.share,
                explanations=explanations,
                ranking=method,
                seed=arguments.seed,
            )
            results.append({"method": name, **result.to_dict()})
            difference = f"{result.difference:.3f} [{result.interval[0]:.3f}, {result.interval[1]:.3f}]"
            numbers = [f"{result.top:.3f}", f"{result.random:.3f}", difference, f"{result.wins:.2f}"]
            rows.append([name, removal, *numbers, result.num_utterances])
    deltas = [abs(e.convergence_delta) for e in explanations if e.convergence_delta is not None]
    if deltas:
        print(f"mean convergence delta of the words {np.mean(deltas):.4f}")
    header = ["method", "removal", "top", "random", "difference [95 %]", "wins", "n"]
    report(arguments, results, header=header, rows=rows)


if __name__ == "__main__":
    main()
