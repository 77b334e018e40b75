"""Where a room's viewers' events come from, one model a kind of source; at most one of a kind a room."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

Secrets = tuple[SecretStr, ...]


class _Source(BaseModel):
    """Base of every source. `own_names` are names of the room's own account: its comments are dropped."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)  # 268 is "268"

    own_names: tuple[str, ...] = ()


class _Post(_Source):
    """A source that posts to us. Its events may be rare, so that silence is an alarm only if asked for."""

    silent_s: float = Field(0.0, ge=0, le=86_400)  # on air and silent for so long: an alarm; 0: none


class _Push(_Post):
    """A platform that posts to us and signs. Two secrets at once while one replaces the other."""

    secrets: Secrets = ()
    clock_skew_s: float = Field(0.0, ge=0, le=600)  # how far this clock may be off, beyond 300 s of age


class DouyinPush(_Push):
    """抖音直播小玩法 posts to `/v1/webhooks/douyin/<room>`."""

    kind: Literal["douyin"]
    comment_secrets: Secrets = ()  # of live_comment, where it has its own; likewise below
    gift_secrets: Secrets = ()
    like_secrets: Secrets = ()
    fansclub_secrets: Secrets = ()
    room_id: str = ""  # of the platform; another one is refused, empty takes any

    def secrets_of(self, msg_type: str) -> Secrets:
        """The secrets that a message type may be signed with."""
        own: dict[str, Secrets] = {
            "live_comment": self.comment_secrets,
            "live_gift": self.gift_secrets,
            "live_like": self.like_secrets,
            "live_fansclub": self.fansclub_secrets,
        }
        return own.get(msg_type) or self.secrets


class KuaishouPush(_Push):
    """快手小玩法 posts to `/v1/webhooks/kuaishou/<room>`. What is named must match, empty takes any."""

    kind: Literal["kuaishou"]
    app_id: str = ""
    room_code: str = ""
    author_open_id: str = ""


class _Relay(_Source):
    """A tool that reads the room's events and passes them on over a WebSocket."""

    silent_s: float = Field(300.0, ge=5, le=86_400)  # connected, on air and silent for so long: an alarm
    away_s: float = Field(30.0, ge=5, le=86_400)  # on air without a connection for so long: an alarm


class ObaRelay(_Relay):
    """oba-live-tool, which reads the seller's own live console: a WebSocket server that we connect to."""

    kind: Literal["oba"]
    url: str = "ws://127.0.0.1:12354"


class BarrageGrabRelay(_Relay):
    """DouyinBarrageGrab, which reads the browser or 直播伴侣 on its machine: we connect to it."""

    kind: Literal["barrage_grab"]
    url: str = "ws://127.0.0.1:8888"


class DycastRelay(_Relay):
    """dycast, which connects to us at `/v1/relays/dycast/<room>?token=<token>`."""

    kind: Literal["dycast"]
    token: SecretStr


class WxlivespyForward(_Post):
    """wxlivespy (视频号), which posts to `/v1/webhooks/wxlivespy/<room>?token=<token>`."""

    kind: Literal["wxlivespy"]
    token: SecretStr


class BliveRelay(_Relay):
    """哔哩哔哩直播开放平台: the project's key pair, and the streamer's 身份码."""

    kind: Literal["blive"]
    app_id: int = Field(ge=1)
    access_key_id: SecretStr
    access_key_secret: SecretStr
    code: SecretStr
    api: str = "https://live-open.biliapi.com"  # the platform's address


Source = Annotated[
    DouyinPush | KuaishouPush | ObaRelay | BarrageGrabRelay | DycastRelay | WxlivespyForward | BliveRelay,
    Field(discriminator="kind"),
]
MODELS: dict[str, type[BaseModel]] = {
    "douyin": DouyinPush,
    "kuaishou": KuaishouPush,
    "oba": ObaRelay,
    "barrage_grab": BarrageGrabRelay,
    "dycast": DycastRelay,
    "wxlivespy": WxlivespyForward,
    "blive": BliveRelay,
}
RelaySource = ObaRelay | BarrageGrabRelay | DycastRelay | BliveRelay
