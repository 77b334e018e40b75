"""From settings to casts: persona, script, look and voice put together, and what is shown of a product."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import services
from livehost.catalog import Catalog
from livehost.library import Kind, Library
from livehost.lines import Cast
from livehost.schedule import OnAir
from livehost.settings import AdapterVersions, Persona, Room, Settings
from services import wire
from services.speech.types import EngineSpec, VoiceSpec

BUILTIN = "builtin:"
BUILTIN_LOOKS = Path(services.__file__).parent / "avatar" / "looks"


def look_path(persona: Persona) -> Path:
    """The folder of a persona's look."""
    if persona.look.startswith(BUILTIN):
        return BUILTIN_LOOKS / persona.look.removeprefix(BUILTIN)
    return Path(persona.look)


def voice_of(persona: Persona) -> VoiceSpec:
    """The persona's voice as the speech service takes it."""
    return VoiceSpec(
        chain=tuple(
            EngineSpec(
                kind=engine.kind,
                voice=engine.voice,
                rate=engine.rate,
                pitch=engine.pitch,
                url=engine.url,
                key=engine.key.get_secret_value(),
                model=engine.model,
                other_voice=engine.other_voice,
            )
            for engine in persona.voice.chain
        ),
        allow_other_voice=persona.voice.allow_other_voice,
    )


class Casting:
    """Makes the casts of one room."""

    def __init__(self, settings: Settings, room: Room) -> None:
        self._settings = settings
        self._room = room
        self._library = Library(settings.adapters)

    def cast(self, persona_id: str, rundown_id: str | None, adapters: AdapterVersions | None = None) -> Cast:
        """The plain cast of a persona; without a rundown the room's default, else the first one.

        `adapters` names other versions than the persona's own; a kind that it leaves out stays.
        A version `promoted` is the one that is promoted at this moment.
        """
        persona = self._settings.persona(persona_id)
        chosen = rundown_id or self._room.default_rundown or self._settings.rundowns[0].id
        return Cast(
            persona=persona,
            rundown=self._settings.rundown(chosen),
            look_path=look_path(persona),
            voice=voice_of(persona),
            versions=AdapterVersions(
                language=self._version(persona, "language", adapters),
                visual=self._version(persona, "visual", adapters),
            ),
        )

    def _version(self, persona: Persona, kind: Kind, adapters: AdapterVersions | None) -> str | None:
        asked: str | None = getattr(adapters, kind, None) or getattr(persona.adapters, kind)
        return self._library.worn(persona.id, kind, asked) if asked is not None else None

    def of(self, on: OnAir) -> Cast | None:
        """The cast that the timetable asks for, or None: off air."""
        return None if on.persona is None else self.cast(on.persona, on.rundown, on.adapters)

    def first(self, on: OnAir) -> Cast:
        """The cast to begin with: the timetable's, else the default or first persona."""
        fallback = self._room.default_persona or self._settings.personas[0].id
        return self.of(on) or self.cast(fallback, None)


def card(
    catalog: Catalog, product_id: str | None, *, show_prices: bool, images: Path, now: datetime
) -> wire.ProductCard | None:
    """The card of a product of this room's catalogue; None where there is no such product."""
    product = catalog.get(product_id)
    if product is None:
        return None
    until = product.valid.until
    return wire.ProductCard(
        product=product.id,
        name=product.name,
        link=product.link,
        price=f"{product.price:f}" if show_prices and product.speakable(now) else None,
        valid_until=until.timestamp() if until else None,
        image=_image(product.image, images),
    )


class CardOnScreen:
    """Keeps the product card that viewers see true: `now` gives the card that a phrase is to bring.

    A card that was made with the phrase, or stands on the picture since an earlier one, is made anew from
    the catalogue of this moment; None where the picture need not change.
    """

    def __init__(self, make: Callable[[str], wire.ProductCard | None]) -> None:
        self._make = make
        self._shown: wire.ProductCard | None = None

    def now(self, card: wire.ProductCard | None) -> wire.ProductCard | None:
        """The card to send with the next phrase, which comes with `card`."""
        if card is not None:
            self._shown = (self._make(card.product) or card) if card.product else card
            return self._shown
        if self._shown is None or not self._shown.product:
            return None
        fresh = self._make(self._shown.product)
        if fresh is None or fresh == self._shown:
            return None
        self._shown = fresh
        return fresh


def _image(name: str | None, folder: Path) -> str | None:
    places = [folder / name, folder / "images" / name] if name else []
    return next((str(place) for place in places if place.is_file()), None)
