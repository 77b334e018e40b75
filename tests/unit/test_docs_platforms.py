"""The script of docs/platforms.md that tries a push: it is run as it stands there."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.request import Request

import pytest

from livehost.chat import douyin
from livehost.chat.source_settings import DouyinPush

DOCS = Path(__file__).parents[2] / "docs"
SECRET = "s3cret"


class Answer(io.BytesIO):
    """What the service would answer."""

    status = 200


def test_the_documented_push_is_signed_as_the_platform_signs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (script,) = re.findall(
        r"```python\n(.*?)```", (DOCS / "platforms.md").read_text(encoding="utf-8"), re.DOTALL
    )
    sent: list[Request] = []

    def answered(request: Request) -> Any:
        sent.append(request)
        return Answer(b'{"accepted":1}')

    monkeypatch.setattr("urllib.request.urlopen", answered)
    monkeypatch.setenv("PUSH_URL", "https://live.example.com/v1/webhooks/douyin/demo")
    monkeypatch.setenv("DOUYIN_PUSH_SECRET", SECRET)
    exec(compile(script, "platforms.md", "exec"), {})
    headers = {name.lower(): value for name, value in sent[0].header_items()}
    body = sent[0].data
    assert isinstance(body, bytes) and sent[0].get_method() == "POST"
    settings = DouyinPush.model_validate({"kind": "douyin", "secrets": [SECRET]})
    now = datetime.now(UTC)
    douyin.check(headers, body, settings, now)
    parsed = douyin.events(body, headers["x-msg-type"], settings, now)
    assert [one.text for one in parsed.events] == ["这款多少钱"]
    assert "200" in capsys.readouterr().out
