import numpy as np
import pytest
import torch
from transformers import AutoProcessor, BertTokenizerFast

from configuration_emo.configuration_emobert import EmoBertConfig
from preprocess import EmoBertProcessor, load_audio
from tests.tiny import tiny_feature_extractor, tiny_processor, tiny_tokenizer, tone, write_tone


KINDS = ["waveform", "normalized", "whisper", "mel"]
TEXTS = ["how nice", "what a bad day", "i am so happy !"]


def sounds():
    return [tone(0.31), tone(0.5), tone(0.12)]


class TestBothModalities:
    def test_text_equals_the_tokenizer(self):
        processor = tiny_processor()
        batch = processor(text=TEXTS, audio=sounds(), sampling_rate=16_000, return_tensors="pt")
        expected = tiny_tokenizer()(TEXTS, padding=True, return_tensors="pt")
        assert torch.equal(batch["input_ids"], expected["input_ids"])
        assert torch.equal(batch["attention_mask"], expected["attention_mask"])
        assert batch["input_ids"][0].tolist() == [2, 5, 6, 3, 0, 0, 0]

    @pytest.mark.parametrize("kind", ["waveform", "mel", "whisper"])
    def test_speech_equals_the_extractor(self, kind):
        processor = tiny_processor(kind)
        batch = processor(text=TEXTS, audio=sounds(), sampling_rate=16_000, return_tensors="np")
        extractor = tiny_feature_extractor(kind)
        padding = "max_length" if kind == "whisper" else True
        expected = extractor(
            sounds(), sampling_rate=16_000, padding=padding, return_attention_mask=True, return_tensors="np"
        )
        np.testing.assert_array_equal(batch["speech_attention_mask"], expected["attention_mask"])
        name = processor.speech_input_name
        assert batch[name].shape == expected[name].shape and batch[name].dtype == np.float32
        valid = expected["attention_mask"].astype(bool)
        if kind == "whisper":
            valid = np.ones_like(valid)
            np.testing.assert_allclose(batch[name], expected[name], atol=1e-5)
        else:
            np.testing.assert_allclose(batch[name][valid], expected[name][valid], atol=1e-5)

    def test_normalization_does_not_see_padding(self):
        batch = tiny_processor("normalized")(audio=sounds(), sampling_rate=16_000, return_tensors="np")
        for values, sound in zip(batch["input_values"], sounds(), strict=True):
            expected = (sound - sound.mean(dtype=np.float64)) / np.sqrt(sound.var(dtype=np.float64) + 1e-7)
            np.testing.assert_allclose(values[: len(sound)], expected, atol=2e-5)
            assert not values[len(sound) :].any()

    def test_whisper_layout(self):
        batch = tiny_processor("whisper")(audio=sounds(), sampling_rate=16_000, return_tensors="pt")
        assert batch["input_features"].shape == (3, 8, 100)  # (rows, bins, frames of 10 ms)
        assert batch["speech_attention_mask"].sum(dim=1).tolist() == [31, 50, 12]

    @pytest.mark.parametrize("kind", KINDS)
    def test_keys(self, kind):
        processor = tiny_processor(kind)
        batch = processor(text=TEXTS, audio=sounds(), sampling_rate=16_000, return_tensors="pt")
        name = "input_values" if kind in ("waveform", "normalized") else "input_features"
        assert set(batch) == {"input_ids", "attention_mask", name, "speech_attention_mask"}
        assert set(batch) == set(processor.model_input_names)
        assert {key: values.dtype for key, values in batch.items()} == {
            "input_ids": torch.int64,
            "attention_mask": torch.int64,
            name: torch.float32,
            "speech_attention_mask": torch.int64,
        }

    @pytest.mark.parametrize("kind", KINDS)
    def test_a_row_does_not_depend_on_its_neighbours(self, kind):
        processor = tiny_processor(kind)
        together = processor(text=TEXTS, audio=sounds(), sampling_rate=16_000, return_tensors="np")
        for index, (text, sound) in enumerate(zip(TEXTS, sounds(), strict=True)):
            alone = processor(text=text, audio=sound, sampling_rate=16_000, return_tensors="np")
            width = alone["input_ids"].shape[1]
            np.testing.assert_array_equal(together["input_ids"][index, :width], alone["input_ids"][0])
            np.testing.assert_array_equal(
                together["speech_attention_mask"][index, : alone["speech_attention_mask"].shape[1]],
                alone["speech_attention_mask"][0],
            )
            name = processor.speech_input_name
            axis = 2 if kind == "whisper" else 1
            values = np.take(together[name], range(alone[name].shape[axis]), axis=axis)[index]
            np.testing.assert_array_equal(values, alone[name][0])


class TestPaddingSide:
    @pytest.mark.parametrize("side", ["left", "right"])
    def test_padding_comes_behind_whatever_the_parts_say(self, side):
        extractor = tiny_feature_extractor()
        extractor.padding_side = side
        processor = EmoBertProcessor(extractor, tiny_tokenizer(padding_side=side))
        batch = processor(text=["how nice", "a bad bad day !"], audio=[tone(0.1), tone(0.2)], return_tensors="pt")
        assert batch["input_ids"].tolist() == [[2, 5, 6, 3, 0, 0, 0], [2, 9, 7, 7, 8, 20, 3]]
        assert batch["attention_mask"].tolist() == [[1, 1, 1, 1, 0, 0, 0], [1] * 7]
        assert batch["speech_attention_mask"][0].tolist() == [1] * 1_600 + [0] * 1_600
        utterances = [processor.extract_utterance(text, None) for text in ("how nice", "a bad bad day !")]
        assert torch.equal(processor.pad(utterances)["input_ids"], batch["input_ids"])

    def test_a_tokenizer_without_a_pad_token_is_refused(self):
        processor = tiny_processor()
        processor.tokenizer.pad_token = None
        with pytest.raises(ValueError, match="has no pad token.*tokenizer.pad_token = tokenizer.eos_token"):
            processor(text=TEXTS)


class TestMissingModality:
    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("missing", [None, "", "  \n"])
    def test_rows(self, kind, missing):
        processor = tiny_processor(kind)
        batch = processor(
            text=["how nice", missing, "what a day"],
            audio=[None, tone(0.2), tone(0.3)],
            sampling_rate=16_000,
            return_tensors="pt",
        )
        assert batch["attention_mask"].sum(dim=1).tolist() == [4, 0, 5]
        assert batch["input_ids"][1].tolist() == [0] * 5
        lengths = batch["speech_attention_mask"].sum(dim=1).tolist()
        assert lengths[0] == 0 and lengths[1] > 0 and lengths[2] > lengths[1]
        absent = batch[processor.speech_input_name][0]
        assert torch.equal(absent, torch.full_like(absent, processor.feature_extractor.padding_value))

    def test_one_modality_only(self):
        processor = tiny_processor()
        assert set(processor(text=TEXTS, return_tensors="pt")) == {"input_ids", "attention_mask"}
        assert set(processor(audio=sounds(), return_tensors="pt")) == {"input_values", "speech_attention_mask"}
        assert set(processor(text=[None], audio=[tone(0.1)])) == {"input_values", "speech_attention_mask"}

    def test_neither(self):
        processor = tiny_processor()
        with pytest.raises(ValueError, match="neither"):
            processor()
        with pytest.raises(ValueError, match="Row 1 has neither text nor audio"):
            processor(text=["how", " "], audio=[tone(0.1), None])
        with pytest.raises(ValueError, match="Row 0 has neither text nor audio"):
            processor(text="")
        for empty in ({"text": []}, {"audio": []}):
            with pytest.raises(ValueError, match="list"):
                processor(**empty)

    def test_different_numbers_of_rows(self):
        with pytest.raises(ValueError, match="3 texts and 1 sounds"):
            tiny_processor()(text=TEXTS, audio=[tone(0.1)])


class TestSounds:
    def test_paths_bytes_and_arrays_with_rates_are_brought_to_the_rate(self, tmp_path):
        path = tmp_path / "sound.wav"
        write_tone(path, 0.2, 44_100, channels=2)
        expected = load_audio(path)
        batch = tiny_processor()(audio=[path, str(path), path.read_bytes()], return_tensors="np")
        for row in batch["input_values"]:
            np.testing.assert_array_equal(row, expected)
        single = tiny_processor()(audio=(tone(0.2, 44_100, 2), 44_100), return_tensors="np")
        np.testing.assert_allclose(single["input_values"][0], expected, atol=1e-4)  # the file has 16 bits

    def test_one_waveform_in_every_form(self):
        sound = tone(0.1)
        processor = tiny_processor()
        for audio in (sound, sound.tolist(), torch.from_numpy(sound), [sound], [sound.tolist()], sound[None]):
            batch = processor(audio=audio, sampling_rate=16_000, return_tensors="np")
            np.testing.assert_array_equal(batch["input_values"], sound[None])

    def test_wrong_rate(self):
        with pytest.raises(ValueError, match=r"44100 Hz, this model takes 16000 Hz. Pass \(array, sampling_rate\)"):
            tiny_processor()(audio=tone(0.1), sampling_rate=44_100)

    def test_two_axes_in_one_row(self):
        with pytest.raises(ValueError, match="one axis"):
            tiny_processor()(audio=[tone(0.1, channels=2)], sampling_rate=16_000)

    @pytest.mark.parametrize(("sound", "message"), [(np.zeros(0), "0 samples"), (np.array([np.nan, 0.0]), "NaN")])
    def test_unusable_values(self, sound, message):
        with pytest.raises(ValueError, match=message):
            tiny_processor()(audio=[tone(0.1), sound], sampling_rate=16_000)

    def test_missing_file(self, tmp_path):
        with pytest.raises(ValueError, match=r"gone\.wav: there is no such file"):
            tiny_processor()(audio=str(tmp_path / "gone.wav"))

    def test_too_short_for_one_frame(self):
        with pytest.raises(ValueError, match="SeamlessM4TFeatureExtractor cannot take a sound of 80 samples"):
            tiny_processor("mel")(audio=tone(0.005), sampling_rate=16_000)


class TestArguments:
    def test_long_text_is_cut_to_the_tokenizers_limit(self):
        text = "how nice a day " * 20
        batch = tiny_processor()(text=text)
        assert batch["input_ids"][0] == tiny_tokenizer()(text, truncation=True)["input_ids"]
        assert len(batch["input_ids"][0]) == 16

    def test_flat_lengths_are_tokens_and_leave_sound_alone(self):
        batch = tiny_processor()(
            text="how nice a day",
            audio=tone(0.1),
            sampling_rate=16_000,
            padding="max_length",
            truncation=True,
            max_length=12,
            return_tensors="pt",
        )
        assert batch["input_ids"].shape == (1, 12)
        assert batch["input_values"].shape == (1, 1_600)

    def test_tokenizer_settings_leave_sound_alone(self):
        tokenizer = tiny_tokenizer(padding="max_length", max_length=8)
        for kind, shape in (("waveform", (1, 1_600)), ("whisper", (1, 8, 100))):
            processor = EmoBertProcessor(tiny_feature_extractor(kind), tokenizer)
            batch = processor(text="how nice a day " * 5, audio=tone(0.1), sampling_rate=16_000, return_tensors="pt")
            assert batch["input_ids"].shape == (1, 8)
            assert batch[processor.speech_input_name].shape == shape

    def test_audio_kwargs(self):
        processor = tiny_processor()
        batch = processor(
            audio=[tone(0.1), tone(0.2)],
            audio_kwargs={"max_length": 2_000, "truncation": True, "padding": "max_length", "sampling_rate": 16_000},
            return_tensors="np",
        )
        assert batch["input_values"].shape == (2, 2_000)
        assert batch["speech_attention_mask"].sum(axis=1).tolist() == [1_600, 2_000]
        np.testing.assert_array_equal(batch["input_values"][1], tone(0.2)[:2_000])

    def test_pad_to_multiple_of(self):
        batch = tiny_processor()(
            text="how nice", audio=tone(0.1)[:1_001], sampling_rate=16_000, pad_to_multiple_of=8, return_tensors="pt"
        )
        assert batch["input_ids"].shape == (1, 8) and batch["input_values"].shape == (1, 1_008)

    def test_without_padding(self):
        batch = tiny_processor()(text=TEXTS, audio=sounds(), sampling_rate=16_000, padding=False)
        assert [len(row) for row in batch["input_ids"]] == [4, 6, 7]
        assert [len(row) for row in batch["input_values"]] == [4_960, 8_000, 1_920]
        assert [sum(row) for row in batch["speech_attention_mask"]] == [4_960, 8_000, 1_920]

    def test_text_of_another_kind(self):
        with pytest.raises(ValueError, match="must be a string or a list of strings"):
            tiny_processor()(text=[3])

    def test_extractor_of_another_kind(self):
        extractor = tiny_feature_extractor()
        extractor.model_input_names = ["audio_codes"]
        with pytest.raises(ValueError, match="produces 'audio_codes'"):
            EmoBertProcessor(extractor, tiny_tokenizer())


class TestTextLimit:
    def test_encode_text_says_what_was_cut(self):
        processor = tiny_processor()
        ids, length = processor.encode_text("how nice")
        assert (ids, length) == ([2, 5, 6, 3], 4)
        ids, length = processor.encode_text("how nice " * 10)
        assert len(ids) == 16 and length == 22
        assert ids == processor(text="how nice " * 10)["input_ids"][0]

    @pytest.mark.parametrize("own", [{}, {"max_length": 12}])
    def test_limit_is_kept_when_saved(self, tmp_path, own):
        processor = EmoBertProcessor(tiny_feature_extractor(), tiny_tokenizer(**own))
        limited = processor.limit_text(6)
        assert limited.max_text_length == 6 and processor.max_text_length == own.get("max_length", 16)
        limited.save_pretrained(tmp_path)
        reloaded = EmoBertProcessor.from_pretrained(tmp_path)
        assert reloaded.max_text_length == 6
        assert len(reloaded(text="how nice " * 10)["input_ids"][0]) == 6
        assert processor.limit_text(100).max_text_length == processor.max_text_length


class TestTokenizerWithoutALimit:
    def processor(self):
        tokenizer = BertTokenizerFast(vocab=tiny_tokenizer().get_vocab())
        assert tokenizer.model_max_length > 1e20
        return EmoBertProcessor(tiny_feature_extractor(), tokenizer)

    def test_texts_are_cut_to_what_practically_every_encoder_takes(self):
        processor = self.processor()
        assert processor.max_text_length == 512
        assert len(processor(text="happy " * 600)["input_ids"][0]) == 512
        ids, length = processor.encode_text("happy " * 600)
        assert (len(ids), length) == (512, 602) and ids[-1] == 3

    def test_what_the_encoder_takes_is_said_and_saved(self, tmp_path):
        limited = self.processor().limit_text(600)
        limited.save_pretrained(tmp_path)
        for processor in (limited, EmoBertProcessor.from_pretrained(tmp_path)):
            assert processor.max_text_length == 600
            assert len(processor(text="happy " * 700)["input_ids"][0]) == 600
        assert limited.limit_text(40).max_text_length == 40 and limited.limit_text(4_000) is limited


class TestSaveAndLoad:
    @pytest.mark.parametrize("kind", KINDS)
    def test_round_trip(self, tmp_path, kind):
        processor = tiny_processor(kind)
        processor.save_pretrained(tmp_path)
        before = processor(text=TEXTS, audio=sounds(), sampling_rate=16_000, return_tensors="pt")
        for loader in (EmoBertProcessor, AutoProcessor):
            reloaded = loader.from_pretrained(tmp_path)
            assert isinstance(reloaded, EmoBertProcessor)
            assert type(reloaded.feature_extractor) is type(processor.feature_extractor)
            after = reloaded(text=TEXTS, audio=sounds(), sampling_rate=16_000, return_tensors="pt")
            assert set(after) == set(before)
            for key in before:
                assert torch.equal(after[key], before[key])

    def test_beside_a_config(self, tmp_path):
        EmoBertConfig().save_pretrained(tmp_path)
        tiny_processor().save_pretrained(tmp_path)
        assert isinstance(AutoProcessor.from_pretrained(tmp_path), EmoBertProcessor)
