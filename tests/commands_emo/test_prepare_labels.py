"""What `emobert prepare` says of labels that the corpus does not have."""

import pytest

from commands_emo import run_command
from tests.examples.conftest import encoders  # noqa: F401


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (["happy", "sad"], None),
        (["happy", "saad"], "labels without an utterance: saad; the corpus has happy, sad"),
        ([], None),
    ],
)
def test_labels_that_no_utterance_has(encoders, tmp_path, capsys, labels, said):  # noqa: F811
    (tmp_path / "t.csv").write_text("text,label\nthe day was good,happy\nthe day was bad,sad\n")
    places = ["--data_dir", str(tmp_path / "t.csv"), "--output_dir", str(tmp_path / "out")]
    models = ["--text_model", str(encoders / "text"), "--speech_model", str(encoders / "speech")]
    flags = ["--labels", *labels] if labels else []
    run_command("prepare", ["--corpus", "csv", *places, *models, *flags])
    shown = capsys.readouterr().out
    assert ("labels without an utterance" in shown) == (said is not None)
    assert said is None or f"{said}\n" in shown
