"""wxlivespy (MIT): reads a 视频号 console and forwards it by HTTP, gzipped if so set.

`{"decoded_data": {"events": [{"decoded_type", "msg_id", "seq", "decoded_openid", "sec_openid",
"nickname", "content", "msg_time"}], "host_info", "live_info"}}`. `gift_value` is in 微信豆, ten to the
元. (github.com/fire4nt/wxlivespy, src/main/WXDataDecoder.ts)
"""

from __future__ import annotations

from collections.abc import Mapping

from livehost.chat import fields as read
from livehost.chat.events import Kind, Piece

KINDS = {
    "comment": Kind.COMMENT,
    "enter": Kind.ENTER,
    "gift": Kind.GIFT,
    "combogift": Kind.GIFT,
    "like": Kind.LIKE,
}
FEN_A_BEAN = 10


def opened(value: Mapping[str, object]) -> list[Piece] | None:
    """The events of a forwarded body, or None where it is none of this tool."""
    told = value.get("decoded_data", value)
    if not isinstance(told, Mapping):
        return None
    events = told.get("events")
    if not isinstance(events, list) or not ({"host_info", "live_info"} & told.keys()):
        return None
    host = told.get("host_info")
    name = read.text_of(host.get("finder_username")) if isinstance(host, Mapping) else ""
    own = frozenset({name} if name else ())
    return [_piece(event, own) if isinstance(event, Mapping) else Piece(fields={}) for event in events]


def _piece(event: Mapping[str, object], own: frozenset[str]) -> Piece:
    word = event.get("decoded_type")
    kind = KINDS.get(word) if isinstance(word, str) else None
    value = FEN_A_BEAN * read.whole(event.get("gift_value")) if kind is Kind.GIFT else None
    return Piece(
        fields=event, word=word if isinstance(word, str) else "", platform="wechat", value_fen=value, own=own
    )
