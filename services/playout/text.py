"""Type for the picture: finding the font, cleaning what viewers write, measuring and breaking lines.

FontMissing   no font with Chinese glyphs is installed; the message names the package
"""

from __future__ import annotations

import re
import subprocess
import unicodedata
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import ImageFont

_KNOWN = (
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc",
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Bold.ttc",
    "/usr/share/fonts/google-noto-cjk/NotoSansCJK-Bold.ttc",
    "/usr/share/fonts/truetype/noto/NotoSansCJK-Bold.ttc",
)
_REGION = {"zh": "SC", "en": "SC", "ja": "JP"}
_FC_LANGUAGE = {"zh": "zh-cn", "en": "zh-cn", "ja": "ja"}
_NO_START = set("，。！？、；：）】》」』”’…,.!?;:)]}%％~～·元件片支盒瓶")
_PAUSES = set("，。！？、；：,.!?;:")
_NO_END = set("（【《「『“‘([{¥￥")
_WORD = re.compile(r"[A-Za-z0-9.+\-×/%¥￥]+")
_ORNAMENTS = ((0x2600, 0x27BF), (0xFE00, 0xFE0F), (0x1F000, 0x1FFFF), (0xE0000, 0x10FFFF))
_LONGEST = 400
_ELLIPSIS = "…"


class FontMissing(Exception):
    """No usable font was found."""


def find_font(language: str = "zh") -> Path:
    """A font that holds the language's glyphs: Noto Sans CJK where it is installed, else what
    fontconfig names.

    Raises:
        FontMissing: install `fonts-noto-cjk`, or name a font file in the settings.
    """
    for known in _KNOWN:
        if Path(known).is_file():
            return Path(known)
    wanted = f":lang={_FC_LANGUAGE.get(language, 'zh-cn')}:bold"
    try:
        answer = subprocess.run(
            ["fc-match", "-f", "%{file}", wanted], capture_output=True, text=True, timeout=5, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        answer = ""
    if answer and Path(answer).is_file() and _holds(Path(answer), language):
        return Path(answer)
    raise FontMissing(
        "no font with Chinese glyphs was found, so the AI label cannot be drawn; install the package "
        "fonts-noto-cjk (Debian, Ubuntu: apt-get install fonts-noto-cjk) or set `font` to a font file"
    )


def _holds(path: Path, language: str) -> bool:
    """Whether a font draws the label's characters."""
    try:
        face = Face(path, language)
    except OSError:
        return False
    return all(face.has(character) for character in "生成数字人主播")


def _index(path: Path, language: str) -> int:
    """Which face of a collection fits the language."""
    if path.suffix.lower() not in {".ttc", ".otc"}:
        return 0
    region = _REGION.get(language, "SC")
    for index in range(16):
        try:
            family = ImageFont.truetype(str(path), 12, index=index).getname()[0] or ""
        except OSError:
            break
        if family.endswith(region):
            return index
    return 0


class Face:
    """One typeface at any size, with its measures cached (bounded)."""

    def __init__(self, path: Path, language: str = "zh") -> None:
        self.path = path
        self._index = _index(path, language)
        self._at = lru_cache(maxsize=64)(self._open)
        self._known = lru_cache(maxsize=8192)(self._look_up)
        self._width = lru_cache(maxsize=16384)(self._measure)
        self._blank = bytes(self._at(40).getmask("\U0010fffe"))

    @classmethod
    def regular_of(cls, path: Path, language: str) -> Face:
        """The regular weight beside a bold file, or the file itself."""
        beside = path.with_name(path.name.replace("Bold", "Regular"))
        return cls(beside if beside.is_file() else path, language)

    def _open(self, size: int) -> ImageFont.FreeTypeFont:
        return ImageFont.truetype(
            str(self.path), size, index=self._index, layout_engine=ImageFont.Layout.BASIC
        )

    def _look_up(self, character: str) -> bool:
        return bytes(self._at(40).getmask(character)) != self._blank

    def _measure(self, character: str, size: int) -> float:
        return float(self._at(size).getlength(character))

    def font(self, size: int) -> ImageFont.FreeTypeFont:
        """The font at a pixel size."""
        return self._at(size)

    def has(self, character: str) -> bool:
        """Whether the font draws this character (and not an empty box)."""
        return character.isspace() or self._known(character)

    def width(self, text: str, size: int) -> float:
        """How wide a line is."""
        return sum(self._width(character, size) for character in text)

    def ink_height(self, character: str, size: int) -> int:
        """How many rows of pixels a glyph's ink spans."""
        mask = self._at(size).getmask(character, mode="L")
        rows = np.frombuffer(bytes(mask), np.uint8).reshape(mask.size[1], mask.size[0])
        inked = np.flatnonzero((rows > 127).any(axis=1))
        return int(inked[-1] - inked[0] + 1) if inked.size else 0

    def below_base(self, character: str, size: int) -> int:
        """How far a glyph reaches under the baseline."""
        return max(0, int(self._at(size).getbbox(character, anchor="ls")[3]))

    def clean(self, text: str, stand_in: str = "") -> str:
        """Text that this font can draw on one line: no controls, no emoji, no empty boxes.

        `stand_in` is what is left when nothing but such characters was there.
        """
        kept: list[str] = []
        for character in text[:_LONGEST]:
            if character.isspace():
                if kept and kept[-1] != " ":
                    kept.append(" ")
            elif (
                unicodedata.category(character)[0] != "C"
                and not _ornamental(character)
                and self.has(character)
            ):
                kept.append(character)
        return "".join(kept).strip() or stand_in

    def shortened(self, text: str, size: int, width: float) -> str:
        """The text, or as much of it as fits with an ellipsis."""
        if self.width(text, size) <= width:
            return text
        room, used = width - self.width(_ELLIPSIS, size), 0.0
        for index, character in enumerate(text):
            used += self.width(character, size)
            if used > room:
                return text[:index].rstrip(" ，,、·") + _ELLIPSIS
        return text

    def lines(
        self, text: str, size: int, width: float, most: int, keep: tuple[str, ...] = ()
    ) -> tuple[str, ...]:  # fmt: skip
        """The text in at most `most` lines of about equal length; the last may end in an ellipsis.

        Words of `keep` are not broken; two lines break at punctuation where that is not lopsided.
        """
        tokens = _tokens(text, keep)
        greedy = self._fill(tokens, size, width)
        if len(greedy) > most:
            head = greedy[: most - 1]
            rest = "".join(greedy[most - 1 :])
            return (*(line.strip() for line in head), self.shortened(rest.strip(), size, width))
        if len(greedy) == 2 and (pair := self._at_pause(tokens, size, width)):
            return pair
        if len(greedy) > 1:  # as narrow as the same number of lines allows: balanced
            low, high = self.width(text, size) / len(greedy), width
            for _ in range(6):
                middle = (low + high) / 2
                if len(self._fill(tokens, size, middle)) > len(greedy):
                    low = middle
                else:
                    high = middle
            greedy = self._fill(tokens, size, high)
        return tuple(line.strip() for line in greedy)

    def _at_pause(self, tokens: list[str], size: int, width: float) -> tuple[str, str] | None:
        """Two lines that break after a punctuation mark, if one lies near enough to the middle."""
        best: tuple[float, str, str] | None = None
        for index in range(1, len(tokens)):
            if tokens[index - 1][-1] not in _PAUSES:
                continue
            first, second = "".join(tokens[:index]).strip(), "".join(tokens[index:]).strip()
            long = max(self.width(first, size), self.width(second, size))
            short = min(self.width(first, size), self.width(second, size))
            if long <= width and short >= 0.4 * long and (best is None or long < best[0]):
                best = (long, first, second)
        return None if best is None else best[1:]

    def _fill(self, tokens: list[str], size: int, width: float) -> list[str]:
        lines: list[str] = []
        line, used = "", 0.0
        for token in tokens:
            wide = self.width(token, size)
            if used + wide > width and line:
                lines.append(line)
                line, used = "", 0.0
            if wide > width:  # one endless word
                token = self.shortened(token, size, width)
                wide = self.width(token, size)
            line += token
            used += wide
        return [*lines, line] if line else lines


def _ornamental(character: str) -> bool:
    """Emoji, their modifiers and other pictures: never drawn as type."""
    code = ord(character)
    return any(low <= code <= high for low, high in _ORNAMENTS)


def _tokens(text: str, keep: tuple[str, ...] = ()) -> list[str]:
    """Pieces that stay together: a word or number, a character with what may not start a line."""
    joined = _inside_words(text, keep)
    pieces: list[str] = []
    at = 0
    while at < len(text):
        word = _WORD.match(text, at)
        piece = word.group() if word else text[at]
        glued = bool(pieces) and len(pieces[-1]) < 12
        if glued and (at in joined or piece[0] in _NO_START or pieces[-1][-1] in _NO_END):
            pieces[-1] += piece
        else:
            pieces.append(piece)
        at += len(piece)
    return pieces


def _inside_words(text: str, keep: tuple[str, ...]) -> set[int]:
    """The places in a text where a word of `keep` would be broken."""
    inside: set[int] = set()
    at = 0
    for word in keep:
        found = text.find(word, at) if 1 < len(word) <= 6 else -1
        if found >= 0:
            inside.update(range(found + 1, found + len(word)))
            at = found + len(word)
    return inside
