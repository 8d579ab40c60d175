"""The model card: metadata that the Hub's own library reads back, tables, and snippets that run."""

import re

import pytest
from huggingface_hub import ModelCard

from configuration_emo import EmoBertConfig
from modeling_emo.evaluation.model_card import (
    EvaluationResult,
    ModelDescription,
    TrainingRun,
    installed_versions,
    write_model_card,
)
from modeling_emo.evaluation.setting import EvaluationSetting
from tests.tiny import tiny_processor, write_tone
from tests.tiny_models import emobert


SENTIMENT = EmoBertConfig(problem_type="regression", id2label={0: "sentiment"}, label_range=[-4.0, 4.0])
TRAINING = TrainingRun(
    hyperparameters={"learning_rate": 1e-4, "scheduler": "linear|cosine"},
    duration_seconds=3725.4,
    hardware="2 CPU cores",
    emissions_grams=12.5,
    emissions_source="65 W for the time it took, 0.2 kg per kWh",
    versions={"transformers": "5.23.0"},
)
RESULT = EvaluationResult(
    setting=EvaluationSetting(
        corpus="spoken_sentiment",
        protocol="fixed split by text",
        checkpoint_selection="highest eval_corr on validation",
        seed=0,
    ),
    n=1600,
    metrics={"mae": 0.512345, "corr": 0.9, "acc_7": 0.5, "f1_non0": float("nan"), "mean_ccc": 0.8},
    intervals={"mae": (0.48, 0.55), "f1_non0": (float("nan"), float("nan"))},
    by_modality={"text only": {"corr": 0.89}, "speech only": {"corr": 0.4, "mae": 1.5}},
)


MELD = EvaluationSetting(corpus="meld", protocol="official", checkpoint_selection="the last")


def write(folder, config=SENTIMENT, *, training=TRAINING, result=RESULT, plots=None, **described):
    description = ModelDescription(name="EmoBERT on tweets", data="Tweets rated by twenty people each.", **described)
    return write_model_card(folder, config, description, training=training, result=result, plots=plots)


class TestMetadata:
    def test_reads_back_equal(self, tmp_path):
        path = write(tmp_path, license="mit", languages=["en"], base_models=["org/text", "org/speech"])
        assert path == tmp_path / "README.md"
        data = ModelCard.load(path).data
        assert data.model_name == "EmoBERT on tweets"
        assert (data.library_name, data.pipeline_tag, data.license) == ("transformers", "audio-classification", "mit")
        assert data.language == ["en"] and data.base_model == ["org/text", "org/speech"]
        assert {"emobert", "emotion-recognition"} <= set(data.tags)
        assert data.metrics == ["accuracy", "concordance_correlation", "f1", "mae", "pearsonr"]
        assert data.co2_eq_emissions == {
            "emissions": 12.5,
            "source": "65 W for the time it took, 0.2 kg per kWh",
            "hardware_used": "2 CPU cores",
        }

    def test_model_index_holds_what_is_defined_unrounded(self, tmp_path):
        results = ModelCard.load(write(tmp_path)).data.eval_results
        assert {(result.metric_name, result.metric_type, result.metric_value) for result in results} == {
            ("mae", "mae", 0.512345),
            ("corr", "pearsonr", 0.9),
            ("acc_7", "accuracy", 0.5),
            ("mean_ccc", "concordance_correlation", 0.8),
        }
        assert {(result.dataset_name, result.dataset_split) for result in results} == {("spoken_sentiment", "test")}

    def test_survives_a_second_round(self, tmp_path):
        card = ModelCard.load(write(tmp_path, license="mit"))
        card.save(tmp_path / "again.md")
        assert ModelCard.load(tmp_path / "again.md").data.to_dict() == card.data.to_dict()

    def test_what_is_not_given_is_left_out(self, tmp_path):
        training = TrainingRun(hyperparameters={})
        result = EvaluationResult(setting=MELD, n=0, metrics={"wa": float("nan")})
        data = ModelCard.load(write(tmp_path, training=training, result=result)).data.to_dict()
        assert not {"license", "language", "base_model", "co2_eq_emissions", "model-index"} & set(data)


class TestBody:
    def test_synthetic_data_is_said_first(self, tmp_path):
        text = ModelCard.load(write(tmp_path, synthetic="Every voice is a machine's.")).text.strip()
        assert text.startswith("# EmoBERT on tweets\n\n> **Synthetic data.** Every voice is a machine's.\n")
        assert "Synthetic" not in ModelCard.load(write(tmp_path)).text

    def test_results_with_intervals(self, tmp_path):
        text = ModelCard.load(write(tmp_path)).text
        assert "spoken_sentiment, test split, n = 1,600. Protocol: fixed split by text." in text
        assert "| metric | value | 95% interval |" in text
        assert "| `mae` | 0.5123 | 0.4800 to 0.5500 |" in text
        assert "| `corr` | 0.9000 |  |" in text
        assert "| `f1_non0` | undefined | undefined |" in text
        assert "| input | `corr` | `mae` |" in text
        assert "| text only | 0.8900 |  |" in text and "| speech only | 0.4000 | 1.5000 |" in text

    def test_no_column_of_intervals_without_any(self, tmp_path):
        result = EvaluationResult(setting=MELD, n=9, metrics={"wa": 0.5})
        text = ModelCard.load(write(tmp_path, result=result)).text
        assert "| metric | value |\n| --- | --- |\n| `wa` | 0.5000 |" in text and "bootstrap" not in text

    def test_training(self, tmp_path):
        text = ModelCard.load(write(tmp_path)).text
        for line in (
            "| checkpoint | highest eval_corr on validation |",
            "| seed | 0 |",
            "| duration | 1 h 2 min 5 s |",
            "| hardware | 2 CPU cores |",
            "| CO2 equivalent | 12.5 g (65 W for the time it took, 0.2 kg per kWh) |",
            "| versions | transformers 5.23.0 |",
            "| `learning_rate` | `0.0001` |",
            "| `scheduler` | `linear\\|cosine` |",
        ):
            assert line in text

    def test_model_and_its_labels(self, tmp_path):
        text = ModelCard.load(write(tmp_path)).text
        assert "predicts a score for each label, from -4 to 4." in text
        emotions = EmoBertConfig(problem_type="one_vs_rest_classification", id2label={0: "sad", 1: "happy"})
        text = ModelCard.load(write(tmp_path, emotions)).text
        assert "Labels, in the order of the logits: `sad`, `happy`." in text
        assert "Data\n\nTweets rated" in text and "## Limits\n\n- " in text and "## Intended use\n\n" in text


class TestPlots:
    def test_are_linked_relative_to_the_card(self, tmp_path, monkeypatch):
        (tmp_path / "plots").mkdir()
        for name in ("curves.png", "plots/con fusion.png"):
            (tmp_path / name).touch()
        monkeypatch.chdir(tmp_path.parent)
        plots = {
            "Learning curves": "curves.png",
            "From outside": f"{tmp_path.name}/curves.png",
            "Confusion": tmp_path / "plots" / "con fusion.png",
        }
        text = ModelCard.load(write(tmp_path, plots=plots)).text
        assert re.findall(r"!\[(.*?)\]\((.*?)\)", text) == [
            ("Learning curves", "curves.png"),
            ("From outside", "curves.png"),
            ("Confusion", "plots/con%20fusion.png"),
        ]

    def test_must_be_there_and_inside(self, tmp_path):
        (tmp_path / "outside.png").touch()
        for path in ("curves.png", tmp_path / "outside.png"):
            with pytest.raises(ValueError, match="must be a file inside the model's folder"):
                write(tmp_path / "model", plots={"Curves": path})


@pytest.mark.parametrize(
    ("problem_type", "options"),
    [
        ("regression", {"num_labels": 1}),
        ("single_label_classification", {}),
        ("multi_label_classification", {}),
        ("one_vs_rest_classification", {}),
    ],
)
def test_snippets_run_beside_the_model(problem_type, options, tmp_path, monkeypatch, capsys):
    model = emobert("wav2vec2-group-norm", problem_type=problem_type, **options)
    model.save_pretrained(tmp_path)
    tiny_processor().save_pretrained(tmp_path)
    write_tone(tmp_path / "recording.wav")
    monkeypatch.chdir(tmp_path)
    text = ModelCard.load(write(tmp_path, model.config)).text
    snippets = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert len(snippets) == 2
    for snippet in snippets:
        exec(snippet, {})
    by_pipeline, by_hand = capsys.readouterr().out.split("tensor", 1)
    scores = {float(score) for score in re.findall(r"'score': ([-\d.e]+)", by_pipeline)}
    by_hand = [float(number) for number in re.findall(r"-?\d+\.\d+(?:e[+-]\d+)?", by_hand)]
    assert len(scores) == model.config.num_labels
    assert sorted(scores) == pytest.approx(sorted(by_hand), abs=1e-3)


def test_emissions_need_a_source():
    with pytest.raises(ValueError, match="emissions_source"):
        TrainingRun(hyperparameters={}, emissions_grams=1.0)


def test_installed_versions():
    versions = installed_versions()
    assert {"python", "transformers", "torch"} <= set(versions)
    assert all(re.match(r"\d+\.\d+", version) for version in versions.values())
