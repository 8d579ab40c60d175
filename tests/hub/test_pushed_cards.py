"""A pushed pipeline has its folder's card, or ours, and what the card shows runs as it is written."""

import json
import re

import pytest
from huggingface_hub import ModelCard

from tests.hub.conftest import ROOT, run
from tests.hub_server import HubServer


@pytest.fixture(scope="module")
def pushed(tmp_path_factory):
    """What the cards show and print, and the files of both repositories."""
    folder = tmp_path_factory.mktemp("cards")
    with HubServer() as hub:
        run(["-m", "tests.hub.cards", folder], hub, home=folder / "home", cwd=ROOT, PYTHONPATH=str(ROOT))
        files = {name: hub.files(f"tester/{name}") for name in ("bare", "carded", "saved", "kept")}
    return json.loads((folder / "shown.json").read_text()), files


@pytest.mark.parametrize("name", ["bare", "carded", "saved"])
def test_examples_load_the_repository_and_run(pushed, name):
    (of_pipeline, scores), (of_steps, probabilities) = pushed[0][name]
    assert of_pipeline.count(f"tester/{name}") == 1 and of_steps.count(f"tester/{name}") == 2
    assert "'label': " in scores and "'score': " in scores
    stated = [float(number) for number in re.search(r"\[\[(.*?)\]\]", probabilities)[1].split(",")]
    assert len(stated) == 3 and sum(stated) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("name", ["bare", "saved"])
def test_a_card_of_ours_where_there_is_none(pushed, name):
    card = ModelCard(pushed[1][name]["README.md"].decode())
    assert card.text.strip().startswith(f"# {name}\n")
    assert "## Results\n\nNone is recorded." in card.text and "## Limits" in card.text
    assert (card.data.library_name, card.data.pipeline_tag) == ("transformers", "audio-classification")
    assert "license" not in card.data.to_dict() and "## Training" not in card.text


def test_the_folder_s_card_with_its_pictures(pushed):
    files = pushed[1]["carded"]
    card = ModelCard(files["README.md"].decode())
    assert "Three rows." in card.text and (card.data.license, card.data.language) == ("mit", ["en"])
    assert files["confusion.png"] == b"picture" and "elsewhere.png" not in files


def test_the_card_of_the_folder_that_is_saved_to(pushed):
    files = pushed[1]["kept"]
    assert "Three rows." in files["README.md"].decode() and 'model="tester/kept"' in files["README.md"].decode()
    assert {"config.json", "model.safetensors", "processor_config.json"} <= files.keys()
    assert files.keys() == pushed[1]["saved"].keys()
