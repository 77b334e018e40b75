"""What is measured of a picture before it is trained on: blur, likeness to others, faces.

Blur is the width of edges, in pixels at the size that is trained on. An edge blurred by a Gaussian of width σ has
∫|∇I|² = 1 / (2σ√π) and ∫(∇²I)² = 1 / (4σ³√π) across it, so that half the ratio of the two energies is σ²,
whatever the edge's contrast: the variance of the Laplacian, made independent of scale and of how much is shown.
Drawn portraits blurred by 1, 2, 3 and 4 px measure 1.1, 2.1, 3.0 and 3.9 px (medians; ± 15 %), sharp ones 0.4.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import imagehash
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from services.training.faults import TrainingFailed

Faces = Callable[[NDArray[np.uint8]], int]
"""Counts the faces in a picture, sRGB [H, W, 3]."""

BLURRED_PX = 2.0
SOFT_PX = 1.3
HASH_SIDE = 16  # 256 bits: 64 do not tell two poses of one person on one set apart
ALIKE_BITS = (
    8  # saved again, at half the size or slightly blurred: at most 4; cropped by 2 % a side: 22 and up
)
ALIKE_CHROMA = 3.0  # of a 16 × 16 thumbnail, in 8-bit Lab: a dress in another colour is another picture
FACE_SCORE = 0.8
_TILES = 12
_SMOOTH_PX = 1.0  # against noise and JPEG's grain; taken off again
_THUMB = 16


class NoDetector(TrainingFailed):
    """A face detector's model cannot be used."""


@dataclass(frozen=True)
class Measured:
    """A picture's blur in pixels, its perceptual hash (uint64 [4]), its colours ([16, 16, 2]) and faces (None: not counted)."""

    blur_px: float
    phash: NDArray[np.uint64]
    chroma: NDArray[np.float32]
    faces: int | None


def measure(picture: Image.Image, *, area_px: int, faces: Faces | None = None) -> Measured:
    """Measures an RGB picture as it looks at `area_px` pixels; a smaller one is not enlarged."""
    shrink = min(1.0, (area_px / (picture.width * picture.height)) ** 0.5)
    size = (max(1, round(picture.width * shrink)), max(1, round(picture.height * shrink)))
    small = picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    rgb = np.asarray(small)
    return Measured(
        blur_px=blur(np.asarray(small.convert("L"))),
        phash=np.packbits(imagehash.phash(small, hash_size=HASH_SIDE).hash).view(np.uint64),
        chroma=_chroma(small),
        faces=None if faces is None else faces(rgb),
    )


def blur(grey: NDArray[np.uint8]) -> float:
    """How wide a picture's edges are, as the σ of a Gaussian in pixels; `grey` is [H, W].

    Only the quarter of tiles with the strongest edges counts, and of those the middle one: a background out of
    focus or an empty wall says nothing about the person. A picture without any edge is infinitely blurred.
    """
    smooth = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), _SMOOTH_PX)
    across = cv2.Scharr(smooth, cv2.CV_32F, 1, 0) / 32
    down = cv2.Scharr(smooth, cv2.CV_32F, 0, 1) / 32
    edges = _tiles(np.square(across) + np.square(down))
    bends = _tiles(np.square(cv2.Laplacian(smooth, cv2.CV_32F)))
    strong = edges >= np.quantile(edges, 0.75)
    if float(edges[strong].max()) < 1e-3:
        return float("inf")
    width = edges[strong] / np.maximum(bends[strong], 1e-9) / 2 - _SMOOTH_PX**2
    return float(np.sqrt(max(0.0, float(np.median(width)))))


def _tiles(field: NDArray[Any]) -> NDArray[np.float64]:
    """A field's sums over a grid of tiles, flat."""
    rows, cols = (np.linspace(0, side, _TILES + 1).astype(int)[:-1] for side in field.shape)
    sums = np.add.reduceat(np.add.reduceat(field.astype(np.float64), rows, axis=0), cols, axis=1)
    return np.asarray(sums.ravel())


def _chroma(picture: Image.Image) -> NDArray[np.float32]:
    thumb = np.asarray(picture.resize((_THUMB, _THUMB), Image.Resampling.BOX))
    return np.asarray(cv2.cvtColor(thumb, cv2.COLOR_RGB2LAB)[..., 1:], np.float32)


def duplicates(measured: Sequence[Measured]) -> list[list[int]]:
    """Groups of pictures that look the same (two and more), by index; a chain of alike pictures is one group."""
    if not measured:
        return []
    hashes = np.stack([one.phash for one in measured])
    leader = list(range(len(measured)))

    def find(at: int) -> int:
        while leader[at] != at:
            leader[at] = leader[leader[at]]
            at = leader[at]
        return at

    for at in range(1, len(measured)):
        apart = np.bitwise_count(hashes[:at] ^ hashes[at]).sum(axis=1)
        for other in np.flatnonzero(apart <= ALIKE_BITS).tolist():
            colours = np.abs(measured[at].chroma - measured[other].chroma).mean()
            if colours <= ALIKE_CHROMA:
                leader[find(at)] = find(other)
    groups: dict[int, list[int]] = {}
    for at in range(len(measured)):
        groups.setdefault(find(at), []).append(at)
    return [group for group in groups.values() if len(group) > 1]


def face_counter(model: Path) -> Faces:
    """OpenCV's YuNet detector (`cv2.FaceDetectorYN`) on a model file, `face_detection_yunet_….onnx`.

    Raises:
        NoDetector: the file is not there or no such model.
    """
    if not model.is_file():
        raise NoDetector(
            f"人脸检测模型 {model} 不存在 / the face detector's model {model} does not exist",
            "请改路径或不配置 / mend the path or leave it out",
        )
    try:
        detector = cv2.FaceDetectorYN.create(str(model), "", (320, 320), FACE_SCORE)
    except cv2.error as error:
        raise NoDetector(
            f"{model} 不是 YuNet 模型 / {model} is no YuNet model",
            "请用 face_detection_yunet 的 .onnx 文件 / use a face_detection_yunet .onnx file",
        ) from error
    one_at_a_time = threading.Lock()

    def count(picture: NDArray[np.uint8]) -> int:
        with one_at_a_time:
            detector.setInputSize((picture.shape[1], picture.shape[0]))
            _, found = detector.detect(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        return 0 if found is None else len(found)

    return count
