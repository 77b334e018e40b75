"""A real RTMP ingest for tests: Debian's nginx with its RTMP module, on free ports of the loopback.

Application `live` takes any key, records each publication to disk and asks an HTTP hook first: keys
that start with `refused` are denied, as a platform denies a signature that ran out.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

from tests.conftest import free_port

NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
MODULE = Path("/usr/lib/nginx/modules/ngx_rtmp_module.so")

_CONFIG = """\
load_module {module};
user root;
daemon off;
master_process off;
worker_processes 1;
pid {dir}/nginx.pid;
error_log {dir}/error.log info;
events {{ worker_connections 256; }}
rtmp {{
  server {{
    listen 127.0.0.1:{port};
    chunk_size 4096;
    access_log off;
    application live {{
      live on;
      on_publish http://127.0.0.1:{hook}/publish;
      record all;
      record_path {dir}/recorded;
      record_unique on;
      record_suffix .flv;
    }}
  }}
}}
"""


def available() -> bool:
    """Whether nginx and its RTMP module are on this machine."""
    return Path(NGINX).exists() and MODULE.exists()


class Ingest:
    """One nginx-rtmp; `start`, `stop`, `freeze` and `thaw` are the faults a destination can have."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self.published: list[str] = []
        self._recorded = directory / "recorded"
        self._recorded.mkdir(parents=True)
        self._process: subprocess.Popen[bytes] | None = None
        self._hook = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._hook_thread = threading.Thread(target=self._hook.serve_forever, name="rtmp-hook", daemon=True)
        self._hook_thread.start()
        config = _CONFIG.format(
            module=MODULE, dir=directory, port=self.port, hook=self._hook.server_address[1]
        )
        (directory / "nginx.conf").write_text(config)

    @property
    def url(self) -> str:
        """The push address, without a key."""
        return f"rtmp://127.0.0.1:{self.port}/live"

    def start(self) -> None:
        """Start nginx and return when it listens."""
        config = str(self.directory / "nginx.conf")
        self._process = subprocess.Popen(
            [NGINX, "-p", str(self.directory), "-c", config, "-e", str(self.directory / "start.log")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        import socket

        for _ in range(200):
            with socket.socket() as probe:
                probe.settimeout(0.2)
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise RuntimeError(f"nginx does not listen: {(self.directory / 'error.log').read_text()[-500:]}")

    def stop(self) -> None:
        """Kill nginx, as a machine that goes away."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """Stop reading, connections stay (SIGSTOP)."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Read again."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGCONT)

    def recordings(self, key: str) -> list[Path]:
        """What was received for a key, one file a publication, oldest first."""
        return sorted(self._recorded.glob(f"{key}-*.flv"), key=lambda path: path.stat().st_mtime)

    def close(self) -> None:
        """Stop all."""
        self.stop()
        self._hook.shutdown()
        self._hook.server_close()
        self._hook_thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        published = self.published

        class Hook(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                key = parse_qs(body).get("name", [""])[0]
                published.append(body)
                self.send_response(403 if key.startswith("refused") else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments: object) -> None:
                """Say nothing."""

        return Hook
