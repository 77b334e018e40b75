"""A stand-in for a vLLM server: models, chat completions, adapters loaded at run time, and errors to order."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse

from tests.conftest import free_port, wait_until

BASE = "qwen-tiny"
KEY = "sk-a-secret-of-the-tests"


@dataclass
class Server:
    """What it has, what it was asked, and how it should behave."""

    port: int
    loras: dict[str, str] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)
    dropped: int = 0
    fail: list[int] = field(default_factory=list)  # statuses of the next completions
    delay_s: float = 0.0
    thinks: bool = False
    finish: str = "stop"
    runtime_loras: bool = True
    say: Callable[[str, str], str] = lambda model, user: f"{model}：{user}"

    @property
    def url(self) -> str:
        """What is configured."""
        return f"http://127.0.0.1:{self.port}/v1"


def _app(server: Server) -> FastAPI:
    app = FastAPI()

    def denied(request: Request) -> bool:
        return request.headers.get("authorization") != f"Bearer {KEY}"

    def problem(status: int, text: str) -> JSONResponse:
        return JSONResponse({"error": {"message": text, "code": status}}, status)

    @app.get("/v1/models")
    async def models(request: Request) -> JSONResponse:
        if denied(request):
            return problem(401, f"Incorrect API key provided: {request.headers.get('authorization', '')[7:]}")
        names = [BASE, *server.loras]
        return JSONResponse({"data": [{"id": name, "owned_by": "vllm"} for name in names]})

    @app.post("/v1/load_lora_adapter")
    async def load(request: Request) -> Any:
        body = await request.json()
        if not server.runtime_loras:
            return JSONResponse({"detail": "Not Found"}, 404)
        name, folder = body["lora_name"], Path(body["lora_path"])
        if name in server.loras:
            return problem(400, f"The lora adapter '{name}' has already been loaded.")
        config = json.loads((folder / "adapter_config.json").read_text())
        if config["peft_type"] != "LORA" or not (folder / "adapter_model.safetensors").is_file():
            return problem(400, "No adapter found")
        server.loras[name] = str(folder)
        return PlainTextResponse(f"Success: LoRA adapter '{name}' added successfully.")

    @app.post("/v1/unload_lora_adapter")
    async def unload(request: Request) -> Any:
        name = (await request.json())["lora_name"]
        if server.loras.pop(name, None) is None:
            return problem(404, f"The lora adapter '{name}' cannot be found.")
        return PlainTextResponse("Success")

    @app.post("/v1/chat/completions")
    async def complete(request: Request) -> JSONResponse:
        body = await request.json()
        server.asked.append(body)
        if denied(request):
            return problem(401, "Unauthorized")
        if server.fail:
            return problem(server.fail.pop(0), "out of order")
        if body["model"] not in (BASE, *server.loras):
            return problem(404, f"The model `{body['model']}` does not exist.")
        waited = 0.0
        while waited < server.delay_s:
            if await request.is_disconnected():
                server.dropped += 1
                break
            await asyncio.sleep(0.01)
            waited += 0.01
        text = server.say(body["model"], body["messages"][-1]["content"])
        if server.thinks:
            text = f"<think>让我想想</think>\n{text}"
        message = {"role": "assistant", "content": text}
        return JSONResponse(
            {
                "choices": [{"index": 0, "message": message, "finish_reason": server.finish}],
                "usage": {"completion_tokens": len(text)},
            }
        )

    return app


@asynccontextmanager
async def serving(port: int | None = None) -> AsyncIterator[Server]:
    """The server, listening on the loopback."""
    server = Server(port or free_port())
    config = uvicorn.Config(
        _app(server), host="127.0.0.1", port=server.port, log_level="warning", lifespan="off"
    )
    inner = uvicorn.Server(config)
    inner.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    running = asyncio.create_task(inner.serve())
    try:
        await wait_until(lambda: inner.started)
        yield server
    finally:
        inner.should_exit = True
        inner.force_exit = True
        await running
