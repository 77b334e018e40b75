"""The ffmpeg that carries bytes to destinations: which binary, what it can, its argument list."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from services.playout.destination import Target

log = logging.getLogger("playout.ffmpeg")

_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
_PROBE_S = 10.0


class NoFfmpeg(Exception):
    """No ffmpeg can be run."""


@dataclass(frozen=True, slots=True)
class Ffmpeg:
    """A binary, and whether a preset file reaches its muxer and protocols (`hides_key`)."""

    path: str
    hides_key: bool

    def push_args(self, target: Target, *, preset_fd: int, progress_fd: int) -> list[str]:
        """The argument list of one connection: FLV on stdin, copied to the destination."""
        args = [
            self.path,
            *("-hide_banner", "-nostats", "-loglevel", "debug", "-progress", f"pipe:{progress_fd}"),
            *("-probesize", "1000000", "-analyzeduration", "100000", "-fpsprobesize", "0"),
            *("-f", "flv", "-i", "pipe:0", "-map", "0:v", "-map", "0:a", "-c", "copy"),
            *("-rw_timeout", "5000000", "-send_buffer_size", "131072", "-tcp_nodelay", "1"),
            *("-flush_packets", "1", "-flvflags", "no_duration_filesize"),
        ]
        if target.tls:
            args += ["-tls_verify", "1"]
            if _CERTIFICATES.exists():
                args += ["-ca_file", str(_CERTIFICATES)]
        if self.hides_key:
            return [*args, "-fpre", f"/dev/fd/{preset_fd}", "-f", "flv", target.base]
        return [*args, "-f", "flv", target.url]


def find_ffmpeg(wanted: str = "") -> Ffmpeg:
    """The configured binary, else the one on PATH, else the one that imageio-ffmpeg brings.

    Raises:
        NoFfmpeg: there is none; install ffmpeg or imageio-ffmpeg.
    """
    path = wanted or shutil.which("ffmpeg") or _bundled()
    if not path:
        raise NoFfmpeg("no ffmpeg on PATH and imageio-ffmpeg brings none; install ffmpeg")
    hides_key = _preset_reaches_muxer(path)
    if not hides_key:
        log.warning(
            "%s takes a push address only as an argument, which other users of this machine can read; "
            "mount /proc with hidepid=2 or use ffmpeg 5 or 6",
            path,
        )
    return Ffmpeg(path, hides_key)


def preset(target: Target) -> bytes:
    """What the preset file holds."""
    return f"rtmp_playpath={target.playpath}\n".encode()


def pipe_with(content: bytes) -> int:
    """The reading end of a pipe that holds a few bytes; the child opens it as `/dev/fd/N`."""
    reading, writing = os.pipe()
    os.write(writing, content)
    os.close(writing)
    return reading


def _bundled() -> str:
    try:
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        return ""


def _preset_reaches_muxer(path: str) -> bool:
    reading = pipe_with(b"hash=md5\n")
    source = ("-f", "s16le", "-ar", "8000", "-ac", "1", "-i", "/dev/zero", "-t", "0.01", "-c", "copy")
    command = [path, "-v", "error", *source, "-fpre", f"/dev/fd/{reading}", "-f", "hash", "-"]
    try:
        done = subprocess.run(
            command,
            pass_fds=[reading],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROBE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoFfmpeg(f"{path} does not run: {error}; install ffmpeg") from error
    finally:
        os.close(reading)
    return done.stdout.startswith(b"MD5=")
