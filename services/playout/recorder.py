"""Recordings: fragmented MP4 by the hour with the AIGC mark, written by a thread of their own.

A disk that is full stops the recording, with a message, and never the stream; it starts again by
itself when there is room. The oldest files go when the folder is over its cap.
"""

from __future__ import annotations

import json
import logging
import re
import shutil
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from services.playout.fanout import Fanout, Subscription
from services.playout.flv import Tag
from services.playout.mp4 import Mp4
from services.playout.settings import PlayoutSettings
from services.wire import SAMPLE_RATE_HZ

log = logging.getLogger("playout.recorder")

MOVFLAGS = "frag_keyframe+empty_moov+default_base_moof+use_metadata_tags"
QUEUE_S = 20.0
FREE_BYTES = 200 * 1024 * 1024
RETRY_S = 30.0
CAP_EVERY_S = 20.0


@dataclass(frozen=True, slots=True)
class Running:
    """The file being written, and the media position of its start."""

    name: str
    position: int


def aigc_mark(producer: str, produce_id: str) -> str:
    """The value of the metadata key `AIGC` (visible ASCII; the producer is its own first propagator)."""
    producer, produce_id = _ascii(producer), _ascii(produce_id)
    mark = {
        "Label": "1",
        "ContentProducer": producer,
        "ProduceID": produce_id,
        "ReservedCode1": "",
        "ContentPropagator": producer,
        "PropagateID": produce_id,
        "ReservedCode2": "",
    }
    return json.dumps(mark, separators=(",", ":"))


class Recorder:
    """Records one session after the other; `begin` and `end` are called by the event loop."""

    def __init__(self, settings: PlayoutSettings, fanout: Fanout) -> None:
        self.error = ""
        self.running: Running | None = None
        self._settings = settings
        self._fanout = fanout
        self._thread: threading.Thread | None = None
        self._subscription: Subscription | None = None

    def begin(self, session: str, first_frame: int) -> None:
        """Record the session whose encoder starts at `first_frame`."""
        if not self._settings.recording:
            return
        wake = threading.Event()
        subscription = Subscription("recording", wake.set, soft_limit_s=QUEUE_S)
        self._subscription = subscription
        self._fanout.add(subscription)
        work = _Work(self, self._settings, session, first_frame, subscription, wake)
        self._thread = threading.Thread(target=work.run, name="playout-recorder", daemon=True)
        self._thread.start()

    def end(self, timeout_s: float = 1.5) -> None:
        """Close the file; the stream's end ends the thread too."""
        if self._subscription is not None:
            self._fanout.remove(self._subscription)
            self._subscription.end()
            self._subscription = None
        if self._thread is not None:
            self._thread.join(timeout_s)
            self._thread = None

    def locate(self, position: int) -> tuple[str, float]:
        """The file that holds a media position, and where in it, as far as is known now."""
        running = self.running
        if running is None or position < running.position:
            return "", 0.0
        return running.name, round((position - running.position) / SAMPLE_RATE_HZ, 3)


class _Work:
    """The recorder's thread for one session."""

    def __init__(
        self,
        recorder: Recorder,
        settings: PlayoutSettings,
        session: str,
        first_frame: int,
        subscription: Subscription,
        wake: threading.Event,
    ) -> None:
        self._recorder = recorder
        self._settings = settings
        self._session = session
        self._first_frame = first_frame
        self._subscription = subscription
        self._wake = wake
        self._file: Mp4 | None = None
        self._not_before = 0.0
        self._cap_at = 0.0
        self._file_ends_ms = 0.0

    def run(self) -> None:
        """Write until the stream ends."""
        while True:
            item = self._subscription.pop()
            if item is None:
                if self._subscription.ended:
                    break
                self._wake.wait(1.0)
                self._wake.clear()
                continue
            try:
                self._write(item[0])
            except (OSError, ValueError) as error:
                self._give_up(f"recording stopped: {error}; free disk space, it starts again by itself")
        self._close()

    def _write(self, tag: Tag) -> None:
        now = time.monotonic()
        if tag.key:
            if self._file is not None and tag.ts_ms >= self._file_ends_ms:
                self._close()
            if self._file is None and now >= self._not_before:
                self._open(tag)
        if self._file is not None:
            self._file.mux(tag)
        if now - self._cap_at > CAP_EVERY_S:
            self._cap_at = now
            self._keep_cap()

    def _open(self, first: Tag) -> None:
        folder = self._settings.recordings
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if shutil.disk_usage(folder).free < FREE_BYTES:
            raise OSError("less than 200 MB are free")
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
        name = f"{_ascii(self._session)}_{stamp}.mp4"
        self._file = Mp4(
            str(folder / name),
            self._subscription.opening,
            first,
            self._settings.fps,
            movflags=MOVFLAGS,
            metadata={"AIGC": aigc_mark(self._settings.producer, self._session)},
        )
        self._file_ends_ms = first.ts_ms + self._settings.recording_file_s * 1000
        position = (self._first_frame + self._file.base_frame) * self._settings.samples_per_frame
        self._recorder.running = Running(name, position)
        self._recorder.error = ""

    def _close(self) -> None:
        file, self._file = self._file, None
        self._recorder.running = None
        if file is not None:
            try:
                file.close()
            except (OSError, ValueError) as error:
                log.error("a recording could not be closed: %s; its fragments can be read", error)

    def _give_up(self, message: str) -> None:
        log.error(message)
        self._close()
        self._recorder.error = message
        self._not_before = time.monotonic() + RETRY_S

    def _keep_cap(self) -> None:
        folder = self._settings.recordings
        if not folder.is_dir():
            return
        cap = self._settings.recording_cap_gb * 1e9
        files = sorted(folder.glob("*.mp4"), key=lambda path: path.stat().st_mtime)
        sizes = {path: path.stat().st_size for path in files}
        total = sum(sizes.values())
        running = self._recorder.running
        for path in files:
            if total <= cap:
                break
            if running is not None and path.name == running.name:
                continue
            path.unlink(missing_ok=True)
            total -= sizes[path]
            log.info("recording %s deleted: the folder was over its cap", path.name)
        if shutil.disk_usage(folder).free < FREE_BYTES and self._file is not None:
            raise OSError("less than 200 MB are free")


def _ascii(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "-", text) or "none"
