"""A made-up evening in four rooms, to look at the console: `python -m tests.browser.fake_show PORT`.

One room is well, one has a refused key, one retries, one rests. The picture is ffmpeg's test card
or, with `--stills DIR`, pictures of the looks. With `--refused` an adapter is refused at length, with
`--versions` one adapter has three versions, with `--duty` questions wait for the person on duty.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import struct
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import uvicorn
from pydantic import SecretStr

from livehost.api import create_api, page
from livehost.catalog import Catalog
from livehost.settings import Output, Slot
from livehost.store.protocol import ChatMessage, QuestionState
from tests.evaluations import evaluate
from tests.fakes import TOKENS, FakeHouse, open_house
from tests.scripted_engines import TODAY, sha, shelve

ROOMS: list[dict[str, Any]] = [
    {
        "id": "skincare",
        "title": "棠小铺 · 护肤",
        "platform": "douyin",
        "sources": [
            {"kind": "douyin", "secrets": ["one"]},
            {"kind": "oba"},
            {"kind": "wxlivespy", "token": "seven-words-long"},
        ],
    },
    {"id": "tea", "title": "茶与养生", "platform": "kuaishou"},
    {"id": "home", "title": "居家好物", "platform": "shipinhao"},
    {"id": "kids", "title": "童装间", "platform": "taobao"},
]
PRODUCTS = [
    ("essence-05", 1, "烟酰胺保湿精华液 30ml", "cosmetics", "129.00", 86, "20.00"),
    ("cream-02", 2, "神经酰胺面霜 50g", "cosmetics", "99.00", 412, "10.00"),
    ("cleanser-01", 3, "氨基酸洁面乳 120g", "cosmetics", "59.00", 328, "10.00"),
    ("mask-03", 4, "玻尿酸面膜 10 片", "cosmetics", "79.00", 0, None),
    ("sun-07", 5, "轻薄防晒乳 SPF50", "cosmetics", "88.00", 57, None),
]
SAID = [
    ("script", "这支洁面用的是氨基酸表活，泡沫特别细，洗完脸不紧绷。", None),
    ("answer", "油皮和混合皮都可以用，早晚各一次就好。", "油皮能用吗"),
    ("script", "三号链接，直播间价五十九，领了券到手四十九。", None),
    ("disclosure", "我是数字人主播，画面和声音由人工智能生成。", None),
]
COMING = [
    ("script", "洗完记得马上涂精华，趁皮肤还有一点水分。"),
    ("answer", "发货地是广州，付款后四十八小时内发出。"),
    ("script", "接下来给大家看一支面霜，干皮的家人们留一下。"),
    ("bridge", "好，我们接着说。"),
    ("script", "神经酰胺是皮肤屏障里本来就有的成分。"),
]
SLOTS = [
    ("dawn", "laochen", "00:00", 6),
    ("morning", "xiaotang", "06:00", 6),
    ("noon", "laochen", "13:00", 4),
    ("night", "xiaotang", "18:00", 6),
]
ASKED = [
    ("q1", "小鹿", "油皮能用吗", QuestionState.HEARD, "油皮和混合皮都可以用，早晚各一次就好。", ""),
    ("q2", "山里的风", "孕妇可以用吗", QuestionState.HANDED_OVER, "这个要请工作人员帮您确认一下哦。", ""),
    ("q3", "木木", "几号链接", QuestionState.HEARD, "洁面是三号链接，点右下角小黄车就能看到。", ""),
    ("q4", "用户8841", "加我微信便宜", QuestionState.BLOCKED, "", "引流"),
    ("q5", "阿琳", "666", QuestionState.IGNORED, "", "闲聊"),
    ("q6", "晚风", "发货快不快，能发顺丰吗", QuestionState.CLAIMED, "", ""),
    ("q7", "CC", "你是真人吗", QuestionState.ACCEPTED, "", ""),
]

REFUSED = "\n".join(
    f"adapters/laochen/language/1/adapter.safetensors: base_model.model.layers.{n}.self_attn.q_proj.lora_A.weight:"
    f" {sha(str(n))} is not the weight that the card names ({sha(str(-n))}); train it on this base or name its own"
    for n in range(15)
)
"""What a refused adapter says: one line a fault."""


def make_fmp4(seconds: int = 120, still: Path | None = None) -> bytes:
    """A fragmented MP4 with picture and tone, as a playout hands it out."""
    picture = (
        ["-loop", "1", "-framerate", "25", "-i", str(still)]
        if still
        else ["-f", "lavfi", "-i", "testsrc2=size=360x640:rate=25"]
    )
    command = [
        "ffmpeg", "-v", "error", *picture, "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100",
        "-t", str(seconds), "-vf", "scale=360:640", "-c:v", "libx264", "-preset", "ultrafast",
        "-g", "25", "-pix_fmt", "yuv420p",
        "-c:a", "aac", "-b:a", "64k", "-movflags", "frag_keyframe+empty_moov+default_base_moof",
        "-frag_duration", "500000", "-f", "mp4", "-",
    ]  # fmt: skip
    return subprocess.run(command, check=True, capture_output=True).stdout


def make_jpg(still: Path | None = None) -> bytes:
    """One picture."""
    source = ["-i", str(still)] if still else ["-f", "lavfi", "-i", "testsrc2=size=360x640:rate=1"]
    command = ["ffmpeg", "-v", "error", *source, "-frames:v", "1", "-vf", "scale=540:960", "-f", "mjpeg", "-"]
    return subprocess.run(command, check=True, capture_output=True).stdout


def boxes(data: bytes) -> list[tuple[str, bytes]]:
    """The top boxes of an MP4."""
    found, at = [], 0
    while at + 8 <= len(data):
        (size,) = struct.unpack_from(">I", data, at)
        found.append((data[at + 4 : at + 8].decode(), data[at : at + size]))
        at += size
    return found


@asynccontextmanager
async def media(socket: Path, movie: bytes, picture: bytes) -> AsyncIterator[None]:
    """Hands out the movie at its pace (a fragment each half second), or one picture."""
    parts = boxes(movie)
    head = b"".join(box for kind, box in parts if kind in ("ftyp", "moov"))
    body = [box for kind, box in parts if kind in ("moof", "mdat")]
    fragments = [body[i] + body[i + 1] for i in range(0, len(body) - 1, 2)]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wish = (await reader.readline()).strip()
        try:
            if wish == b"jpg":
                writer.write(picture)
            else:
                writer.write(head)
                began = time.monotonic()
                for number, fragment in enumerate(fragments):
                    writer.write(fragment)
                    await writer.drain()
                    await asyncio.sleep(max(0.0, began + (number - 1) * 0.5 - time.monotonic()))
        except ConnectionError:
            pass
        finally:
            writer.close()

    async with await asyncio.start_unix_server(serve, str(socket)):
        yield


def stage(house: FakeHouse) -> None:
    """How the four rooms stand."""
    now = datetime.now(UTC)
    product = {"category": "cosmetics"}
    catalog = Catalog.parse(
        {
            "products": [
                {
                    "id": i, "link": link, "name": name, **product, "category": category, "price": price,
                    "stock": stock, **({"coupon": {"amount": off, "threshold": "50.00"}} if off else {}),
                }
                for i, link, name, category, price, stock, off in PRODUCTS
            ]
        }
    )  # fmt: skip

    def output(name: str, state: str, **more: Any) -> dict[str, Any]:
        return {"name": name, "state": state, "since_unix_s": time.time() - 900, **more}

    def worn(persona: str, state: str = "dressed", **more: Any) -> dict[str, Any]:
        versions = {
            kind: {"id": f"{persona}.{kind}.1", "version": "1", "sha256": sha(f"{persona}.{kind}.1")}
            for kind in ("language", "visual")
        }
        return {"state": state, "error": "", "part": "", "parts": {}, "tries": 0, **versions, **more}

    ready = dict.fromkeys(("language", "visual", "look", "greeting"), "ready")
    failed = {**ready, "look": "failed", "greeting": "waiting"}
    good = {"connected": True, "pid": 4711, "source": "speech", "held_s": 1.6, "loudness_dbfs": -17.0}
    session = {"id": "20261123-180000", "opened_at": (now - timedelta(hours=5, minutes=42)).isoformat()}
    figures = {"answers_waiting": 1, "frames": 512_000, "late_frames": 0, "script_ahead_s": 21.4}
    common = {
        "life": "on_air", "session": session, "playout": good, "counters": figures,
        "coming": [{"kind": kind, "text": text} for kind, text in COMING],
        "now": {"id": "p", "kind": "script", "text": SAID[0][1], "product": "cleanser-01"},
    }  # fmt: skip
    xiaotang = {"persona": "xiaotang", "name": "小棠", "rundown": "skincare", "product": "cleanser-01"}
    tea = "这款老白茶是二零一九年的料，汤色清亮，入口是甜的。"
    uncle = {"persona": "laochen", "name": "陈叔", "rundown": "skincare", "product": None}
    soon = {"persona": "laochen", "name": "陈叔", "at": (now + timedelta(minutes=27)).isoformat()}
    later = {**soon, "persona": "xiaotang", "name": "小棠", "state": "waiting"}
    views: dict[str, dict[str, Any]] = {
        "skincare": {
            **common, "on_air": {**xiaotang, "until": soon["at"]}, "next": {**soon, "state": "ready", "error": "", "parts": ready}, "wearing": worn("xiaotang"),
            "outputs": [output("douyin", "live"), output("kuaishou", "needs_key", reconnects=3)],
        },
        "tea": {
            **common, "on_air": uncle, "next": later, "wearing": worn("laochen"),
            "now": {"id": "t", "kind": "script", "text": tea},
            "outputs": [output("kuaishou", "live")],
        },
        "home": {
            **common, "on_air": xiaotang, "wearing": worn("xiaotang"),
            "next": {
                **soon, "state": "failed", "part": "look", "parts": failed,
                "error": "look: the face moved 9.4 px from the template (at most 4); lower portrait.strength",
            },
            "now": {"id": "h", "kind": "reserve", "text": "喜欢的家人可以先点个关注，我们慢慢看。"},
            "outputs": [output("shipinhao", "retrying", reconnects=2, error="RTMP: connection reset by peer"), output("douyin", "live")],
        },
        "kids": {"on_air": {"persona": None}, "next": later},
    }  # fmt: skip
    posted = house.rooms["skincare"].sources.posted
    posted["douyin"].took(1834)
    for _ in range(12):
        posted["wxlivespy"].refuse("relay_token_wrong")
    for name, view in views.items():
        house.rooms[name].shown = view
        house.rooms[name].base = catalog


def staff(house: FakeHouse) -> None:
    """What waits for the person on duty: held, with doubts, handed over, in two rooms."""
    now = datetime.now(UTC)
    cleanser = {"id": "cleanser-01", "name": "氨基酸洁面乳 120g", "link": 3}

    def waits(room: str, ident: str, user: str, text: str, age_s: float, **more: Any) -> None:
        item = {
            "id": ident, "user": user, "who": user, "text": text, "state": "held", "why": "mode",
            "at": (now - timedelta(seconds=age_s)).isoformat(), "proposed": "", "blocked": "", "said": "",
            "intent": "", "product": None, "facts": [], "true": True, "checks": [], "buyer": False,
            "together": 0, "until": (now + timedelta(seconds=180 - age_s)).isoformat(), **more,
        }  # fmt: skip
        house.rooms[room].duty.add(item)

    facts = [
        {"product": "cleanser-01", "field": "price", "value": "59", "version": 3},
        {"product": "cleanser-01", "field": "coupon", "value": "满50元减10元", "version": 3},
        {"product": "cleanser-01", "field": "after_coupon", "value": "49", "version": 3},
        {"product": "cleanser-01", "field": "stock", "value": "328", "version": 3},
    ]
    doubt = {
        "rule": "首选",
        "span": [4, 6],
        "category": "absolute",
        "why": "绝对化用语，需人工判断",
        "verdict": "review",
    }
    wrong = {"rule": "治疗", "span": [3, 5], "category": "medical", "why": "医疗用语", "verdict": "block"}
    waits(
        "skincare", "d1", "小鹿", "洁面多少钱呀，用券以后到手多少", 8, proposed="洁面直播间价59元，领10元券，到手49元。",
        product=cleanser, facts=facts, together=2,
    )  # fmt: skip
    waits(
        "skincare", "d2", "晚风🌙", "敏感肌能不能用这个洁面", 31, why="checks", checks=[doubt], buyer=True,
        proposed="敏感肌首选温和的氨基酸表活，先在耳后试一下。", product=cleanser,
        facts=[{"product": "cleanser-01", "field": "suitable_for", "value": "敏感肌、干皮", "version": 3}],
    )  # fmt: skip
    waits(
        "home", "d3", "一颗柠檬", "这个收纳箱能装下冬天的厚被子吗？我家是一米八的床", 64, state="handed_over",
        why="handed_over", until=None, said="这个问题我请店铺客服来确认，确认好了再告诉大家。",
    )  # fmt: skip
    waits(
        "tea", "d4", "老李", "喝了能不能治失眠", 95, state="handed_over", why="blocked", until=None,
        blocked="晚上喝一杯可以治疗失眠", checks=[wrong], said="这个问题我请店铺客服来确认，确认好了再告诉大家。",
    )  # fmt: skip
    waits("home", "d5", "CC", "不是39吗", 12, proposed="现在是45元，以商品卡为准。", true=False)
    house.rooms["skincare"].shown["mode"] = "review"
    for name, action, asked in (("李雷", "approve", "油皮能用吗"), ("韩梅梅", "edit", "发货快不快")):
        house.rooms["skincare"].duty.log.append(
            {"at": now.isoformat(), "room": "skincare", "action": action, "by": name, "asked": asked}
        )


def refuse(house: FakeHouse) -> None:
    """An adapter of who comes and one of who is on are refused, with every fault named."""
    names = {"xiaotang": "小棠 · 晨间护肤", "laochen": "陈叔 · 深夜书房与老白茶"}
    parts = {"language": "failed", "visual": "ready", "look": "waiting", "greeting": "waiting"}
    for room in house.rooms.values():
        shown = room.shown
        for one in (shown["on_air"], shown["next"]):
            if one["persona"]:
                one["name"] = names[one["persona"]]
        shown["next"] |= {"state": "failed", "error": REFUSED, "part": "language", "parts": parts}
        cause = f"{shown['next']['name']} 还不能上场（language）/ cannot come on: {REFUSED}"
        house.alarms.raise_(room.id, "switch", cause, "看语言适配器和引擎 / see the adapter and its engine")
        house.alarms.raise_(room.id, "oddity", REFUSED, "")
        if "wearing" in shown:
            shown["wearing"] |= {"state": "failed", "error": REFUSED, "part": "language"}


async def furnish(house: FakeHouse) -> None:
    """Slots, outputs, questions and adapters."""
    library = house.wardrobe.library.folder
    assert library is not None
    shelve(library, "laochen", "language")
    shelve(library, "laochen", "visual", until=TODAY + timedelta(days=12))
    shelve(library, "xiaotang", "visual", "2", until=None)
    for adapter in ("xiaotang.language.1", "xiaotang.visual.1", "laochen.language.1"):
        await house.adapters.stage(adapter)
    for room in house.rooms:
        for slot_id, persona_id, begin, hours in SLOTS:
            slot = Slot.model_validate(
                {
                    "id": slot_id, "persona": persona_id, "rundown": "skincare", "first": date(2026, 1, 1),
                    "at": begin, "duration": timedelta(hours=hours), "rrule": "FREQ=DAILY",
                }
            )  # fmt: skip
            await house.store.add_slot(room, slot)
        for one in house.rooms[room].shown.get("outputs", []):
            address = f"rtmp://push.{one['name']}.example/live"
            await house.store.put_output(room, Output(name=one["name"], url=address, key=SecretStr("k")))
    now = datetime.now(UTC)
    for age, (ident, user, text, state, answer, note) in enumerate(reversed(ASKED)):
        at = now - timedelta(seconds=40 * (len(ASKED) - age))
        await house.store.accept("skincare", [ChatMessage(id=ident, user=user, text=text, at=at)])
        if state is not QuestionState.ACCEPTED:
            await house.store.claim("skincare", [ident])
            if state is not QuestionState.CLAIMED:
                await house.store.settle("skincare", ident, state, note, answer=answer)


async def play(house: FakeHouse) -> None:
    """Say the next sentence every few seconds."""
    for kind, text, question in itertools.cycle(SAID):
        room = house.rooms["skincare"]
        now = {"id": "p", "kind": kind, "text": text, "question": question, "product": "cleanser-01"}
        if room.shown.get("life") in ("on_air", "rehearsal"):
            room.shown["now"] = now
            house.events.publish("skincare", "phrase", now)
        page.files.cache_clear()  # the page's files are edited while this runs
        await asyncio.sleep(4)


def versions(house: FakeHouse) -> None:
    """More versions of one adapter: the promoted one, a worse and a better one, all evaluated."""
    library = house.wardrobe.library.folder
    assert library is not None
    for version, copied in (("1", 23), ("2", 18), ("3", 24)):
        evaluate(shelve(library, "laochen", "language", version), copied)
    (library / "laochen" / "language" / "promoted.yaml").write_text("version: '1'\n")


async def main(port: int, looks: list[Path], movie_s: int, *, refused: bool, more: bool, duty: bool) -> None:
    """Serve until interrupted."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        house = await stack.enter_async_context(open_house(folder, ROOMS))
        stage(house)
        await furnish(house)
        if more:
            versions(house)
        for number, room in enumerate(house.rooms.values()):
            if room.shown.get("life") == "on_air":
                still = looks[number % len(looks)] if looks else None
                movie = make_fmp4(movie_s, still) if number == 0 else b""
                await stack.enter_async_context(media(room.media_socket, movie, make_jpg(still)))
        house.alarms.raise_("skincare", "output:kuaishou", "快手拒绝了推流码", "取新码后点【换码】")
        if refused:
            refuse(house)
        if duty:
            staff(house)
        server = uvicorn.Server(uvicorn.Config(create_api(house), port=port, log_level="warning"))
        print(f"http://127.0.0.1:{port}/#token={TOKENS['duty']}", flush=True)
        async with asyncio.TaskGroup() as tasks:
            playing = tasks.create_task(play(house), name="play")
            await server.serve()
            playing.cancel()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--stills", type=Path)
    parser.add_argument("--movie-s", type=int, default=40)
    parser.add_argument("--refused", action="store_true")
    parser.add_argument("--versions", action="store_true")
    parser.add_argument("--duty", action="store_true")
    asked_for = parser.parse_args()
    pictures = sorted(asked_for.stills.glob("*.png")) if asked_for.stills else []
    asyncio.run(
        main(
            asked_for.port, pictures, asked_for.movie_s, refused=asked_for.refused, more=asked_for.versions,
            duty=asked_for.duty,
        )
    )  # fmt: skip
