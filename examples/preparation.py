"""From a corpus to a prepared dataset: what prepare_dataset.py and run_cross_validation.py both do first."""

from arguments import EncoderArguments, PreparationArguments
from datasets import DatasetDict
from transformers import AutoFeatureExtractor, AutoTokenizer

from preprocess import EmoBertProcessor, LabelEncoder, prepare_dataset, read_corpus


def prepare(encoders: EncoderArguments, arguments: PreparationArguments) -> DatasetDict:
    """Reads the corpus and prepares it in `output_dir`; what was prepared from the same things before stays."""
    # 1. The corpus in the one schema, and what is broken in it.
    reading = read_corpus(
        arguments.corpus, arguments.data_dir, label_map=arguments.label_map, **arguments.corpus_options
    )
    corpus = reading.to_dataset_dict()

    # 2. What the encoders take, and what the labels become.
    processor = EmoBertProcessor(
        AutoFeatureExtractor.from_pretrained(encoders.speech_model),
        AutoTokenizer.from_pretrained(encoders.text_model),
    )
    label2id = None if arguments.labels is None else {name: index for index, name in enumerate(arguments.labels)}
    label_encoder = LabelEncoder.from_dataset(
        corpus, arguments.problem_type, label2id=label2id, label_range=arguments.label_range
    )

    # 3. One pass over text and speech. Every row that cannot be used is listed in skipped.jsonl.
    return prepare_dataset(
        corpus,
        processor,
        label_encoder,
        output_dir=arguments.output_dir,
        num_proc=arguments.num_proc,
        max_audio_seconds=arguments.max_audio_seconds,
        max_text_length=arguments.max_text_length,
        max_speech_ids=arguments.max_speech_ids,
        problems=reading.problems,
        info={"corpus": arguments.corpus, "corpus_options": arguments.corpus_options, "protocol": arguments.protocol},
    )
