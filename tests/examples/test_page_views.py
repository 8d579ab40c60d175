"""What the page draws itself: lanes of a timeline, and the weights of an explanation."""

import re

import numpy as np
import pytest
import soundfile as sf

from modeling_emo import EmotionRecognitionPipeline
from tests.tiny import tiny_processor, tone, write_tone
from tests.tiny_models import emobert


pytest.importorskip("gradio", reason="needs gradio: pip install 'emobert[test]'")


def chunk(start, end, scores, **more):
    predictions = None if scores is None else [{"label": name, "score": one} for name, one in scores.items()]
    return {"timestamp": (start, end), "text": None, "predictions": predictions, **more}


def bars(html):
    """Left edge, width, bottom and height in percent."""
    return [
        tuple(map(float, re.findall(r"([\d.]+)%", one)))
        for one in re.findall(r'class="lane-bar"[^>]* style="([^"]*)', html)
    ]


class TestTimeline:
    CALL = {
        "predictions": [{"label": "sad", "score": 0.6}, {"label": "happy", "score": 0.4}],
        "speakers": {"<anna>": [{"label": "sad", "score": 0.6}, {"label": "happy", "score": 0.4}], "ben": None},
        "chunks": [
            chunk(0.0, 2.0, {"happy": 0.4, "sad": 0.6}, speaker="<anna>"),
            chunk(2.0, 4.0, None, speaker="ben"),
        ],
    }

    def test_a_bar_for_what_is_heard_in_the_lane_of_its_speaker(self):
        from commands_emo.serving.timeline_lanes import timeline_html

        html = timeline_html(self.CALL, has_classes=True, seconds=8.0)
        assert bars(html) == [(0.0, 25.0, 0.0, 60.0)]
        assert "Mean by duration: sad 60%." in html and "nothing is heard" in html
        assert "<anna>" not in html and "&lt;anna&gt;" in html
        assert html.count("<tr>") == 3

    def test_scores_end_at_their_value(self):
        from commands_emo.serving.timeline_lanes import timeline_html

        result = {
            "predictions": [{"label": "sentiment", "score": -1.0}],
            "chunks": [chunk(0.0, 1.0, {"sentiment": -1.5}), chunk(1.0, 2.0, {"sentiment": 3.0})],
        }
        html = timeline_html(result, has_classes=False, score_range=(-3, 3))
        assert bars(html) == [(0.0, 50.0, 25.0, 25.0), (50.0, 50.0, 50.0, 50.0)]
        assert "sentiment -1.00" in html

    def test_a_timeline_of_the_sound_alone_says_so(self):
        from commands_emo.serving.timeline_lanes import timeline_html

        assert "Of the sound alone." in timeline_html(self.CALL, has_classes=True, of_sound=True)


@pytest.fixture(scope="module")
def service():
    from commands_emo.serving.service import EmotionService

    recognise = EmotionRecognitionPipeline(model=emobert("moonshine"), processor=tiny_processor(), device=-1)
    return EmotionService(recognise, chunk_length_s=1.0)


class TestExplaining:
    def test_the_strongest_has_the_full_colour(self, service, tmp_path):
        from commands_emo.serving.explanation_view import explanation_html

        write_tone(tmp_path / "a.wav", 1.0)
        passes = []
        explanation = service.explain(tmp_path / "a.wav", "so happy", "LABEL_1", passes.append)
        assert explanation.label == "LABEL_1" and passes == list(range(1, len(passes) + 1)) and len(passes) > 2
        html = explanation_html(explanation)
        strongest = max([*explanation.words, *explanation.spans], key=lambda unit: abs(unit.attribution))
        colour = "#f08a4b" if strongest.attribution > 0 else "#5aa2d6"
        assert html.count(colour) == 2  # itself, and the key
        assert html.count("<rect") == len(explanation.spans) * (1 + (explanation.co_attention is not None))

    def test_ends_when_nobody_waits(self, service, tmp_path):
        from commands_emo.serving.service import Cancelled

        write_tone(tmp_path / "a.wav", 1.0)
        passes = []
        with pytest.raises(Cancelled):
            service.explain(tmp_path / "a.wav", None, None, passes.append, lambda: len(passes) == 1)
        assert passes == [1]
        assert service.explain(None, "so happy").words  # nothing is left in the model


def test_channels_are_speakers_and_silence_has_no_scores(service, tmp_path):
    stereo = np.zeros((3 * 16_000, 2), dtype=np.float32)
    stereo[16_000:24_000, 1] = tone(0.5)
    sf.write(tmp_path / "call.wav", stereo, 16_000)
    assert service.num_channels(tmp_path / "call.wav") == 2
    analysis = service.analyse(tmp_path / "call.wav", None, each_channel=True)
    expected = service.recognise(str(tmp_path / "call.wav"), segmentation="voice", channels="each", chunk_length_s=1.0)
    assert analysis.predictions == expected["predictions"] and analysis.seconds == 3.0
    assert [one["speaker"] for one in analysis.timeline["chunks"]] == ["channel 1"]
    with pytest.raises(ValueError, match=r"^broken\.wav: "):
        (tmp_path / "broken.wav").write_bytes(b"RIFF")
        service.num_channels(tmp_path / "broken.wav")
