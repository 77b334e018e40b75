"""How many messages a second the webhook takes: arrays of 100 over keep-alive connections.

Every message is another viewer's, in words of its own: an inbox turns away what one viewer or many repeat.
"""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Sequence

ARRAY = 100
AT_MOST = 45_000  # messages a flood: two floods stay below the largest inbox there is
Row = tuple[int, int, float, float, int, int]


def flood(
    port: int, path: str, token: str, texts: Sequence[str], *, connections: int, seconds: float
) -> list[Row]:
    """Post for so long; rows of (connections, connection, sent at, took s, status, accepted)."""
    rows: list[Row] = []
    until = time.monotonic() + seconds
    workers = [
        threading.Thread(target=_pour, args=(port, path, token, texts, connections, number, until, rows))
        for number in range(connections)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sorted(rows, key=lambda row: row[2])


def _pour(
    port: int, path: str, token: str, texts: Sequence[str], connections: int, number: int, until: float,
    rows: list[Row],
) -> None:  # fmt: skip
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    sent = 0
    try:
        while time.monotonic() < until and sent + ARRAY <= AT_MOST // connections:
            body = json.dumps(
                [
                    {
                        "id": f"flood-{connections}-{number}-{sent + place}",
                        "user": f"u{connections}-{number}-{sent + place}",
                        "text": f"{number}-{sent + place}楼问 {texts[(sent + place) % len(texts)]}",
                    }
                    for place in range(ARRAY)
                ]
            )
            sent += ARRAY
            begun = time.monotonic()
            link.request("POST", path, body, headers)
            answer = link.getresponse()
            result = json.loads(answer.read() or b"{}")
            took = time.monotonic() - begun
            accepted = int(result.get("accepted", 0))
            rows.append((connections, number, begun, round(took, 4), answer.status, accepted))
    finally:
        link.close()


def per_s(rows: Sequence[Row]) -> float:
    """Messages accepted a second, from the first request to the last answer."""
    span = max(row[2] + row[3] for row in rows) - min(row[2] for row in rows)
    return round(sum(row[5] for row in rows) / span, 1)
