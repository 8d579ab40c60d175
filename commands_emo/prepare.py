"""Read a corpus and prepare it once: audio decoded or turned into speech tokens, text tokenised, labels encoded.

    emobert prepare examples/configs/demo.yaml
    emobert prepare --corpus csv --data_dir calls.csv --output_dir outputs/calls \
        --text_model roberta-large --speech_model microsoft/wavlm-large

For Speech-BERT, with the speech tokenised by all processes and again from where a killed run stopped:

    accelerate launch --num_processes 2 -m commands_emo prepare --corpus csv --data_dir calls.csv \
        --output_dir outputs/calls --text_model roberta-large --speech_model outputs/fairseq/speech_bert \
        --speech_tokenizer outputs/fairseq/vq_wav2vec --num_processes 2
"""

from transformers import AutoConfig, AutoFeatureExtractor, AutoTokenizer

from configuration_emo import PROBLEM_TYPES, as_mapping, check_whole, named_place, stated_token_positions
from modeling_emo import VqWav2VecModel
from preprocess import (
    EmoBertProcessor,
    LabelEncoder,
    SpeechTokenizer,
    count_skipped,
    format_report,
    launched_processes,
    prepare_dataset,
    read_corpus,
    tokenize_speech,
    write_data_report,
)

from .arguments import EncoderArguments, PreparationArguments


def run(encoders: EncoderArguments, arguments: PreparationArguments) -> None:
    """Prepares a corpus in all processes that were launched."""
    if arguments.problem_type not in PROBLEM_TYPES:
        raise ValueError(f"problem_type must be one of {', '.join(PROBLEM_TYPES)}, got {arguments.problem_type!r}.")
    if arguments.data_dir is None:
        raise ValueError(f"Nothing says where the corpus {arguments.corpus} is: give --data_dir, its folder or table.")
    if arguments.num_proc is not None:
        check_whole("num_proc", arguments.num_proc)
    for label in (labels := arguments.labels or []):
        if labels.count(label) > 1:
            raise ValueError(f"--labels names {label!r} {labels.count(label)} times. Leave all but one out.")
    processes = launched_processes(arguments.num_processes)

    # 1. The corpus in the one schema, and what is broken in it.
    with processes.main_process_first():  # a corpus that makes its sounds makes them once
        reading = read_corpus(
            arguments.corpus,
            arguments.data_dir,
            label_map=arguments.label_map,
            **as_mapping(arguments.corpus_options),
        )
    corpus, problems = reading.to_dataset_dict(), reading.problems

    # 2. Speech tokens, where the speech encoder takes those: every process its share.
    if arguments.speech_tokenizer is not None:
        tokenization = tokenize_speech(
            corpus,
            VqWav2VecModel.from_pretrained(arguments.speech_tokenizer),
            SpeechTokenizer.from_pretrained(encoders.speech_model),
            arguments.tokens_dir or f"{arguments.output_dir}_tokens",
            long_audio=arguments.long_audio,
        )
        corpus, problems = tokenization.datasets, [*problems, *tokenization.problems]
        processes.print(f"speech tokenised by {processes.num_processes} process(es): {arguments.tokens_dir}")

    # 3. What the encoders take, and what the labels become.
    with named_place("feature extractor", encoders.speech_model):
        feature_extractor = AutoFeatureExtractor.from_pretrained(encoders.speech_model)
    with named_place("text encoder with a tokenizer", encoders.text_model):
        tokenizer = AutoTokenizer.from_pretrained(encoders.text_model)
        positions = stated_token_positions(AutoConfig.from_pretrained(encoders.text_model))
    processor = EmoBertProcessor(feature_extractor, tokenizer)
    if positions is not None:  # not every tokenizer states what its encoder takes
        processor = processor.limit_text(positions)
    label2id = None if arguments.labels is None else {name: index for index, name in enumerate(arguments.labels)}
    label_encoder = LabelEncoder.from_dataset(
        corpus, arguments.problem_type, label2id=label2id, label_range=arguments.label_range
    )

    if labels and PROBLEM_TYPES[arguments.problem_type].has_classes:
        there = LabelEncoder.from_dataset(corpus, arguments.problem_type).names or []
        unseen = [name for name in label_encoder.names or [] if name not in there]
        if unseen and processes.is_main_process:
            print(f"labels without an utterance: {', '.join(unseen)}; the corpus has {', '.join(there)}")

    # 4. One pass over text and speech, and what the corpus holds. Every unusable row is listed in skipped.jsonl.
    if processes.is_main_process:
        prepared = prepare_dataset(
            corpus,
            processor,
            label_encoder,
            output_dir=arguments.output_dir,
            num_proc=arguments.num_proc,
            max_audio_seconds=arguments.max_audio_seconds,
            max_text_length=arguments.max_text_length,
            max_speech_ids=arguments.max_speech_ids,
            problems=problems,
            info=arguments.record(),
        )
        for split, rows in prepared.items():
            print(f"{split}: {len(rows)} utterances")
        print(format_report(write_data_report(reading, arguments.output_dir)))
        print(f"\n{count_skipped(f'{arguments.output_dir}/skipped.jsonl')}")
        print(f"each of them: {arguments.output_dir}/skipped.jsonl")
    processes.wait_for_everyone()
    processes.destroy_process_group()
