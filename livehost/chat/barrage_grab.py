"""DouyinBarrageGrab (MIT): reads the browser or 直播伴侣, and is a WebSocket server, port 8888.

A frame is `{"Type": 1, "ProcessName": …, "Data": "<JSON string>"}`; Data holds `MsgId`, `User`,
`Onwer` (so spelled: the room's account), `Content`, `RoomId`. A gift tells 抖币 a piece, ten to the
元. (github.com/HaoDong108/DouyinBarrageGrab, BarrageMessages.cs)
"""

from __future__ import annotations

from collections.abc import Mapping

from livehost.chat import fields as read
from livehost.chat.events import Kind, Piece

KINDS = {
    1: Kind.COMMENT,
    2: Kind.LIKE,
    3: Kind.ENTER,
    4: Kind.FOLLOW,
    5: Kind.GIFT,
    6: Kind.STATS,
    7: Kind.FANS_CLUB,
    8: Kind.SHARE,
    9: Kind.END,
}
FEN_A_COIN = 10


def opened(value: Mapping[str, object], data: object) -> list[Piece] | None:
    """The event of a frame whose `Data` was read as `data`; None where it is none of this tool."""
    number = value.get("Type")
    if isinstance(number, bool) or not isinstance(number, int) or not isinstance(data, Mapping):
        return None
    kind = KINDS.get(number)
    told = {name: held for name, held in data.items() if name != "Type"}  # a fan club's own Type
    gifts = max(1, read.whole(data.get("GiftCount")))
    return [
        Piece(
            fields=told,
            word=kind.value if kind else f"Type {number}"[: read.MAX_WORD],
            platform="douyin",
            text=read.text_of(data.get("GiftName")) if kind is Kind.GIFT else "",
            count=read.whole(data.get("OnlineUserCount")) if kind is Kind.STATS else None,
            value_fen=gifts * FEN_A_COIN * read.whole(data.get("DiamondCount"))
            if kind is Kind.GIFT
            else None,
            own=_owner(data.get("Onwer")),
        )
    ]


def _owner(value: object) -> frozenset[str]:
    """Names and ids of the room's account."""
    if not isinstance(value, Mapping):
        return frozenset()
    told = read.folded(value)
    names = (read.first_id(told, (name,)) for name in (*read.PERSON_ID, "nickname"))
    return frozenset(name for name in names if name)
