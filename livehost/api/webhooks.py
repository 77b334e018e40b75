"""Where platforms and relays post viewers' messages. An answer means: it is stored."""

from __future__ import annotations

import hmac
from datetime import UTC, datetime
from typing import Any

from fastapi import Request

from livehost.api.ground import TheHouse, TheRoom, new_router
from livehost.api.keys import Keys, Role
from livehost.api.ports import House
from livehost.api.problems import ProblemError
from livehost.chat.events import WEBHOOK, Kind
from livehost.chat.generic import Unreadable, parse, signature_holds

router = new_router("webhooks")

STORE_WITHIN_S = 5.0

_MESSAGE = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "description": "unique within this webhook; made from the rest if left out"},
        "kind": {"type": "string", "enum": [kind.value for kind in Kind], "default": "comment"},
        "user": {"type": "string"},
        "user_id": {"type": "string", "description": "the platform's id of the viewer"},
        "text": {"type": "string", "description": "the comment; needed for one"},
        "at": {"type": "string", "format": "date-time"},
        "count": {"type": "integer", "description": "gifts, likes, viewers"},
        "value_fen": {"type": "integer", "description": "of a gift or an order, in 分"},
        "product": {"type": "string", "description": "of an order"},
        "buyer": {"type": "boolean", "description": "whether the viewer has bought"},
    },
}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"oneOf": [_MESSAGE, {"type": "array", "items": _MESSAGE, "maxItems": 1000}]}
            }
        },
    }
}


@router.post(
    "/webhooks/generic/{room}",
    status_code=202,
    summary="Viewers' messages as plain JSON",
    openapi_extra=_BODY,
)
async def generic(house: TheHouse, room: TheRoom, request: Request) -> dict[str, Any]:
    """Bearer token, or HMAC-SHA256 of the raw body in `X-Livehost-Signature: sha256=<hex>`.

    Send the same message again as often as needed: it is counted once.
    """
    body = await request.body()
    heard = room.sources.posted.get(WEBHOOK)
    if not _trusted(house, room.id, request, body):
        if heard is not None:
            heard.refuse("signature_wrong")
        raise ProblemError("signature_wrong")
    try:
        parsed = parse(body, datetime.now(UTC))
    except Unreadable as error:
        raise ProblemError("body_unreadable") from error
    intake = room.sources.intake
    stored = await intake.store(list(parsed.messages), within_s=STORE_WITHIN_S)
    told = intake.tell(parsed.events)
    result = {
        "accepted": stored.accepted + told,
        "duplicate": stored.duplicate + len(parsed.events) - told,
        "rejected": stored.rejected + len(parsed.rejected),
    }
    intake.count(result)
    if heard is not None:
        heard.took(len(parsed.messages) + len(parsed.events))
    reasons = {**{str(place): why for place, why in parsed.rejected.items()}, **stored.reasons}
    return {**result, "reasons": reasons} if reasons else result


def _trusted(house: House, room: str, request: Request, body: bytes) -> bool:
    """A signature that is sent must hold; without one, the room's token or an operator's."""
    webhook = house.settings.room(room).webhook
    presented = request.headers.get("x-livehost-signature")
    if presented is not None:
        return signature_holds(body, webhook.secret.get_secret_value(), presented)
    authorization = request.headers.get("authorization", "")
    scheme, _, token = authorization.partition(" ")
    own = webhook.token.get_secret_value()
    if own and scheme.lower() == "bearer" and hmac.compare_digest(own.encode(), token.strip().encode()):
        return True
    keys: Keys = request.app.state.keys
    who = keys.by_bearer(authorization)
    return who is not None and who.role.may(Role.OPERATOR)
