"""Natural mistakes: each works, or is answered in two lines that say what to write."""

import re

import numpy as np
import pytest
from transformers import AutoModel, AutoModelForAudioClassification, AutoProcessor, pipeline

from modeling_emo import EmoBertForSequenceClassification, EmotionRecognitionPipeline, explain_prediction
from modeling_emo.inference.loaders import Emotion2VecLoader
from preprocess import EmoBertProcessor
from tests.tiny import tiny_feature_extractor, tiny_processor, tiny_tokenizer, tone
from tests.tiny_models import emobert, speech_config, text_config


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model of a score."""
    place = tmp_path_factory.mktemp("trained")
    emobert("moonshine", problem_type="regression", num_labels=1, id2label={0: "sentiment"}).save_pretrained(place)
    tiny_processor().save_pretrained(place)
    return str(place)


@pytest.fixture(scope="module")
def recognise(folder):
    return pipeline("emotion-recognition", model=folder, device=-1)


class Transcript:
    def __init__(self, **fields):
        vars(self).update(fields)


def over(text, speech):
    encoders = [AutoModel.from_config(config) for config in (text, speech)]
    return EmoBertForSequenceClassification.from_text_speech_pretrained(*encoders, num_labels=3)


SOUND = tone(0.3)
NOT_A_FILE = "there is no such file. Check the path; if this is what was said, write recognise(text=...)"
MISTAKES = {
    "a bare text": (lambda r, d: r("I love this so much!"), f"I love this so much!: {NOT_A_FILE}"),
    "a list of texts": (lambda r, d: r(["I love this", "so sad"]), f"I love this: {NOT_A_FILE}"),
    "nothing": (lambda r, d: r(), "write recognise('a.wav'), or recognise(text=...)"),
    "a recording twice": (lambda r, d: r(SOUND, audio=SOUND), "as the first argument and as `audio`. Leave one out"),
    "a text twice": (lambda r, d: r({"text": "a"}, text="b"), "`text` is given twice"),
    "two recordings as a tuple": (lambda r, d: r(("a.wav", "b.wav")), "b.wav is a file. Give recordings as a list"),
    "a tuple of three": (lambda r, d: r((SOUND, 16_000, "a")), "A tuple is (recording, text), (array, rate) or"),
    "a rate as text": (lambda r, d: r([("16000", SOUND)]), "must be a positive whole number of Hz, got '16000'"),
    "a rate as text, last": (lambda r, d: r((SOUND, "16000")), "must be a positive whole number of Hz, got '16000'"),
    "a dict without its rate": (lambda r, d: r({"raw": SOUND}), "must be a positive whole number of Hz, got None"),
    "a number": (lambda r, d: r(3), "3 is no recording. Give a path, (array, rate), or text=..."),
    "another name of text": (
        lambda r, d: r({"audio": SOUND, "transcript": "a"}),
        "transcript: here it is called `text`",
    ),
    "a column without its text": (lambda r, d: r({"audio": SOUND, "sentence": "a", "age": 3}), "called `text`"),
    "a plural": (lambda r, d: r({"audios": SOUND, "text": "a"}), "audios: here it is called `audio`"),
    "timestamps": (lambda r, d: r(SOUND, return_timestamps=True), "chunk_length_s=10 gives a timeline"),
    "all scores": (lambda r, d: r(SOUND, return_all_scores=True), "returned unless top_k is given"),
    "an activation": (lambda r, d: r(SOUND, function_to_apply="none"), "predicted values, without it"),
    "an option misspelt": (lambda r, d: r(SOUND, chunk_length=3), "did you mean chunk_length_s?"),
    "labels of scores": (
        lambda r, d: r(SOUND, labels=["happy"]),
        "no classes: labels are sentiment, or left out",
    ),
    "another task": (
        lambda r, d: pipeline("audio-classification", model=d),
        'pipeline("emotion-recognition", model=...)',
    ),
    "another auto class": (
        lambda r, d: AutoModelForAudioClassification.from_pretrained(d),
        'pipeline("emotion-recognition", model=...)',
    ),
    "another model": (
        lambda r, d: EmotionRecognitionPipeline(model=AutoModel.from_config(text_config()), processor=r.processor),
        "BertModel is no model that this pipeline knows",
    ),
    "no folder of a model": (
        lambda r, d: EmoBertForSequenceClassification.from_pretrained("outputs/nothing"),
        "outputs/nothing: there is no such folder here",
    ),
    "no folder of a processor": (
        lambda r, d: EmoBertProcessor.from_pretrained("outputs/nothing"),
        "outputs/nothing: there is no such folder here",
    ),
    "more labels": (
        lambda r, d: EmoBertForSequenceClassification.from_pretrained(d, num_labels=4),
        "For a new classifier pass ignore_mismatched_sizes=True, with id2label={0: ...} and problem_type",
    ),
    "a tokenizer as the processor": (
        lambda r, d: EmotionRecognitionPipeline(model=r.model, processor=tiny_tokenizer()),
        "got BertTokenizer. Pass processor=EmoBertProcessor.from_pretrained(folder)",
    ),
    "no processor": (
        lambda r, d: EmotionRecognitionPipeline(model=r.model, tokenizer=tiny_tokenizer()),
        "got NoneType. Pass processor=EmoBertProcessor.from_pretrained(folder)",
    ),
    "a processor's parts exchanged": (
        lambda r, d: EmoBertProcessor(tiny_tokenizer(), tiny_feature_extractor()),
        "takes (feature_extractor, tokenizer), got (BertTokenizer, Wav2Vec2FeatureExtractor): exchange them",
    ),
    "two extractors": (
        lambda r, d: EmoBertProcessor(tiny_feature_extractor(), tiny_feature_extractor()),
        "takes (feature_extractor, tokenizer), got (Wav2Vec2FeatureExtractor, Wav2Vec2FeatureExtractor).",
    ),
    "Whisper for text": (
        lambda r, d: over(speech_config("whisper"), speech_config("moonshine")),
        "'whisper' is a speech encoder and was given as the text encoder",
    ),
    "BERT for speech": (
        lambda r, d: over(text_config(), text_config()),
        "'bert' is a text encoder and was given as the speech encoder",
    ),
    "explaining a pipeline": (lambda r, d: explain_prediction(r, SOUND), "write recognise.explain(utterance)"),
    "explaining without a processor": (
        lambda r, d: explain_prediction(r.model, SOUND),
        "takes an EmoBertForSequenceClassification and its EmoBertProcessor, got EmoBertForSequenceClassification and",
    ),
    "explaining a file that is not there": (
        lambda r, d: explain_prediction(r.model, r.processor, "absent.wav"),
        f"absent.wav: {NOT_A_FILE}",
    ),
    "explaining several": (lambda r, d: r.explain([SOUND, SOUND]), "Explain them one by one"),
    "explaining words": (lambda r, d: r.explain({"audio": SOUND, "words": []}), "Unknown input words"),
    "drawing no timeline": (lambda r, d: r.plot_timeline(r(SOUND), "a.png"), "call the pipeline with chunk_length_s"),
    "a recogniser of arrays": (
        lambda r, d: r(SOUND, asr=lambda sound: np.arange(10**6)),
        "asr must return a text, or a dict with `text`, got an array of shape (1000000,)",
    ),
    "a recogniser of other objects": (
        lambda r, d: r(SOUND, asr=lambda sound: Transcript(lines=[Transcript(words=list(range(10**5)))])),
        "asr must return a text, or a dict with `text`, got <tests.modeling_emo.inference.test_mistakes.Transcript",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_answered_with_what_to_write(recognise, folder, mistake):
    make, said = MISTAKES[mistake]
    with pytest.raises((ValueError, LookupError), match=re.escape(said)) as caught:
        make(recognise, folder)
    message = str(caught.value)
    assert message.count("\n") < 2 and len(message) < 450


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("how nice", "how nice"),
        ({"text": " how nice "}, "how nice"),
        (Transcript(text="how nice", words=[]), "how nice"),
        (Transcript(lines=[Transcript(text=" how "), Transcript(text="nice ")]), "how nice"),
        ({"lines": ["how", {"text": "nice"}]}, "how nice"),
        (Transcript(lines=[]), None),
    ],
)
def test_recognisers_answer_in_many_ways(recognise, answer, text):
    result = recognise(SOUND, asr=lambda sound: answer, return_text=True)
    assert result["text"] == text
    assert result["predictions"] == (recognise(SOUND) if text is None else recognise(SOUND, text))


def test_an_underscore_in_the_task(recognise, folder):
    assert pipeline("emotion_recognition", model=folder, device=-1)(SOUND) == recognise(SOUND)


def test_a_gpu_that_is_not_there(folder, caplog):
    import torch

    if torch.accelerator.is_available():
        pytest.skip("this machine has an accelerator, and the messages are those of one without")
    with pytest.raises(ValueError, match="device='cuda:1': PyTorch sees no CUDA device here. Leave it out, or 'cpu'"):
        pipeline("emotion-recognition", model=folder, device="cuda:1")
    with caplog.at_level("WARNING"):
        pipeline("emotion-recognition", model=folder, device=0)
    assert "device=0 stands for a GPU, and PyTorch sees none: the model runs on the CPU." in caplog.text
    caplog.clear()
    pipeline("emotion-recognition", model=folder)
    assert "stands for a GPU" not in caplog.text


@pytest.mark.parametrize("load", [AutoProcessor.from_pretrained, lambda place: pipeline("emotion-recognition", place)])
def test_a_folder_without_its_tokenizer(tmp_path, load):
    emobert("moonshine").save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"has no feature extractor .*\nSave one there: EmoBertProcessor\(") as caught:
        load(tmp_path.as_posix())
    tiny_feature_extractor().save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"has no tokenizer .*\nAutoTokenizer.*--text_tokenizer") as caught:
        load(tmp_path.as_posix())
    assert str(caught.value).count("\n") == 1
    tiny_tokenizer().save_pretrained(tmp_path)
    load(tmp_path.as_posix())


def test_another_kind_of_model_is_no_model_of_emotions(tmp_path):
    AutoModel.from_config(speech_config("hubert")).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="is a hubert, neither EmoBERT nor emotion2vec"):
        Emotion2VecLoader.from_pretrained(str(tmp_path))
