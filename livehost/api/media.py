"""The room's picture and sound for the page, handed through from playout, and its recordings."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from fastapi import Response
from starlette.responses import FileResponse, StreamingResponse

from livehost.api.auth import Viewer
from livehost.api.ground import Page, TheHouse, TheRoom, new_router, page_of
from livehost.api.ports import House
from livehost.api.problems import ProblemError

router = new_router("media")

FIRST_BYTES_S = 8.0
CHUNK = 64 * 1024
MAX_PICTURE = 8 * 1024 * 1024
_RECORDING = re.compile(r"[\w][\w.@+-]{0,150}\.mp4")

Wanted = Literal["fmp4", "flv", "jpg"]


@router.get(
    "/rooms/{room}/preview.mp4",
    summary="The live picture with sound, for Media Source Extensions",
    response_class=StreamingResponse,
    responses={200: {"content": {"video/mp4": {}}}},
)
async def preview(room: TheRoom, _: Viewer) -> StreamingResponse:
    """Fragmented MP4: an initialisation segment, then fragments as they are made."""
    return await _streamed(room, "fmp4", "video/mp4")


@router.get(
    "/rooms/{room}/live.flv",
    summary="The live picture with sound, as it is pushed",
    response_class=StreamingResponse,
    responses={200: {"content": {"video/x-flv": {}}}},
)
async def live_flv(room: TheRoom, _: Viewer) -> StreamingResponse:
    """FLV over HTTP, for players such as ffplay and VLC."""
    return await _streamed(room, "flv", "video/x-flv")


@router.get(
    "/rooms/{room}/snapshot.jpg",
    summary="The picture at this moment",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}},
)
async def snapshot(room: TheRoom, _: Viewer) -> Response:
    """One JPEG."""
    reader, writer = await _connected(room, "jpg")
    try:
        async with asyncio.timeout(FIRST_BYTES_S):
            picture = bytearray()
            while chunk := await reader.read(CHUNK):
                picture += chunk
                if len(picture) > MAX_PICTURE:
                    break
    except (TimeoutError, OSError) as error:
        raise _no_picture(room) from error
    finally:
        writer.close()
    if not picture:
        raise _no_picture(room)
    return Response(bytes(picture), media_type="image/jpeg")


@router.get("/rooms/{room}/recordings", summary="The room's recordings")
async def list_recordings(house: TheHouse, room: TheRoom, _: Viewer, page: Page) -> dict[str, Any]:
    """Newest first; the one being written grows."""
    files = await asyncio.to_thread(_recordings, recordings_dir(house, room.id))
    items, following = page_of(files, page, lambda one: str(one["name"]))
    return {"items": items, "next": following}


@router.get(
    "/rooms/{room}/recordings/{name}",
    summary="One recording",
    response_class=FileResponse,
    responses={200: {"content": {"video/mp4": {}}}},
)
async def get_recording(house: TheHouse, room: TheRoom, _: Viewer, name: str) -> FileResponse:
    """The file, whole or by range."""
    folder = recordings_dir(house, room.id)
    path = folder / name
    if not _RECORDING.fullmatch(name) or not await asyncio.to_thread(_is_file_of, path, folder):
        raise ProblemError("unknown_thing", what="recording", id=name)
    return FileResponse(path, media_type="video/mp4", filename=name)


def recordings_dir(house: House, room: str) -> Path:
    """Where playout puts a room's recordings."""
    return house.recordings / room


def _is_file_of(path: Path, folder: Path) -> bool:
    return path.is_file() and path.resolve().parent == folder.resolve()


def _recordings(folder: Path) -> list[dict[str, Any]]:
    found = []
    for path in folder.glob("*.mp4") if folder.is_dir() else ():
        try:
            facts = path.stat()
        except OSError:
            continue  # the size cap removed it meanwhile
        if _RECORDING.fullmatch(path.name):
            found.append((facts.st_mtime, path.name, facts.st_size))
    return [
        {"name": name, "bytes": size, "changed_at": datetime.fromtimestamp(changed, UTC).isoformat()}
        for changed, name, size in sorted(found, reverse=True)
    ]


async def _streamed(room: TheRoom, wanted: Wanted, media_type: str) -> StreamingResponse:
    """A stream that has begun: a room without a picture is a 503, not an empty 200."""
    reader, writer = await _connected(room, wanted)
    try:
        async with asyncio.timeout(FIRST_BYTES_S):
            first = await reader.read(CHUNK)
    except (TimeoutError, OSError) as error:
        writer.close()
        raise _no_picture(room) from error
    if not first:
        writer.close()
        raise _no_picture(room)
    return StreamingResponse(_passed_on(first, reader, writer), media_type=media_type)


async def _passed_on(
    first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> AsyncIterator[bytes]:
    try:
        chunk = first
        while chunk:
            yield chunk
            chunk = await reader.read(CHUNK)
    except ConnectionError:
        return
    finally:
        writer.close()


async def _connected(room: TheRoom, wanted: Wanted) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    try:
        reader, writer = await asyncio.open_unix_connection(str(room.media_socket))
    except OSError as error:
        raise _no_picture(room) from error
    writer.write(f"{wanted}\n".encode())
    return reader, writer


def _no_picture(room: TheRoom) -> ProblemError:
    return ProblemError("no_picture", headers={"retry-after": "2"}, room=room.id)
