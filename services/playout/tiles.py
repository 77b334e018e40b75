"""What the overlays look like: label, caption, product card, question bubble, holding words.

All sizes are for a canvas whose short side is 720 and grow with it. The palette is one: warm
white type on a deep translucent ink, brass for accents, jade for the link, red for the price.

The label follows GB 45438-2025: words that hold an AI element (人工智能 or AI) and 生成 or 合成,
at a corner, legible, at least 5 % of the picture's short side high (the standard's figure for
pictures and video). 《直播电商监督管理办法》 (令117) asks for it the whole time, so it is part of
every frame and nothing here takes it off.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from services.playout.i420 import Tile, tile
from services.playout.sheet import Colour, Line, Sheet, set_line, square_picture
from services.playout.text import Face
from services.wire import ProductCard, QuestionBubble, WordMark

LABEL_SHARE = 0.05
LABEL_TOP_SHARE = 0.102
CAPTION_BOTTOM_SHARE = 0.796
CARD_BOTTOM_SHARE = 0.710
INK: Colour = (13, 20, 24)
PAPER: Colour = (255, 255, 255)
BRASS: Colour = (246, 211, 142)
JADE: Colour = (28, 122, 102)
RED: Colour = (224, 48, 40)
GREY: Colour = (124, 132, 138)

_PRICE = re.compile(r"^[¥￥]?\s*(\d{1,7})(\.\d{1,2})?$")
_HAS_AI = re.compile(r"人工智能|AI|ＡＩ", re.IGNORECASE)
_HAS_MADE = re.compile(r"生成|合成|generated|synthe", re.IGNORECASE)
_WORDS = {
    "zh": {"link": "{}号链接", "ask": "问", "no_price": "价格以商品页为准", "faces": "[表情]"},
    "en": {"link": "Link {}", "ask": "Q", "no_price": "See product page", "faces": "[emoji]"},
    "ja": {"link": "リンク{}", "ask": "Q", "no_price": "価格は商品ページで", "faces": "[絵文字]"},
}


class LabelRefused(Exception):
    """The AI label is not one that the rules accept; the message says what it must hold."""


@dataclass(frozen=True, slots=True, eq=False)
class CaptionTile:
    """A caption before and after it is spoken, and where its characters end.

    `lines` are (top row, bottom row, columns where each character ends) in the tile; `marks` are
    (sample, characters spoken by then).
    """

    text: str
    plain: Tile
    spoken: Tile
    lines: tuple[tuple[int, int, tuple[int, ...]], ...]
    marks: tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True, eq=False)
class CardTile:
    """A product card with its price, and the same card without."""

    card: ProductCard
    priced: Tile
    bare: Tile


@dataclass(frozen=True, slots=True, eq=False)
class BubbleTile:
    """A viewer's question."""

    bubble: QuestionBubble
    tile: Tile


class Artist:
    """Draws the tiles for one canvas. It keeps no state but caches, and may be used by one thread
    at a time."""

    def __init__(self, width: int, height: int, font: Path, language: str) -> None:
        self.width, self.height = width, height
        self.unit = min(width, height) / 720
        self.bold = Face(font, language)
        self.regular = Face.regular_of(font, language)
        self._words = _WORDS.get(language, _WORDS["zh"])
        self._cards = lru_cache(maxsize=12)(self._draw_card)
        self._bubbles = lru_cache(maxsize=12)(self._draw_bubble)

    def _px(self, value: float) -> int:
        return max(1, round(value * self.unit))

    def _place(self, sheet: Sheet, x: float, y: float) -> Tile:
        x = min(max(0, x), max(0, self.width - sheet.width))
        y = min(max(0, y), max(0, self.height - sheet.height))
        return tile(sheet.bytes(), int(x) // 2 * 2, int(y) // 2 * 2)

    # ---- the label ----------------------------------------------------------------------------

    def label(self, text: str) -> Tile:
        """The AI label; each Chinese character and each capital is 5 % of the short side or more.

        On an upright picture it breaks at its middle dot: a block in the corner, beside the head.

        Raises:
            LabelRefused: the text lacks an AI element or 生成/合成, or cannot be drawn.
        """
        face = self.bold
        words = re.sub(r"\s*·\s*", "·", face.clean(text))
        if not _HAS_AI.search(words) or not _HAS_MADE.search(words):
            raise LabelRefused(
                f"the AI label {text!r} must hold AI or 人工智能, and 生成 or 合成 (GB 45438-2025); "
                "set `ai_label` to such words, as AI生成 · 数字人主播"
            )
        need = math.ceil(min(self.width, self.height) * LABEL_SHARE)
        tall, small = _size_for(face, "生", need), _size_for(face, "A", need)
        margin, pad = self._px(24), float(self._px(18))
        room = self.width - 2 * margin - 2 * pad
        parts = words.split("·") if self.height > self.width else [words]
        lines = tuple(line for part in parts for line in _label_lines(face, part, tall, small, room))
        air, rim = self._px(13), self._px(12)
        step = need + air
        tail = self._px(8) if re.search(r"[gjpqy]", lines[-1]) else 0
        h = step * len(lines) - air + 2 * rim + tail
        w = max(_label_width(face, line, tall, small) for line in lines) + 2 * pad + self._px(6)
        edge = self._px(8)
        sheet = Sheet(math.ceil(w) + 2 * edge, h + 2 * edge)
        sheet.shadow(edge, edge + 1, w, h, self._px(14), self._px(3), 0.22)
        sheet.rounded(edge, edge, w, h, self._px(14), INK, 0.56)
        sheet.outline(edge, edge, w, h, self._px(14), 1.5 * self.unit, BRASS, 0.55)
        bar = h - self._px(26)
        sheet.rounded(edge + pad * 0.62, edge + (h - bar) / 2, self._px(5), bar, 3, BRASS)
        for row, line in enumerate(lines):
            x: float = edge + pad + self._px(10)
            base = edge + rim + step * row + need
            for run, latin in _runs(line):
                drop = 0 if latin else (face.below_base("生", tall))
                x = sheet.type(face, run, (x, base - drop), small if latin else tall, PAPER, shadow=0.5)
        return self._place(sheet, margin - edge, self.height * LABEL_TOP_SHARE - edge)

    # ---- the caption --------------------------------------------------------------------------

    def caption(self, text: str, words: tuple[WordMark, ...]) -> CaptionTile | None:
        """The phrase being spoken, on one or two lines that sit on the caption line."""
        face = self.bold
        shown = face.clean(text)
        if not shown:
            return None
        room = min(self.width - self._px(96), self._px(760))
        lines: tuple[str, ...] = ()
        size = self._px(38)
        whole = len(shown.replace(" ", ""))
        for size, most in ((self._px(38), 1), (self._px(34), 2), (self._px(31), 2), (self._px(28), 2)):
            lines = face.lines(shown, size, room, most, keep=tuple(word.text for word in words))
            if len("".join(lines).replace(" ", "")) >= whole and not lines[-1].endswith("…"):
                break
        lines = tuple(line.rstrip("，。、；,;") or line for line in lines)
        pad_x, pad_y, edge = self._px(26), self._px(13), self._px(10)
        step = round(size * 1.28)
        w = max(face.width(line, size) for line in lines) + 2 * pad_x
        h = step * (len(lines) - 1) + round(size * 1.08) + 2 * pad_y
        sheet = Sheet(math.ceil(w) + 2 * edge, h + 2 * edge)
        sheet.shadow(edge, edge + 2, w, h, self._px(20), self._px(4), 0.28)
        sheet.rounded(edge, edge, w, h, self._px(20), INK, 0.60)
        printed: list[Line] = []
        places: list[tuple[int, int, tuple[int, ...]]] = []
        for row, line in enumerate(lines):
            wide = face.width(line, size)
            x = edge + (w - wide) / 2
            base = edge + pad_y + step * row + round(size * 0.92)
            type_line = set_line(face, line, (x, base), size)
            sheet.shade(type_line, 0.45)
            printed.append(type_line)
            ends, at = [], x
            for character in line:
                at += face.width(character, size)
                ends.append(round(at))
            top = 0 if row == 0 else (edge + pad_y + step * row - round(step * 0.12)) // 2 * 2
            places.append((top, sheet.height, tuple(ends)))
        lit = sheet.copy()
        for type_line in printed:
            sheet.ink(type_line, PAPER)
            lit.ink(type_line, BRASS)
        for row in range(len(places) - 1):
            places[row] = (places[row][0], places[row + 1][0], places[row][2])
        x0 = (self.width - sheet.width) / 2
        y0 = self.height * CAPTION_BOTTOM_SHARE - h - edge - (self._px(10) if len(lines) == 1 else 0)
        plain = self._place(sheet, x0, y0)
        spoken = self._place(lit, x0, y0)
        return CaptionTile(text, plain, spoken, tuple(places), _marks(words, sum(len(p[2]) for p in places)))

    # ---- card and bubble ----------------------------------------------------------------------

    def card(self, card: ProductCard) -> CardTile:
        """The product card, at the right above the caption line."""
        return self._cards(card, _changed(card.image))

    def _draw_card(self, card: ProductCard, changed: int) -> CardTile:
        edge, w, h = self._px(22), self._px(376), self._px(152)
        pad, side, gap = self._px(14), self._px(124), self._px(16)
        sheet = Sheet(w + 2 * edge, h + 2 * edge)
        sheet.shadow(edge, edge + self._px(5), w, h, self._px(22), self._px(8), 0.34)
        sheet.rounded(edge, edge, w, h, self._px(22), PAPER, 0.965)
        picture = square_picture(Path(card.image), side) if card.image else None
        if picture is not None:
            sheet.picture(picture, edge + pad, edge + pad, self._px(14))
        else:
            sheet.rounded(edge + pad, edge + pad, side, side, self._px(14), (226, 236, 232))
            mark = "" if card.link is None else str(card.link)
            wide = self.bold.width(mark, self._px(56))
            at = (edge + pad + (side - wide) / 2, edge + pad + side / 2 + self._px(20))
            sheet.type(self.bold, mark, at, self._px(56), JADE)
        x = edge + pad + side + gap
        room = w - 2 * pad - side - gap
        y = edge + pad
        if card.link is not None:
            badge = self._words["link"].format(card.link)
            size = self._px(20)
            wide = self.bold.width(badge, size) + self._px(20)
            sheet.rounded(x, y, wide, self._px(30), self._px(9), JADE)
            sheet.type(self.bold, badge, (x + self._px(10), y + self._px(22)), size, PAPER)
        y += self._px(38)
        name, size = self.bold.clean(card.name), self._px(25)
        if self.bold.width(name, size) > room:
            size = self._px(22)
        lines = self.bold.lines(name, size, room, 1 if self.bold.width(name, size) <= room else 2)
        for line in lines:
            sheet.type(self.bold, line, (x, y + round(size * 0.92)), size, (28, 34, 38))
            y += round(size * 1.18)
        priced, base = sheet.copy(), edge + h - pad - self._px(3)
        self._price(priced, (card.price or "").strip(), x, base, room)
        sheet.type(self.regular, self._words["no_price"], (x, base - self._px(2)), self._px(19), GREY)
        at = (self.width - self._px(24) - w - edge, self.height * CARD_BOTTOM_SHARE - h - edge)
        return CardTile(card, self._place(priced, *at), self._place(sheet, *at))

    def _price(self, sheet: Sheet, price: str, x: float, base: float, room: float) -> None:
        match = _PRICE.match(price)
        if match is None:
            text = self.bold.clean(price)
            size = self._px(28)
            while size > self._px(18) and self.bold.width(text, size) > room:
                size -= 1
            sheet.type(self.bold, self.bold.shortened(text, size, room), (x, base), size, RED)
            return
        x = sheet.type(self.bold, "¥", (x, base), self._px(24), RED) + self._px(2)
        x = sheet.type(self.bold, match.group(1), (x, base), self._px(42), RED)
        sheet.type(self.bold, match.group(2) or "", (x, base), self._px(26), RED)

    def bubble(self, bubble: QuestionBubble) -> BubbleTile:
        """A viewer's question above the card."""
        return self._bubbles(bubble)

    def _draw_bubble(self, bubble: QuestionBubble) -> BubbleTile:
        text = self.bold.clean(bubble.text, self._words["faces"])
        user = self.regular.clean(bubble.user)
        edge, pad, chip = self._px(14), self._px(16), self._px(44)
        room = self._px(376) - 2 * pad - chip - self._px(14)
        size = self._px(26)
        lines = self.bold.lines(text, size, room, 2)
        user = self.regular.shortened(user, self._px(20), room)
        wide = max([self.bold.width(line, size) for line in lines] + [self.regular.width(user, self._px(20))])
        w = math.ceil(wide + 2 * pad + chip + self._px(14))
        step = round(size * 1.32)
        head = self._px(28) if user else 0
        text_h = head + step * (len(lines) - 1) + size
        h = 2 * pad + max(chip, text_h)
        sheet = Sheet(w + 2 * edge, h + 2 * edge)
        sheet.shadow(edge, edge + 3, w, h, self._px(22), self._px(5), 0.30)
        sheet.rounded(edge, edge, w, h, self._px(22), INK, 0.66)
        sheet.rounded(edge + pad, edge + pad, chip, chip, chip / 2, BRASS)
        ask = self._words["ask"]
        middle = edge + pad + (chip - self.bold.width(ask, self._px(25))) / 2
        sheet.type(self.bold, ask, (middle, edge + pad + self._px(31)), self._px(25), (58, 40, 16))
        x, y = edge + pad + chip + self._px(14), edge + (h - text_h) // 2
        if user:
            sheet.type(self.regular, user, (x, y + self._px(17)), self._px(20), BRASS)
        for row, line in enumerate(lines):
            sheet.type(self.bold, line, (x, y + head + step * row + round(size * 0.9)), size, PAPER)
        at = (
            self.width - self._px(24) - w - edge,
            self.height * CARD_BOTTOM_SHARE - self._px(152 + 14) - h - edge,
        )
        return BubbleTile(bubble, self._place(sheet, *at))

    # ---- holding ------------------------------------------------------------------------------

    def notice(self, text: str) -> Tile | None:
        """A line at the caption's place while the host waits, so that her face stays free."""
        size, pad, edge = self._px(34), self._px(26), self._px(10)
        words = self.bold.shortened(self.bold.clean(text), size, self.width - self._px(180))
        if not words:
            return None
        w, h = self.bold.width(words, size) + 2 * pad + self._px(26), self._px(66)
        sheet = Sheet(math.ceil(w) + 2 * edge, h + 2 * edge)
        sheet.shadow(edge, edge + 2, w, h, h / 2, self._px(4), 0.28)
        sheet.rounded(edge, edge, w, h, h / 2, INK, 0.62)
        dot = self._px(12)
        sheet.rounded(edge + pad, edge + (h - dot) / 2, dot, dot, dot / 2, BRASS)
        sheet.type(self.bold, words, (edge + pad + self._px(26), edge + h / 2 + size * 0.36), size, PAPER)
        y = self.height * CAPTION_BOTTOM_SHARE - h - edge - self._px(10)
        return self._place(sheet, (self.width - sheet.width) / 2, y)

    def holding(self, text: str) -> Tile | None:
        """The words on the holding picture."""
        words = self.bold.clean(text)
        if not words:
            return None
        size = self._px(62)
        lines = self.bold.lines(words, size, self.width - self._px(120), 3)
        edge, step = self._px(24), round(size * 1.36)
        w = max(self.bold.width(line, size) for line in lines) + self._px(20)
        h = step * len(lines) + self._px(64)
        sheet = Sheet(math.ceil(w) + 2 * edge, h + 2 * edge)
        for row, line in enumerate(lines):
            x = (sheet.width - self.bold.width(line, size)) / 2
            sheet.type(self.bold, line, (x, edge + step * row + size), size, PAPER, shadow=0.4)
        rule = self._px(64)
        y = edge + step * len(lines) + self._px(26)
        sheet.rounded((sheet.width - rule) / 2, y, rule, self._px(4), 2, BRASS)
        return self._place(sheet, (self.width - sheet.width) / 2, self.height * 0.40 - sheet.height / 2)


def _changed(image: str | None) -> int:
    """When a picture file was last written, so that a new one is seen."""
    try:
        return Path(image).stat().st_mtime_ns if image else 0
    except (OSError, ValueError):
        return 0


def _size_for(face: Face, character: str, need: int) -> int:
    """The smallest size at which a glyph's ink is `need` pixels high."""
    size = need
    while face.ink_height(character, size) < need and size < need * 2:
        size += 1
    return size


def _runs(line: str) -> list[tuple[str, bool]]:
    """A line cut into Latin and other runs; Latin is set larger so that its capitals are as high."""
    return [
        (run, run[0].isascii() and run[0].isalnum())
        for run in re.findall(r"[A-Za-z0-9]+|[^A-Za-z0-9]+", line)
    ]


def _label_width(face: Face, line: str, tall: int, small: int) -> float:
    return (
        sum(face.width(run, small if latin else tall) for run, latin in _runs(line))
        + face.width(" ", tall) * 0.5
    )


def _label_lines(face: Face, words: str, tall: int, small: int, room: float) -> tuple[str, ...]:
    """The label on one line, or cut where it must be; it is never made smaller or shorter."""
    lines: list[str] = [""]
    for piece in re.findall(r"[A-Za-z0-9]+\s*|.", words):
        if lines[-1] and _label_width(face, lines[-1] + piece, tall, small) > room:
            lines.append("")
        lines[-1] += piece
    return tuple(line.strip(" ·") for line in lines if line.strip(" ·"))


def _marks(words: tuple[WordMark, ...], characters: int) -> tuple[tuple[int, float], ...]:
    """How many characters of the caption are spoken by which sample; words may be spelt otherwise
    in speech (fifty for 50), so progress goes by each word's share."""
    total = sum(max(1, len(word.text)) for word in words)
    marks: list[tuple[int, float]] = []
    done = 0
    for word in words:
        marks.append((word.start, done / total * characters))
        done += max(1, len(word.text))
        marks.append((word.end, done / total * characters))
    return tuple(marks)
