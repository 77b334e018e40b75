"""Listed words that are written by their sound: in pinyin, by initials (qw第一), with homophones."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

from livehost.chinese import folded, pinyin
from livehost.compliance.context import is_word, rare, splits_words
from livehost.compliance.normalise import Spoken, View, in_characters, spoken

# Characters of everyday speech: a word with one of them in it is more likely plain talk than a disguise.
PLAIN = frozenset(
    "的了在是我不有这他们来到时地得着就那和也你都说要好没可会能对很还又吧吗呢啊只每自己小大多少上下里外中前后年月日天用去看过"
    "给把被让从向与及或但而且为因所以做再次个些样种件一二三四五六七八九十先最更太真加家新水皮肤干净开关"
)
LONGEST = 10  # of the listed words
_LATIN = re.compile(r"[a-z]+")
_AFTER_SIZE = re.compile(r"[码号穿拍选要]$")


@dataclass(frozen=True)
class Sounds:
    """The words of a group with their syllables, by the first of these and by how they may begin."""

    words: tuple[tuple[tuple[str, ...], str], ...]

    @classmethod
    def of(cls, words: tuple[str, ...]) -> Sounds:
        """What holds Chinese, and more than one character, digits as characters; read by characters and as a word (便宜: pian yi)."""
        own = [in_characters(w) for w in map(folded, words) if len(w) >= 2 and any(_han(c) for c in w)]
        return cls(tuple(dict.fromkeys((said, w) for w in own for said in (pinyin(w), _read(w)))))

    @cached_property
    def by_first(self) -> dict[str, list[tuple[tuple[str, ...], str]]]:
        """By the first syllable."""
        found: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        for sounds, word in self.words:
            found.setdefault(sounds[0], []).append((sounds, word))
        return found

    @cached_property
    def by_start(self) -> dict[str, list[tuple[tuple[str, ...], str]]]:
        """By the first character, and by the first letter of its syllable."""
        found: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        for sounds, word in self.words:
            found.setdefault(word[0], []).append((sounds, word))
            found.setdefault(sounds[0][0], []).append((sounds, word))
        return found


def _read(word: str) -> tuple[str, ...]:
    from pypinyin import lazy_pinyin

    said = tuple(lazy_pinyin(word)) if all(map(_han, word)) else ()
    return said if len(said) == len(word) else pinyin(word)


def _han(char: str) -> bool:
    return "\u4e00" <= char <= "\u9fff"


@dataclass(frozen=True)
class Heard:
    """A form of a line, with its syllables and where letters stand in it."""

    view: View
    line: Spoken
    latin: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, view: View) -> Heard:
        """Read a form aloud."""
        return cls(view, spoken(view), tuple(m.span() for m in _LATIN.finditer(view.text)))


def disguised(sounds: Sounds, heard: Heard) -> Iterator[tuple[str, int, int]]:
    """Each word that sounds through, and where in the form."""
    if heard.latin:
        yield from _lettered(sounds, heard)
    line = heard.line
    for at, syllable in enumerate(line.syllables):
        for said, word in sounds.by_first.get(syllable, ()):
            size = len(said)
            if line.syllables[at : at + size] != said or any(line.latin[at : at + size]):
                continue
            written = "".join(line.chars[at : at + size])
            start, end = line.spans[at][0], line.spans[at + size - 1][1]
            if written != word and _is_homophone(written, word, heard.view.text, start, end):
                yield word, start, end


def _is_homophone(written: str, word: str, text: str, start: int, end: int) -> bool:
    """Whether characters that sound like a word stand for it: no everyday ones, and no words of their own."""
    size = len(word)
    changed = [w for w, c in zip(written, word, strict=True) if w != c]
    if any(c in PLAIN for c in changed):
        return False
    mostly = 2 * len(changed) <= size and (len(changed) < size or size >= 4)
    if not mostly and not all(rare(c) for c in changed):
        return False
    if splits_words(text, start, end):
        return False
    pieces = {written} | {written[i : i + 2] for i in range(size - 1)}
    return not any(is_word(piece) and piece not in word for piece in pieces)


def _lettered(sounds: Sounds, heard: Heard) -> Iterator[tuple[str, int, int]]:
    """Words with syllables or initials in place of characters; letters count only as whole runs."""
    text = heard.view.text
    for left, right in heard.latin:
        for start in range(max(0, left - LONGEST), left + 1):
            if start < left and text[start].isascii() and text[start].isalpha():
                continue
            for said, word in sounds.by_start.get(text[start], ()):
                found = _pattern(word, said, False).match(text, start) or _pattern(word, said, True).match(
                    text, start
                )
                if found and found.end() >= right and _is_lettered(text, found, word):
                    yield word, start, found.end()


@lru_cache(maxsize=16384)
def _pattern(word: str, said: tuple[str, ...], initials: bool) -> re.Pattern[str]:
    def one(char: str, sound: str) -> str:
        ways = [re.escape(char), re.escape(sound).replace("v", "[uv]")]
        if initials and _han(char):
            ways.append(sound[0] + "h?" if sound[1:2] == "h" else sound[0])
        return f"(?:{'|'.join(dict.fromkeys(ways))})"

    body = "".join(one(c, s) for c, s in zip(word, said, strict=True))
    return re.compile(rf"(?<![a-z]){body}(?![a-z])")


def _is_lettered(text: str, found: re.Match[str], word: str) -> bool:
    """Whether letters stand for a word: whole syllables, or initials beside enough of its characters."""
    written = found[0]
    own = sum(c in word for c in written if not c.isascii())
    letters = sum(c.isascii() and c.isalpha() for c in written)
    if letters + own > len(word):
        return letters > 0
    if own:
        return len(word) > 2 or not _AFTER_SIZE.search(text[: found.start()])
    return len(word) >= 4 and letters == len(word)
