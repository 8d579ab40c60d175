"""Preprocessing of EmoBERT: sound, text and labels of a corpus -> prepared rows -> padded batches."""

from transformers import AutoFeatureExtractor, AutoProcessor

from configuration_emo.configuration_emobert import EmoBertConfig
from configuration_emo.configuration_emotion2vec import Emotion2VecConfig

from .audio import audio_duration, load_audio
from .augmentation import SpectrogramAugmentation, WaveformAugmentation, make_augmentation
from .collator import EmoBertDataCollator
from .corpora import CORPORA, load_corpus, read_corpus
from .corpora.manifest_writer import write_manifests
from .data_report import describe, write_data_report
from .encoder_states import cache_encoder_states
from .feature_extraction_emotion2vec import Emotion2VecFeatureExtractor
from .label_maps import LABEL_MAPS
from .labels import LabelEncoder
from .launched_processes import launched_processes
from .prepare import prepare_dataset
from .prepared import PreparedDataset, load_prepared, rows_with
from .prepared_folds import prepared_folds, select_fold
from .processing_emobert import EmoBertProcessor
from .protocols import PROTOCOLS, Fold, make_folds
from .schema import CorpusReading, Problem, Utterance
from .speech_tokenization import SpeechTokenization, tokenize_speech
from .speech_tokenizer import SpeechTokenizer
from .token_files import read_token_file, write_token_file


AutoFeatureExtractor.register(Emotion2VecConfig, Emotion2VecFeatureExtractor, exist_ok=True)
AutoProcessor.register(EmoBertConfig, EmoBertProcessor, exist_ok=True)

__all__ = [
    "CORPORA",
    "LABEL_MAPS",
    "PROTOCOLS",
    "CorpusReading",
    "EmoBertDataCollator",
    "EmoBertProcessor",
    "Emotion2VecFeatureExtractor",
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
