"""Whole answers kept by what they came from: the base, the adapter's content, the prompt, the dice."""

from __future__ import annotations

from collections import OrderedDict

from services import wire

_Key = tuple[str, str, str, int, float, int]


class AnswerCache:
    """The last answers that ended by themselves; an adapter is named by its content, so a new version
    never gets an old one's words. One cache belongs to one base."""

    def __init__(self, *, most: int = 1024) -> None:
        self._most = most
        self._kept: OrderedDict[_Key, wire.Generated] = OrderedDict()

    def get(self, request: wire.Generate) -> wire.Generated | None:
        """The kept answer to the same request."""
        key = _key(request)
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def put(self, request: wire.Generate, answer: wire.Generated) -> None:
        """Keep an answer if it is whole."""
        if answer.finish != "stop":
            return
        self._kept[_key(request)] = answer
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)


def _key(request: wire.Generate) -> _Key:
    sampled = request.seed if request.temperature > 0 else 0
    return (
        request.adapter,
        request.system,
        request.user,
        request.max_tokens,
        request.temperature,
        sampled,
    )
