"""The frame clock as a pure function of its state and the monotonic time.

Frame `n` is due at `t0 + n / fps`. Frames are composed `lead` ahead of that. When the lead shrinks
the picture is repeated, which costs little, so that no sound is lost; when a frame is more than
`REANCHOR_S` overdue the whole timeline moves (`t0` changes, timestamps do not).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

LEAD_FRAMES = 9
REPEAT_BELOW_FRAMES = 3
REANCHOR_S = 1.0
LATE_LOGGED_S = 0.2
_EPSILON_S = 1e-7


class Act(StrEnum):
    """What the clock's thread does next."""

    SLEEP = "sleep"  # the lead is full: nothing is to be done for `wait_s`
    COMPOSE = "compose"  # draw the next frame
    REPEAT = "repeat"  # behind: send the last picture again with the next sound
    REANCHOR = "reanchor"  # more than a second behind: move `t0`, then decide again


@dataclass(frozen=True, slots=True)
class Clock:
    """The anchor, and the next frame to be composed."""

    t0: float
    fps: int
    next_frame: int = 0
    lead: int = LEAD_FRAMES

    def due(self, frame: int) -> float:
        """When a frame is due, on the monotonic clock."""
        return self.t0 + frame / self.fps

    def advanced(self) -> Clock:
        """The clock after one frame."""
        return replace(self, next_frame=self.next_frame + 1)


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do; `wait_s` for SLEEP, `t0` (the new anchor) for REANCHOR."""

    act: Act
    wait_s: float = 0.0
    t0: float = 0.0


def start(now: float, fps: int, first_frame: int = 0, lead: int = LEAD_FRAMES) -> Clock:
    """A clock whose first frame may be composed at once and is due `lead` frames from now."""
    return Clock(t0=now + (lead - first_frame) / fps, fps=fps, next_frame=first_frame, lead=lead)


def decide(clock: Clock, now: float) -> Decision:
    """What the clock's thread does at `now`."""
    ahead_s = clock.due(clock.next_frame) - now
    lead_s = clock.lead / clock.fps
    if ahead_s > lead_s + _EPSILON_S:
        return Decision(Act.SLEEP, wait_s=ahead_s - lead_s)
    if ahead_s < -REANCHOR_S:
        return Decision(Act.REANCHOR, t0=now + lead_s - clock.next_frame / clock.fps)
    if ahead_s < REPEAT_BELOW_FRAMES / clock.fps - _EPSILON_S:
        return Decision(Act.REPEAT)
    return Decision(Act.COMPOSE)
