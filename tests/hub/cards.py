"""Pushes pipelines with and without a card, and runs what the cards on the Hub show, as it is written.

Run as `python -m tests.hub.cards <folder>`, with a Hub at HF_ENDPOINT; the examples are those of the repository.
"""

import contextlib
import io
import json
import os
import re
import sys
from pathlib import Path

from huggingface_hub import ModelCard
from transformers import pipeline

from modeling_emo import EmotionRecognitionPipeline, ModelDescription, write_model_card
from tests.tiny import tiny_processor, write_tone
from tests.tiny_models import emobert


def main(folder: Path) -> None:
    os.chdir(folder)
    write_tone(folder / "recording.wav", seconds=0.4)
    recognise = EmotionRecognitionPipeline(model=emobert("wav2vec2-group-norm"), processor=tiny_processor())
    recognise.push_to_hub("tester/bare")

    recognise.save_pretrained(folder / "trained")
    (folder / "trained" / "confusion.png").write_bytes(b"picture")
    (folder / "trained" / "elsewhere.png").write_bytes(b"not shown")
    description = ModelDescription(name="Mine", data="Three rows.", license="mit", languages=["en"])
    plots = {"Confusion": "confusion.png"}
    write_model_card(folder / "trained", recognise.model.config, description, plots=plots)
    trained = pipeline("emotion-recognition", model=str(folder / "trained"))
    trained.push_to_hub("tester/carded")
    trained.model.push_to_hub("tester/carded")  # the weights once more: the card stays
    pipeline("emotion-recognition", model="tester/carded").push_to_hub("tester/carded")  # from the Hub, to it

    # Saved and pushed at once: one of ours, and that of the folder.
    recognise.save_pretrained(folder / "saved", push_to_hub=True, repo_id="tester/saved", commit_message="All of it")
    (folder / "kept").mkdir()
    write_model_card(folder / "kept", recognise.model.config, description)
    recognise.save_pretrained("kept", push_to_hub=True)

    shown = {}
    for name in ("bare", "carded", "saved"):
        card = ModelCard.load(f"tester/{name}")
        shown[name] = []
        for snippet in re.findall(r"```python\n(.*?)```", card.text, re.DOTALL):
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(snippet, {})
            shown[name].append([snippet, printed.getvalue()])
    (folder / "shown.json").write_text(json.dumps(shown))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
