"""Preprocessing of EmoBERT: sound, text and labels of a corpus -> prepared rows -> padded batches.

Importing this package registers the processor with Transformers' auto classes.
"""

from typing import TYPE_CHECKING

from configuration_emo.lazy_names import lazy_names

from .registration import register


if TYPE_CHECKING:
    from configuration_emo.corpora import CORPORA

    from .audio.bounded import load_bounded_audio
    from .audio.check import check_audio_file
    from .audio.load_audio import audio_duration, channel_count, header_seconds, load_audio, stream_audio
    from .audio.signal_to_noise import signal_to_noise
    from .collator import EmoBertDataCollator
    from .corpora.loading import load_corpus, read_corpus
    from .corpora.manifest_writer import write_manifests
    from .corpora.several import count_left_out, keep_labels
    from .corpora.token_files import read_token_file, write_token_file
    from .data_report.data_report_text import format_report
    from .data_report.report import describe, write_data_report
    from .feature_extraction_emotion2vec import Emotion2VecFeatureExtractor
    from .features.augmentation import SpectrogramAugmentation, WaveformAugmentation, make_augmentation
    from .features.text_features import is_text
    from .labels.label_encoder import LabelEncoder
    from .labels.label_maps import LABEL_MAPS
    from .labels.scored_tables import ScoredTables, read_scored_tables
    from .labels.scored_tasks import ScoredTask, scored_task, scored_task_names
    from .preparation.encoder_states import cache_encoder_states
    from .preparation.parquet_shards import shard_files, write_parquet_shards
    from .preparation.prepare import prepare_dataset
    from .preparation.prepared import PreparedDataset, load_prepared, rows_with
    from .preparation.prepared_folds import prepared_folds, select_fold
    from .preparation.prepared_for_model import check_encoders, check_processor, match_labels
    from .preparation.row_stream import RowStream
    from .processing_emobert import EmoBertProcessor
    from .processing_emotion2vec import Emotion2VecProcessor
    from .protocols.cross_corpus import corpus_of
    from .protocols.fold import Fold, pooled
    from .protocols.folds import PROTOCOLS, check_protocol, make_folds
    from .recordings.cutting import Segment
    from .recordings.find_recordings import find_recordings, left_out_files
    from .recordings.recording_table import RecordingTable
    from .recordings.segment_stream import SegmentStream
    from .recordings.segments import MAX_SENTENCE_SECONDS, SEGMENTATIONS, check_division, read_segments
    from .recordings.voice_activity import CAUSAL_DETECTORS, VOICE_DETECTORS, VoiceWatch, find_voice
    from .schema import CorpusReading, Problem, Utterance
    from .skipped import count_skipped
    from .speech_tokens.launched_processes import launched_processes
    from .speech_tokens.speech_tokenization import SpeechTokenization, tokenize_speech
    from .speech_tokens.speech_tokenizer import SpeechTokenizer
else:
    __getattr__, __dir__ = lazy_names(__name__)

register()

__all__ = [
    "CAUSAL_DETECTORS",
    "CORPORA",
    "CorpusReading",
    "EmoBertDataCollator",
    "EmoBertProcessor",
    "Emotion2VecFeatureExtractor",
    "Emotion2VecProcessor",
    "Fold",
    "LABEL_MAPS",
    "LabelEncoder",
    "MAX_SENTENCE_SECONDS",
    "PROTOCOLS",
    "SEGMENTATIONS",
    "PreparedDataset",
    "Problem",
    "RecordingTable",
    "RowStream",
    "ScoredTables",
    "ScoredTask",
    "Segment",
    "SegmentStream",
    "SpectrogramAugmentation",
    "SpeechTokenization",
    "SpeechTokenizer",
    "Utterance",
    "VOICE_DETECTORS",
    "VoiceWatch",
    "WaveformAugmentation",
    "audio_duration",
    "cache_encoder_states",
    "channel_count",
    "check_audio_file",
    "check_division",
    "check_encoders",
    "check_processor",
    "check_protocol",
    "corpus_of",
    "count_left_out",
    "count_skipped",
    "describe",
    "find_recordings",
    "find_voice",
    "format_report",
    "header_seconds",
    "is_text",
    "keep_labels",
    "launched_processes",
    "left_out_files",
    "load_audio",
    "load_bounded_audio",
    "load_corpus",
    "load_prepared",
    "make_augmentation",
    "make_folds",
    "match_labels",
    "pooled",
    "prepare_dataset",
    "prepared_folds",
    "read_corpus",
    "read_scored_tables",
    "read_segments",
    "read_token_file",
    "rows_with",
    "scored_task",
    "scored_task_names",
    "select_fold",
    "shard_files",
    "signal_to_noise",
    "stream_audio",
    "tokenize_speech",
    "write_data_report",
    "write_manifests",
    "write_parquet_shards",
    "write_token_file",
]
