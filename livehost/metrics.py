"""Figures for Prometheus, in a registry of their own (so that tests can make several).

The room calls the named objects; `status` takes a playout's whole report at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from services.wire import EngineState, OutputState, OutputStatus, SessionMode, Status

if TYPE_CHECKING:
    from livehost.switching import Next

_ANSWER_S = (0.5, 1, 1.5, 2, 2.5, 3, 4, 5, 7.5, 10, 15, 20, 30, 60, 120, 180)
_PREPARE_S = (0.1, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300)


class Metrics:
    """Every figure the service shows; labels are ids from the configuration, so they are few."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        room = ("room",)
        self.questions_total = self._counter("questions_total", "Viewers' questions.", (*room, "state"))
        self.phrases_total = self._counter(
            "phrases_total", "Phrases by kind and fate.", (*room, "kind", "fate")
        )
        self.answer_seconds = Histogram(
            "livehost_answer_seconds",
            "From a question's arrival to the first sample of its answer.",
            room,
            buckets=_ANSWER_S,
            registry=self.registry,
        )
        self.webhook_messages_total = self._counter(
            "webhook_messages_total", "Viewers' messages by result.", (*room, "result")
        )
        self.inbox_dropped_total = self._counter(
            "inbox_dropped_total", "Viewers' messages that were not taken, by why.", (*room, "reason")
        )
        self.inbox_waiting = self._gauge("inbox_waiting", "Questions that wait for an answer.", room)
        self.viewer_events_total = self._counter(
            "viewer_events_total", "What viewers did besides writing, by kind.", (*room, "kind")
        )
        self.store_away = self._gauge("store_away", "1 while the store cannot be reached.", room)
        self.on_air = self._gauge("on_air", "1 while the room's session is on air.", room)
        self.playout_connected = self._gauge("playout_connected", "1 while playout is linked.", room)
        self.frames = self._gauge("frames", "Frames of this session.", room)
        self.late_frames = self._gauge("late_frames", "Frames that left after they were due.", room)
        self.repeated_frames = self._gauge("repeated_frames", "Pictures repeated to keep the sound.", room)
        self.reanchors = self._gauge("reanchors", "Times the clock was re-anchored.", room)
        self.held_seconds = self._gauge("held_seconds", "Speech that playout holds.", room)
        self.cut = self._gauge("cut", "1 while the picture is cut.", room)
        self.output_state = self._gauge(
            "output_state", "1 for the state an output is in.", (*room, "output", "state")
        )
        self.output_reconnects = self._gauge(
            "output_reconnects", "Reconnects of this session.", (*room, "output")
        )
        self.output_bytes = self._gauge("output_bytes", "Bytes sent in this session.", (*room, "output"))
        self.output_dropped_frames = self._gauge(
            "output_dropped_frames", "Frames not sent in this session.", (*room, "output")
        )
        self.worded_total = self._counter(
            "worded_total",
            "Lines by who worded them (model, template, …) and why a model did not.",
            (*room, "kind", "source", "why"),
        )
        self.switch_state = self._gauge(
            "switch_state", "1 for the state that the next change of persona is in.", (*room, "state")
        )
        self.switch_failures_total = self._counter(
            "switch_failures_total", "Failed preparations of a change, by the part.", (*room, "part")
        )
        self.switch_prepare_seconds = Histogram(
            "livehost_switch_prepare_seconds",
            "Time to make the next persona ready: adapters, look, greeting.",
            room,
            buckets=_PREPARE_S,
            registry=self.registry,
        )
        self.dressed = self._gauge("dressed", "1 while the persona on air wears all of hers.", room)
        self.engine_ready = self._gauge("engine_ready", "1 while a model engine serves.", ("engine",))
        self.engine_slots = self._gauge("engine_slots", "Slots of an engine's bank.", ("engine", "state"))
        self.engine_bytes = self._gauge(
            "engine_bytes", "Memory of an engine: process, base, bank.", ("engine", "part")
        )
        self.engine_tokens_per_s = self._gauge("engine_tokens_per_second", "Lately.", ("engine",))
        self.engine_waiting = self._gauge("engine_waiting", "Requests that wait.", ("engine",))
        self.alarms = self._gauge("alarms", "Alarms that stand.", room)
        self._outputs: dict[str, set[str]] = {}

    def _counter(self, name: str, text: str, labels: tuple[str, ...]) -> Counter:
        return Counter(f"livehost_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, labels: tuple[str, ...]) -> Gauge:
        return Gauge(f"livehost_{name}", text, labels, registry=self.registry)

    def status(self, room: str, status: Status) -> None:
        """Take over all that a playout reports."""
        self.on_air.labels(room).set(status.mode is SessionMode.ON_AIR)
        self.frames.labels(room).set(status.frames)
        self.late_frames.labels(room).set(status.late_frames)
        self.repeated_frames.labels(room).set(status.repeated_frames)
        self.reanchors.labels(room).set(status.reanchors)
        self.held_seconds.labels(room).set(status.held_s)
        self.cut.labels(room).set(status.cut)
        self._forget_outputs(room, {output.name for output in status.outputs})
        for output in status.outputs:
            self.output(room, output)

    def output(self, room: str, output: OutputStatus) -> None:
        """Take over one destination's figures."""
        self._outputs.setdefault(room, set()).add(output.name)
        for state in OutputState:
            self.output_state.labels(room, output.name, state.value).set(output.state is state)
        self.output_reconnects.labels(room, output.name).set(output.reconnects)
        self.output_bytes.labels(room, output.name).set(output.bytes_sent)
        self.output_dropped_frames.labels(room, output.name).set(output.dropped_frames)

    def _forget_outputs(self, room: str, present: set[str]) -> None:
        for name in self._outputs.get(room, set()) - present:
            for state in OutputState:
                self.output_state.remove(room, name, state.value)
            for gauge in (self.output_reconnects, self.output_bytes, self.output_dropped_frames):
                gauge.remove(room, name)
        self._outputs[room] = present

    def switch(self, room: str, coming: Next | None) -> None:
        """Take over how far the next change of persona is prepared."""
        for state in ("waiting", "preparing", "ready", "failed"):
            self.switch_state.labels(room, state).set(coming is not None and coming.state == state)
        if coming is not None and coming.state == "failed":
            self.switch_failures_total.labels(room, coming.part).inc()
        if coming is not None and coming.state == "ready":
            self.switch_prepare_seconds.labels(room).observe(coming.prepared_s)

    def engine(self, engine: str, state: EngineState | None, ready: bool) -> None:
        """Take over an engine's figures; None while it is not there."""
        self.engine_ready.labels(engine).set(ready)
        now = state or EngineState(kind="language", ready=False)
        self.engine_slots.labels(engine, "used").set(len(now.resident))
        self.engine_slots.labels(engine, "pinned").set(sum(one.pinned for one in now.resident))
        self.engine_slots.labels(engine, "total").set(now.slots)
        self.engine_bytes.labels(engine, "process").set(now.rss_bytes)
        self.engine_bytes.labels(engine, "base").set(now.base_bytes)
        self.engine_bytes.labels(engine, "bank").set(now.slot_bytes * now.slots)
        self.engine_tokens_per_s.labels(engine).set(now.tokens_per_s)
        self.engine_waiting.labels(engine).set(now.waiting)

    def text(self) -> bytes:
        """All figures as Prometheus reads them."""
        return generate_latest(self.registry)
