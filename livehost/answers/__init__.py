"""Viewers' questions answered from the catalogue, and from nothing else."""

from livehost.answers.facts import still_true
from livehost.answers.meaning import Meaning, meaning
from livehost.answers.reply import answer
from livehost.answers.types import Act, Answer, Book, Entry, Fact

__all__ = ["Act", "Answer", "Book", "Entry", "Fact", "Meaning", "answer", "meaning", "still_true"]
