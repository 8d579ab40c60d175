"""The rated tweets that the source distribution of `vaderSentiment` carries.

C. J. Hutto and E. Gilbert, "VADER: A Parsimonious Rule-based Model for Sentiment Analysis of Social Media Text",
ICWSM 2014: 4,200 tweets, each rated by at least 20 people from -4 (extremely negative) to 4 (extremely positive). The
authors removed the names of users and the addresses. MIT licence.

```bash
python -m preprocess.corpora.spoken.vader_tweets --data_dir .cache/spoken_sentiment  # only fetches the tweets
```
"""

from __future__ import annotations

import argparse
import hashlib
import html
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from configuration_emo.corpora import CORPORA

from ...schema import Problem


REQUIREMENT = "vaderSentiment==3.3.2"
SDIST_NAME = "vaderSentiment-3.3.2.tar.gz"
SDIST_SHA256 = "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9"
TWEETS_ARCHIVE = "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz"
TWEETS_FILE = "hutto_ICWSM_2014/tweets_GroundTruth.txt"
MAX_MEMBER_BYTES = 16 * 1024 * 1024
RATING_RANGE = CORPORA["spoken_sentiment"].scale()


@dataclass(frozen=True)
class RatedTweet:
    """One tweet: its number in the file as `id`, its text with HTML entities resolved, and its mean rating."""

    id: str
    text: str
    rating: float


def fetch_sdist(folder: str | Path) -> Path:
    """The source distribution of vaderSentiment 3.3.2 in `folder`, downloaded there by pip unless it is there.

    pip knows the index that this machine uses, and refuses a file with another hash before it looks inside.

    Args:
        folder (`str` or `Path`): where to keep the file.

    Raises:
        ValueError: pip cannot get the file.
    """
    path = Path(folder) / SDIST_NAME
    if path.is_file() and _sha256(path) == SDIST_SHA256:
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".download-", dir=path.parent) as temporary:
        requirements = Path(temporary) / "requirements.txt"
        requirements.write_text(f"{REQUIREMENT} --hash=sha256:{SDIST_SHA256}\n", encoding="utf-8")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
        command += ["--no-deps", "--no-binary", "vaderSentiment", "--require-hashes"]
        command += ["--requirement", str(requirements), "--dest", temporary]
        process = subprocess.run(command, capture_output=True, text=True, check=False)
        downloaded = Path(temporary) / SDIST_NAME
        if process.returncode or not downloaded.is_file():
            raise ValueError(
                f"pip could not download {SDIST_NAME}: {process.stderr.strip()[-1000:]}\nGet the file from "
                f"https://pypi.org/project/vaderSentiment/3.3.2/#files and put it at {path}."
            )
        downloaded.replace(path)
    return path


def read_tweets(sdist: str | Path) -> tuple[list[RatedTweet], list[Problem]]:
    """The rated tweets of the source distribution, in file order, and the lines that cannot be read.

    Args:
        sdist (`str` or `Path`): `vaderSentiment-3.3.2.tar.gz`.

    Raises:
        ValueError: the file is missing or is another one.
    """
    path = Path(sdist)
    if not path.is_file():
        raise ValueError(f"{path} does not exist: give {SDIST_NAME}, or leave `sdist` out to download it.")
    digest = _sha256(path)
    if digest != SDIST_SHA256:
        raise ValueError(f"{path} has sha256 {digest}, expected {SDIST_SHA256} ({SDIST_NAME}). Download it again.")
    with tarfile.open(path) as archive:
        tweets_archive = _read_member(archive, TWEETS_ARCHIVE)
    with tarfile.open(fileobj=BytesIO(tweets_archive)) as archive:
        lines = _read_member(archive, TWEETS_FILE).decode("utf-8").splitlines()
    return parse_tweets(lines, place=f"{path.name}/{TWEETS_FILE}")


def parse_tweets(lines: list[str], place: str) -> tuple[list[RatedTweet], list[Problem]]:
    r"""Read lines of `number <tab> mean rating <tab> text`.

    Args:
        lines (`list[str]`): the lines of `tweets_GroundTruth.txt`.
        place (`str`): the file's name for the report of problems.

    Example:
        >>> parse_tweets(["7\t-1.36\tDamn, running late &amp; wet."], "tweets.txt")[0]
        [RatedTweet(id='tweet_0007', text='Damn, running late & wet.', rating=-1.36)]
    """
    tweets, problems = [], []
    for row, line in enumerate(lines, start=1):
        where = f"{place}, line {row}"
        try:
            number, rating_text, text = line.split("\t")
            tweet = RatedTweet(f"tweet_{int(number):04d}", " ".join(html.unescape(text).split()), float(rating_text))
        except ValueError:
            problems.append(Problem(f"line_{row}", where, f"not 'number, rating, text' between tabs: {line[:80]!r}"))
            continue
        if not RATING_RANGE[0] <= tweet.rating <= RATING_RANGE[1]:
            problems.append(Problem(tweet.id, where, f"the rating {tweet.rating} is outside {RATING_RANGE}"))
            continue
        tweets.append(tweet)
    return tweets, problems


def _read_member(archive: tarfile.TarFile, name: str) -> bytes:
    """A regular file of an archive, by its exact name, read into memory: nothing is unpacked to the disk."""
    member = archive.getmember(name)
    content = archive.extractfile(member) if member.isfile() and member.size <= MAX_MEMBER_BYTES else None
    if content is None:
        raise ValueError(f"{name} in the archive is not a file of up to {MAX_MEMBER_BYTES} bytes.")
    return content.read()


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description="Fetch the source distribution that carries the rated tweets.")
    parser.add_argument("--data_dir", required=True, help="folder to keep the file in")
    print(fetch_sdist(parser.parse_args().data_dir))


if __name__ == "__main__":
    main()
