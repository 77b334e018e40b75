"""Draws a frame: the host by `services/avatar`, then what lies over her.

What a phrase needs is drawn when it comes in (`prepare`, off the clock) and looked up when it
sounds. A look that cannot be had is replaced by a built-in one, so that a host is seen.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from services.avatar.bearing import FaceInput, Gaze
from services.avatar.face import Face, new_canvas
from services.avatar.looks import LookError, builtin_look, builtin_names, load_look
from services.avatar.mouth import REST, MouthTrack
from services.playout.composer import Canvas, Source, View
from services.playout.i420 import Planes, Rect, copy
from services.playout.overlays import Overlays, PreparedOverlay, find_font
from services.playout.settings import PlayoutSettings
from services.wire import SAMPLE_RATE_HZ, Mood, Phrase, PhraseKind

if TYPE_CHECKING:
    from services.avatar.bake import Look

log = logging.getLogger("playout.painter")

BUILTIN = "builtin:"
LOOK_FADE_S = 0.32
KEPT_PHRASES = 64
CHAT_GAZE_S = 1.2
CARD_GAZE_S = (0.5, 1.7)


@dataclass(frozen=True, slots=True)
class Art:
    """What a phrase needs on the picture."""

    mouth: MouthTrack
    overlay: PreparedOverlay | None


class HostPainter:
    """The host with her overlays. `prepare` may be called from any thread, the rest from the clock's."""

    def __init__(self, settings: PlayoutSettings, seed: int = 1) -> None:
        width, height = settings.width, settings.height
        font = Path(settings.font) if settings.font else find_font(settings.language)
        self._overlays = Overlays(
            width, height, font, settings.label, settings.show_prices, settings.language
        )
        self._overlays.set_holding(settings.holding_text)
        self._settings = settings
        self._face = Face(width, height, settings.fps, seed)
        self._base = new_canvas(width, height)
        self._out = new_canvas(width, height)
        self._looks: dict[str, Look] = {}
        self._look = ""
        self._fade_frames = max(1, round(LOOK_FADE_S * settings.fps))
        self._half_frame = settings.samples_per_frame // 2
        self._art: OrderedDict[str, Art] = OrderedDict()
        self._reserve_art: dict[str, Art] = {}
        self._art_lock = threading.Lock()
        self._phrase_id = ""
        self._now: Art | None = None

    @property
    def look(self) -> str:
        """The look on the picture, or empty before the first."""
        return self._look

    def use_look(self, name: str, look: Look) -> None:
        """A decoded look may be used from now on."""
        self._looks[name] = look

    def forget_looks(self, names: tuple[str, ...]) -> None:
        """Give up looks, never the one on the picture."""
        for name in names:
            if name != self._look:
                self._looks.pop(name, None)

    def prepare(self, phrase: Phrase) -> None:
        """Draw ahead what a phrase needs; a fault costs its overlays, not its sound."""
        art = self._drawn(phrase)
        with self._art_lock:
            if phrase.kind is PhraseKind.RESERVE:
                self._reserve_art[_reserve_key(phrase)] = art
                return
            self._art[phrase.id] = art
            while len(self._art) > KEPT_PHRASES:
                self._art.popitem(last=False)

    def holding(self) -> Canvas:
        """The holding picture: the configured image or the built-in one, words and label."""
        image = Path(self._settings.holding_image) if self._settings.holding_image else None
        return self._overlays.holding_canvas(image, self._settings.holding_text)

    def interrupted(self) -> None:
        """Something else is shown: start clean afterwards."""
        self._overlays.clear()
        self._phrase_id = ""
        self._now = None

    def paint(self, view: View) -> Canvas:
        """The frame's picture; stays the painter's."""
        self._change_look(view.look)
        self._change_phrase(view)
        dirty = self._face.render(view.frame, self._given(view), self._base)
        if dirty.w and dirty.h:
            copy(Planes.of(self._base), Planes.of(self._out), _even(dirty.x, dirty.y, dirty.w, dirty.h))
        holding = view.unattended and view.source is Source.IDLE
        self._overlays.compose(self._base, self._out, view.position, view.now_unix_s, holding=holding)
        return self._out

    def _change_look(self, name: str) -> None:
        if name == self._look or not self._looks:
            return
        look = self._looks.get(name)
        if look is None and self._look:
            return
        if look is None:
            name, look = next(iter(self._looks.items()))
        if self._look:
            self._face.crossfade_to(look, self._fade_frames)
        else:
            self._face.set_look(look)
        self._look = name

    def _change_phrase(self, view: View) -> None:
        phrase = view.phrase
        if phrase is None or phrase.id == self._phrase_id:
            return
        self._phrase_id = phrase.id
        with self._art_lock:
            art = self._art.pop(phrase.id, None) or self._reserve_art.get(_reserve_key(phrase))
        self._now = art or self._drawn(phrase)
        if self._now.overlay is not None:
            self._overlays.apply(self._now.overlay, view.position - view.offset)

    def _given(self, view: View) -> FaceInput:
        phrase = view.phrase
        if phrase is None or self._now is None:
            return FaceInput(REST, 0.0, False, Mood.NEUTRAL, "camera")
        mouth = self._now.mouth.at(view.offset + self._half_frame)
        return FaceInput(mouth, view.loudness, True, phrase.mood, _gaze(phrase, view.offset))

    def _drawn(self, phrase: Phrase) -> Art:
        track = MouthTrack(phrase.visemes, len(phrase.pcm) // 2)
        try:
            return Art(track, self._overlays.prepare(phrase))
        except Exception as error:  # whatever the text holds, the phrase is spoken
            log.error("the overlays of phrase %s cannot be drawn: %s", phrase.id, error)
            return Art(track, None)


def load_any_look(path: str, width: int, height: int) -> Look:
    """A look from its folder or `builtin:NAME`.

    Raises:
        LookError: it cannot be used.
    """
    folder = builtin_look(path.removeprefix(BUILTIN)) if path.startswith(BUILTIN) else Path(path)
    return load_look(folder, width=width, height=height)


def stand_in_look(name: str, width: int, height: int) -> Look | None:
    """A built-in look for one that cannot be used: the one it was made from, else the first."""
    posed = name.removeprefix(BUILTIN).partition("@")[0]  # builtin:morning@3f9a…
    for each in sorted(builtin_names(), key=lambda built: built != posed):
        try:
            return load_look(builtin_look(each), width=width, height=height)
        except LookError as error:
            log.error("the built-in look %s cannot be used: %s", each, error)
    return None


def _gaze(phrase: Phrase, offset: int) -> Gaze:
    at_s = offset / SAMPLE_RATE_HZ
    if phrase.question is not None and at_s < CHAT_GAZE_S:
        return "chat"
    if phrase.product is not None and phrase.product.product and CARD_GAZE_S[0] < at_s < CARD_GAZE_S[1]:
        return "card"
    return "camera"


def _reserve_key(phrase: Phrase) -> str:
    return f"{phrase.persona}\n{phrase.text}"


def _even(x: int, y: int, w: int, h: int) -> Rect:
    left, top = x // 2 * 2, y // 2 * 2
    return Rect(left, top, (x + w + 1) // 2 * 2 - left, (y + h + 1) // 2 * 2 - top)
