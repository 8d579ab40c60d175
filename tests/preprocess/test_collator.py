import numpy as np
import pytest
import torch

from preprocess.collator import EmoBertDataCollator
from tests.tiny import tiny_processor, tone


def row(index, ids=None, speech=None, column="input_values", **rest):
    """A prepared row; what is absent has length 0, as in a prepared dataset."""
    ids = np.zeros(0, dtype=np.int64) if ids is None else np.asarray(ids)
    speech = np.zeros(0, dtype=np.float32) if speech is None else np.asarray(speech)
    return {"id": f"u{index}", "input_ids": ids, column: speech, "speech_length": len(speech), **rest}


class TestPadding:
    def test_waveforms_and_text(self):
        processor = tiny_processor()
        processor.tokenizer.pad_token = "[MASK]"  # id 4
        processor.feature_extractor.padding_value = -7.0
        batch = EmoBertDataCollator(processor)([row(0, [2, 5, 3], [0.1, 0.2]), row(1, [2, 3], [0.3, 0.4, 0.5])])
        assert batch["input_ids"].tolist() == [[2, 5, 3], [2, 3, 4]]
        assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 1, 0]]
        torch.testing.assert_close(batch["input_values"], torch.tensor([[0.1, 0.2, -7.0], [0.3, 0.4, 0.5]]))
        assert batch["speech_attention_mask"].tolist() == [[1, 1, 0], [1, 1, 1]]
        assert batch["input_ids"].dtype == batch["speech_attention_mask"].dtype == torch.int64
        assert batch["input_values"].dtype == torch.float32 and "labels" not in batch

    @pytest.mark.parametrize(("arguments", "pad"), [({}, 1), ({"speech_pad_token_id": 9}, 9)])
    def test_speech_ids(self, arguments, pad):
        collator = EmoBertDataCollator(tiny_processor(), **arguments)
        rows = [row(0, [2, 3], [0, 40, 41, 2], "speech_input_ids"), row(1, [2, 3], [0, 2], "speech_input_ids")]
        batch = collator(rows)
        assert batch["speech_input_ids"].tolist() == [[0, 40, 41, 2], [0, 2, pad, pad]]
        assert batch["speech_attention_mask"].tolist() == [[1, 1, 1, 1], [1, 1, 0, 0]]
        assert batch["speech_input_ids"].dtype == torch.int64

    def test_features_use_the_extractors_value(self):
        features = [np.full((3, 16), 0.5, dtype=np.float32), np.full((2, 16), 0.25, dtype=np.float32)]
        rows = [row(index, [2, 3], values, "input_features") for index, values in enumerate(features)]
        rows[0]["speech_length"] = 2  # the extractor's own last frame is half padding
        batch = EmoBertDataCollator(tiny_processor("mel"))(rows)
        assert batch["input_features"].shape == (2, 3, 16)
        assert torch.equal(batch["input_features"][1, 2], torch.ones(16))
        assert batch["speech_attention_mask"].tolist() == [[1, 1, 0], [1, 1, 0]]

    def test_whisper_features_get_their_fixed_length_back(self):
        processor = tiny_processor("whisper")
        expected = processor(audio=[tone(0.2), tone(0.4)], sampling_rate=16_000, return_tensors="pt")
        rows = []
        for index, seconds in enumerate((0.2, 0.4)):
            values, length = processor.extract_features(tone(seconds))
            rows.append(row(index, [2, 3], values[: length + 3], "input_features"))
            rows[-1]["speech_length"] = length
        batch = EmoBertDataCollator(processor, pad_to_multiple_of=64)(rows)
        assert batch["input_features"].shape == (2, 8, 100)
        assert torch.equal(batch["input_features"], expected["input_features"])
        assert torch.equal(batch["speech_attention_mask"], expected["speech_attention_mask"])

    def test_pad_to_multiple_of(self):
        batch = EmoBertDataCollator(tiny_processor(), pad_to_multiple_of=8)([row(0, [2, 5, 3], np.ones(9))])
        assert batch["input_ids"].shape == (1, 8) and batch["input_values"].shape == (1, 16)
        batch = EmoBertDataCollator(tiny_processor(), pad_to_multiple_of=8)(
            [row(0, [2, 5, 3], np.ones(9), "speech_input_ids")]
        )
        assert batch["speech_input_ids"].shape == (1, 16) and batch["speech_attention_mask"].sum() == 9

    def test_plain_lists(self):
        rows = [{"input_ids": [2, 5, 3], "input_values": [0.5, 0.25], "labels": 1}]
        batch = EmoBertDataCollator(tiny_processor())(rows)
        assert batch["input_values"].tolist() == [[0.5, 0.25]] and batch["speech_attention_mask"].tolist() == [[1, 1]]


class TestMissingModality:
    @pytest.mark.parametrize("column", ["input_values", "speech_input_ids"])
    def test_rows(self, column):
        rows = [row(0, None, [5, 6], column), row(1, [2, 5, 3], None, column), row(2, [2, 3], [7], column)]
        batch = EmoBertDataCollator(tiny_processor())(rows)
        pad = 1 if column == "speech_input_ids" else 0
        assert batch["attention_mask"].tolist() == [[0, 0, 0], [1, 1, 1], [1, 1, 0]]
        assert batch["input_ids"][0].tolist() == [0, 0, 0]
        assert batch["speech_attention_mask"].tolist() == [[1, 1], [0, 0], [1, 0]]
        assert batch[column].tolist() == [[5, 6], [pad, pad], [7, pad]]

    def test_none_is_absent_too(self):
        batch = EmoBertDataCollator(tiny_processor())([{"input_ids": None, "input_values": np.ones(3)}])
        assert set(batch) == {"input_values", "speech_attention_mask"}

    def test_whole_batch(self):
        collator = EmoBertDataCollator(tiny_processor())
        assert set(collator([row(0, [2, 3]), row(1, [2, 5, 3])])) == {"input_ids", "attention_mask"}
        assert set(collator([row(0, None, [0.5])])) == {"input_values", "speech_attention_mask"}

    def test_neither(self):
        with pytest.raises(ValueError, match="Row 'u1' has neither of the modalities text, speech"):
            EmoBertDataCollator(tiny_processor())([row(0, [2, 3]), row(1)])

    def test_modality_left_out(self):
        rows = [row(0, [2, 3], [0.5]), row(1, [2, 5, 3], [0.5, 0.25])]
        processor = tiny_processor()
        assert set(EmoBertDataCollator(processor, modalities=("text",))(rows)) == {"input_ids", "attention_mask"}
        speech = EmoBertDataCollator(processor, modalities=("speech",))(rows)
        assert set(speech) == {"input_values", "speech_attention_mask"}
        with pytest.raises(ValueError, match="Row 'u2' has neither of the modalities speech"):
            EmoBertDataCollator(processor, modalities=("speech",))([*rows, row(2, [2, 3])])


class TestLabels:
    @pytest.mark.parametrize(
        ("problem_type", "labels", "dtype"),
        [
            ("single_label_classification", [np.int64(1), np.int64(3)], torch.int64),
            ("one_vs_rest_classification", [[0, 1, 0], [1, 0, 0]], torch.int64),
            ("multi_label_classification", [[0.0, 1.0], [1.0, 1.0]], torch.float32),
            ("regression", [np.float32(1.5), np.float32(-2.0)], torch.float32),
            ("regression", [[1.5, 0.5], [-2.0, 0.25]], torch.float32),
        ],
    )
    def test_types(self, problem_type, labels, dtype):
        rows = [row(index, [2, 3], labels=label) for index, label in enumerate(labels)]
        for collator in (
            EmoBertDataCollator(tiny_processor()),
            EmoBertDataCollator(tiny_processor(), problem_type=problem_type),
        ):
            collated = collator(rows)["labels"]
            assert collated.dtype == dtype and collated.tolist() == np.asarray(labels).tolist()

    def test_problem_type_decides(self):
        rows = [row(0, [2, 3], labels=1), row(1, [2, 3], labels=2)]
        assert EmoBertDataCollator(tiny_processor(), problem_type="regression")(rows)["labels"].dtype == torch.float32

    def test_some_rows_have_none(self):
        with pytest.raises(ValueError, match="these have none: \\['u1'\\]"):
            EmoBertDataCollator(tiny_processor())([row(0, [2, 3], labels=1), row(1, [2, 3], labels=None)])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"modalities": ("video",)}, "modalities must be"),
        ({"modalities": ()}, "modalities must be"),
        ({"problem_type": "x"}, "problem_type must be"),
    ],
)
def test_arguments_that_do_not_fit(arguments, message):
    with pytest.raises(ValueError, match=message):
        EmoBertDataCollator(tiny_processor(), **arguments)
