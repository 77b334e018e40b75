"""A look from order to folder: read, find or paint, judge, finish, judge again, keep.

Each step is one plain function's work and runs in the thread that the engine gives it.
"""

from __future__ import annotations

import contextvars
import ctypes
import logging
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from services import wire
from services.avatar.looks import LookError
from services.lora.errors import BankError
from services.vision import finish, shift
from services.vision.adapters import Adapters
from services.vision.cache import LookCache, look_key
from services.vision.judge import judge_finished, judge_generated
from services.vision.painter import Order, Painted, Painter, PaintFailed
from services.vision.template import Template, read_template

log = logging.getLogger(__name__)

MAX_PROMPT = 2000


@dataclass(frozen=True, slots=True)
class Asked:
    """A look that is asked for: its key, its template, its order."""

    key: str
    template: Template
    order: Order


class Maker:
    """Makes looks with one painter."""

    def __init__(self, painter: Painter, adapters: Adapters, cache: Path, *, max_bytes: int) -> None:
        self._painter, self._adapters = painter, adapters
        self._cache = LookCache(cache, max_bytes=max_bytes)

    def read(self, message: wire.MakeLook) -> Asked | tuple[str, ...]:
        """The template, and the key; or every reason why there can be no look."""
        problems = _problems(message)
        try:
            template = read_template(Path(message.template))
        except LookError as error:
            return (*problems, str(error))
        if problems:
            return problems
        order = Order(
            prompt=message.prompt.strip(), negative=message.negative.strip(), seed=message.seed,
            strength=message.strength, guidance=message.guidance, steps=message.steps,
            adapter=message.adapter,
        )  # fmt: skip
        key = look_key(
            {
                "base": self._adapters.base_sha256, "painter": self._painter.name, "adapter": order.adapter,
                "prompt": order.prompt, "negative": order.negative, "seed": order.seed,
                "strength": order.strength, "guidance": order.guidance, "steps": order.steps,
                "template": template.sha256, "finish": finish.VERSION,
            }
        )  # fmt: skip
        return Asked(key, template, order)

    def find(self, asked: Asked) -> wire.LookMade | None:
        """The look from the cache."""
        kept = self._cache.find(asked.key)
        if kept is None:
            return None
        return wire.LookMade(
            request="", ok=True, folder=str(kept.folder), key=asked.key, cached=True, measures=kept.measures
        )

    def paint(self, asked: Asked) -> Painted | tuple[str, ...]:
        """The pictures; or every reason why there are none."""
        if not self._adapters.has(asked.order.adapter):
            return (f"adapter {asked.order.adapter[:12]} is in no slot; stage it first",)
        began = time.monotonic()
        try:
            # A context of its own: a binding that an error left behind cannot reach the next forward.
            painted = contextvars.copy_context().run(
                self._painter.paint, asked.order, asked.template, self._adapters.rows
            )
        except PaintFailed as error:
            return (str(error),)
        except BankError as error:
            return (f"{error}",)
        except (RuntimeError, ValueError, MemoryError) as error:
            log.exception("no picture")
            return (
                f"the base made no picture ({type(error).__name__}: {str(error)[:300]}); see the engine's log",
            )
        log.info("painted %s in %.1f s", asked.key, time.monotonic() - began)
        return painted

    def stop(self) -> None:
        """Give up the picture under way."""
        self._painter.stop()

    def finish(self, asked: Asked, painted: Painted, in_use: frozenset[str]) -> wire.LookMade:
        """Judge what was painted, finish it, judge that, and keep it."""
        try:
            return self._finish(asked, painted, in_use)
        finally:
            _give_back()

    def _finish(self, asked: Asked, painted: Painted, in_use: frozenset[str]) -> wire.LookMade:
        template = asked.template
        height, width = painted.pictures.shape[1:3]
        low = painted.shown_as if painted.shown_as is not None else shift.low(template, (height, width))
        first = judge_generated(painted.pictures, low, template, face_least=self._painter.face_least)
        if first.faults:
            return self._refused(asked, first.measures, first.faults)
        change = shift.shifts(
            template,
            painted.pictures,
            painted.shown_as,
            part=self._part(asked.order),
            detail=self._painter.detail,
        )
        done = finish.finish(template, change)
        second = judge_finished(template, done)
        measures = {k: round(v, 4) for k, v in (first.measures | second.measures).items() if np.isfinite(v)}
        if second.faults:
            return self._refused(asked, measures, second.faults)
        order = asked.order
        about = {
            "made_by": "livehost vision engine: generated by AI", "prompt": order.prompt,
            "negative": order.negative, "seed": order.seed, "strength": order.strength,
            "guidance": order.guidance, "steps": order.steps, "adapter": order.adapter,
            "base": self._adapters.base_sha256, "painter": self._painter.name,
            "template": template.spec.name, "finish": finish.VERSION,
        }  # fmt: skip
        try:
            folder = self._cache.put(asked.key, template, done, measures=measures, about=about, in_use=in_use)
        except OSError as error:
            return self._refused(
                asked, measures, (f"the look cannot be written ({error}); make room on the disk",)
            )
        return wire.LookMade(request="", ok=True, folder=str(folder), key=asked.key, measures=measures)

    def _part(self, order: Order) -> float:
        """How much of the change the finish takes: all, where the painter has applied the strength."""
        return 1.0 if self._painter.detail else min(max(order.strength, 0.0), 1.0)

    def _refused(self, asked: Asked, measures: dict[str, float], faults: tuple[str, ...]) -> wire.LookMade:
        return wire.LookMade(request="", ok=False, key=asked.key, errors=faults, measures=measures)


def _give_back() -> None:
    """Hand the memory that a look took back to the system: glibc would keep some 300 MB of it."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def _problems(message: wire.MakeLook) -> tuple[str, ...]:
    """What is wrong with the numbers and texts of an order."""
    problems = []
    if not message.prompt.strip():
        problems.append("the prompt is empty; say what the look shows")
    if len(message.prompt) > MAX_PROMPT or len(message.negative) > MAX_PROMPT:
        problems.append(f"the prompt or the negative prompt is over {MAX_PROMPT} characters; shorten it")
    if not 0 < message.strength <= 1:
        problems.append(f"strength is {message.strength}; give more than 0 and at most 1")
    if not 0 <= message.guidance <= 30:
        problems.append(f"guidance is {message.guidance}; give 0 to 30")
    if not 0 <= message.steps <= 100:
        problems.append(f"steps is {message.steps}; give 0 (the base's own) to 100")
    if not 0 <= message.seed < 2**63:
        problems.append(f"seed is {message.seed}; give 0 or more")
    return tuple(problems)
