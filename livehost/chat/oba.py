"""oba-live-tool (MIT): reads the seller's own live console and is a WebSocket server, port 12354.

One JSON object a frame: `{"msg_type", "msg_id", "nick_name", "content", "time"}`; `time` is a time
of day without a zone, so it is not used. Orders: `order_status` 已下单 or 已付款, `product_title`,
`order_ts`. (github.com/qiutongxue/oba-live-tool, electron/main/platforms/*/commentListener.ts)
"""

from __future__ import annotations

from collections.abc import Mapping

from livehost.chat.events import Kind, Piece

KINDS = {
    "comment": Kind.COMMENT,
    "wechat_channel_live_msg": Kind.COMMENT,
    "xiaohongshu_comment": Kind.COMMENT,
    "taobao_comment": Kind.COMMENT,
    "room_enter": Kind.ENTER,
    "room_like": Kind.LIKE,
    "room_follow": Kind.FOLLOW,
    "subscribe_merchant_brand_vip": Kind.SUBSCRIBE,
    "ecom_fansclub_participate": Kind.FANS_CLUB,
    "live_order": Kind.ORDER,
}
_PLATFORMS = {
    "wechat_channel_live_msg": "wechat",
    "xiaohongshu_comment": "xiaohongshu",
    "taobao_comment": "taobao",
}


def opened(value: Mapping[str, object]) -> list[Piece] | None:
    """The event of a frame, or None where this is no frame of oba-live-tool."""
    word = value.get("msg_type")
    if not isinstance(word, str) or word not in KINDS or "nick_name" not in value:
        return None
    fields = {name: held for name, held in value.items() if name != "time"}
    status = value.get("order_status")
    return [
        Piece(
            fields=fields, word=word, platform=_PLATFORMS.get(word, ""),
            text=status if isinstance(status, str) else "",
        )
    ]  # fmt: skip
