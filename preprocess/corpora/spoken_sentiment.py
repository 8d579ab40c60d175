"""`spoken_sentiment`: real, human-rated tweets, read aloud by synthetic voices.

The texts and their labels are real: tweets with the mean of at least 20 human ratings from -4 (extremely negative) to
4 (extremely positive), from the source distribution of `vaderSentiment` (see `vader_tweets.py`). **The voices are
synthetic**: espeak-ng reads each tweet (see `spoken_form.py`) with neutral prosody. Voice, speed and pitch follow from
a hash of the utterance's id alone, never from the rating or the words: a voice that sounded glad for glad tweets would
give the label away. So the speech carries the sentiment only in what is said, not in how; results on this corpus tell
how well a model listens to words, and nothing about emotional voices.

The splits are fixed, about 60 % train, 15 % validation, 25 % test, and share no wording: the corpus has groups of
tweets that differ in capitals, exclamation marks or one added word ("Yay. Another good phone interview.", "YAY!!
Another extremely good phone interview!!"), and all tweets whose sets of words overlap by `SAME_WORDING` or more
(Jaccard index, linked transitively) are in one split. Every voice is in every split.

```bash
python -m preprocess.corpora.spoken_sentiment --data_dir .cache/spoken_sentiment --limit 2000
```

leaves in the data folder `vaderSentiment-3.3.2.tar.gz` (2.4 MB, downloaded by pip), `wav/<id>.wav` (16 kHz mono),
`manifest.json` (the settings, and for each utterance its text, words spoken, rating, voice and split) and `README.md`.
A later call with the same settings reads the manifest and synthesises nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from sklearn.feature_extraction.text import CountVectorizer

from configuration_emo.structured_text import read_json

from ..schema import SPLITS, CorpusReading, Problem, Utterance
from .spoken.espeak import SpeechRequest, synthesize_files
from .spoken.spoken_form import content_words, spoken_form
from .spoken.vader_tweets import RATING_RANGE, SDIST_SHA256, TWEETS_FILE, RatedTweet, fetch_sdist, read_tweets


VOICES = (
    "en-us+m1",
    "en-us+m3",
    "en-us+m7",
    "en-us+f2",
    "en-us+f3",
    "en-us+f5",
    "en+m2",
    "en+f4",
)  # en: British English
RATES = (175, 215)  # words per minute, both ends included
PITCHES = (40, 60)  # espeak-ng's scale, 50 is the voice's own pitch
SPLIT_SHARES = {"train": 0.60, "validation": 0.15, "test": 0.25}
SAME_WORDING = 0.6
MIN_WORDS = 3

MANIFEST_FILE = "manifest.json"
MANIFEST_VERSION = 1
WAV_FOLDER = "wav"
DESCRIPTION = f"""# spoken_sentiment

Real tweets with the mean of at least 20 human sentiment ratings, from {RATING_RANGE[0]:g} (extremely negative) to
{RATING_RANGE[1]:g} (extremely positive), read aloud by **synthetic voices** (espeak-ng) with neutral prosody: voice,
speed and pitch depend on the utterance's id alone. The speech carries sentiment in its words, not in its sound; it is
not a recording of any person, and nothing learnt from it holds for emotional voices.

Texts and ratings: C. J. Hutto and E. Gilbert, "VADER: A Parsimonious Rule-based Model for Sentiment Analysis of Social
Media Text", ICWSM 2014, from the source distribution of vaderSentiment 3.3.2 (MIT licence).
"""


@dataclass(frozen=True)
class SpokenTweet:
    """One utterance as the manifest lists it: a tweet, its split, and how it is spoken."""

    id: str
    text: str
    spoken: str
    rating: float
    split: str
    voice: str
    rate: int
    pitch: int


def read(
    data_dir: str | Path,
    *,
    sdist: str | Path | None = None,
    limit: int | None = None,
    voices: Sequence[str] = VOICES,
    seed: int = 0,
    min_words: int = MIN_WORDS,
) -> CorpusReading:
    """Read the corpus; on the first call make it.

    Args:
        data_dir (`str` or `Path`): the folder to keep it in.
        sdist (`str` or `Path`, *optional*): `vaderSentiment-3.3.2.tar.gz`; by default pip downloads it to `data_dir`.
        limit (`int`, *optional*): use this many tweets, chosen by a hash of their ids; by default all (about 4,000).
        voices (`list[str]`): espeak-ng voices, which are the corpus's speakers.
        seed (`int`): of the hash that chooses tweets and voices. The splits do not depend on it, nor on `limit`.
        min_words (`int`): leave out tweets with fewer words, user names and addresses not counted.

    Returns:
        `CorpusReading`: `train`, `validation` and `test` (less those that a very small `limit` leaves empty); the
        label is the mean rating in [-4, 4], the speaker the name of the synthetic voice, the text the tweet as it was
        rated (HTML entities resolved). Problems are tweets that are too short or that espeak-ng cannot voice.

    Raises:
        ValueError: a bad option, an unknown voice, a missing package, or a file with another sha256.

    Example:
        >>> reading = read(".cache/spoken_sentiment", limit=2000)  # doctest: +SKIP
        >>> reading.splits["train"][0].text, reading.splits["train"][0].label  # doctest: +SKIP
        ("I'm not about meeting. I'm about doings.", 0.557894737)
    """
    if limit is not None and limit < 1:
        raise ValueError(f"limit must be at least 1 tweet, got {limit}; leave it out to use all.")
    if isinstance(voices, str) or not voices:
        raise ValueError(f"voices must be a list of at least one espeak-ng voice, got {voices!r}.")
    data_dir = Path(data_dir)
    settings = {
        "version": MANIFEST_VERSION,
        "sdist_sha256": SDIST_SHA256,
        "limit": limit,
        "voices": list(voices),
        "seed": seed,
        "min_words": min_words,
    }
    manifest = _load_manifest(data_dir, settings)
    if manifest is None:
        tweets, problems = read_tweets(fetch_sdist(data_dir) if sdist is None else sdist)
        plan, too_short = plan_utterances(tweets, limit=limit, voices=voices, seed=seed, min_words=min_words)
        manifest = _make_corpus(data_dir, settings, plan, problems + too_short)
    return _to_reading(data_dir, manifest)


def plan_utterances(
    tweets: Sequence[RatedTweet],
    *,
    limit: int | None = None,
    voices: Sequence[str] = VOICES,
    seed: int = 0,
    min_words: int = MIN_WORDS,
) -> tuple[list[SpokenTweet], list[Problem]]:
    """Which tweets are spoken, how, and in which split.

    Args:
        tweets (`list[RatedTweet]`): all tweets of the corpus.
        limit, voices, seed, min_words: as for [`read`].

    Returns:
        The utterances in the order of their ids, and the tweets left out.
    """
    usable, problems = [], []
    for tweet in tweets:
        words = len(content_words(tweet.text))
        if words < min_words:
            reason = f"{words} words without user names and addresses, at least {min_words} are needed: {tweet.text!r}"
            problems.append(Problem(tweet.id, TWEETS_FILE, reason))
        else:
            usable.append(tweet)
    splits = split_by_wording([tweet.text for tweet in usable]) if usable else []
    plan = []
    for tweet, split in zip(usable, splits, strict=True):
        voice, rate, pitch = voice_parameters(tweet.id, voices=voices, seed=seed)
        plan.append(
            SpokenTweet(tweet.id, tweet.text, spoken_form(tweet.text), tweet.rating, split, voice, rate, pitch)
        )
    plan.sort(key=lambda utterance: _hash(seed, "choice", utterance.id))
    return sorted(plan[:limit], key=lambda utterance: utterance.id), problems


def voice_parameters(utterance_id: str, *, voices: Sequence[str] = VOICES, seed: int = 0) -> tuple[str, int, int]:
    """Voice, rate (words per minute) and pitch of an utterance: functions of its id, blind to text and rating.

    Example:
        >>> voice_parameters("tweet_0001") == voice_parameters("tweet_0001")
        True
    """
    voice = voices[_hash(seed, "voice", utterance_id) % len(voices)]
    rate = RATES[0] + _hash(seed, "rate", utterance_id) % (RATES[1] - RATES[0] + 1)
    pitch = PITCHES[0] + _hash(seed, "pitch", utterance_id) % (PITCHES[1] - PITCHES[0] + 1)
    return voice, rate, pitch


def wording_groups(texts: Sequence[str], *, same_wording: float = SAME_WORDING) -> np.ndarray:
    """Group texts of nearly the same wording.

    Two texts are linked where the Jaccard index of their sets of words (`content_words`) is at least `same_wording`;
    groups are the connected components of these links.

    Args:
        texts (`list[str]`): texts with at least one word each.
        same_wording (`float`): between 0 and 1.

    Returns:
        `np.ndarray` of shape `(texts,)`: the group of each text, numbered by first appearance.

    Example:
        >>> wording_groups(["So annoyed, again!", "Good morning, world", "SO annoyed AGAIN"]).tolist()
        [0, 1, 0]
    """
    words = CountVectorizer(analyzer=content_words, binary=True, dtype=np.int32).fit_transform(texts)
    shared = (words @ words.T).tocoo()
    sizes = np.asarray(words.sum(axis=1)).ravel()
    linked = shared.data / (sizes[shared.row] + sizes[shared.col] - shared.data) >= same_wording
    links = coo_matrix((linked[linked], (shared.row[linked], shared.col[linked])), shape=shared.shape)
    return connected_components(links, directed=False)[1]


def split_by_wording(texts: Sequence[str]) -> list[str]:
    """The split of each text: a hash of the wording of its group's first text, so that groups stay together.

    Args:
        texts (`list[str]`): all texts of the corpus, since a group's first text decides.
    """
    groups = wording_groups(texts)
    first_texts = {group: texts[index] for index, group in reversed(list(enumerate(groups)))}
    edges = np.cumsum(list(SPLIT_SHARES.values()))
    names = list(SPLIT_SHARES)
    splits = {}
    for group, text in first_texts.items():
        position = _hash("split", *content_words(text)) / 2**64
        splits[group] = names[min(int(np.searchsorted(edges, position, side="right")), len(names) - 1)]
    return [splits[group] for group in groups]


def _hash(*parts: str | int) -> int:
    """64 bits that stay the same in every process, unlike Python's own `hash`."""
    return int.from_bytes(hashlib.sha256("\n".join(map(str, parts)).encode()).digest()[:8], "big")


def _make_corpus(data_dir: Path, settings: dict, plan: list[SpokenTweet], problems: list[Problem]) -> dict:
    """Synthesise into a temporary folder, then put it in place; the manifest comes last and vouches for the rest."""
    data_dir.mkdir(parents=True, exist_ok=True)
    (data_dir / MANIFEST_FILE).unlink(missing_ok=True)
    with TemporaryDirectory(prefix=".wav-", dir=data_dir) as temporary:
        spoken = Path(temporary) / WAV_FOLDER
        requests = [SpeechRequest(item.id, item.spoken, item.voice, item.rate, item.pitch) for item in plan]
        failures = synthesize_files(requests, spoken)
        shutil.rmtree(data_dir / WAV_FOLDER, ignore_errors=True)
        spoken.rename(data_dir / WAV_FOLDER)
    problems = problems + [
        Problem(item.id, TWEETS_FILE, failures[item.id], item.split) for item in plan if item.id in failures
    ]
    utterances = [
        {**asdict(item), "bytes": _wav_path(data_dir, item.id).stat().st_size}
        for item in plan
        if item.id not in failures
    ]
    rows = [problem.to_row() for problem in problems]
    manifest = {"settings": settings, "utterances": utterances, "problems": rows}
    (data_dir / "README.md").write_text(DESCRIPTION, encoding="utf-8")
    unfinished = data_dir / f"{MANIFEST_FILE}.part"
    unfinished.write_text(json.dumps(manifest, ensure_ascii=False, indent=1), encoding="utf-8")
    unfinished.replace(data_dir / MANIFEST_FILE)
    return manifest


def _load_manifest(data_dir: Path, settings: dict) -> dict | None:
    """The manifest, if it has these settings and all of its files are there in full."""
    path = data_dir / MANIFEST_FILE
    if not path.is_file():
        return None
    try:
        manifest = read_json(path)
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}); delete it to make the corpus again.") from error
    if not isinstance(manifest, dict) or manifest.get("settings") != settings:
        return None
    for item in manifest["utterances"]:
        wav = _wav_path(data_dir, item["id"])
        if not wav.is_file() or wav.stat().st_size != item["bytes"]:
            return None
    return manifest


def _to_reading(data_dir: Path, manifest: dict) -> CorpusReading:
    splits: dict[str, list[Utterance]] = {split: [] for split in SPLITS}
    for item in manifest["utterances"]:
        audio = str(_wav_path(data_dir, item["id"]))
        splits[item["split"]].append(
            Utterance(item["id"], audio=audio, text=item["text"], label=item["rating"], speaker=item["voice"])
        )
    used = {split: members for split, members in splits.items() if members}
    return CorpusReading(used, [Problem(**row) for row in manifest["problems"]])


def _wav_path(data_dir: Path, utterance_id: str) -> Path:
    return data_dir / WAV_FOLDER / f"{utterance_id}.wav"


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the spoken_sentiment corpus (synthetic voices).")
    parser.add_argument("--data_dir", required=True, help="folder to keep the corpus in")
    parser.add_argument("--sdist", default=None, help="vaderSentiment-3.3.2.tar.gz (default: pip downloads it)")
    parser.add_argument("--limit", type=int, default=None, help="number of tweets (default: all)")
    parser.add_argument("--seed", type=int, default=0, help="chooses tweets and voices")
    arguments = parser.parse_args()
    reading = read(arguments.data_dir, sdist=arguments.sdist, limit=arguments.limit, seed=arguments.seed)
    counts = ", ".join(f"{len(utterances)} {split}" for split, utterances in reading.splits.items())
    print(f"spoken_sentiment in {arguments.data_dir}: {counts}; {len(reading.problems)} tweets left out")


if __name__ == "__main__":
    main()
