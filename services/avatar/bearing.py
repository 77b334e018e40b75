"""What the host does with what she is told: input of each frame in, her bearing out, never a jump.

The wander of `motion` belongs to the frame's index alone. Kept here is only what must not jump
when the input does: how much she speaks, smiles and raises her brows, where eyes and head are
turned, and the mouth between talk and rest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from services.avatar import motion
from services.avatar.motion import Pose
from services.avatar.mouth import REST, MouthShape
from services.wire import Mood

Gaze = Literal["camera", "card", "chat"]

TALK_BLEND_S = 0.16
MOUTH_STEP = 0.5  # the most a mouth parameter moves in a frame, whatever the input does
MOOD_BLEND_S = 0.30
EYE_BLEND_S = 0.05
HEAD_LAG_S = 0.14
FIRST_LOOK_S = 1.3  # how long she looks at a new target before she glances back at the camera
HEAD_BLEND_S = 0.32
LONGEST_STEP = 12  # frames; after a longer gap she goes on as if this many had passed

# Where she looks, right and down, for each target, as a part of her eyes' travel: playout puts the
# card low on the right and the viewer's question above it.
_TOWARD: dict[str, tuple[float, float]] = {"camera": (0.0, 0.0), "card": (0.5, 0.66), "chat": (0.62, 0.34)}
# Smile and brows for each mood.
_FACES: dict[Mood, tuple[float, float]] = {
    Mood.NEUTRAL: (0.22, 0.0),
    Mood.SMILE: (0.85, 0.25),
    Mood.QUESTION: (0.12, 0.85),
    Mood.TOPIC: (0.35, 0.55),
}
IDLE_SMILE = 0.55


@dataclass(frozen=True, slots=True)
class FaceInput:
    """What the clock knows at a frame. Any value is borne: nonsense counts as rest."""

    mouth: MouthShape = REST
    loudness: float = 0.0
    speaking: bool = False
    mood: Mood = Mood.NEUTRAL
    gaze: Gaze = "camera"
    stress: float = 0.0  # 0..1 while a stressed word sounds: she nods


RESTING = FaceInput()


@dataclass(frozen=True, slots=True)
class Held:
    """How she holds herself at a frame."""

    pose: Pose
    breath: float
    gaze: tuple[float, float]
    shut: float
    brow: tuple[float, float]
    smile: float
    mouth: MouthShape


def number(value: object, low: float, high: float, otherwise: float) -> float:
    """`value` as a number within its range."""
    if isinstance(value, (int, float)) and math.isfinite(value):
        return min(max(float(value), low), high)
    return otherwise


def _near(value: float, goal: float, frames: float, blend_s: float, fps: float) -> float:
    """`value` moved to `goal` so that after `blend_s` about 95 % of the way is done."""
    return goal + (value - goal) * math.exp(-3.0 * frames / max(1e-6, blend_s * fps))


class Bearing:
    """The host's bearing over time; the same inputs at the same frames give the same bearing."""

    def __init__(self, *, fps: float, seed: int) -> None:
        self._fps = fps
        self._seed = seed
        self._last: int | None = None
        self._talk = 0.0
        self._energy = 0.0
        self._fast = self._slow = self._nod = 0.0
        self._smile, self._brow, self._ask = IDLE_SMILE, 0.0, 0.0
        self._eyes = (0.0, 0.0)
        self._head = (0.0, 0.0)
        self._wanted, self._since = "camera", -1e9
        self._goals: list[tuple[float, float]] = []
        self._mouth = self._spoken = REST
        self._spoke = False
        self._blink_at = -1e9

    def step(self, n: int, given: FaceInput) -> Held:
        """Her bearing at frame `n`."""
        frames = 1 if self._last is None else min(max(n - self._last, 0), LONGEST_STEP)
        self._last = n
        t = n / self._fps
        self._hear(given, frames)
        mouth = self._shape(given, frames)
        gaze, head = self._look(given, frames, t)
        self._feel(given, frames)
        pose = motion.sway(t, self._seed, self._energy)
        lift = motion.wander(t, self._seed, 40, 0.05, 0.25)
        pose = replace(
            pose,
            dx=pose.dx + 4.0 * head[0],
            dy=pose.dy + 3.2 * self._nod + 2.0 * head[1] - 1.2 * self._ask,
            roll=pose.roll + 0.5 * self._ask + 0.35 * head[0],
            yaw=pose.yaw + 0.9 * head[0],
            pitch=pose.pitch + 0.9 * self._nod + 0.8 * head[1] - 0.35 * self._brow,
        )
        return Held(
            pose=pose,
            breath=motion.breath(t, self._seed),
            gaze=gaze,
            shut=self._lids(t, gaze),
            brow=(
                self._brow + 0.16 * lift + 0.25 * self._nod,
                self._brow + 0.16 * lift + 0.25 * self._nod + 0.12 * self._ask,
            ),
            smile=self._smile * (1 - 0.35 * self._energy),
            mouth=mouth,
        )

    def _hear(self, given: FaceInput, frames: int) -> None:
        """Follow the voice: how lively it is, and its beats."""
        loud = number(given.loudness, 0.0, 1.0, 0.0) if given.speaking else 0.0
        lively = (0.35 + 0.65 * loud) if given.speaking else 0.0
        self._energy = _near(self._energy, lively, frames, 0.45, self._fps)
        self._fast = _near(self._fast, loud, frames, 0.09, self._fps)
        self._slow = _near(self._slow, loud, frames, 1.1, self._fps)
        beat = max(0.0, self._fast - self._slow - 0.06) * 1.6
        beat = max(beat, number(given.stress, 0.0, 1.0, 0.0))
        self._nod = _near(self._nod, min(1.0, beat), frames, 0.26, self._fps)

    def _shape(self, given: FaceInput, frames: int) -> MouthShape:
        """The mouth to draw: the given one while she speaks, blended to rest over a few frames."""
        if given.speaking:
            self._spoken = given.mouth.sane() if isinstance(given.mouth, MouthShape) else REST
        step = frames / (TALK_BLEND_S * self._fps)
        self._talk = min(1.0, self._talk + step) if given.speaking else max(0.0, self._talk - step)
        goal = REST.toward(self._spoken, motion.ease(self._talk))
        self._mouth = self._mouth.stepped(goal, MOUTH_STEP * max(1, frames))
        return self._mouth

    def _look(
        self, given: FaceInput, frames: int, t: float
    ) -> tuple[tuple[float, float], tuple[float, float]]:
        """Eyes jump to their target; the head follows a moment later, by a part of the way."""
        wanted = given.gaze if given.gaze in _TOWARD else "camera"
        goal = _TOWARD[wanted]
        eyes = goal
        if wanted != self._wanted:
            self._wanted, self._since = wanted, t
        if wanted != "camera" and t - self._since > FIRST_LOOK_S and motion.returns_to_camera(t, self._seed):
            eyes = (0.0, 0.0)
        aside = motion.glance(t, self._seed)
        eyes = (eyes[0] + aside[0], eyes[1] + aside[1])
        self._eyes = (
            _near(self._eyes[0], eyes[0], frames, EYE_BLEND_S, self._fps),
            _near(self._eyes[1], eyes[1], frames, EYE_BLEND_S, self._fps),
        )
        lag = max(1, round(HEAD_LAG_S * self._fps))
        self._goals.extend([goal] * max(1, frames))
        del self._goals[: -lag - 1]
        turn = self._goals[0]
        self._head = (
            _near(self._head[0], turn[0], frames, HEAD_BLEND_S, self._fps),
            _near(self._head[1], turn[1], frames, HEAD_BLEND_S, self._fps),
        )
        # As the head comes round, the eyes need less.
        gaze = (self._eyes[0] - 0.3 * self._head[0], self._eyes[1] - 0.3 * self._head[1])
        return gaze, self._head

    def _feel(self, given: FaceInput, frames: int) -> None:
        """Smile and brows move to the mood's."""
        mood = given.mood if given.mood in _FACES else Mood.NEUTRAL
        smile, brow = _FACES[mood]
        if not given.speaking:
            smile, brow = max(smile, IDLE_SMILE), brow * 0.4
        self._smile = _near(self._smile, smile, frames, MOOD_BLEND_S, self._fps)
        self._brow = _near(self._brow, brow, frames, MOOD_BLEND_S, self._fps)
        asks = 1.0 if mood is Mood.QUESTION else 0.0
        self._ask = _near(self._ask, asks, frames, MOOD_BLEND_S, self._fps)

    def _lids(self, t: float, gaze: tuple[float, float]) -> float:
        """Blinks, by the clock and often where a phrase ends; lids follow a look down or up."""
        if self._spoke and self._talk == 0.0:
            self._spoke = False
            if motion.draw(self._seed, 50, round(t * self._fps)) < 0.55 and t - self._blink_at > 1.2:
                self._blink_at = t
        elif self._talk == 1.0:
            self._spoke = True
        blink = max(motion.blink(t, self._seed), motion.blink_shape(t - self._blink_at))
        rest = min(max(0.30 * gaze[1], -0.06), 0.24)
        return blink + (1 - blink) * rest
