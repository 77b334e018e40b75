"""dycast: a page that reads a Douyin room and connects to us over a WebSocket.

The first frame tells of the room (`roomId`, `nickname`, `title`, `status`); later ones are arrays
of `{id, method, user: {id, name}, content, gift, room}`. A gift tells 抖币 a piece, ten to the 元.
(github.com/skmcj/dycast, README)
"""

from __future__ import annotations

from collections.abc import Mapping

from livehost.chat import fields as read
from livehost.chat.barrage_grab import FEN_A_COIN
from livehost.chat.events import Kind, Piece

KINDS = {
    "WebcastChatMessage": Kind.COMMENT,
    "WebcastEmojiChatMessage": Kind.COMMENT,
    "WebcastGiftMessage": Kind.GIFT,
    "WebcastLikeMessage": Kind.LIKE,
    "WebcastMemberMessage": Kind.ENTER,
    "WebcastSocialMessage": Kind.FOLLOW,
    "WebcastFansclubMessage": Kind.FANS_CLUB,
    "WebcastRoomUserSeqMessage": Kind.STATS,
    "WebcastRoomStatsMessage": Kind.STATS,
}
ROOM_OVER = 3  # `room.status` of WebcastControlMessage once the stream is over


def opened(value: Mapping[str, object]) -> list[Piece] | None:
    """The event of one object, or None where this is none of dycast."""
    method = value.get("method")
    if not isinstance(method, str) or not method.startswith("Webcast"):
        return None
    room = value.get("room")
    told = room if isinstance(room, Mapping) else {}
    if method == "WebcastControlMessage":
        over = read.whole(told.get("status")) == ROOM_OVER
        return [Piece(fields=value, word=Kind.END.value if over else method, platform="douyin")]
    kind = KINDS.get(method)
    gift = value.get("gift")
    if kind is Kind.GIFT and isinstance(gift, Mapping):
        count = max(1, read.whole(gift.get("count")))
        return [
            Piece(
                fields=value, word=method, platform="douyin", count=count,
                text=read.text_of(gift.get("name")),
                value_fen=count * FEN_A_COIN * read.whole(gift.get("price")),
            )
        ]  # fmt: skip
    viewers = read.whole(told.get("audienceCount")) if kind is Kind.STATS else None
    return [Piece(fields=value, word=method, platform="douyin", count=viewers)]


def of_the_room(value: Mapping[str, object]) -> frozenset[str] | None:
    """The account's names where this is the frame that tells of the room, else None."""
    if "method" in value or not {"roomId", "nickname", "status"} <= value.keys():
        return None
    names = (read.text_of(value.get(name)).strip() for name in ("nickname", "uniqueId"))
    return frozenset(name for name in names if name)
