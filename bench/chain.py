"""The whole chain's cost against that of encoding the same frames alone.

The numerator: CPU-seconds a stream-second of a room's playout process with its children, while the
host speaks the demo's script at 720x1280, 25 fps: composition, x264 superfast, AAC, two `ffmpeg -c copy`
to two nginx-rtmp (whose own work is not counted), one preview viewer, the recording. The denominator:
CPU-seconds a stream-second of `services/playout/encoder.py` over the same frames and samples, rendered
again into memory (`bench/replay.py`), in a plain loop.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import rows, script
from bench.processes import cpu_s, load, rss_mb
from bench.replay import encoded_alone
from services import wire
from services.playout.settings import PlayoutSettings
from tests.playout import Playout
from tests.rtmp import Ingest

LOOK = "builtin:morning"
WARM_S = 6.0
ENCODER = {"width": 720, "height": 1280, "preset": "superfast", "video_kbps": 2500}


async def measure(quick: bool) -> dict[str, Any]:
    """Run, replay, divide."""
    seconds = 12.0 if quick else 60.0
    with tempfile.TemporaryDirectory(prefix="livehost-bench-") as folder:
        phrases = await script.phrases(Path(folder), seconds + WARM_S + 8)
        samples, started, settings, facts = await _run(Path(folder), phrases, seconds)
        by_id = {phrase.id: phrase for phrase in phrases}
        heard = [(message.at, by_id[message.id]) for message in started]
        first, last = samples[0][0], samples[-1][0]
        encoded, size = await asyncio.to_thread(encoded_alone, settings, LOOK, heard, last)
    rows.write("chain", ("frame", "cpu_s", "wall_s"), samples)
    rows.write("encoder", ("first_frame", "frames", "cpu_s"), encoded)
    stream_s = (last - first) / settings.fps
    chain = (samples[-1][1] - samples[0][1]) / stream_s
    counted = [row for row in encoded if row[0] >= first]
    alone = sum(row[2] for row in counted) / (sum(row[1] for row in counted) / settings.fps)
    return {
        "chain_over_encoder": round(chain / alone, 2),
        "chain_cpu_s_per_s": round(chain, 3),
        "encoder_cpu_s_per_s": round(alone, 3),
        "chain_stream_s": round(stream_s, 1),
        "chain_speech_share": round(_speech_share(heard, first, last, settings), 2),
        "encoder_kbps": round(size * 8 / 1000 / (last / settings.fps)),
        **facts,
    }


async def _run(
    folder: Path, phrases: list[wire.Phrase], seconds: float
) -> tuple[list[tuple[int, float, float]], list[wire.Started], PlayoutSettings, dict[str, Any]]:
    """Speak through a playout; (frames, CPU-seconds, wall) once a second, and what was heard where."""
    ingests = [Ingest(folder / name) for name in ("a", "b")]
    playout = Playout(folder / "p", **ENCODER)
    viewer: asyncio.Task[None] | None = None
    try:
        for ingest in ingests:
            ingest.start()
        await playout.start()
        await playout.connect()
        assert playout.process is not None
        pid = playout.process.pid
        outputs = tuple(
            wire.OutputSpec(name=name, url=ingest.url, key=name)
            for name, ingest in zip(("a", "b"), ingests, strict=True)
        )
        playout.send(wire.SetOutputs(outputs=outputs))
        playout.open(wire.SessionMode.ON_AIR, look=LOOK, look_path=LOOK)
        begun, queue, answered = time.monotonic(), list(phrases), 0
        samples: list[tuple[int, float, float]] = []
        seen = 0
        while time.monotonic() - begun < WARM_S + seconds:
            wants, statuses = playout.all(wire.Want), playout.all(wire.Status)
            if wants and wants[-1].serial > answered and queue:
                answered = wants[-1].serial
                playout.send(queue.pop(0))
            playout.send(wire.Alive())
            if len(statuses) > seen and statuses[-1].frames:
                seen = len(statuses)
                if viewer is None:
                    viewer = asyncio.create_task(_watch(playout), name="viewer")
                elif time.monotonic() - begun > WARM_S:
                    samples.append((statuses[-1].frames, cpu_s(pid), time.monotonic()))
            await asyncio.sleep(0.05)
        status = playout.status()
        facts = {
            "chain_outputs_live": sum(output.state is wire.OutputState.LIVE for output in status.outputs),
            "chain_late_frames": status.late_frames,
            "chain_repeated_frames": status.repeated_frames,
            "playout_rss_mb": rss_mb(pid),
            "chain_load": round(load(), 2),
        }
        settings = PlayoutSettings(**playout.settings)
        return samples, playout.all(wire.Started), settings, facts
    finally:
        if viewer is not None:
            viewer.cancel()
        await playout.stop()
        for ingest in ingests:
            ingest.close()


async def _watch(playout: Playout) -> None:
    """A viewer of the preview: takes what comes."""
    reader, writer = await playout.media("fmp4")
    try:
        while await reader.read(65536):
            pass
    finally:
        writer.close()


def _speech_share(
    heard: list[tuple[int, wire.Phrase]], first: int, last: int, settings: PlayoutSettings
) -> float:
    begin, end = first * settings.samples_per_frame, last * settings.samples_per_frame
    spoken = sum(max(0, min(end, at + len(phrase.pcm) // 2) - max(begin, at)) for at, phrase in heard)
    return spoken / (end - begin)
