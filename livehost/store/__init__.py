"""Durable state: one small protocol, SQLite in one file by default, Redis when it is configured."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from livehost.settings import Settings
from livehost.store.protocol import InboxLimits, Store

__all__ = ["Store", "open_store"]

FILE = "livehost.sqlite"


@asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[Store]:
    """The store that the settings ask for, migrated and ready; closed on leaving."""
    limits = {
        room.id: InboxLimits(room=room.inbox_limit, user=room.user_inbox_limit) for room in settings.rooms
    }
    if settings.redis_url is not None:
        from livehost.store.redis import open_redis

        async with open_redis(settings.redis_url.get_secret_value(), limits) as redis:
            yield redis
        return
    from livehost.store.sqlite import open_sqlite

    async with open_sqlite(settings.state_dir / FILE, limits) as sqlite:
        yield sqlite
