"""What is wrong with a room's sources: secrets, tokens, addresses, and two that do the same."""

from __future__ import annotations

from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from livehost.chat.source_settings import (
    BarrageGrabRelay,
    BliveRelay,
    DouyinPush,
    DycastRelay,
    KuaishouPush,
    ObaRelay,
    Secrets,
    Source,
    WxlivespyForward,
)
from livehost.config_parts import Parts
from livehost.problems import Findings, KeyPath, Said

MIN_TOKEN = 16
_SOURCE: TypeAdapter[Source] = TypeAdapter(Source)


def check_sources(parts: Parts, findings: Findings) -> None:
    """Note everything that the models alone do not see, in every room."""
    reached: dict[str, KeyPath] = {}
    for room in range(parts.count("rooms")):
        kinds: set[str] = set()
        for index in range(parts.count("rooms", room, "sources")):
            at: KeyPath = ("rooms", room, "sources", index)
            try:
                source = _SOURCE.validate_python(parts.raw(*at))
            except ValidationError:
                continue  # reported already
            if source.kind in kinds:
                said = Said(
                    f"同一个直播间里有两个 {source.kind} 来源",
                    "每种来源只留一个",
                    f"the room has two sources {source.kind}",
                    "keep one of a kind",
                )
                findings.add(at, said)
            kinds.add(source.kind)
            _one(source, at, reached, findings)


def _one(source: Source, at: KeyPath, reached: dict[str, KeyPath], findings: Findings) -> None:
    match source:
        case DouyinPush():
            every = {
                "secrets": source.secrets,
                "comment_secrets": source.comment_secrets,
                "gift_secrets": source.gift_secrets,
                "like_secrets": source.like_secrets,
                "fansclub_secrets": source.fansclub_secrets,
            }
            _secrets(every, source.secrets or source.comment_secrets, at, findings)
        case KuaishouPush():
            _secrets({"secrets": source.secrets}, source.secrets, at, findings)
        case ObaRelay() | BarrageGrabRelay():
            _socket(source.url, at, reached, findings)
        case DycastRelay() | WxlivespyForward():
            if len(source.token.get_secret_value()) < MIN_TOKEN:
                said = Said(
                    f"令牌太短，至少 {MIN_TOKEN} 个字符",
                    "用 openssl rand -hex 24 生成一个",
                    f"a token has at least {MIN_TOKEN} characters",
                    "make one with openssl rand -hex 24",
                )
                findings.add((*at, "token"), said)
        case BliveRelay():
            for name in ("access_key_id", "access_key_secret", "code"):
                if not getattr(source, name).get_secret_value().strip():
                    said = Said(
                        f"{name} 是空的",
                        "从哔哩哔哩直播开放平台和直播间的身份码里复制",
                        f"{name} is empty",
                        "copy it from the open platform; code is the streamer's 身份码",
                    )
                    findings.add((*at, name), said)


def _secrets(every: dict[str, Secrets], needed: Secrets, at: KeyPath, findings: Findings) -> None:
    """At least one secret, none empty, two at the most: the old and the new one."""
    if not needed:
        said = Said(
            "推送没有密钥，任何人都能冒充平台",
            '在 secrets 里写平台后台的推送密钥，例如 secrets: ["${PUSH_SECRET}"]',
            "the push has no secret: nobody could be trusted",
            'write the platform\'s secret, as secrets: ["${PUSH_SECRET}"]',
        )
        findings.add((*at, "secrets"), said)
    for name, secrets in every.items():
        if any(not one.get_secret_value().strip() for one in secrets):
            said = Said("密钥是空的", "填上，或者删掉这一项", "a secret is empty", "fill it in, or drop it")
            findings.add((*at, name), said)
        if len(secrets) > 2:
            said = Said(
                "密钥最多同时写两个：旧的和新的",
                "删掉已经停用的",
                "two secrets at the most: the old and the new one",
                "drop those that are out of use",
            )
            findings.add((*at, name), said)


def _socket(url: str, at: KeyPath, reached: dict[str, KeyPath], findings: Findings) -> None:
    try:
        split = urlsplit(url)
        right = split.scheme in ("ws", "wss") and bool(split.hostname) and split.port != 0
    except ValueError:
        right = False
    if not right:
        said = Said(
            "地址要以 ws:// 或 wss:// 开头",
            "例如 url: ws://127.0.0.1:12354",
            "the address begins with ws:// or wss://",
            "as url: ws://127.0.0.1:12354",
        )
        findings.add((*at, "url"), said)
    elif url in reached:
        other = findings.dotted(reached[url])
        said = Said(
            f"和 {other} 连的是同一个地址，两个直播间会收到同样的弹幕",
            "每个直播间用自己的工具和端口",
            f"the same address as {other}: both rooms would hear the same viewers",
            "give each room a tool and port of its own",
        )
        findings.add((*at, "url"), said)
    reached.setdefault(url, at)
