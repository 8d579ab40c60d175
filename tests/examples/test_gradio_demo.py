"""The page in a real browser: headless Chromium, driven by Playwright, against the app in a process of its own."""

import importlib
import os
import shutil

import httpx
import numpy as np
import pytest
from transformers import pipeline

import preprocess  # noqa: F401  registers the processor
from tests.examples.gradio_server import running_app, save_tiny_model
from tests.tiny import write_tone


MUST_RUN = os.environ.get("CI_BROWSER") == "1"
sync_api = (
    importlib.import_module("playwright.sync_api")
    if MUST_RUN
    else pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install 'emobert[test]'")
)

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"),
)
TEXT = "what a nice day !"
# A person would have given up by then.
PATIENCE_MS = 30_000

if CHROMIUM is None and not MUST_RUN:
    pytest.skip("there is no Chromium: apt-get install chromium", allow_module_level=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("gradio")


@pytest.fixture(scope="module")
def model(folder):
    return save_tiny_model(folder / "model")


@pytest.fixture(scope="module")
def server(folder, model):
    limits = {"chunk_length_s": 1, "max_audio_seconds": 5, "max_file_mb": 0.3}
    with running_app(folder, model, **limits) as running:
        yield running
        assert list(running.uploads.rglob("*.wav"))
    assert not list(running.uploads.rglob("*.wav"))  # deleted when the server stops
    assert "Traceback" not in running.log.read_text()
    assert running.outside == []


@pytest.fixture(scope="module")
def browser():
    assert CHROMIUM is not None, (
        "CI_BROWSER=1 asks for these tests, and there is no Chromium: apt-get install chromium"
    )
    with sync_api.sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))


@pytest.fixture
def page(browser, server):
    """The page, freshly opened. At the end: it asked no other host for anything."""
    tab = browser.new_page(viewport={"width": 1280, "height": 900})
    tab.set_default_timeout(PATIENCE_MS)
    requested = []
    tab.on("request", lambda request: requested.append(request.url))
    tab.goto(server.url)
    tab.locator("#speech input[type=file]").wait_for(state="attached")
    yield tab
    tab.close()
    assert requested and [url for url in requested if not url.startswith((server.url, "blob:", "data:"))] == []


def upload(page, path):
    page.locator("#speech input[type=file]").set_input_files(path)
    page.locator("#speech a.download-link, #speech audio").first.wait_for(state="attached")


def recognise(page):
    page.locator("button#recognise").click()


def shown_label(page):
    label = page.get_by_test_id("label-output-value")
    label.wait_for()
    return label.inner_text().strip()


def shown_error(page):
    message = page.get_by_test_id("toast-body").last
    message.wait_for()
    return message.inner_text()


def natural_width(page, name):
    image = page.locator(f"#{name} img")
    image.wait_for()
    page.wait_for_function(f"document.querySelector('#{name} img').naturalWidth > 0")
    return image.evaluate("image => image.naturalWidth")


class TestPredictions:
    def test_shows_what_the_pipeline_says_of_sound_and_text(self, page, folder, model):
        path = folder / "day.wav"
        write_tone(path, 0.8)
        (expected, *_) = pipeline("emotion-recognition", model=str(model))({"audio": str(path), "text": TEXT})
        upload(page, path)
        page.locator("#transcript textarea").fill(TEXT)
        recognise(page)
        assert shown_label(page) == expected["label"]
        shares = page.get_by_test_id(f"{expected['label']}-confidence-set").inner_text()
        assert f"{expected['score']:.0%}" in shares
        assert not page.locator("#timeline img").is_visible()

    def test_a_long_recording_gets_a_timeline(self, page, folder):
        write_tone(folder / "long.wav", 3.5)
        upload(page, folder / "long.wav")
        recognise(page)
        assert natural_width(page, "timeline") == 1350
        assert shown_label(page) in ("angry", "happy", "sad")
        assert not page.locator("#notes").is_visible()
        page.locator("#transcript textarea").fill(TEXT)
        recognise(page)
        page.locator("#notes").wait_for()
        assert "the timeline of the sound alone" in page.locator("#notes").inner_text()
        page.locator("button#clear").click()
        page.locator("#timeline img").wait_for(state="detached")
        assert page.locator("#transcript textarea").input_value() == ""

    def test_explains_the_prediction_that_is_shown(self, page):
        page.locator("#transcript textarea").fill(TEXT)
        recognise(page)
        page.locator("button#explain").click()
        assert natural_width(page, "explanation") > 500


class TestRefusals:
    def test_a_corrupt_file_is_named_and_the_next_one_is_read(self, page, folder):
        (folder / "corrupt.wav").write_bytes(np.random.default_rng(0).bytes(5000))
        upload(page, folder / "corrupt.wav")
        recognise(page)
        message = shown_error(page)
        assert "corrupt.wav: not a sound or video file that can be read" in message
        assert str(folder) not in message
        page.locator("#speech button[aria-label=Clear]").click()
        write_tone(folder / "sound.wav", 0.5)
        upload(page, folder / "sound.wav")
        recognise(page)
        assert shown_label(page) in ("angry", "happy", "sad")

    def test_a_recording_that_is_too_long(self, page, folder):
        write_tone(folder / "lengthy.wav", 9.0)
        upload(page, folder / "lengthy.wav")
        recognise(page)
        assert "The recording is 9.0 s long, the limit is 5 s." in shown_error(page)

    def test_a_file_that_is_too_large_is_refused_by_page_and_server(self, page, server, folder):
        write_tone(folder / "large.wav", 2.0, rate=48_000, channels=2)
        page.locator("#speech input[type=file]").set_input_files(folder / "large.wav")
        assert "size" in shown_error(page)
        with (folder / "large.wav").open("rb") as file:
            response = httpx.post(f"{server.url}/gradio_api/upload", files={"files": file})
        assert response.status_code == 413
        assert not list(server.uploads.rglob("large.wav"))

    def test_nothing_given(self, page):
        recognise(page)
        assert "There is neither sound nor text." in shown_error(page)


def test_recognises_what_is_recorded(page):
    page.locator("#speech button[aria-label='Record audio']").click()
    page.locator("#speech button.record-button, #speech button:has-text('Record')").first.click()
    page.wait_for_timeout(800)  # what is recorded: the beeps of Chromium's stand-in for a microphone
    page.locator("#speech button.stop-button:visible").click()
    page.locator("#speech a.download-link").wait_for(state="attached")
    recognise(page)
    assert shown_label(page) in ("angry", "happy", "sad")


def test_fits_a_narrow_window(page, folder):
    page.set_viewport_size({"width": 390, "height": 800})
    write_tone(folder / "narrow.wav", 2.5)
    upload(page, folder / "narrow.wav")
    recognise(page)
    natural_width(page, "timeline")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
