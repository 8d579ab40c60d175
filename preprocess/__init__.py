"""Preprocessing of EmoBERT: sound, text and labels of a corpus -> prepared rows -> padded batches."""

from transformers import AutoProcessor

from configuration_emo.configuration_emobert import EmoBertConfig

from .audio.load_audio import audio_duration, load_audio
from .collator import EmoBertDataCollator
from .corpora import CORPORA, load_corpus, read_corpus
from .corpora.manifest_writer import write_manifests
from .corpora.token_files import read_token_file, write_token_file
from .data_report.report import describe, write_data_report
from .features.augmentation import SpectrogramAugmentation, WaveformAugmentation, make_augmentation
from .labels.label_encoder import LabelEncoder
from .labels.label_maps import LABEL_MAPS
from .preparation.encoder_states import cache_encoder_states
from .preparation.prepare import prepare_dataset
from .preparation.prepared import PreparedDataset, load_prepared, rows_with
from .preparation.prepared_folds import prepared_folds, select_fold
from .processing_emobert import EmoBertProcessor
from .protocols.folds import PROTOCOLS, Fold, make_folds
from .schema import CorpusReading, Problem, Utterance
from .speech_tokens.launched_processes import launched_processes
from .speech_tokens.speech_tokenization import SpeechTokenization, tokenize_speech
from .speech_tokens.speech_tokenizer import SpeechTokenizer


AutoProcessor.register(EmoBertConfig, EmoBertProcessor, exist_ok=True)

__all__ = [
    "CORPORA",
    "LABEL_MAPS",
    "PROTOCOLS",
    "CorpusReading",
    "EmoBertDataCollator",
    "EmoBertProcessor",
    "Fold",
    "LabelEncoder",
    "PreparedDataset",
    "Problem",
    "SpectrogramAugmentation",
    "SpeechTokenization",
    "SpeechTokenizer",
    "Utterance",
    "WaveformAugmentation",
    "audio_duration",
    "cache_encoder_states",
    "describe",
    "launched_processes",
    "load_audio",
    "load_corpus",
    "load_prepared",
    "make_augmentation",
    "make_folds",
    "prepare_dataset",
    "prepared_folds",
    "read_corpus",
    "read_token_file",
    "rows_with",
    "select_fold",
    "tokenize_speech",
    "write_data_report",
    "write_manifests",
    "write_token_file",
]
