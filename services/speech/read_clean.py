"""First pass over a text: one width for digits and Latin letters, no emoji, no decoration."""

from __future__ import annotations

import re
import unicodedata

# Full-width forms are folded; Chinese punctuation is not.
_FOLD = {
    code: code - 0xFEE0 for code in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))
}
_FOLD |= {
    ord(wide): narrow
    for wide, narrow in zip("％＋－．／＊＃＠＆＝＜＞＄｜＿", "%+-./*#@&=<>$|_", strict=True)
}
_FOLD |= {ord("￥"): "¥", ord("～"): "~", ord("〜"): "~", ord("–"): "-", ord("−"): "-", ord("﹣"): "-"}
_FOLD |= {ord(mark): str(number) for number, mark in enumerate("①②③④⑤⑥⑦⑧⑨⑩", start=1)}
_FOLD |= {ord(mark): str(number) for number, mark in enumerate("ⅠⅡⅢⅣⅤⅥⅦⅧⅨⅩ", start=1)}
_FOLD |= {
    ord("½"): "1/2", ord("⅓"): "1/3", ord("⅔"): "2/3", ord("¼"): "1/4", ord("¾"): "3/4",
    ord("㎡"): "m²", ord("㎏"): "kg", ord("㎎"): "mg", ord("㎜"): "mm", ord("㎝"): "cm", ord("㎞"): "km",
    ord("㎖"): "ml", ord("ℓ"): "L", ord("㏄"): "cc", ord("µ"): "μ", ord("\u00a0"): " ", ord("\u3000"): " ",
    ord("✕"): "×", ord("✖"): "×", ord("➕"): "+", ord("Ｘ"): "X",
}  # fmt: skip

_KEYCAP = re.compile("([0-9#*])\ufe0f?\u20e3")
_EMOTE = re.compile(r"\[[\u4e00-\u9fffA-Za-z]{1,6}\]")  # 抖音 writes emoji as [比心]
_FACE = re.compile(
    r"[(（][^()（）\u3040-\u30ff\u4e00-\u9fffA-Za-z0-9]{2,}[)）]|\^[_.oO]?\^|[>＞]_[<＜]|T_T|QAQ"
)
_JOINERS = {"\u200d", "\u200b", "\ufeff", "\ufe0e", "\ufe0f", "\u20e3"}
_KEPT_SYMBOLS = set("°℃℉¥$€£%‰±×÷+=<>≈≥≤~^|²³№©®™&@#/\\*-_")
_TRAILING_TILDE = re.compile(r"(?<![\d点分时日号月年元块折])~+(?![\d¥$-])|~+$|~+(?=[，。！？,!? ])")
_SPACES = re.compile(r"\s+")


def clean(text: str) -> str:
    """`text` with one width of digits and letters and nothing that only decorates."""
    text = unicodedata.normalize("NFC", text)
    text = _KEYCAP.sub(r"\1", text).translate(_FOLD)
    text = _FACE.sub("", _EMOTE.sub("", text))
    text = "".join(mark for mark in text if not _decorates(mark))
    text = re.sub(r"(?<=\d)：(?=\d)", ":", text)
    text = re.sub(r"(?<=[\u4e00-\u9fff])\s?x\s?(?=\d)", "×", text)  # 面膜x2
    text = _TRAILING_TILDE.sub("", text)
    text = re.sub(r"(?<![\d两一][\u4e00-\u9fff])(?<=[\u4e00-\u9fff])/(?=[\u4e00-\u9fff])", "或", text)
    text = re.sub(r"(?<=[\u4e00-\u9fff]) +(?=\d)|(?<=\d) +(?=[\u4e00-\u9fff])", "", text)
    return _SPACES.sub(" ", text).strip()


def _decorates(mark: str) -> bool:
    """Whether a character is an emoji or ornament: seen, never said."""
    if mark in _JOINERS:
        return True
    if mark in _KEPT_SYMBOLS or mark < "\u00a1":
        return False
    code = ord(mark)
    if 0x1F000 <= code <= 0x1FAFF or 0x2190 <= code <= 0x2BFF or 0xE0020 <= code <= 0xE007F:
        return mark not in "≈≥≤−"
    return unicodedata.category(mark) in ("So", "Sk", "Cf", "Co", "Cn")
