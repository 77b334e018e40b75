"""Picture files: what their headers say, and their pixels as sRGB, whatever they were saved as.

PictureUnusable   a file cannot be trained on; the message says why and the mend, without the file's name

Pillow reads JPEG (also CMYK and multi-picture), PNG (also 16-bit and palettes), WebP, BMP, GIF, TIFF and AVIF.
"""

from __future__ import annotations

import codecs
import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "AVIF")  # and MPO, which opens as JPEG
SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jfif", ".jpe", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif"}
)
# Pictures that are known but not read: leaving them out in silence would train on half an album.
HEIC_SUFFIXES = frozenset({".heic", ".heif", ".hif"})
RAW_SUFFIXES = frozenset(
    {".cr2", ".cr3", ".nef", ".arw", ".dng", ".raf", ".orf", ".rw2", ".psd", ".svg", ".jxl"}
)
MIN_SIDE_PX = 64
MAX_PIXELS = 89_478_485  # Pillow's own limit, above which it warns of a decompression bomb
_SWAPPED = (5, 6, 7, 8)  # EXIF orientations that lie on their side
_EXIF_ORIENTATION = 0x0112
_HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")
_TAIL_BYTES = 4096


class PictureUnusable(Exception):
    """A file cannot be trained on; the message says why and the mend."""


@dataclass(frozen=True)
class Header:
    """What a file's header says: its size in pixels as it is seen, its format and whether it is see-through."""

    width: int
    height: int
    format: str
    transparent: bool


@cache
def _formats() -> tuple[str, ...]:
    """Those of `FORMATS` that this build of Pillow reads: AVIF is not in all."""
    Image.init()
    return tuple(one for one in FORMATS if one in Image.OPEN)


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps Pillow's warnings of odd metadata from the terminal; filters are the process's, so enter it once."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def read_header(path: Path) -> Header:
    """A file's header; its pixels are decoded only when its end looks cut off.

    Raises:
        PictureUnusable: it is no picture, or one that cannot be trained on.
    """
    start, tail = _ends(path)
    if start[4:8] == b"ftyp" and start[8:12] in _HEIC_BRANDS:
        raise PictureUnusable(_heic())
    with quiet():
        try:
            with Image.open(path, formats=_formats()) as opened:
                header = Header(*_seen_size(opened), opened.format or "", _transparent(opened))
                frames = 1 if opened.format in ("JPEG", "MPO") else getattr(opened, "n_frames", 1)
        except Exception as error:  # decoders raise anything at all on damaged bytes
            raise PictureUnusable(_why(error, start)) from error
        if header.width * header.height > MAX_PIXELS:
            raise PictureUnusable(_too_many())
        if min(header.width, header.height) < MIN_SIDE_PX:
            raise PictureUnusable(
                f"只有 {header.width}×{header.height} 像素，每边至少 {MIN_SIDE_PX}，请换一张大图 / "
                f"is {header.width}×{header.height} px, at least {MIN_SIDE_PX} a side; use a larger picture"
            )
        if frames > 1:
            raise PictureUnusable(
                f"是动图或多页图（{frames} 帧），请把要用的一帧另存为 PNG 或 JPEG / "
                f"has {frames} frames; save the one you want as PNG or JPEG"
            )
        if not _whole(header.format, start, tail, path.stat().st_size):
            load(path)
    return header


def load(path: Path, *, at_least: tuple[int, int] | None = None) -> Image.Image:
    """A file's pixels, RGB in sRGB, upright, see-through parts on white.

    `at_least` is a size that is enough, upright: a large JPEG is then decoded at an eighth, a quarter or a half.

    Raises:
        PictureUnusable: it cannot be decoded.
    """
    try:
        with Image.open(path, formats=_formats()) as opened:
            profile = opened.info.get("icc_profile")
            if at_least is not None:
                turned = opened.getexif().get(_EXIF_ORIENTATION) in _SWAPPED
                # None keeps the colour mode: CMYK must stay so until its profile is applied.
                opened.draft(None, (at_least[1], at_least[0]) if turned else at_least)
            opened.load()
            return _in_srgb(_flat(ImageOps.exif_transpose(opened)), profile)
    except MemoryError:
        raise
    except Exception as error:  # decoders raise anything at all on damaged bytes
        raise PictureUnusable(_why(error, b"")) from error


def _flat(picture: Image.Image) -> Image.Image:
    """Eight bits a channel, no palette and no alpha: RGB, L or CMYK."""
    if picture.mode.startswith("I") or picture.mode == "F":
        values = np.asarray(picture, np.float32)
        top = 65535.0 if picture.mode.startswith("I") or values.max(initial=0) > 255 else 255.0
        if 0 < values.max(initial=0) <= 1:
            top = 1.0
        return Image.fromarray((np.clip(values / top, 0, 1) * 255 + 0.5).astype(np.uint8), "L")
    if _transparent(picture):
        over = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", over.size, "white"), over).convert("RGB")
    return picture if picture.mode in ("RGB", "L", "CMYK") else picture.convert("RGB")


def _in_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """Colours by the file's own profile, so that a phone's Display P3 and a printer's CMYK come out right."""
    if profile and picture.mode in ("RGB", "CMYK"):
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            same = "sRGB" in ImageCms.getProfileDescription(source)
            if not (same and picture.mode == "RGB"):
                target = ImageCms.createProfile("sRGB")
                turned = ImageCms.profileToProfile(picture, source, target, outputMode="RGB")
                return turned if turned is not None else picture.convert("RGB")
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass  # a profile that is damaged or for another mode: the plain conversion stands
    return picture.convert("RGB")


def _transparent(picture: Image.Image) -> bool:
    return picture.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in picture.info


def _seen_size(picture: Image.Image) -> tuple[int, int]:
    turned = picture.getexif().get(_EXIF_ORIENTATION) in _SWAPPED
    return (picture.height, picture.width) if turned else picture.size


def _ends(path: Path) -> tuple[bytes, bytes]:
    """A file's first and last bytes."""
    try:
        with path.open("rb") as stream:
            start = stream.read(32)
            stream.seek(0, 2)
            stream.seek(max(0, stream.tell() - _TAIL_BYTES))
            tail = stream.read()
    except OSError as error:
        why = error.strerror or error
        raise PictureUnusable(
            f"读不了（{why}）/ cannot be read ({why}); mend the path or the rights"
        ) from error
    if not start:
        raise PictureUnusable("是空文件（0 字节），请重新拷贝 / is empty (0 bytes); copy it again")
    return start, tail


def _whole(format_: str, start: bytes, tail: bytes, size: int) -> bool:
    """Whether a file's end is where its format says; what cannot tell is decoded to be sure."""
    match format_:
        case "JPEG" | "MPO":
            # The thumbnail inside has an end of its own, so only the very last bytes count.
            return tail.rstrip(b"\0").endswith(b"\xff\xd9")
        case "PNG":
            return tail.endswith(b"IEND\xaeB`\x82")
        case "WEBP":
            return int.from_bytes(start[4:8], "little") + 8 <= size
        case _:
            return False


def _is_text(start: bytes) -> bool:
    """Whether bytes, cut anywhere, read as UTF-8 without control characters."""
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(start)
    return bool(text) and all(
        (one.isprintable() and one != "\ufffd") or one in "\r\n\t\ufeff" for one in text
    )


def _heic() -> str:
    return (
        "是 HEIC，暂不支持：在 iPhone 的“设置 → 相机 → 格式”选“兼容性最佳”，或在相册里导出为 JPEG / "
        "is HEIC, which is not read: export it as JPEG (iPhone: Settings → Camera → Formats → Most Compatible)"
    )


def _too_many() -> str:
    return (
        f"超过 {MAX_PIXELS // 10_000} 万像素，请先缩小（训练只用到约 100 万）/ has over {MAX_PIXELS // 1_000_000} "
        "million pixels; make it smaller first (training uses about one million)"
    )


def unread(suffix: str) -> str | None:
    """Why pictures with a name that ends so are not read; None for a suffix that stands for no picture."""
    if suffix.lower() in HEIC_SUFFIXES:
        return _heic()
    if suffix.lower() in RAW_SUFFIXES:
        return f"{suffix} 暂不支持，请导出为 JPEG 或 PNG / {suffix} is not read; export it as JPEG or PNG"
    return None


def _why(error: Exception, start: bytes) -> str:
    if isinstance(error, Image.DecompressionBombWarning | Image.DecompressionBombError):
        return _too_many()
    if isinstance(error, UnidentifiedImageError):
        if _is_text(start):
            return "其实是文本文件，不是图片 / is a text file, not a picture; put the picture in its place"
        return (
            "不是能读的图片（支持 JPEG、PNG、WebP、BMP、TIFF、AVIF）/ is no picture that is read "
            "(JPEG, PNG, WebP, BMP, TIFF, AVIF); export it again"
        )
    if isinstance(error, OSError) and error.errno:
        return f"读不了（{error.strerror}）/ cannot be read ({error.strerror}); mend the path or the rights"
    return "图片不完整或已损坏，请重新拷贝或导出 / is cut off or damaged; copy or export it again"
