"""How a tweet is read aloud: the words that a speech synthesiser is given for it."""

from __future__ import annotations

import re


# Emoticons are named as a screen reader would. Noses and repeats are optional: ":)", ":-)", ":o)", ":))))".
EMOTICONS = (
    (r"[:;=]'-?\(+", "crying face"),
    (r"[:=][-o]?[(\[]+", "sad face"),
    (r";[-o]?[)\]D]+", "winking face"),
    (r"[:=xX]-?D+\b", "laughing face"),
    (r"[:=][-o]?[)\]]+|\(+[-o]?[:=]|\^_*\^", "smiling face"),
    (r"[:;=]-?[pP]+\b", "tongue out"),
    (r"[:=]-?[/\\]+", "unsure face"),
    (r"[:=]-?[oO0]\b", "surprised face"),
    (r"[:=]-?\*+", "kiss"),
    (r"<3+", "heart"),
)
EMOTICON_PATTERNS = [(re.compile(rf"(?<![A-Za-z0-9]){pattern}"), name) for pattern, name in EMOTICONS]

URL = re.compile(r"(?:https?://|www\.|pic\.twitter)\S*", re.IGNORECASE)
USER = re.compile(r"@(?=\w)\w+")
USERS = re.compile(r"@\w+(?:[\s,&]+@\w+)+")
HASHTAG = re.compile(r"#(\w*[A-Za-z]\w*)")
CAMEL_CASE = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Za-z])(?=\d)")
RETWEET = re.compile(r"\bRT\b(?=\s*@)")
LONG_LETTER = re.compile(r"([A-Za-z])\1{2,}")
LONG_PUNCTUATION = re.compile(r"[.,;:?]{2,}")
UNSPOKEN = re.compile(r"[^\w\s.,;:?'$£€%+-]|_")
LONE_MARK = re.compile(r"(?<!\S)[-+'.,;:?$£€%]+(?!\S)")


def spoken_form(text: str) -> str:
    """The words of a tweet as they are read aloud.

    - Addresses become "link", user names "someone" (several in a row are one), `RT @user` "retweet someone";
    - hashtags lose their sign and are split at capitals (`#GoPats`: "Go Pats");
    - emoticons are named (`:)`: "smiling face");
    - `&` is "and", `w/` "with", `#1` "number 1"; letters repeated three times or more are said twice;
    - an exclamation mark is read as a full stop, so that the voice stays neutral however much the writer shouts.

    Args:
        text (`str`): the tweet, HTML entities resolved.

    Returns:
        `str`: plain words and pauses; empty where nothing can be said.

    Example:
        >>> spoken_form("@anonymous Sooooo lucky!!! :) #GoPats http://url_removed")
        'someone Soo lucky. smiling face. Go Pats link'
    """
    text = RETWEET.sub("retweet ", text)
    text = USER.sub("someone", USERS.sub("someone", text))
    text = URL.sub(" link ", text)
    text = HASHTAG.sub(lambda match: f" {CAMEL_CASE.sub(' ', match.group(1))} ", text)
    for pattern, name in EMOTICON_PATTERNS:
        text = pattern.sub(f" {name}. ", text)
    text = re.sub(r"#(?=\d)", " number ", text)
    text = re.sub(r"\b[wW]/\s*", "with ", text)
    text = text.replace("&", " and ").replace("!", ".")
    text = LONG_LETTER.sub(r"\1\1", text)
    text = LONG_PUNCTUATION.sub(lambda marks: "? " if "?" in marks[0] else f"{marks[0][0]} ", text)
    text = UNSPOKEN.sub(" ", text)
    return " ".join(LONE_MARK.sub(" ", text).split())


def content_words(text: str) -> list[str]:
    """The lower-case words of a tweet without user names and addresses, to compare wordings.

    Example:
        >>> content_words("@anonymous Don't GO!! http://url_removed")
        ["don't", 'go']
    """
    return re.findall(r"[a-z0-9']*[a-z0-9][a-z0-9']*", USER.sub(" ", URL.sub(" ", text)).lower())
