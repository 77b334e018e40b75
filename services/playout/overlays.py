"""Label, caption, product card, question bubble and holding words over a room's picture.

Tiles are drawn off the clock (`Overlays.prepare`, any thread) and only blended on it (`compose`).
`compose` reads a clean picture (`base`: set and face) and writes another that persists (`out`):
it restores there what its tiles covered in the frame before, so nobody else need clean up.

The label is drawn in every frame, also while holding; there is no way to switch it off
(`services/playout/tiles.py` says why). Past `valid_until` the card's price is gone in the same
frame.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np

from services.playout.i420 import Blender, Canvas, Planes, Rect, Tile, copy, from_rgb
from services.playout.sheet import cover_picture
from services.playout.text import FontMissing, find_font
from services.playout.tiles import Artist, BubbleTile, CaptionTile, CardTile, LabelRefused
from services.wire import SAMPLE_RATE_HZ, Phrase

__all__ = ["FontMissing", "LabelRefused", "Overlays", "PreparedOverlay", "Rect", "find_font"]

CAPTION_FADE = round(0.16 * SAMPLE_RATE_HZ)
CAPTION_LINGER = round(0.45 * SAMPLE_RATE_HZ)
BUBBLE_LINGER = round(1.5 * SAMPLE_RATE_HZ)
CARD_MOVE = round(0.20 * SAMPLE_RATE_HZ)
CARD_SLIDE_PX = 36
T = TypeVar("T")
HOLDING_ART = Path(__file__).with_name("art") / "holding.jpg"


@dataclass(frozen=True, slots=True, eq=False)
class PreparedOverlay:
    """A phrase's overlays, drawn. `card` is None to leave the card, False to take it off."""

    caption: CaptionTile | None
    card: CardTile | bool | None
    bubble: BubbleTile | None
    duration: int


@dataclass(slots=True)
class _Shown(Generic[T]):
    """Something on the picture: since when, and since when it has been leaving (media samples)."""

    what: T
    born: int | None = None
    leaving: int | None = None
    start: int = 0
    end: int | None = None


class Overlays:
    """The overlays of one room. All but `prepare` belong to the thread that composes."""

    def __init__(
        self, width: int, height: int, font: Path, label: str, show_prices: bool, language: str = "zh"
    ) -> None:
        self._artist = Artist(width, height, font, language)
        self._drawing = threading.Lock()
        self._show_prices = show_prices
        self._size = (width, height)
        self._blender = Blender(width, height)
        self._slide = max(2, round(CARD_SLIDE_PX * self._artist.unit / 2) * 2)
        self._label = self._artist.label(label)
        self._holding: Tile | None = None
        self._captions: list[_Shown[CaptionTile]] = []
        self._cards: list[_Shown[CardTile]] = []
        self._bubbles: list[_Shown[BubbleTile]] = []
        self._covered: list[Rect] = []
        self._position = 0

    # ---- off the clock ------------------------------------------------------------------------

    def prepare(self, phrase: Phrase) -> PreparedOverlay:
        """Draw a phrase's tiles; any thread may call it while another composes."""
        with self._drawing:
            card: CardTile | bool | None = None
            if phrase.product is not None:
                card = self._artist.card(phrase.product) if phrase.product.product else False
            return PreparedOverlay(
                caption=self._artist.caption(phrase.caption or phrase.text, phrase.words),
                card=card,
                bubble=self._artist.bubble(phrase.question) if phrase.question else None,
                duration=len(phrase.pcm) // 2,
            )

    def holding_canvas(self, image: Path | None, text: str) -> Canvas:
        """The holding picture with its words and the label: `image`, or the built-in one."""
        with self._drawing:
            words = self._artist.holding(text)
        width, height = self._size
        rgb = cover_picture(image or HOLDING_ART, width, height)
        if rgb is None:
            rgb = cover_picture(HOLDING_ART, width, height)
        canvas = from_rgb(rgb if rgb is not None else np.full((height, width, 3), (24, 66, 60), np.uint8))
        planes = Planes.of(canvas)
        if words is not None:
            self._blender.put(planes, words)
        self._blender.put(planes, self._label)
        return canvas

    # ---- between two frames -------------------------------------------------------------------

    def apply(self, prepared: PreparedOverlay, start_sample: int) -> None:
        """Show a prepared phrase's overlays; it sounds from `start_sample` of the stream on."""
        self._enter_caption(prepared.caption, start_sample, start_sample + prepared.duration)
        if prepared.card is not None:
            self._enter_card(prepared.card if isinstance(prepared.card, CardTile) else None)
        self._enter_bubble(prepared.bubble, start_sample + prepared.duration)

    def set_holding(self, text: str) -> None:
        """The words that `compose` shows while holding, below the face of the host who waits."""
        with self._drawing:
            self._holding = self._artist.notice(text)

    def clear(self) -> None:
        """Take everything off at once but the label (a session ended, the red button)."""
        self._captions.clear()
        self._cards.clear()
        self._bubbles.clear()

    # ---- on the clock -------------------------------------------------------------------------

    def compose(
        self, base: Canvas, out: Canvas, position: int, now_unix_s: float, *, holding: bool = False
    ) -> None:
        """Put the overlays of one frame on `out`, over what `base` has there.

        `position` is the frame's first sample in the stream. `out` holds the frame before, with
        whatever changed in `base` since already copied; `base` may be `out` when the caller gives
        a clean picture each frame.
        """
        self._position = position
        self._forget(position)
        target = Planes.of(out)
        placed = self._placed(position, now_unix_s, holding)
        rects = [_area(piece.rect, dx).within(*self._size) for piece, _, dx in placed]
        if base is not out:
            source = Planes.of(base)
            for rect in {*self._covered, *rects}:
                copy(source, target, rect)
        for piece, opacity, dx in placed:
            self._blender.put(target, piece, opacity, dx)
        self._covered = rects

    def regions(self) -> list[Rect]:
        """What the last frame's overlays covered."""
        return list(self._covered)

    # ---- what is where ------------------------------------------------------------------------

    def _placed(self, position: int, now_unix_s: float, holding: bool) -> list[tuple[Tile, float, int]]:
        """Every tile of this frame with its opacity and its shift, lowest first."""
        placed: list[tuple[Tile, float, int]] = []
        if holding:
            if self._holding is not None:
                placed.append((self._holding, 1.0, 0))
        else:
            for card in self._cards:
                seen = _presence(card, position, CARD_MOVE)
                dx = round((1 - seen) * self._slide / 2) * 2
                placed.append((self._face_of(card.what, now_unix_s), seen, dx))
            for bubble in self._bubbles:
                seen = _presence(bubble, position, CARD_MOVE)
                placed.append((bubble.what.tile, seen, round((1 - seen) * self._slide / 2) * 2))
            for caption in self._captions:
                placed.extend(self._caption(caption, position))
        placed.append((self._label, 1.0, 0))
        return placed

    def _face_of(self, card: CardTile, now_unix_s: float) -> Tile:
        until = card.card.valid_until
        good = self._show_prices and bool((card.card.price or "").strip())
        return card.priced if good and (until is None or now_unix_s < until) else card.bare

    def _caption(self, shown: _Shown[CaptionTile], position: int) -> list[tuple[Tile, float, int]]:
        seen = _presence(shown, position, CAPTION_FADE)
        caption = shown.what
        spoken = _spoken(caption, position - shown.start)
        pieces: list[tuple[Tile, float, int]] = []
        for top, bottom, ends in caption.lines:
            here = min(max(spoken, 0.0), len(ends))
            spoken -= len(ends)
            split = _column(ends, here)
            width = caption.plain.rect.w
            if split > 0:
                pieces.append((caption.spoken.rows(top, bottom).columns(0, split), seen, 0))
            if split < width:
                pieces.append((caption.plain.rows(top, bottom).columns(split, width), seen, 0))
        return pieces

    def _enter_caption(self, caption: CaptionTile | None, start: int, end: int) -> None:
        for shown in self._captions:
            shown.leaving = self._position if shown.leaving is None else shown.leaving
        if caption is not None:
            self._captions = [*self._captions[-1:], _Shown(caption, start=start, end=end)]

    def _enter_card(self, card: CardTile | None) -> None:
        on = self._cards[-1] if self._cards and self._cards[-1].leaving is None else None
        if on is not None and card is not None and on.what.card.product == card.card.product:
            on.what = card  # the same product, perhaps with another price: no motion
            return
        if on is not None:
            on.leaving = self._position
        if card is not None:
            self._cards = [*self._cards[-1:], _Shown(card)]

    def _enter_bubble(self, bubble: BubbleTile | None, end: int | None = None) -> None:
        on = self._bubbles[-1] if self._bubbles and self._bubbles[-1].leaving is None else None
        if on is not None and bubble is not None and on.what.bubble == bubble.bubble:
            on.end = end
            return
        if on is not None:
            on.leaving = self._position
        if bubble is not None:
            self._bubbles = [*self._bubbles[-1:], _Shown(bubble, end=end)]

    def _forget(self, position: int) -> None:
        """Drop what has left; let captions and questions leave when their phrase is over."""
        for caption in self._captions:
            _end(caption, position, CAPTION_LINGER)
        for bubble in self._bubbles:
            _end(bubble, position, BUBBLE_LINGER)
        self._captions = [s for s in self._captions if not _gone(s, position, CAPTION_FADE)]
        self._cards = [s for s in self._cards if not _gone(s, position, CARD_MOVE)]
        self._bubbles = [s for s in self._bubbles if not _gone(s, position, CARD_MOVE)]


def _area(rect: Rect, dx: int) -> Rect:
    return Rect(rect.x + dx, rect.y, rect.w, rect.h)


def _eased(share: float) -> float:
    """A motion that starts fast and settles."""
    share = min(max(share, 0.0), 1.0)
    return 1 - (1 - share) ** 3


def _presence(shown: _Shown[T], position: int, length: int) -> float:
    """How much of something is there at a position: 0 gone, 1 fully."""
    if shown.born is None or position < shown.born:
        shown.born = position
    came = _eased((position - shown.born + length // 6) / length)
    if shown.leaving is None:
        return came
    return came * (1 - _eased((position - shown.leaving) / length))


def _end(shown: _Shown[T], position: int, linger: int) -> None:
    """Let something leave when its phrase has been over for a while."""
    if shown.end is not None and shown.leaving is None and position >= shown.end + linger:
        shown.leaving = position


def _gone(shown: _Shown[T], position: int, length: int) -> bool:
    return shown.leaving is not None and (position - shown.leaving >= length or position < shown.leaving)


def _spoken(caption: CaptionTile, sample: int) -> float:
    """How many of the caption's characters have sounded, between two marks in proportion."""
    before_at, before = 0, 0.0
    for at, done in caption.marks:
        if sample < at:
            span = max(1, at - before_at)
            return before + (done - before) * max(0, sample - before_at) / span
        before_at, before = at, done
    return before


def _column(ends: tuple[int, ...], characters: float) -> int:
    """The even column up to which a line is spoken."""
    if characters <= 0 or not ends:
        return 0
    whole = min(int(characters), len(ends))
    if whole == len(ends):
        return ends[-1] // 2 * 2 + 2
    start = ends[whole - 1] if whole else max(0, ends[0] - (ends[1] - ends[0] if len(ends) > 1 else 0))
    return int(start + (characters - whole) * (ends[whole] - start)) // 2 * 2
