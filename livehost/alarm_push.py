"""Tells alarms to a group chat: Feishu, DingTalk, WeCom, or plain JSON for anything else.

These services answer 200 with an error number in the body; that counts as a failure here.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal
from urllib.parse import urlencode, urlsplit

import httpx
import stamina

from livehost.alarms import Alarm
from livehost.settings import AlarmPush

Format = Literal["feishu", "dingtalk", "wecom", "json"]

_HOSTS: dict[str, Format] = {
    "open.feishu.cn": "feishu",
    "open.larksuite.com": "feishu",
    "oapi.dingtalk.com": "dingtalk",
    "qyapi.weixin.qq.com": "wecom",
}


class NotTold(Exception):
    """The chat service did not take the message."""


def format_of(url: str) -> Format:
    """The format that a webhook address speaks, by its host; plain JSON when it is not known."""
    return _HOSTS.get(urlsplit(url).hostname or "", "json")


@asynccontextmanager
async def chat_pushes(configured: Sequence[AlarmPush]) -> AsyncIterator[tuple[ChatPush, ...]]:
    """The configured chat groups, over one HTTP client."""
    if not configured:
        yield ()
        return
    async with httpx.AsyncClient() as client:
        yield tuple(
            ChatPush(
                client,
                one.url.get_secret_value(),
                format=one.format,
                secret=one.secret.get_secret_value(),
            )
            for one in configured
        )


class ChatPush:
    """One group chat's webhook address, with its signing secret if it has one."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        url: str,
        *,
        format: Format | None = None,
        secret: str = "",
        attempts: int = 4,
        wait_initial_s: float = 0.5,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._url = url
        self._format = format or format_of(url)
        self._secret = secret
        self._attempts = attempts
        self._wait_initial_s = wait_initial_s
        self._now = now

    async def tell(self, alarm: Alarm, *, over: bool) -> None:
        """Send the message; raises when the service did not take it after several tries."""
        async for attempt in stamina.retry_context(
            on=(httpx.TransportError, NotTold), attempts=self._attempts, wait_initial=self._wait_initial_s
        ):
            with attempt:
                url, body = self._message(alarm, over=over)
                answer = await self._client.post(url, json=body, timeout=8.0)
                _check(answer)

    def _message(self, alarm: Alarm, *, over: bool) -> tuple[str, dict[str, Any]]:
        text = wording(alarm, over=over)
        match self._format:
            case "feishu":
                return self._url, {**self._feishu_sign(), "msg_type": "text", "content": {"text": text}}
            case "dingtalk":
                return self._dingtalk_url(), {"msgtype": "text", "text": {"content": text}}
            case "wecom":
                return self._url, {"msgtype": "text", "text": {"content": text}}
            case "json":
                return self._url, {**alarm.as_dict(), "over": over, "text": text}

    def _feishu_sign(self) -> dict[str, str]:
        if not self._secret:
            return {}
        stamp = str(int(self._now()))
        sign = hmac.new(f"{stamp}\n{self._secret}".encode(), b"", hashlib.sha256).digest()
        return {"timestamp": stamp, "sign": base64.b64encode(sign).decode()}

    def _dingtalk_url(self) -> str:
        if not self._secret:
            return self._url
        stamp = str(int(self._now() * 1000))
        sign = hmac.new(self._secret.encode(), f"{stamp}\n{self._secret}".encode(), hashlib.sha256).digest()
        query = urlencode({"timestamp": stamp, "sign": base64.b64encode(sign).decode()})
        return f"{self._url}{'&' if '?' in self._url else '?'}{query}"


def wording(alarm: Alarm, *, over: bool) -> str:
    """The message: which room, what happened, what to do; or that it is over."""
    since = alarm.since.astimezone().strftime("%m-%d %H:%M:%S")
    if over:
        return f"✅【livehost 已恢复】直播间 {alarm.room}\n{alarm.cause}\n起于 {since}，现已恢复"
    return f"🔴【livehost 告警】直播间 {alarm.room}\n原因：{alarm.cause}\n处理：{alarm.mend}\n时间：{since}"


def _check(answer: httpx.Response) -> None:
    if answer.status_code >= 300:
        raise NotTold(f"the chat service answered {answer.status_code}")
    try:
        body = answer.json()
    except json.JSONDecodeError:
        return
    if isinstance(body, dict):
        code = body.get("errcode", body.get("code", body.get("StatusCode", 0)))
        if code not in (0, "0", None):
            raise NotTold(f"the chat service refused: {code} {body.get('errmsg') or body.get('msg') or ''}")
