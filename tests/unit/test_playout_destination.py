"""Push addresses, what ffmpeg's complaints mean, and how soon is tried again."""

from __future__ import annotations

import pytest

from services.playout.destination import BadAddress, Trouble, retry_after_s, target, trouble
from services.playout.ffmpeg import Ffmpeg, preset
from services.wire import OutputSpec

URL = "rtmp://push.example.com/live"


def spec(url: str, key: str = "") -> OutputSpec:
    return OutputSpec(name="o", url=url, key=key)


@pytest.mark.parametrize(
    ("url", "key", "base", "playpath"),
    [
        (URL, "abc", URL, "abc"),
        (URL + "/", "abc", URL, "abc"),
        (URL, "/abc", URL, "abc"),
        (URL + "/room", "?sign=a%2Fb==", URL, "room?sign=a%2Fb=="),
        (URL + "/abc?sign=x", "", URL, "abc?sign=x"),
        ("rtmps://h:443/third/stream-1?a=b&sign=c", "", "rtmps://h:443/third", "stream-1?a=b&sign=c"),
        ("RTMP://h/app", "deep/key", "rtmp://h/app", "deep/key"),
    ],
)
def test_address_and_key_are_joined_byte_exactly(url: str, key: str, base: str, playpath: str) -> None:
    found = target(spec(url, key))
    assert (found.base, found.playpath) == (base, playpath)


@pytest.mark.parametrize(
    "url",
    [
        "http://h/live/k",
        "file:///etc/passwd",
        "rtmp://",
        "rtmp://h/",
        "rtmp://h/live",
        "rtmp://h/a b/c",
        "-f",
    ],
)
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(BadAddress):
        target(spec(url))


def test_the_key_is_in_no_argument_when_it_can_be_hidden() -> None:
    found = target(spec(URL, "secretkey?sign=abcd"))
    args = " ".join(Ffmpeg("ffmpeg", hides_key=True).push_args(found, preset_fd=7, progress_fd=8))
    assert "secretkey" not in args and "abcd" not in args and "/dev/fd/7" in args
    assert preset(found) == b"rtmp_playpath=secretkey?sign=abcd\n"
    assert "secretkey" not in found.redacted(
        "Error opening rtmp://push.example.com/live/secretkey?sign=abcd: no"
    )


def test_certificates_are_verified() -> None:
    args = Ffmpeg("ffmpeg", hides_key=True).push_args(
        target(spec("rtmps://h/live/k")), preset_fd=7, progress_fd=8
    )
    assert args[args.index("-tls_verify") + 1] == "1"


@pytest.mark.parametrize(
    ("said", "was_live", "kind"),
    [
        ("Connection to tcp://127.0.0.1:1 failed: Connection refused", False, Trouble.REFUSED),
        ("Failed to resolve hostname x.invalid: Name or service not known", False, Trouble.UNREACHABLE),
        ("Connection to tcp://10.0.0.1:1935 failed: No route to host", False, Trouble.UNREACHABLE),
        ("Sending publish command for 'k'\nInput/output error", False, Trouble.KEY_OR_LOST),
        ("Server error: NetStream.Publish.BadName", False, Trouble.KEY),
        ("Server error: Already publishing (NetStream.Publish.BadName)", False, Trouble.BUSY),
        ("Sending publish command for 'k'\nServer error: internal", False, Trouble.KEY_OR_LOST),
        ("Server error: [ AccessManager.Reject ] : [ authmod=adobe ]", False, Trouble.KEY),
        ("Sending publish command for 'k'\nBroken pipe", True, Trouble.LOST),
        ("The certificate is not correctly signed", False, Trouble.CERTIFICATE),
        ("", False, Trouble.REFUSED),
    ],
)
def test_what_the_messages_mean(said: str, was_live: bool, kind: Trouble) -> None:
    assert trouble(said, was_live=was_live) is kind


def test_a_living_host_is_asked_again_soon_and_an_unknown_one_ever_later() -> None:
    for jitter in (0.0, 1.0):
        assert all(2 <= retry_after_s(Trouble.REFUSED, n, jitter) <= 3 for n in range(1, 50))
        waits = [retry_after_s(Trouble.UNREACHABLE, n, jitter) for n in range(1, 20)]
        assert waits == sorted(waits) and waits[-1] <= 30
    assert retry_after_s(Trouble.UNREACHABLE, 10, 0) != retry_after_s(Trouble.UNREACHABLE, 10, 1)
