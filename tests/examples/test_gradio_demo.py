"""The page in a real browser: headless Chromium, driven by Playwright, against the app in a process of its own."""

import importlib
import os
import shutil
from contextlib import contextmanager

import httpx
import numpy as np
import pytest
import soundfile as sf
from transformers import pipeline

import preprocess  # noqa: F401  registers the processor
from tests.examples.gradio_server import running_app, save_tiny_model
from tests.tiny import tone, write_tone


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
RATE = 16_000
# Texts on the page whose contrast with what is behind them is below 4.5 : 1 (WCAG 2), with it.
LOW_CONTRAST = """() => {
  const linear = (v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const parts = (colour) => [...colour.match(/[\\d.]+/g).map(Number), 1].slice(0, 4);
  const over = (top, share, below) => below.map((v, i) => v * (1 - share) + top[i] * share);
  const behind = (element) => {
    const layers = [];
    for (; element; element = element.parentElement) {
      layers.unshift(parts(getComputedStyle(element).backgroundColor));
      if (layers[0][3] === 1) break;
    }
    return layers.reduce((below, layer) => over(layer, layer[3], below), [255, 255, 255]);
  };
  const found = [], texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const text = texts.currentNode, element = text.parentElement, range = document.createRange();
    range.selectNode(text);
    const box = range.getBoundingClientRect();
    const isSeen = element.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true });
    if (!text.textContent.trim() || !isSeen || box.width < 2 || element.closest(":disabled")) continue;
    const colour = parts(getComputedStyle(element).color), ground = behind(element);
    const [low, high] = [light(over(colour, colour[3], ground)), light(ground)].sort((a, b) => a - b);
    const contrast = (high + 0.05) / (low + 0.05);
    if (contrast < 4.5) found.push([text.textContent.trim(), contrast]);
  }
  return found;
}"""
# A person would have given up by then.
PATIENCE_MS = 30_000

if CHROMIUM is None and not MUST_RUN:
    pytest.skip("there is no Chromium: apt-get install chromium", allow_module_level=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("gradio")


@pytest.fixture(scope="module")
def model(folder):
    saved = save_tiny_model(folder / "model")
    (saved / "README.md").write_text("---\nlanguage: en\nlicense: mit\n---\n")
    return saved


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


@contextmanager
def hearing(browser, sound):
    """A tab of a browser of its own, whose microphone hears this file again and again."""
    flags = (*FLAGS, f"--use-file-for-fake-audio-capture={sound}")
    other = browser.browser_type.launch(executable_path=CHROMIUM, args=list(flags))
    yield other.new_page()
    other.close()


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


def write_call(path):
    """Two speakers, one on each channel, who take turns."""
    stereo = np.zeros((round(4.4 * RATE), 2), dtype=np.float32)
    for channel, start in ((0, 0.3), (1, 1.6), (0, 3.0)):
        stereo[round(start * RATE) : round((start + 0.9) * RATE), channel] = tone(0.9)
    sf.write(path, stereo, RATE)


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
        assert not page.locator("#timeline .lanes").is_visible()

    def test_a_long_recording_gets_a_timeline(self, page, folder):
        write_tone(folder / "long.wav", 3.5)
        upload(page, folder / "long.wav")
        recognise(page)
        bars = page.locator("#timeline .lane-bar")
        bars.first.wait_for()
        assert bars.count() == 5
        label = shown_label(page)
        share = page.get_by_test_id(f"{label}-confidence-set").inner_text().split()[-1]
        # The headline is the timeline's mean.
        assert f"Mean by duration: {label} {share}." in page.locator("#timeline .said").inner_text()
        assert not page.locator("#notes").is_visible()
        page.locator("#transcript textarea").fill(TEXT)
        recognise(page)
        page.locator("#notes").wait_for()
        assert "the timeline of the sound alone" in page.locator("#notes").inner_text()
        page.locator("button#clear").click()
        page.locator("#timeline .lanes").wait_for(state="detached")
        assert page.locator("#transcript textarea").input_value() == ""

    def test_explains_the_prediction_that_is_shown(self, page):
        page.locator("#transcript textarea").fill(TEXT)
        recognise(page)
        page.locator("button#explain").click()
        words = page.locator("#explanation .why-word")
        words.first.wait_for()
        assert [word.inner_text() for word in words.all()] == TEXT.split()
        assert shown_label(page) in page.locator("#explanation h3").inner_text()

    def test_each_channel_is_a_speaker(self, page, folder, model):
        write_call(folder / "call.wav")
        upload(page, folder / "call.wav")
        page.locator("#channels input:checked").wait_for()
        recognise(page)
        page.locator("#timeline .lane-bar").first.wait_for()
        lanes = page.locator("#timeline .lane:has(.lane-track)")
        assert [lane.locator("div").first.inner_text() for lane in lanes.all()] == ["channel 0", "channel 1"]
        assert [lane.locator(".lane-bar").count() for lane in lanes.all()] == [4, 2]  # silence is left empty
        options = {"segmentation": "voice", "channels": "each", "chunk_length_s": 1.0}
        expected = pipeline("emotion-recognition", model=str(model))(str(folder / "call.wav"), **options)
        assert shown_label(page) == expected["predictions"][0]["label"]
        assert page.locator("#timeline tr").count() == 1 + len(expected["chunks"])

    def test_an_example_is_filled_in(self, page):
        page.locator("#examples button").first.click()
        page.wait_for_function("document.querySelector('#transcript textarea').value.startsWith('Thank you')")

    def test_the_model_is_stated(self, page):
        said = page.locator("#facts").inner_text()
        assert "Model: model. Languages: en. Trained on: not stated. Licence: mit." in said
        assert "A score is a probability; all of them sum to 1." in said


@pytest.mark.parametrize("button", ["clear", "recognise"])
def test_a_running_explanation_is_ended_and_never_shown(page, folder, button):
    write_tone(folder / "slow.wav", 4.9)
    upload(page, folder / "slow.wav")
    page.locator("#transcript textarea").fill(TEXT)
    recognise(page)
    page.locator("button#explain").wait_for()
    # The other button is pressed while it runs, or as it comes.
    page.evaluate(f"""() => {{
        document.querySelector("button#explain").click();
        setTimeout(() => document.querySelector("button#{button}").click(), 150);
    }}""")
    page.wait_for_timeout(3_000)
    assert not page.locator("#explanation .why").is_visible()
    if button == "recognise":
        page.locator("button#explain").click()
        page.locator("#explanation .why").wait_for()


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

    def test_another_kind_of_file(self, page, folder):
        (folder / "notes.txt").write_text("no sound")
        page.locator("#speech input[type=file]").set_input_files(folder / "notes.txt")
        page.get_by_text("notes.txt is no sound file. Give wav, mp3").wait_for()

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


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_fits_a_narrow_window_and_can_be_read(page, server, folder, theme):
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(f"{server.url}/?__theme={theme}")
    write_tone(folder / "narrow.wav", 2.5)
    upload(page, folder / "narrow.wav")
    page.locator("#transcript textarea").fill(TEXT)
    recognise(page)
    page.locator("button#explain").click()
    page.locator("#explanation .why").wait_for()
    assert page.locator("#timeline .lane-bar").first.is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    first, second = (page.locator(f"button#{name}").bounding_box() for name in ("recognise", "clear"))
    assert first["y"] < second["y"]
    assert page.evaluate(LOW_CONTRAST) == []


class TestLive:
    def test_lines_come_while_somebody_speaks(self, browser, server, folder, model):
        bursts = [np.concatenate([tone(0.8), np.zeros(RATE, dtype=np.float32)]) for _ in range(2)]
        write = folder / "microphone.wav"
        sf.write(write, np.concatenate(bursts), RATE)
        with hearing(browser, write) as tab:
            tab.set_default_timeout(PATIENCE_MS)
            tab.goto(server.url)
            tab.get_by_role("tab", name="Live").click()
            tab.locator("#live-button").click()
            lines = tab.locator("#live-events li")
            lines.nth(1).wait_for()
            assert tab.locator("#live-state").inner_text() == "Listening. A line comes after each pause."
            so_far = tab.locator("#live-so-far").inner_text()
            assert any(so_far.startswith(f"So far: {label} ") for label in ("angry", "happy", "sad"))
            assert tab.evaluate(LOW_CONTRAST) == []
            tab.locator("#live-button").click()
            tab.get_by_text("Heard 0:").wait_for()
            assert tab.locator("#live-button").inner_text() == "Start listening"
        counts = httpx.get(f"{server.url}/metrics").text
        assert "emobert_streams 0\n" in counts and "emobert_streams_total 1\n" in counts
