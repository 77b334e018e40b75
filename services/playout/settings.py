"""What a playout is started with: one JSON file, mode 0600, written by the supervisor.

SettingsUnreadable   the file is missing, not JSON, or holds a value that cannot be
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from services.wire import SAMPLE_RATE_HZ


class SettingsUnreadable(Exception):
    """The settings file cannot be used; the message says what to change."""


class PlayoutSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One room's picture, encoder, files and sockets. Sizes in pixels, rates in kbit/s."""

    room: str
    state_dir: str
    socket: str
    media_socket: str
    width: int = 720
    height: int = 1280
    fps: int = 25
    preset: str = "superfast"
    video_kbps: int = 2500
    audio_kbps: int = 128
    gop_s: float = 2.0
    threads: int = 1
    label: str = "AI生成 · 数字人主播"
    font: str | None = None
    show_prices: bool = True
    language: str = "zh"
    recording: bool = True
    recording_dir: str = ""
    recording_cap_gb: float = 20.0
    recording_file_s: float = 3600.0
    holding_image: str | None = None
    holding_text: str = "稍后回来"
    producer: str = "livehost"
    ffmpeg: str = ""
    with_parent: bool = True
    config_hash: str = ""

    @property
    def samples_per_frame(self) -> int:
        """How many audio samples a frame carries; whole by construction."""
        return SAMPLE_RATE_HZ // self.fps

    @property
    def gop_frames(self) -> int:
        """Frames from keyframe to keyframe."""
        return max(1, round(self.gop_s * self.fps))

    @property
    def recordings(self) -> Path:
        """Where recordings go."""
        return Path(self.recording_dir) if self.recording_dir else Path(self.state_dir) / "recordings"


def read_settings(path: Path) -> PlayoutSettings:
    """The settings in a file.

    Raises:
        SettingsUnreadable: with the cause and what to change.
    """
    try:
        settings = msgspec.json.decode(path.read_bytes(), type=PlayoutSettings)
    except OSError as error:
        raise SettingsUnreadable(f"{path} cannot be read: {error.strerror}; give a readable file") from error
    except msgspec.MsgspecError as error:
        raise SettingsUnreadable(f"{path}: {error}; correct that field") from error
    if settings.fps < 1 or SAMPLE_RATE_HZ % settings.fps:
        raise SettingsUnreadable(
            f"{path}: fps {settings.fps} does not divide {SAMPLE_RATE_HZ}; use 20, 25, 30, 50 or 60"
        )
    if settings.width % 2 or settings.height % 2:
        raise SettingsUnreadable(f"{path}: {settings.width}x{settings.height} is odd; use even sizes")
    return settings
