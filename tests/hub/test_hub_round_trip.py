"""What is pushed loads, computes and is pushed again where EmoBERT cannot be imported."""

import json
import sys

import numpy as np
import pytest
from huggingface_hub import ModelCard
from transformers.dynamic_module_utils import get_imports

from modeling_emo.hub import with_address


MODELS = ("tokens", "waveform", "waveform-v1", "speech-tokens", "trained")
# What the files ask for: PyAV only when it is needed, scikit-learn and the like never.
REQUIRED = {"huggingface_hub", "numpy", "soundfile", "soxr", "torch", "transformers"}


def scores(results):
    """Scores by label; loaded weights lie elsewhere in memory, which moves the last digits of what is computed."""
    return {result["label"]: pytest.approx(result["score"], rel=1e-6, abs=1e-6) for result in results}


class TestWithoutThePackages:
    def test_they_really_cannot_be_imported(self, round_trip):
        assert {"configuration_emo", "modeling_emo", "preprocess"} <= set(round_trip.first["imports"])

    def test_code_from_the_hub_is_refused_unless_it_is_trusted(self, round_trip):
        assert set(round_trip.first["refusals"]) == {"config", "model", "processor", "pipeline"}
        for said in round_trip.first["refusals"].values():
            assert "tester/waveform" in said and "trust_remote_code=True" in said

    @pytest.mark.parametrize("name", MODELS)
    def test_logits_are_equal(self, round_trip, name):
        np.testing.assert_allclose(round_trip.loaded[name], round_trip.expected[name], atol=1e-6, rtol=0)
        assert round_trip.expected[name].std(0).max() > 1e-3, "the rows must differ, or equality shows nothing"

    def test_a_revision_is_what_was_pushed_then(self, round_trip):
        difference = np.abs(round_trip.loaded["waveform"] - round_trip.loaded["waveform-v1"])
        assert difference.max() > 0.1
        assert round_trip.hub.repositories["models", "tester/waveform"].tags == {"v1": round_trip.pushed["revision"]}

    def test_codes_of_a_private_vq_wav2vec_are_equal(self, round_trip):
        assert round_trip.hub.repositories["models", "lab/vq_wav2vec"].private
        np.testing.assert_array_equal(round_trip.loaded["vq_wav2vec"], round_trip.expected["vq_wav2vec"])

    def test_the_processor_s_output_is_equal(self, round_trip):
        names = sorted(name for name in round_trip.expected if name.startswith("processor/"))
        assert names == [
            f"processor/{name}" for name in ("attention_mask", "input_ids", "input_values", "speech_attention_mask")
        ]
        for name in names:
            np.testing.assert_array_equal(round_trip.loaded[name], round_trip.expected[name])

    def test_the_pipeline_s_scores_are_equal(self, round_trip):
        (result,) = round_trip.pushed["pipeline"]
        assert abs(result["score"]) > 1e-3
        assert scores(round_trip.first["pipeline"]) == {result["label"]: result["score"]}

    def test_the_classes_are_those_from_the_hub(self, round_trip):
        classes = [name.rpartition(".")[2] for name in round_trip.first["classes"]]
        assert classes == [
            "EmoBertConfig",
            "EmoBertForSequenceClassification",
            "EmoBertModel",
            "VqWav2VecModel",
            "EmoBertProcessor",
            "EmotionRecognitionPipeline",
        ]
        assert all(name.startswith("transformers_modules.") for name in round_trip.first["classes"])

    def test_what_such_classes_save_and_push_loads_again(self, round_trip):
        (expected,) = round_trip.pushed["pipeline"]
        results = [*round_trip.second["pipelines"].values(), round_trip.second["third"]]
        assert len(results) == 3
        for result in results:
            assert scores(result) == {expected["label"]: expected["score"]}

    @pytest.mark.parametrize("repository", ["again", "again-at-once"])
    def test_what_such_classes_push_is_what_they_came_from(self, round_trip, repository):
        pushed, again = round_trip.hub.files("tester/pipe"), round_trip.hub.files(f"tester/{repository}")
        code = {name for name in again if name.endswith(".py")}
        assert {"modeling_emobert.py", "pipeline.py", "configuration_emobert.py"} <= code
        assert code <= set(pushed)
        assert {name for name in code if again[name] != pushed[name]} == set()
        maps = [json.loads(files["config.json"]) for files in (pushed, again)]
        assert maps[0]["auto_map"] == maps[1]["auto_map"]
        assert maps[0]["custom_pipelines"] == maps[1]["custom_pipelines"]

    def test_only_what_is_needed_is_asked_for(self, round_trip, tmp_path):
        for name, content in round_trip.hub.files("tester/pipe").items():
            if name.endswith(".py"):
                (tmp_path / name).write_bytes(content)
        files = list(tmp_path.iterdir())
        assert {package for file in files for package in get_imports(file)} - set(sys.stdlib_module_names) == REQUIRED
        assert {"modeling_emobert.py", "processing_emobert.py", "load_audio.py"} <= {file.name for file in files}
        assert not {"trainer.py", "load_corpus.py", "prepare.py"} & {file.name for file in files}


class TestWithThePackages:
    def test_ours_are_found_without_trust(self, round_trip):
        assert round_trip.pushed["installed"]["classes"] == [
            "configuration_emo.configuration_emobert.EmoBertConfig",
            "modeling_emo.modeling_emobert.EmoBertForSequenceClassification",
            "modeling_emo.modeling_emobert.EmoBertModel",
            "preprocess.processing_emobert.EmoBertProcessor",
            "modeling_emo.modeling_vq_wav2vec.VqWav2VecModel",
            "modeling_emo.modeling_emobert.EmoBertModel",
            "modeling_emo.inference.pipeline.EmotionRecognitionPipeline",
        ]

    def test_the_pipeline_s_scores_are_equal(self, round_trip):
        (expected,) = round_trip.pushed["pipeline"]
        assert scores(round_trip.pushed["installed"]["pipeline"]) == {expected["label"]: expected["score"]}

    @pytest.mark.parametrize(
        ("what", "said"),
        [
            ("wrong token", ["401", "Invalid username or password"]),
            ("foreign owner", ["403", "somebody"]),
            ("two slashes", ["tester/a/b", "namespace/repo_name"]),
            ("private, no token", ["lab/vq_wav2vec", "private repository"]),
            ("no such revision", ["v9", "tester/waveform"]),
            ("not there", ["tester/nothing"]),
        ],
    )
    def test_a_refusal_says_why(self, round_trip, what, said):
        message = round_trip.pushed["refusals"][what]
        assert [part for part in said if part not in message] == []
        assert ("models", "tester/other") not in round_trip.hub.repositories

    def test_saving_with_a_push_uploads_all(self, round_trip):
        pushed, saved = (round_trip.hub.files(f"tester/{name}") for name in ("pipe", "saved-and-pushed"))
        assert set(saved) == set(pushed)
        # Only `push_to_hub` of the pipeline writes our card; this is the model's, then the processor's push.
        assert [name for name in saved if saved[name] != pushed[name]] == ["README.md"]


class TestTrainer:
    def test_every_push_is_complete(self, round_trip):
        repository = round_trip.hub.repositories["models", "lab/trained"]
        pushes = list(repository.commits.values())[1:]
        assert len(pushes) == 3  # after each of two checkpoints, and at the end
        for files in pushes:
            config = json.loads(files["config.json"].content)
            named = {reference.split(".")[0] for reference in config["auto_map"].values()} | {"pipeline"}
            assert {f"{module}.py" for module in named} | {"processing_emobert.py", "model.safetensors"} <= set(files)

    def test_checkpoints_are_whole_with_their_code(self, round_trip):
        checkpoint = round_trip.folder / "given" / "trained" / "checkpoint-1"
        sealed = json.loads((checkpoint / "seal.json").read_text())["files"]
        assert {"modeling_emobert.py", "processing_emobert.py", "config.json"} <= set(sealed)

    def test_the_card_that_training_wrote_is_the_one_on_the_hub(self, round_trip):
        written = (round_trip.folder / "given" / "trained" / "README.md").read_text()
        cards = {
            name: round_trip.hub.files(name)["README.md"].decode() for name in ("lab/trained", "lab/trained-again")
        }
        assert cards == {"lab/trained": written, "lab/trained-again": with_address(written, "lab/trained-again")}
        card = ModelCard(written)
        assert "Four rows." in card.text
        (result,) = card.data.eval_results
        assert (result.metric_name, result.metric_value, result.dataset_name) == ("accuracy", 0.5, "rows")
        assert card.data.to_dict()["model-index"][0]["name"] == "Tiny"


def test_a_prepared_dataset_comes_back(round_trip):
    back = round_trip.pushed["dataset"]
    assert (back["train"], back["test"]) == ([[2, 5, 3], [2, 3]], [[2, 3]])
    assert (back["then"], back["then, renamed"], back["now"], back["now, renamed"]) == ([0, 1], [0, 1], [1, 0], [1, 0])
    assert "data/train-00000-of-00001.parquet" in round_trip.hub.files("lab/rows", kind="datasets")
