"""The language engine in front of an OpenAI-compatible server (vLLM with `--enable-lora`).

No torch here: the server has the base. An adapter is loaded into it under a name of its own for each
content (`<id>-<sha12>`), because a server may keep a cache by name; the server must see the folder
under `cache_dir` in which the adapter is laid as peft names it. A server that forgot an adapter (it
was restarted) gets it again. Nothing that holds the key is ever logged.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import re
import tempfile
import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import httpx
import stamina

from services import wire
from services.engine import EngineSettings, rss_bytes
from services.language.answer_cache import AnswerCache
from services.language.peft_folder import lay_out
from services.lora.card import WEIGHTS_FILE, CardProblems, consent_problems, read_card
from services.lora.plain import read_plain
from services.wire_engines import Finish

log = logging.getLogger(__name__)
logging.getLogger("httpx").setLevel(logging.WARNING)

LOOK_AGAIN_S = 5.0
CONNECT_S = 3.0
STAGE_S = 60.0
LONGEST_ANSWER_BYTES = 1 << 20
WEIGHTS_MAX_BYTES = 512 << 20
THOUGHT = re.compile(r"<think>.*?(?:</think>|$)", re.DOTALL)


class Refused(Exception):
    """The server did not do what was asked; the message says what to mend."""

    def __init__(self, message: str, *, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class _Hiccup(Refused):
    """The request was not begun, or the server says to come again."""


@dataclass(frozen=True)
class _Loaded:
    adapter: str
    name: str
    folder: Path


class RemoteEngine:
    """Serves what a server generates. `transport` is for tests."""

    role: Literal["language", "vision"] = "language"

    def __init__(
        self, settings: EngineSettings, *, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._settings = settings
        headers = {"Authorization": f"Bearer {settings.key}"} if settings.key else {}
        self._client = httpx.AsyncClient(
            base_url=_address(settings.url), headers=headers, transport=transport,
            timeout=httpx.Timeout(STAGE_S, connect=CONNECT_S), trust_env=False,
        )  # fmt: skip
        self._cache = AnswerCache()
        self._loaded: OrderedDict[str, _Loaded] = OrderedDict()
        self._pins: dict[str, frozenset[str]] = {}
        self._running: dict[asyncio.Task[wire.Generated], wire.Generate] = {}
        self._staging = asyncio.Lock()
        self._ready = False
        self._vllm = False
        self._error = self._mend = ""
        self._served = 0
        self._speed = 0.0

    async def start(self) -> None:
        """Look whether the server has the model, for ever: it may come and go."""
        while True:
            await self._look()
            await asyncio.sleep(LOOK_AGAIN_S)

    async def _look(self) -> None:
        model = self._settings.model
        try:
            rows = (await self._call("GET", "models")).get("data") or []
            named = {str(row.get("id")): row for row in rows if isinstance(row, dict)}
            if model not in named:
                known = ", ".join(sorted(named)[:5]) or "none"
                raise Refused(
                    f"the server has no model {model!r} (it has: {known}); correct models.language.model"
                )
        except Refused as error:
            if str(error) != self._error:
                log.error("%s", error)
            self._ready, self._error = False, str(error)
            self._mend = "start the server, or correct models.language (url, key, model)"
        else:
            if not self._ready:
                self._cache = AnswerCache()  # another base may answer to the same name now
            self._ready, self._error, self._mend = True, "", ""
            self._vllm = named[model].get("owned_by") == "vllm"

    async def handle(self, message: wire.AnyMessage) -> wire.Message | None:
        """Answer a request."""
        match message:
            case wire.Stage():
                return await self._stage(message)
            case wire.Pin():
                self._pins[message.room] = frozenset(message.adapters)
            case wire.Generate():
                return await self._answer(message)
            case wire.CancelBelow():
                for task, request in tuple(self._running.items()):
                    if request.room == message.room and request.generation < message.generation:
                        task.cancel()
            case _:
                pass
        return None

    # ---- adapters

    async def _stage(self, message: wire.Stage) -> wire.Staged:
        began = time.monotonic()
        sha256, already = "", False
        errors: tuple[str, ...] = ()
        async with self._staging:
            try:
                loaded, sha256 = await asyncio.to_thread(self._check, message)
                already = sha256 in self._loaded
                if not already:
                    await self._make_room()
                    await self._load(loaded)
                    self._loaded[sha256] = loaded
            except CardProblems as error:
                errors = tuple(error.problems)
            except Refused as error:
                errors = (str(error),)
        return wire.Staged(
            request=message.request, adapter=message.adapter, ok=not errors, sha256="" if errors else sha256,
            already=already, errors=errors, took_ms=(time.monotonic() - began) * 1000,
        )  # fmt: skip

    def _check(self, message: wire.Stage) -> tuple[_Loaded, str]:
        """Card, consent and hash of an adapter, and its folder as the server reads it."""
        folder = Path(message.folder)
        card = read_card(folder)
        problems = consent_problems(
            card, today=datetime.now().astimezone().date(), file=folder / "adapter.yaml"
        )
        if card.kind != "language":
            problems.append(f"{folder}: it is a {card.kind} adapter; name a language adapter")
        if card.base.name != self._settings.model and card.base.sha256:
            log.warning(
                "%s was trained on %s; the server has %s",
                message.adapter,
                card.base.name,
                self._settings.model,
            )
        try:
            data = read_plain(folder / WEIGHTS_FILE, max_bytes=WEIGHTS_MAX_BYTES)
        except OSError as error:
            raise CardProblems([f"{folder / WEIGHTS_FILE}: cannot be read ({error.strerror})"]) from error
        except ValueError as error:
            raise CardProblems([f"{folder / WEIGHTS_FILE}: {error}"]) from error
        sha256 = hashlib.sha256(data).hexdigest()
        if sha256 != card.sha256:
            problems.append(f"{folder / WEIGHTS_FILE}: its SHA-256 is not the card's; copy the adapter again")
        if problems:
            raise CardProblems(problems)
        name = f"{message.adapter}-{sha256[:12]}"
        laid = lay_out(card, data, self._own_folder() / name)
        return _Loaded(message.adapter, name, laid), sha256

    def _own_folder(self) -> Path:
        """Where adapters are laid for the server to read."""
        return Path(self._settings.cache_dir or Path(tempfile.gettempdir()) / f"livehost-peft-{os.getuid()}")

    async def _make_room(self) -> None:
        """Unload the adapter that was longest unused, never one that a room needs."""
        pinned = frozenset().union(*self._pins.values()) if self._pins else frozenset()
        while len(self._loaded) >= self._settings.slots:
            free = next((sha for sha in self._loaded if sha not in pinned), None)
            if free is None:
                raise Refused(
                    f"all {self._settings.slots} slots are on air or next; raise models.language.slots "
                    "and the server's --max-loras"
                )
            await self._unload(self._loaded.pop(free).name)

    async def _load(self, loaded: _Loaded) -> None:
        try:
            await self._call(
                "POST", "load_lora_adapter",
                {"lora_name": loaded.name, "lora_path": str(loaded.folder)}, plain=True,
            )  # fmt: skip
        except Refused as error:
            if error.status == 400 and "already" in str(error):
                return  # an engine before this one loaded the same content under the same name
            hint = (
                "; start it with --enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=True"
                if error.status in (404, 405)
                else ""
            )
            raise Refused(f"{loaded.adapter} was not loaded: {error}{hint}", status=error.status) from error

    async def _unload(self, name: str) -> None:
        try:
            await self._call("POST", "unload_lora_adapter", {"lora_name": name}, plain=True)
        except Refused as error:
            log.warning("%s was not unloaded: %s", name, error)

    # ---- words

    async def _answer(self, message: wire.Generate) -> wire.Generated:
        kept = self._cache.get(message)
        if kept is not None:
            self._served += 1
            return wire.Generated(
                request=message.request, text=kept.text, adapter=kept.adapter, tokens=kept.tokens
            )
        began = time.monotonic()
        task = asyncio.create_task(self._generate(message), name=f"generate {message.request}")
        self._running[task] = message
        try:
            async with asyncio.timeout(message.deadline_s):
                answer = await task
        except TimeoutError:
            answer = _ended(message, "deadline")
        except asyncio.CancelledError:
            own = asyncio.current_task()
            if own is not None and own.cancelling():  # the engine ends
                raise
            answer = _ended(message, "cancelled")
        except Refused as error:
            answer = _ended(message, "error", error=str(error))
        finally:
            self._running.pop(task, None)
        took = time.monotonic() - began
        if answer.tokens:
            self._speed = answer.tokens / max(took, 1e-3)
        self._served += 1
        answer = wire.Generated(
            request=answer.request, text=answer.text, adapter=message.adapter, finish=answer.finish,
            error=answer.error, tokens=answer.tokens, took_ms=took * 1000,
        )  # fmt: skip
        self._cache.put(message, answer)
        return answer

    async def _generate(self, message: wire.Generate) -> wire.Generated:
        loaded = self._loaded.get(message.adapter)
        if message.adapter and loaded is None:
            raise Refused(f"the adapter {message.adapter[:12]} is not loaded; stage it first")
        if loaded is not None:
            self._loaded.move_to_end(message.adapter)
        body = self._body(message, loaded.name if loaded else self._settings.model)
        try:
            reply = await self._call("POST", "chat/completions", body)
        except Refused as error:
            if loaded is None or error.status != 404:
                raise
            log.warning("the server forgot %s; it is loaded again", loaded.name)
            await self._load(loaded)
            reply = await self._call("POST", "chat/completions", body)
        return _read(message, reply)

    def _body(self, message: wire.Generate, model: str) -> dict[str, Any]:
        messages = [{"role": "system", "content": message.system}] if message.system else []
        messages.append({"role": "user", "content": message.user})
        body: dict[str, Any] = {
            "model": model, "messages": messages, "max_tokens": message.max_tokens,
            "temperature": message.temperature, "seed": message.seed, "stream": False,
        }  # fmt: skip
        if self._vllm:
            body["chat_template_kwargs"] = {"enable_thinking": False}
        return body

    async def _call(
        self, method: str, path: str, body: dict[str, Any] | None = None, *, plain: bool = False
    ) -> dict[str, Any]:
        """One request; tried once more where it was not begun. `plain`: the answer is no JSON."""
        async for attempt in stamina.retry_context(on=_Hiccup, attempts=2, wait_initial=0.1, wait_jitter=0.1):
            with attempt:
                return await self._once(method, path, body, plain)
        raise AssertionError("unreachable")

    async def _once(self, method: str, path: str, body: dict[str, Any] | None, plain: bool) -> dict[str, Any]:
        try:
            reply = await self._client.request(method, path, json=body)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise _Hiccup(f"{self._where} cannot be reached ({type(error).__name__}); start it") from error
        except httpx.HTTPError as error:
            raise Refused(f"{self._where} broke off ({type(error).__name__})") from error
        if reply.status_code in (429, 502, 503):
            raise _Hiccup(f"{self._where} is busy ({reply.status_code})", status=reply.status_code)
        if reply.status_code != 200:
            raise Refused(
                f"{self._where} answered {reply.status_code} to {path}: {self._cause(reply)}{_hint(reply.status_code)}",
                status=reply.status_code,
            )
        if plain:
            return {}
        if len(reply.content) > LONGEST_ANSWER_BYTES:
            raise Refused(f"{self._where} sent {len(reply.content)} bytes for one answer")
        try:
            value = reply.json()
        except ValueError as error:
            raise Refused(
                f"{self._where} sent no JSON to {path}; is it an OpenAI-compatible server?"
            ) from error
        if not isinstance(value, dict):
            raise Refused(f"{self._where} sent no JSON object to {path}")
        return value

    def _cause(self, reply: httpx.Response) -> str:
        """What the server says, in one short line; some quote the key."""
        try:
            value = reply.json()
            error = (
                value.get("error", value.get("message", value.get("detail", "")))
                if isinstance(value, dict)
                else ""
            )
            text = str(error.get("message", "")) if isinstance(error, dict) else str(error)
        except ValueError:
            text = reply.text
        text = text.replace(self._settings.key, "***") if self._settings.key else text
        return " ".join(text.split())[:200]

    @property
    def _where(self) -> str:
        """The server's address without a password in it."""
        url = self._client.base_url
        return f"{url.scheme}://{url.host}:{url.port or ''}".rstrip(":")

    def state(self) -> wire.EngineState:
        """The figures of this moment; the server's own memory is not known."""
        pinned = frozenset().union(*self._pins.values()) if self._pins else frozenset()
        return wire.EngineState(
            kind="language", ready=self._ready, error=self._error, mend=self._mend,
            base=self._settings.model, device=self._where, slots=self._settings.slots,
            resident=tuple(
                wire.Resident(adapter=one.adapter, sha256=sha, slot=index, pinned=sha in pinned)
                for index, (sha, one) in enumerate(self._loaded.items(), 1)
            ),
            served=self._served, waiting=len(self._running), tokens_per_s=round(self._speed, 1),
            rss_bytes=rss_bytes(),
        )  # fmt: skip

    async def close(self) -> None:
        """End what runs."""
        for task in tuple(self._running):
            task.cancel()
        await self._client.aclose()


def _ended(message: wire.Generate, finish: Finish, *, error: str = "") -> wire.Generated:
    return wire.Generated(request=message.request, adapter=message.adapter, finish=finish, error=error)


def _read(message: wire.Generate, reply: dict[str, Any]) -> wire.Generated:
    """The first choice of a chat completion."""
    try:
        choice = reply["choices"][0]
        text = choice["message"]["content"] or ""
        if not isinstance(text, str):
            raise TypeError
    except (KeyError, IndexError, TypeError) as error:
        raise Refused("the server's answer has no choices[0].message.content") from error
    usage = reply.get("usage") or {}
    finish: Finish = "stop" if choice.get("finish_reason") == "stop" else "length"
    return wire.Generated(
        request=message.request, text=THOUGHT.sub("", text).strip(), adapter=message.adapter, finish=finish,
        tokens=int(usage.get("completion_tokens") or 0),
    )  # fmt: skip


def _hint(status: int) -> str:
    return "; check models.language.key" if status in (401, 403) else ""


def _address(url: str) -> str:
    base = url.rstrip("/")
    return f"{base}/" if base.endswith("/v1") else f"{base}/v1/"
