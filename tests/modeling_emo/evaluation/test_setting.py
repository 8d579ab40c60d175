"""What an evaluation must say of itself."""

import pytest

from modeling_emo.evaluation.setting import EvaluationSetting


DESCRIBED = {
    "corpus": "emodb",
    "protocol": "leave one speaker out",
    "checkpoint_selection": "the last step",
}


@pytest.mark.parametrize("name", [*DESCRIBED, "split"])
@pytest.mark.parametrize("text", [" ", "", None])
def test_refuses_an_empty_description(name, text):
    with pytest.raises(ValueError, match=f"without '{name}'"):
        EvaluationSetting(**{**DESCRIBED, name: text})


def test_names_the_fold_with_its_protocol():
    assert EvaluationSetting(**DESCRIBED).protocol_and_fold == "leave one speaker out"
    assert EvaluationSetting(**DESCRIBED, fold="speaker=03").protocol_and_fold == "leave one speaker out, speaker=03"
