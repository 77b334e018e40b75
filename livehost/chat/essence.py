"""What is left of a viewer's line once courtesies, particles and ways of asking are taken out.

Two lines of the same essence ask the same. Whatever is not known to be empty stays: an ingredient, an
illness, a place, a number, a denial, a picture, a sign between two numbers. A rule that might eat a
word that means something is not worth the lines that it would bring together.
"""

from __future__ import annotations

import re
from functools import lru_cache

from livehost.chinese import folded

_FACES = re.compile("[\U0001f600-\U0001f64f\U0001f44d\U0001f970\u2764\ufe0f]+")
_PAUSES = r"\s,，。.!！?？~～…、;；:："
_COUNTS = r"0-9a-z零一二两三四五六七八九十百千万半"
# A pause between numbers or letters tells 1.5 from 15; the point of .5 as well.
_PAUSE = re.compile(rf"(?<![{_COUNTS}])(?!\.\d)[{_PAUSES}]+|[{_PAUSES}]+(?![{_COUNTS}{_PAUSES}])")
_TONE = r"(?:[啊呀哦噢哇啦哟呐咯喽诶欸嗯]|(?<![酒网])吧|(?<![毛花绒])呢|(?<!干)[吗嘛]|(?<![什怎这那多要])么)"
_TONES_LAST = re.compile(rf"{_TONE}+(?=,|$)")
_CALLED = r"(?:主播|小姐姐|姐姐|老板|宝子|宝宝们|姐妹们|家人们|亲)"
_GREETING = rf"(?:(?:你好|您好|哈喽|hello|hi|在吗|{_CALLED}){_TONE}*)"
_ASKING = r"(?:(?:我)?想?请问(?:一下|下)?|我?想问(?:一下|下)?|麻烦问(?:一下|下)|问(?:一下|下))"
_FIRST = re.compile(
    rf"^(?:{_GREETING}+(?:,|(?={_ASKING}))|{_ASKING}{_TONE}*(?:{_CALLED}(?={_ASKING}|,))?,?)+"
)
_GREETED = re.compile(rf"^\s*({_GREETING})\s+")
_THIS = re.compile(r"^(?:小黄车里?的?)?(?:这一?[个款])?(?=.)")
_THANKS = re.compile(rf"(?:,?(?:谢谢|多谢)(?:{_CALLED}|你|您|了)*{_TONE}*|,{_CALLED})+$")
_REPEATED = re.compile(r"([^\d]{2,}?)(?:,?\1)+")
_ALIKE = tuple(
    (re.compile(pattern), meant)
    for pattern, meant in (
        (r"啥", "什么"),
        (r"咋", "怎么"),
        (r"成份", "成分"),
        (r"(?:几时|何时)", "什么时候"),
        (r"(?<![可不])(?:能不能|能否)|(?<!不)可不可以|可否|可以", "能"),
        (r"(?<![没只还])有没有", "有"),
        (r"(?<![不可还只])是不是", "是"),
        (r"(?<![不可只还])会不会", "会"),
        (r"适不适合", "适合"),
        (r"是?(?:什么价格?|价格是?多少|几块钱)$", "多少钱"),
    )
)


@lru_cache(maxsize=8192)
def essence(text: str) -> str:
    """What a raw line says apart from courtesies; empty where it says nothing else."""
    line = _GREETED.sub(r"\1,", _FACES.sub(" ", folded(text)))
    line = _PAUSE.sub(_paused, line).strip(",")
    before = None
    while before != line:
        before = line
        line = _THANKS.sub("", _TONES_LAST.sub("", _FIRST.sub("", line))).strip(",")
    whole = _REPEATED.fullmatch(line)
    line = _THIS.sub("", whole[1] if whole else line)
    for pattern, meant in _ALIKE:
        line = pattern.sub(meant, line)
    return line


def _paused(found: re.Match[str]) -> str:
    """A pause as a comma, mere space as nothing: 不，能用 is not 不能用."""
    return "," if found[0].strip() else ""
