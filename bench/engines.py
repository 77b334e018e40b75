"""`python -m bench.engines [--device cuda] [--only language|vision]`: what the model engines give.

Each engine is the real process, asked over its socket, with the embedded base and eight adapters
that differ (the demo's, rescaled).

`base_mb`, `slot_kb`          the base's weights, and what one adapter's slot takes
`rss_base_mb`, `rss_8_mb`     the process with its base alone, and with eight adapters in the bank and two
                              rooms that pin four each: the base is there once
`tokens_per_s_1|8_one|8_mixed` one answer at a time; eight at once with one adapter; eight with eight
`mixed_over_one`              time of eight with eight adapters over eight with one
`answer_p50_ms`               one answer, asked alone, from request to whole text
`look_s`, `look_cached_ms`    a look made (median over seeds), and the same again from the cache
`looks_per_s`                 looks made one after another

Ends with one JSON object; raw rows in `bench/out/engines.csv`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import msgspec

from bench import rows
from services import wire
from services.engine import EngineSettings
from services.language.prompt import answer_prompt

ROOT = Path(__file__).resolve().parent.parent
PERSONAS = ("tang-morning", "tang-evening", "tang-lady")
LOOKS = {"tang-morning": "morning", "tang-evening": "evening", "tang-lady": "tangzhuang"}
TRIGGERS = {"tang-morning": "棠晨", "tang-evening": "棠夜", "tang-lady": "唐妆"}
COUNT = 8
START_S = 180.0
CORES = (
    "云杉洁面慕斯直播间价{price}元，在{link}号链接",
    "青岚保湿面膜现在有货，48小时内从杭州发货",
    "松露护手霜{price}元，赠品是旅行装{link}份",
    "桂月红茶的保质期是{link}个月，产地福建武夷山",
)


class Asked:
    """A connection to an engine; answers are matched by the request's id."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._waiting: dict[str, asyncio.Future[Any]] = {}
        self.state: wire.EngineState | None = None

    async def hear(self) -> None:
        """Take in answers and states until the engine hangs up."""
        while (message := await wire.read(self._reader)) is not None:
            if isinstance(message, wire.EngineState):
                self.state = message
            elif isinstance(message, wire.Staged | wire.Generated | wire.LookMade):
                self._waiting.pop(message.request).set_result(message)

    async def ask(self, message: wire.Stage | wire.Generate | wire.MakeLook) -> Any:
        """The answer to one request."""
        future = self._waiting[message.request] = asyncio.get_running_loop().create_future()
        await self.tell(message)
        return await future

    async def tell(self, message: wire.Message) -> None:
        """A message that has no answer."""
        self._writer.write(wire.encode(message))
        await self._writer.drain()


@asynccontextmanager
async def engine(role: Literal["language", "vision"], folder: Path, device: str) -> AsyncIterator[Asked]:
    """The engine's process, ready."""
    kind = "transformers" if role == "language" else "embedded"
    settings = EngineSettings(
        socket=str(folder / f"{role}.sock"), engine=kind, slots=COUNT + 1, device=device,
        cache_dir=str(folder / "looks"), threads=int(os.environ.get("OMP_NUM_THREADS", "1")),
    )  # fmt: skip
    file = folder / f"{role}.json"
    file.write_bytes(msgspec.json.encode(settings))
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", f"services.{role}", file, cwd=ROOT)
    hearing: asyncio.Task[None] | None = None
    try:
        deadline = time.monotonic() + START_S
        while not os.path.exists(settings.socket):  # noqa: ASYNC240 - a stat on a local disk
            if process.returncode is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the {role} engine did not start; see its log above")
            await asyncio.sleep(0.05)
        asked = Asked(*await asyncio.open_unix_connection(settings.socket))
        hearing = asyncio.create_task(asked.hear())
        while asked.state is None or not (asked.state.ready or asked.state.error):
            await asyncio.sleep(0.05)
        if asked.state.error:
            raise RuntimeError(f"{asked.state.error}; {asked.state.mend}")
        yield asked
    finally:
        if hearing is not None:
            hearing.cancel()
        if process.returncode is None:
            process.terminate()
            await process.wait()


def eight(kind: Literal["language", "visual"], folder: Path) -> list[tuple[str, Path]]:
    """Eight adapters that differ in content: the demo's, each rescaled a little; (id, folder)."""
    from safetensors.torch import load_file, save_file

    from services.lora import read_card, write_card

    made = []
    for number in range(COUNT):
        persona = PERSONAS[number % len(PERSONAS)]
        source = ROOT / "adapters" / persona / kind / "1"
        target = folder / f"{kind}-{number}"
        target.mkdir()
        weights = load_file(source / "adapter.safetensors")
        scaled = {
            name: value * (1 - 0.01 * number) if "lora_B" in name else value
            for name, value in weights.items()
        }
        save_file(scaled, target / "adapter.safetensors")
        card = read_card(source)
        sha = _sha256(target / "adapter.safetensors")
        write_card(target, card.model_copy(update={"sha256": sha, "version": f"b{number}"}))
        made.append((f"{persona}.{kind}.b{number}", target))
    return made


async def staged(asked: Asked, adapters: Sequence[tuple[str, Path]]) -> list[str]:
    """Stage them all; their hashes. Two rooms pin them, half each."""
    hashes = []
    for adapter, folder in adapters:
        answer = await asked.ask(wire.Stage(request=adapter, adapter=adapter, folder=str(folder)))
        if not answer.ok:
            raise RuntimeError(f"{adapter}: {'; '.join(answer.errors)}")
        hashes.append(answer.sha256)
    await asked.tell(wire.Pin(room="one", adapters=tuple(hashes[: COUNT // 2])))
    await asked.tell(wire.Pin(room="two", adapters=tuple(hashes[COUNT // 2 :])))
    return hashes


async def fresh_state(asked: Asked) -> wire.EngineState:
    """A state that was told from now on."""
    asked.state = None
    while asked.state is None:
        await asyncio.sleep(0.05)
    return asked.state


async def language(folder: Path, device: str, repeats: int, table: list[Sequence[Any]]) -> dict[str, Any]:
    """Words: tokens a second and memory."""
    async with engine("language", folder, device) as asked:
        before = await fresh_state(asked)
        hashes = await staged(asked, eight("language", folder))
        serial = iter(range(10**9))

        async def batch(adapters: Sequence[str]) -> tuple[float, int, list[float]]:
            begun = time.monotonic()

            async def one(adapter: str) -> wire.Generated:
                number = next(serial)
                core = CORES[number % len(CORES)].format(
                    price=f"{20 + number % 379}.{number % 10}", link=number % 37 + 1
                )
                system, user = answer_prompt(f"第{number}位观众问这个怎么样", core)
                request = wire.Generate(
                    request=f"g{number}", room="one", user=user, system=system, adapter=adapter, deadline_s=60,
                )  # fmt: skip
                answer: wire.Generated = await asked.ask(request)
                return answer

            answers = await asyncio.gather(*(one(adapter) for adapter in adapters))
            bad = [answer for answer in answers if answer.finish not in ("stop", "length")]
            if bad:
                raise RuntimeError(f"{bad[0].finish}: {bad[0].error}")
            return time.monotonic() - begun, sum(a.tokens for a in answers), [a.took_ms for a in answers]

        await batch(hashes)  # warm
        found: dict[str, list[float]] = {"1": [], "8_one": [], "8_mixed": []}
        alone_ms: list[float] = []
        per_token: dict[str, list[float]] = {"8_one": [], "8_mixed": []}
        for turn in range(repeats):
            for name, adapters in (("1", hashes[:1]), ("8_one", hashes[:1] * COUNT), ("8_mixed", hashes)):
                took, tokens, each_ms = await batch(adapters)
                found[name].append(tokens / took)
                if name == "1":
                    alone_ms += each_ms
                else:
                    per_token[name].append(took / tokens)
                table.append(("language", name, turn, round(took, 4), tokens))
        after = await fresh_state(asked)
    return {
        "language_device": after.device,
        "language_base_mb": round(after.base_bytes / 1e6, 1),
        "language_slot_kb": round(after.slot_bytes / 1e3, 1),
        "language_rss_base_mb": round(before.rss_bytes / 1e6, 1),
        "language_rss_8_mb": round(after.rss_bytes / 1e6, 1),
        **{f"tokens_per_s_{name}": round(statistics.median(values), 1) for name, values in found.items()},
        "answer_p50_ms": round(statistics.median(alone_ms), 1),
        "language_mixed_over_one": round(
            statistics.median(per_token["8_mixed"]) / statistics.median(per_token["8_one"]), 3
        ),
    }


async def vision(folder: Path, device: str, repeats: int, table: list[Sequence[Any]]) -> dict[str, Any]:
    """Looks: seconds each, and memory."""
    async with engine("vision", folder, device) as asked:
        before = await fresh_state(asked)
        hashes = await staged(asked, eight("visual", folder))
        made, cached = [], []
        for turn in range(repeats):
            persona = PERSONAS[turn % len(PERSONAS)]
            order = wire.MakeLook(
                request="", room="one", template=str(ROOT / "services/avatar/looks" / LOOKS[persona]),
                prompt=f"{TRIGGERS[persona]}，一位主播的半身像", adapter=hashes[turn % len(PERSONAS)], seed=100 + turn,
            )  # fmt: skip
            for name, times in (("made", made), ("cached", cached)):
                begun = time.monotonic()
                answer = await asked.ask(msgspec.structs.replace(order, request=f"{name}{turn}"))
                took = time.monotonic() - begun
                if not answer.ok:
                    raise RuntimeError("; ".join(answer.errors))
                times.append(took)
                table.append(("vision", name, turn, round(took, 4), 1))
        after = await fresh_state(asked)
    return {
        "vision_device": after.device,
        "vision_base_mb": round(after.base_bytes / 1e6, 1),
        "vision_slot_kb": round(after.slot_bytes / 1e3, 1),
        "vision_rss_base_mb": round(before.rss_bytes / 1e6, 1),
        "vision_rss_8_mb": round(after.rss_bytes / 1e6, 1),
        "look_s": round(statistics.median(made), 2),
        "look_cached_ms": round(statistics.median(cached) * 1000, 1),
        "looks_per_s": round(len(made) / sum(made), 3),
    }


def _sha256(file: Path) -> str:
    import hashlib

    return hashlib.sha256(file.read_bytes()).hexdigest()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="bench.engines", description=__doc__.partition("\n")[0])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--only", choices=("language", "vision"))
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--quick", action="store_true", help="two repeats, to see that it works")
    given = parser.parse_args()
    repeats = 2 if given.quick else given.repeats
    table: list[Sequence[Any]] = []
    figures: dict[str, Any] = {"cpus": len(os.sched_getaffinity(0))}
    with tempfile.TemporaryDirectory(prefix="livehost-bench-") as name:
        for role, measure in (("language", language), ("vision", vision)):
            if given.only in (None, role):
                figures |= asyncio.run(measure(Path(name), given.device, repeats, table))
    rows.write("engines", ("engine", "what", "turn", "took_s", "tokens_or_looks"), table)
    for key, value in figures.items():
        print(f"{key:28} {value!s:>14}")
    print(json.dumps(figures, ensure_ascii=False))


if __name__ == "__main__":
    main()
