"""What one setting says about another: rooms, timetables, destinations, ports, files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from livehost.casting import BUILTIN, BUILTIN_LOOKS, look_path
from livehost.check_sources import check_sources
from livehost.config_parts import Parts
from livehost.problems import Findings, KeyPath, Said, unknown_word
from livehost.recurrence import SlotRefused, check_slot, zone_named
from livehost.settings import AlarmPush, Api, Canvas, Output, Persona, Room, Slot
from services.wire import SAMPLE_RATE_HZ

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
MIN_TOKEN = 16


def check_rooms(parts: Parts, findings: Findings) -> None:
    """Note everything that does not fit together outside the words themselves."""
    _unique(findings, ("rooms",), parts.ids("rooms"), ("直播间 id", "room id"))
    _unique(findings, ("personas",), parts.ids("personas"), ("主播 id", "persona id"))
    _unique(findings, ("rundowns",), parts.ids("rundowns"), ("话术 id", "rundown id"))
    if (api := parts.one(Api, "api")) is not None:
        _api(api, findings)
    _state_dir(parts.text("state_dir"), findings)
    _redis(parts.text("redis_url"), findings)
    _font(parts.text("font"), parts.text("language") or "zh", findings)
    for at, push in parts.each(AlarmPush, "alarms"):
        scheme, host = address(push.url.get_secret_value())
        if scheme not in ("http", "https") or not host:
            said = Said(
                "报警地址要以 https:// 开头",
                "从群机器人的设置里复制完整地址",
                "an alarm's address begins with https://",
                "copy it from the chat group's robot",
            )
            findings.add((*at, "url"), said)
    for at, persona in parts.each(Persona, "personas"):
        _persona(persona, at, findings)
    pushed: dict[tuple[str, str], str] = {}
    for index in range(parts.count("rooms")):
        _room(parts, ("rooms", index), findings)
        for at, output in parts.each(Output, "rooms", index, "outputs"):
            _output(output, at, pushed, findings)
    check_sources(parts, findings)


def _unique(findings: Findings, at: KeyPath, ids: Sequence[str | None], what: tuple[str, str]) -> None:
    for index, one in enumerate(ids):
        if one is not None and one in ids[:index]:
            said = Said(
                f"{what[0]} {one!r} 重复了",
                "每个都要不同，改掉一个",
                f"{what[1]} {one!r} is there twice",
                "rename one",
            )
            findings.add((*at, index), said)


def _room(parts: Parts, at: KeyPath, findings: Findings) -> None:
    """One room: its picture, zone, timetable and whom it names."""

    def known(place: KeyPath, ids: Sequence[str | None], what: tuple[str, str]) -> None:
        wanted = parts.text(*place)
        if wanted is not None and wanted not in ids:
            findings.add(place, unknown_word(what, wanted, [one for one in ids if one is not None]))

    personas, rundowns = parts.ids("personas"), parts.ids("rundowns")
    known((*at, "default_persona"), personas, ("主播", "persona"))
    known((*at, "default_rundown"), rundowns, ("话术", "rundown"))
    if (canvas := parts.one(Canvas, *at, "canvas")) is not None:
        _fps(canvas.fps, (*at, "canvas", "fps"), findings)
    _unique(findings, (*at, "slots"), parts.ids(*at, "slots"), ("排班 id", "slot id"))
    _unique(findings, (*at, "outputs"), parts.ids(*at, "outputs", key="name"), ("推流名称", "output name"))
    for index in range(parts.count(*at, "slots")):
        known((*at, "slots", index, "persona"), personas, ("主播", "persona"))
        known((*at, "slots", index, "rundown"), rundowns, ("话术", "rundown"))
    zone = parts.text(*at, "zone") or str(Room.model_fields["zone"].default)
    try:
        zone_named(zone)
    except SlotRefused as refused:
        said = Said(refused.zh, "例如 zone: Asia/Shanghai", str(refused), "as zone: Asia/Shanghai")
        findings.add((*at, "zone"), said)
        return
    for place, slot in parts.each(Slot, *at, "slots"):
        try:
            check_slot(slot, zone)
        except SlotRefused as refused:
            said = Said(refused.zh, "改好这条排班", str(refused), "mend this slot")
            findings.add((*place, "rrule") if slot.rrule else place, said)


def _fps(fps: int, at: KeyPath, findings: Findings) -> None:
    if SAMPLE_RATE_HZ % fps == 0:
        return
    fitting = [rate for rate in range(10, 61) if SAMPLE_RATE_HZ % rate == 0]
    said = Said(
        f"帧率 {fps} 不能整除 {SAMPLE_RATE_HZ}，声音和画面会慢慢错开",
        f"改成 {'、'.join(map(str, fitting))} 之一，常用 25 或 30",
        f"{fps} frames a second do not divide {SAMPLE_RATE_HZ}: sound would drift",
        f"one of {', '.join(map(str, fitting))}; 25 and 30 are usual",
    )
    findings.add(at, said)


def address(url: str) -> tuple[str, str]:
    """Scheme and host of an address, empty where it has none or its port is no number."""
    try:
        split = urlsplit(url)
        return (split.scheme, split.hostname or "") if split.port != 0 else ("", "")
    except ValueError:
        return "", ""


def _output(output: Output, at: KeyPath, pushed: dict[tuple[str, str], str], findings: Findings) -> None:
    """One destination; an address that holds a key is never repeated in a message."""
    scheme, host = address(output.url)
    key = output.key.get_secret_value()
    if scheme not in ("rtmp", "rtmps") or not host:
        said = Said(
            "推流地址要以 rtmp:// 或 rtmps:// 开头",
            "从平台的直播伴侣里复制推流地址，例如 rtmp://push.example.com/live",
            "a push address begins with rtmp:// or rtmps://",
            "copy it from the platform, as rtmp://push.example.com/live",
        )
        findings.add((*at, "url"), said)
    if key != key.strip() or any(sign.isspace() for sign in key):
        said = Said(
            "推流码里有空格或换行", "重新复制，去掉空白", "the key holds white space", "copy it again without"
        )
        findings.add((*at, "key"), said)
    if (output.url, key) in pushed:
        other = pushed[output.url, key]
        said = Said(
            f"和 {other} 推到同一个地址，平台会互相顶掉",
            "删掉一路，或者换一个推流码",
            f"the same destination as {other}: the platform drops one of them",
            "remove one, or use another key",
        )
        findings.add(at, said)
    pushed[output.url, key] = output.name


def _persona(persona: Persona, at: KeyPath, findings: Findings) -> None:
    """One persona's look and voice."""
    if not (look_path(persona) / "look.yaml").is_file():
        if persona.look.startswith(BUILTIN):
            drawn = sorted(path.parent.name for path in BUILTIN_LOOKS.glob("*/look.yaml"))
            said = unknown_word(("自带形象", "built-in look"), persona.look.removeprefix(BUILTIN), drawn)
        else:
            said = Said(
                "形象文件夹不存在，或者里面没有 look.yaml",
                "检查路径；自带的形象写成 builtin:morning",
                "the look's folder is missing, or has no look.yaml",
                "check the path; a built-in look is builtin:morning",
            )
        findings.add((*at, "look"), said)
    for index, engine in enumerate(persona.voice.chain):
        scheme, host = address(engine.url)
        if engine.kind == "openai" and (scheme not in ("http", "https") or not host):
            said = Said(
                "openai 类语音引擎要写 url",
                "例如 url: http://127.0.0.1:8000/v1",
                "a voice engine of kind openai needs a url",
                "as url: http://127.0.0.1:8000/v1",
            )
            findings.add((*at, "voice", "chain", index, "url"), said)
    if all(engine.other_voice for engine in persona.voice.chain) and not persona.voice.allow_other_voice:
        said = Said(
            "声音链里全是 other_voice，又没有允许换声音，主播会说不出话",
            "至少留一个本人的声音，或者写 allow_other_voice: true",
            "every engine is an other voice, and none is allowed: the persona would be silent",
            "give one engine of her own voice, or allow_other_voice: true",
        )
        findings.add((*at, "voice"), said)


def _api(api: Api, findings: Findings) -> None:
    if api.port == api.red_button_port and api.port:
        said = Said(
            "红色按钮和页面用了同一个端口",
            "把 red_button_port 改成另一个",
            "the red button has the page's port",
            "use another",
        )
        findings.add(("api", "red_button_port"), said)
    if api.host not in LOOPBACK and not api.tokens:
        said = Said(
            "对外开放的地址必须配置令牌",
            "在 api.tokens 里加令牌，或者把 host 改回 127.0.0.1",
            "an address that others reach needs tokens",
            "add api.tokens, or set host to 127.0.0.1",
        )
        findings.add(("api", "host"), said)
    secrets = [token.token.get_secret_value() for token in api.tokens]
    for index, secret in enumerate(secrets):
        if len(secret) < MIN_TOKEN:
            said = Said(
                f"令牌太短，至少 {MIN_TOKEN} 个字符",
                "用 openssl rand -hex 24 生成一个",
                f"a token has at least {MIN_TOKEN} characters",
                "make one with openssl rand -hex 24",
            )
            findings.add(("api", "tokens", index, "token"), said)
        elif secret in secrets[:index]:
            said = Said(
                "两个角色用了同一个令牌",
                "每个角色换一个",
                "two roles have the same token",
                "give each its own",
            )
            findings.add(("api", "tokens", index, "token"), said)


def _state_dir(named: str | None, findings: Findings) -> None:
    """The folder can be made and written to."""
    if named is None:
        return
    folder = Path(named)
    existing = next((path for path in (folder, *folder.parents) if path.exists()), folder)
    if not existing.is_dir():
        cause, mend = f"{existing.name} 不是文件夹", "换一个路径"
        said = Said(cause, mend, f"{existing.name} is not a folder", "give another path")
    elif not os.access(existing, os.W_OK | os.X_OK):
        said = Said(
            f"没有权限写入 {existing}",
            "改权限，或者换一个路径",
            f"{existing} cannot be written to",
            "mend its rights",
        )
    else:
        return
    findings.add(("state_dir",), said)


def _redis(url: str | None, findings: Findings) -> None:
    if url is not None and address(url)[0] not in ("redis", "rediss", "unix"):
        said = Said(
            "redis_url 要以 redis:// 或 rediss:// 开头",
            "例如 redis://127.0.0.1:6379/0",
            "redis_url begins with redis:// or rediss://",
            "as redis://127.0.0.1:6379/0",
        )
        findings.add(("redis_url",), said)


def _font(named: str | None, language: str, findings: Findings) -> None:
    """The AI label can be drawn: a font file is named, or one with Chinese glyphs is installed."""
    if named is not None:
        if not Path(named).is_file():
            said = Said(
                "字体文件不存在",
                "检查路径，或者删掉这一行",
                "the font file is missing",
                "check the path, or drop it",
            )
            findings.add(("font",), said)
        return
    from services.playout.text import FontMissing, find_font

    try:
        find_font(language)
    except FontMissing as missing:
        said = Said(
            "系统里没有中文字体，画面上的 AI 标识写不出来",
            "安装 fonts-noto-cjk（apt-get install fonts-noto-cjk），或者用 font 指定字体文件",
            "no font with Chinese glyphs is installed",
            str(missing),
        )
        findings.add(("font",), said)
