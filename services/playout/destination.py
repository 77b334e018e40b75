"""A push address as ffmpeg gets it, and what its complaints mean.

The key never stands in the child's argument list when ffmpeg can read it from a preset file (up to
version 6): `/dev/fd/N` of a pipe holds `rtmp_playpath=KEY`. Newer versions take a push address by
argument only; then other users of the machine can read it from the process list unless `/proc` is
mounted with `hidepid`, and a warning says so once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from services.wire import OutputSpec

SCHEMES = ("rtmp", "rtmps")


class BadAddress(Exception):
    """The push address cannot be used; the message says why, without the key."""


@dataclass(frozen=True, slots=True)
class Target:
    """A push address: what may be seen, and the secret last part (byte-exact)."""

    base: str
    playpath: str
    tls: bool

    @property
    def url(self) -> str:
        """The whole address; secret."""
        return f"{self.base}/{self.playpath}" if self.playpath else self.base

    def redacted(self, text: str) -> str:
        """A text without the secret."""
        if self.playpath:
            text = text.replace(self.url, f"{self.base}/***").replace(self.playpath, "***")
            name, _, query = self.playpath.partition("?")
            for secret in (query, name):
                if len(secret) >= 4:
                    text = text.replace(secret, "***")
        return text


def target(spec: OutputSpec) -> Target:
    """The address of a destination.

    Raises:
        BadAddress: it is not an RTMP address with an application.
    """
    url = spec.url.strip()
    if any(ord(char) < 33 for char in url + spec.key):
        raise BadAddress("the push address holds a space or a line break; copy it again")
    if spec.key:
        url = f"{url}{spec.key}" if url.endswith(("/", "=")) or spec.key[0] in "?/&" else f"{url}/{spec.key}"
    parts = urlsplit(url)
    if parts.scheme.lower() not in SCHEMES:
        raise BadAddress(f"{parts.scheme or 'no'} scheme; a push address starts with rtmp:// or rtmps://")
    if not parts.hostname:
        raise BadAddress("no host; copy the push address again")
    scheme, rest = url.split("://", 1)
    host, _, path = rest.partition("/")
    app, _, playpath = path.partition("/")
    if not app or not playpath:
        raise BadAddress("no stream name; give the key (推流码) beside the address")
    return Target(f"{scheme.lower()}://{host}/{app}", playpath, scheme.lower() == "rtmps")


class Trouble(StrEnum):
    """Why a connection did not come about or ended."""

    REFUSED = "refused"  # a living host said no to the connection
    KEY = "key"  # the publication was refused: a new key is needed
    KEY_OR_LOST = "key or lost"  # the server hung up on the publish command without a word
    BUSY = "busy"  # the server still holds an older connection with this key
    UNREACHABLE = "unreachable"  # no such name, no route, or no answer in time
    LOST = "lost"  # it was live and ended
    STALLED = "stalled"  # it took nothing for too long
    CERTIFICATE = "certificate"  # the server's certificate does not hold


MENDS = {
    Trouble.REFUSED: "the server refuses connections; it is tried again by itself",
    Trouble.KEY: "the platform refuses this key; get a new push address and PUT it",
    Trouble.BUSY: "this key is in use; stop the other encoder, or wait until the server notices that it ended",
    Trouble.UNREACHABLE: "the server cannot be reached; check the address and the network; it is tried again",
    Trouble.LOST: "the connection was lost; it is tried again by itself",
    Trouble.STALLED: "the server or the link takes too little; it is tried again by itself",
    Trouble.CERTIFICATE: "the server's certificate is not valid; check the address and this machine's clock",
}

_KEY_WORDS = re.compile(
    r"NetStream\.Publish\.(BadName|Denied|Unauthorized)|NetConnection\.Connect\.(Rejected|InvalidApp)"
    r"|Publish.*(denied|rejected|forbidden|unauthorized)|authmod=|Unauthorized",
    re.IGNORECASE,
)
_BUSY = re.compile(r"already publish|stream ?(name )?(is )?(busy|in use)", re.IGNORECASE)
_UNREACHABLE = re.compile(
    r"Failed to resolve|Name or service not known|Temporary failure in name|No route to host"
    r"|Network is unreachable|timed out|Host is down",
    re.IGNORECASE,
)
_CERTIFICATE = re.compile(r"certificate|self.signed|verify failed|GNUTLS.*VERIF", re.IGNORECASE)
_PUBLISHING = "Sending publish command"


def trouble(stderr: str, *, was_live: bool) -> Trouble:
    """What ffmpeg's messages at level `debug` mean.

    A server that closes the connection right after the publish command, without an answer, mostly
    refuses the key (so does nginx-rtmp); it could also have gone away at that moment.
    """
    if _BUSY.search(stderr):
        return Trouble.BUSY
    if _KEY_WORDS.search(stderr):
        return Trouble.KEY
    if was_live:
        return Trouble.LOST
    if _PUBLISHING in stderr:
        return Trouble.KEY_OR_LOST
    if _CERTIFICATE.search(stderr):
        return Trouble.CERTIFICATE
    if _UNREACHABLE.search(stderr):
        return Trouble.UNREACHABLE
    return Trouble.REFUSED


def retry_after_s(kind: Trouble, attempt: int, jitter: float) -> float:
    """How long to wait before the next attempt; `attempt` from 1, `jitter` in 0..1.

    A refusal by a living host, a loss or a stall: 2 to 3 s. What cannot be reached: doubled from 2 s
    up to 30 s.
    """
    if kind in (Trouble.REFUSED, Trouble.BUSY, Trouble.LOST, Trouble.STALLED):
        return 2.0 + jitter * 0.8
    ceiling = min(30.0, 2.0 * 2.0 ** min(attempt - 1, 6))
    return ceiling * (0.7 + 0.3 * jitter)
