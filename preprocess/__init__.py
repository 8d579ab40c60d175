"""Preprocessing of EmoBERT: sound, text and labels of a corpus -> prepared rows -> padded batches."""

from transformers import AutoProcessor

from configuration_emo.configuration_emobert import EmoBertConfig

from .audio import audio_duration, load_audio
from .collator import EmoBertDataCollator
from .corpora import CORPORA, load_corpus, read_corpus
from .data_report import describe, write_data_report
from .label_maps import LABEL_MAPS
from .labels import LabelEncoder
from .prepare import prepare_dataset
from .prepared import PreparedDataset, load_prepared, rows_with
from .prepared_folds import prepared_folds, select_fold
from .processing_emobert import EmoBertProcessor
from .protocols import PROTOCOLS, Fold, make_folds
from .schema import CorpusReading, Problem, Utterance


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
    "Utterance",
    "audio_duration",
    "describe",
    "load_audio",
    "load_corpus",
    "load_prepared",
    "make_folds",
    "prepare_dataset",
    "prepared_folds",
    "read_corpus",
    "rows_with",
    "select_fold",
    "write_data_report",
]
