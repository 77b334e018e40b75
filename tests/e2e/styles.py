"""What tells personas apart: words (character pairs and particles, naive Bayes), and the plate of a look."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray

from services.avatar.looks import PLATE_SIZE

LINES = ("greeting", "farewell", "bridges", "resumes", "reserve", "disclosure")
ALPHA = 0.5


class WordsClassifier:
    """Learns from the lines that each persona's operator wrote, never from a model's words."""

    def __init__(self, personas_file: Path) -> None:
        personas = yaml.safe_load(personas_file.read_text(encoding="utf-8"))["personas"]
        self._particles = {one for persona in personas for one in persona["style"]["particles"]}
        self._seen: dict[str, Counter[str]] = {}
        for persona in personas:
            style = persona["style"]
            texts = [line for name in LINES for line in persona[name]]
            texts += [*style["address"], *style["openers"], *style["closers"]] * 3
            texts += style["particles"] * 20
            self._seen[persona["id"]] = Counter(mark for text in texts for mark in self._marks(text))
        self._known = len(set().union(*self._seen.values()))

    def persona_of(self, text: str) -> str:
        """Whose words these most likely are."""

        def score(persona: str) -> float:
            counts = self._seen[persona]
            total = sum(counts.values()) + ALPHA * self._known
            return sum(math.log((counts[mark] + ALPHA) / total) for mark in self._marks(text))

        return max(self._seen, key=score)

    def _marks(self, text: str) -> list[str]:
        """Pairs of characters, and the particles that an operator named."""
        letters = [c for c in text if c.isalpha()]
        return ["".join(two) for two in pairwise(letters)] + [c for c in letters if c in self._particles]


def plate(look: Path) -> NDArray[np.uint8]:
    """The look's layers on the plate, [1280, 720, 3] BGR, without eyes and mouth."""
    doc = yaml.safe_load((look / "look.yaml").read_text(encoding="utf-8"))
    width, height = PLATE_SIZE
    out = np.zeros((height, width, 3), np.float32)
    for name in ("set", "back_hair", "body", "head", "front_hair", "table"):
        if name not in doc["layers"]:
            continue
        layer = doc["layers"][name]
        picture = cv2.imread(str(look / layer["file"]), cv2.IMREAD_UNCHANGED)
        assert picture is not None, layer["file"]
        x, y = layer["at"]
        here = out[y : y + picture.shape[0], x : x + picture.shape[1]]
        alpha = picture[..., 3:4] / 255.0 if picture.shape[2] == 4 else 1.0
        here[:] = here * (1 - alpha) + picture[..., :3] * alpha
    return np.clip(out, 0, 255).astype(np.uint8)
