"""Figures for Prometheus, in a registry of their own (so that tests can make several).

The room calls the named objects; `status` takes a playout's whole report at once.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from services.wire import OutputState, OutputStatus, SessionMode, Status

_ANSWER_S = (0.5, 1, 1.5, 2, 2.5, 3, 4, 5, 7.5, 10, 15, 20, 30, 60, 120, 180)
_SPEAK_S = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10)


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
        self.speech_seconds = Histogram(
            "livehost_speech_seconds",
            "Time to voice one phrase.",
            ("engine",),
            buckets=_SPEAK_S,
            registry=self.registry,
        )
        self.engine_failures_total = self._counter(
            "engine_failures_total", "Failures of a speech or language engine.", ("engine",)
        )
        self.webhook_messages_total = self._counter(
            "webhook_messages_total", "Viewers' messages by result.", (*room, "result")
        )
        self.restarts_total = self._counter("restarts_total", "Restarted children.", ("process",))
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

    def text(self) -> bytes:
        """All figures as Prometheus reads them."""
        return generate_latest(self.registry)
