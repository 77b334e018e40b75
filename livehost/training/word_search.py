"""A text in its plain form, and many words searched for in it at once."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator

import ahocorasick


def flat(text: str) -> str:
    """The text with every character in its plain form (NFKC), of the same length."""
    return "".join(form if len(form := unicodedata.normalize("NFKC", char)) == 1 else char for char in text)


class Words:
    """Words to look for, all in one pass over a text."""

    def __init__(self, words: Iterable[str]) -> None:
        self._automaton = ahocorasick.Automaton()
        for word in words:
            self._automaton.add_word(word, len(word))
        if len(self._automaton):
            self._automaton.make_automaton()

    def places(self, text: str) -> Iterator[tuple[int, int]]:
        """Where each of the words stands: its start and its end."""
        if len(self._automaton):
            for last, size in self._automaton.iter(text):
                yield last + 1 - size, last + 1
