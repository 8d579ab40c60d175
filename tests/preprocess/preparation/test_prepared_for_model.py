"""A prepared dataset meets a model: labels by name, the same tokenizer, the same feature extractor."""

import numpy as np
import pytest
from datasets import Dataset, DatasetDict
from transformers import (
    BertTokenizerFast,
    RobertaTokenizerFast,
    Wav2Vec2FeatureExtractor,
    WhisperFeatureExtractor,
    XLMRobertaTokenizerFast,
)

from configuration_emo import EmoBertConfig
from preprocess import EmoBertProcessor, LabelEncoder, load_prepared, prepare_dataset
from preprocess.preparation.prepared_for_model import check_encoders, check_processor, match_labels
from tests.tiny import SPECIAL_TOKENS, WORDS, tiny_feature_extractor, tiny_processor, tiny_tokenizer


def prepare(folder, labels, problem_type="single_label_classification", processor=None, **options):
    rows = [
        {"id": f"u{index}", "text": "how nice", "audio": None, "label": label} for index, label in enumerate(labels)
    ]
    data = DatasetDict({"test": Dataset.from_list(rows)})
    encoder = LabelEncoder.from_dataset(data, problem_type, **options)
    processor = processor or tiny_processor()
    prepare_dataset(data, processor, encoder, output_dir=folder / "data", info={"corpus": "mine"})
    return load_prepared(folder / "data")


def config(*names, problem_type="single_label_classification"):
    return EmoBertConfig(problem_type=problem_type, id2label=dict(enumerate(names)))


def labels_of(prepared):
    return prepared.datasets["test"]["labels"][:].tolist()


class TestLabels:
    def test_one_class_fewer_is_numbered_as_the_model_does(self, tmp_path):
        prepared = prepare(tmp_path, ["sad", "happy", "sad"])
        assert labels_of(prepared) == [1, 0, 1]
        matched = match_labels(prepared, config("angry", "happy", "sad"))
        assert labels_of(matched) == [2, 1, 2]
        assert matched.label_encoder.label2id == {"angry": 0, "happy": 1, "sad": 2}
        split, before = matched.datasets["test"], prepared.datasets["test"]
        assert list(split["id"][:]) == list(before["id"][:]) == ["u0", "u1", "u2"]
        assert split["input_ids"][0].tolist() == before["input_ids"][0].tolist()
        assert isinstance(split[0]["input_ids"], np.ndarray) and split.features["labels"] == before.features["labels"]

    def test_the_same_order_stays_as_it_is(self, tmp_path):
        prepared = prepare(tmp_path, ["sad", "happy"])
        assert match_labels(prepared, config("happy", "sad")) is prepared

    @pytest.mark.parametrize("problem_type", ["multi_label_classification", "one_vs_rest_classification"])
    def test_columns_of_rows(self, tmp_path, problem_type):
        prepared = prepare(tmp_path, [["sad", "happy"], ["sad"], ["happy"]], problem_type)
        assert labels_of(prepared) == [[1, 1], [0, 1], [1, 0]]
        matched = match_labels(prepared, config("sad", "angry", "happy", problem_type=problem_type))
        assert labels_of(matched) == [[1, 0, 1], [1, 0, 0], [0, 0, 1]]
        assert matched.datasets["test"].features["labels"] == prepared.datasets["test"].features["labels"]

    def test_scores(self, tmp_path):
        names = {"valence": 0, "arousal": 1}
        prepared = prepare(tmp_path, [[1.5, 2.0], [3.0, 4.0]], "regression", label2id=names)
        matched = match_labels(prepared, config("arousal", "valence", problem_type="regression"))
        assert labels_of(matched) == [[2.0, 1.5], [4.0, 3.0]]
        with pytest.raises(ValueError, match="data have the labels valence, arousal, the model .*, dominance"):
            match_labels(prepared, config("valence", "arousal", "dominance", problem_type="regression"))

    def test_one_score_may_have_no_name(self, tmp_path):
        prepared = prepare(tmp_path, [1.5, 2.0], "regression")
        assert match_labels(prepared, config("sentiment", problem_type="regression")) is prepared

    def test_another_scale_is_refused(self, tmp_path):
        prepared = prepare(tmp_path, [1.5, 2.0], "regression", label_range=(-3, 3))
        model = EmoBertConfig(problem_type="regression", num_labels=1, label_range=[1, 7])
        with pytest.raises(ValueError, match="a scale of -3 to 3, those of the model of 1 to 7.\nBring"):
            match_labels(prepared, model)
        for same in ([-3, 3], None):
            model = EmoBertConfig(problem_type="regression", num_labels=1, label_range=same)
            assert match_labels(prepared, model) is prepared

    def test_unknown_ones_are_refused_with_both_lists(self, tmp_path):
        prepared = prepare(tmp_path, ["sad", "happy", "bored"])
        with pytest.raises(ValueError, match="the labels bored, happy, sad, the model angry, happy, sad.\nPrepare"):
            match_labels(prepared, config("angry", "happy", "sad"))

    def test_another_problem_is_refused(self, tmp_path):
        prepared = prepare(tmp_path, ["sad", "happy"])
        with pytest.raises(ValueError, match="for single_label_classification, the model is for one_vs_rest"):
            match_labels(prepared, config("happy", "sad", problem_type="one_vs_rest_classification"))


BPE = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "<mask>": 4, "h": 5, "o": 6, "w": 7, "ow": 8}
UNIGRAM = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("\u2581how", -1.0), ("\u2581nice", -2.0)]


class TestProcessor:
    @pytest.mark.parametrize(
        "tokenizer",
        [
            lambda: tiny_tokenizer(),
            lambda: RobertaTokenizerFast(vocab=BPE, merges=[("o", "w")]),
            lambda: RobertaTokenizerFast(vocab=BPE, merges=[("o", "w")], add_prefix_space=True),
            lambda: XLMRobertaTokenizerFast(vocab=UNIGRAM),
        ],
        ids=["wordpiece", "bpe", "bpe with a space", "unigram"],
    )
    @pytest.mark.parametrize("kind", ["waveform", "whisper", "normalized"])
    def test_what_it_was_prepared_with_is_let_through(self, tmp_path, tokenizer, kind):
        tokenizer().save_pretrained(tmp_path / "text")
        tiny_feature_extractor(kind).save_pretrained(tmp_path / "speech")
        processor = EmoBertProcessor(tiny_feature_extractor(kind), tokenizer())
        prepared = prepare(tmp_path, ["sad", "happy"], processor=processor)
        check_encoders(prepared, str(tmp_path / "text"), str(tmp_path / "speech"))
        processor.limit_text(7).save_pretrained(tmp_path / "model")  # as a model is saved after training
        check_processor(prepared, EmoBertProcessor.from_pretrained(tmp_path / "model"), "model")

    def test_another_vocabulary(self, tmp_path):
        other = {token: index for index, token in enumerate(SPECIAL_TOKENS + tuple(reversed(WORDS)))}
        BertTokenizerFast(vocab=other).save_pretrained(tmp_path / "text")
        prepared = prepare(tmp_path, ["sad", "happy"])
        said = r"data was prepared with another tokenizer than that of .*text \(another vocabulary.*\)\.\nPrepare"
        with pytest.raises(ValueError, match=said):
            check_encoders(prepared, str(tmp_path / "text"), str(tmp_path))
        processor = EmoBertProcessor(tiny_feature_extractor(), BertTokenizerFast(vocab=other))
        with pytest.raises(ValueError, match="than that of my/model"):
            check_processor(prepared, processor, "my/model")

    @pytest.mark.parametrize(
        ("extractor", "said"),
        [
            (Wav2Vec2FeatureExtractor(do_normalize=True), "do_normalize: false, the model's true"),
            (
                Wav2Vec2FeatureExtractor(do_normalize=False, sampling_rate=8000),
                "sampling_rate: 16000, the model's 8000",
            ),
            (WhisperFeatureExtractor(feature_size=8), "feature_size: 1, the model's 8"),
        ],
    )
    def test_another_feature_extractor(self, tmp_path, extractor, said):
        extractor.save_pretrained(tmp_path / "speech")
        prepared = prepare(tmp_path, ["sad", "happy"])
        with pytest.raises(ValueError, match=f"another feature extractor than that of .*speech .*{said}"):
            check_encoders(prepared, str(tmp_path), str(tmp_path / "speech"))
        with pytest.raises(ValueError, match=said):
            check_processor(prepared, EmoBertProcessor(extractor, tiny_tokenizer()), "my/model")

    def test_an_encoder_without_either_cannot_be_compared(self, tmp_path):
        check_encoders(prepare(tmp_path, ["sad", "happy"]), str(tmp_path), str(tmp_path))
