"""Units in time -> mouth shapes: Oculus-15 tags with six continuous parameters.

The shapes come from pinyin (or kana, or a rough reading of Latin letters), the timing from the engine.
b, p and m get a closure of their own with `close=1`, so that lips meet however short the syllable.
"""

from __future__ import annotations

import re

from services import wire
from services.speech.types import Timed
from services.wire import Viseme

SIL = Viseme(at=0, tag="sil")
_S = Viseme
SHAPES = {
    "PP": _S(0, "PP", jaw=0.0, wide=0.5, close=1.0),
    "FF": _S(0, "FF", jaw=0.12, wide=0.55, close=0.35, teeth=0.8),
    "DD": _S(0, "DD", jaw=0.22, wide=0.55, teeth=0.4, tongue=0.8),
    "nn": _S(0, "nn", jaw=0.2, wide=0.52, teeth=0.3, tongue=0.8),
    "kk": _S(0, "kk", jaw=0.28, wide=0.5, tongue=0.2),
    "CH": _S(0, "CH", jaw=0.15, wide=0.7, teeth=0.8, tongue=0.3),
    "CHr": _S(0, "CH", jaw=0.18, wide=0.4, round=0.35, teeth=0.7, tongue=0.3),
    "SS": _S(0, "SS", jaw=0.1, wide=0.65, teeth=0.9, tongue=0.2),
    "RR": _S(0, "RR", jaw=0.22, wide=0.42, round=0.3, teeth=0.3, tongue=0.5),
    "TH": _S(0, "TH", jaw=0.2, wide=0.55, teeth=0.5, tongue=0.9),
    "aa": _S(0, "aa", jaw=0.85, wide=0.55, tongue=0.1),
    "E": _S(0, "E", jaw=0.45, wide=0.6, teeth=0.25, tongue=0.2),
    "I": _S(0, "I", jaw=0.22, wide=0.85, teeth=0.5, tongue=0.3),
    "zi": _S(0, "I", jaw=0.14, wide=0.68, teeth=0.85, tongue=0.3),
    "zhi": _S(0, "I", jaw=0.17, wide=0.5, round=0.2, teeth=0.75, tongue=0.4),
    "O": _S(0, "O", jaw=0.5, wide=0.3, round=0.75),
    "U": _S(0, "U", jaw=0.22, wide=0.12, round=0.95),
    "Y": _S(0, "U", jaw=0.14, wide=0.18, round=0.9, teeth=0.1),
    "sil": SIL,
}

_INITIAL = re.compile(r"^(zh|ch|sh|[bpmfdtnlgkhjqxrzcs])?(.*)$")
_INITIALS = {
    **dict.fromkeys("bpm", "PP"), "f": "FF", **dict.fromkeys("dtl", "DD"), "n": "nn",
    **dict.fromkeys("gkh", "kk"), **dict.fromkeys("jqx", "CH"),
    **dict.fromkeys(("zh", "ch", "sh", "r"), "CHr"), **dict.fromkeys("zcs", "SS"),
}  # fmt: skip

# Finals as steps (shape, share of the final).
_FINALS: dict[str, tuple[tuple[str, float], ...]] = {
    "a": (("aa", 1),), "ai": (("aa", 0.55), ("I", 0.45)), "ao": (("aa", 0.55), ("O", 0.45)),
    "an": (("aa", 0.7), ("nn", 0.3)), "ang": (("aa", 0.75), ("kk", 0.25)),
    "o": (("O", 1),), "ou": (("O", 0.6), ("U", 0.4)), "ong": (("U", 0.4), ("O", 0.6)),
    "e": (("E", 1),), "ei": (("E", 0.5), ("I", 0.5)), "en": (("E", 0.7), ("nn", 0.3)),
    "eng": (("E", 0.75), ("kk", 0.25)), "er": (("E", 0.5), ("RR", 0.5)),
    "i": (("I", 1),), "in": (("I", 0.7), ("nn", 0.3)), "ing": (("I", 0.75), ("kk", 0.25)),
    "u": (("U", 1),), "v": (("Y", 1),), "vn": (("Y", 0.65), ("nn", 0.35)),
    "ve": (("Y", 0.3), ("E", 0.7)), "van": (("Y", 0.3), ("aa", 0.45), ("nn", 0.25)),
    "n": (("nn", 1),), "ng": (("kk", 1),), "m": (("PP", 1),),
}  # fmt: skip
_SPELT = {"iu": ("I", "ou"), "ui": ("U", "ei"), "un": ("U", "en"), "iong": ("Y", "ong"), "ian": ("I", "ian"),
          "ie": ("I", "ie")}  # fmt: skip
_FINALS["ian"] = (("E", 0.65), ("nn", 0.35))
_FINALS["ie"] = (("E", 1.0),)
_GLIDE = 0.3
_INITIAL_SHARE, _INITIAL_MAX_S = 0.3, 0.09
_CLOSURE_S = 0.06

Steps = tuple[tuple[str, float], ...]


def split(syllable: str) -> tuple[str, str]:
    """The initial and final of a pinyin syllable, y and w resolved, ü written v."""
    plain = syllable.rstrip("12345").replace("ü", "v")
    if plain.startswith("yu"):
        return "", {"yu": "v", "yue": "ve", "yuan": "van", "yun": "vn"}.get(plain, "v")
    if plain.startswith("y"):
        rest = plain[1:]
        return "", rest if rest.startswith("i") else "i" + ("u" if rest == "ou" else rest)
    if plain.startswith("w"):
        rest = plain[1:]
        return "", rest if rest == "u" else "u" + rest
    match = _INITIAL.match(plain)
    assert match is not None
    initial, final = match.group(1) or "", match.group(2)
    if initial in ("j", "q", "x") and final.startswith("u"):
        final = "v" + final[1:]
    return initial, final or initial


def final_steps(initial: str, final: str) -> Steps:
    """The mouth shapes of a final, with the share of its time that each takes."""
    if final == "i" and initial in ("z", "c", "s"):
        return (("zi", 1.0),)
    if final == "i" and initial in ("zh", "ch", "sh", "r"):
        return (("zhi", 1.0),)
    if final in _FINALS and final not in ("ian", "ie"):
        return _FINALS[final]
    glide, rest = _SPELT.get(final, ({"i": "I", "u": "U", "v": "Y"}.get(final[:1], ""), final[1:]))
    if not glide or rest not in _FINALS:
        return (("E", 1.0),)
    return ((glide, _GLIDE), *((shape, share * (1 - _GLIDE)) for shape, share in _FINALS[rest]))


def visemes(timed: tuple[Timed, ...], duration_s: float) -> tuple[Viseme, ...]:
    """The keys of a phrase, in order, beginning and ending with `sil`."""
    keys: list[tuple[float, str]] = [(0.0, "sil")]
    sounding = [mark for mark in timed if mark.unit.kind != "pause" and mark.end_s > mark.start_s]
    for index, mark in enumerate(sounding):
        if mark.unit.kind == "syllable":
            keys.extend(_syllable(mark))
        elif mark.unit.kind == "kana":
            before = sounding[index - 1].unit.sound if index else ""
            keys.extend(_spread(mark, *kana_steps(mark.unit.sound, before)))
        else:
            keys.extend(_letters(mark))
        following = sounding[index + 1].start_s if index + 1 < len(sounding) else duration_s
        if following - mark.end_s > 0.09:
            keys.append((mark.end_s, "sil"))
    keys.append((max((mark.end_s for mark in sounding), default=0.0), "sil"))
    return _ordered(keys, duration_s)


def _syllable(mark: Timed) -> list[tuple[float, str]]:
    initial, final = split(mark.unit.sound)
    return _spread(mark, _INITIALS.get(initial, ""), final_steps(initial, final))


def _spread(mark: Timed, onset: str, steps: Steps) -> list[tuple[float, str]]:
    """Keys of one unit: its onset, then its steps over the rest."""
    length = mark.end_s - mark.start_s
    vowel = mark.start_s
    keys: list[tuple[float, str]] = []
    if onset:
        if mark.vowel_at_s is not None and mark.start_s < mark.vowel_at_s < mark.end_s:
            vowel = mark.vowel_at_s
        else:
            vowel = mark.start_s + min(length * _INITIAL_SHARE, _INITIAL_MAX_S)
        if onset == "PP":
            vowel = max(vowel, mark.start_s + min(_CLOSURE_S, length * 0.4))
        keys.append((mark.start_s, onset))
    at = vowel
    for shape, share in steps:
        keys.append((at, shape))
        at += share * (mark.end_s - vowel)
    return keys


_KANA_ROWS = {
    "": "あいうえおアイウエオ", "kk": "かきくけこがぎぐげごカキクケコガギグゲゴはへほハヘホ",
    "SS": "さすせそざずぜぞサスセソザズゼゾつづツヅ", "CH": "しじちぢひシジチヂヒ",
    "DD": "たてとだでどタテトダデド", "nn": "なにぬねのナニヌネノ",
    "PP": "ばびぶべぼぱぴぷぺぽまみむめもバビブベボパピプペポマミムメモ", "FF": "ふフ",
    "RR": "らりるれろラリルレロ", "U": "わワ", "I": "やゆよヤユヨ",
}  # fmt: skip
_KANA_VOWELS = {
    "aa": "あかさたなはまやらわがざだばぱゃぁゎアカサタナハマヤラワガザダバパャァヮ",
    "I": "いきしちにひみりぎじぢびぴぃイキシチニヒミリギジヂビピィ",
    "U": "うくすつぬふむゆるぐずづぶぷゅぅヴウクスツヌフムユルグズヅブプュゥ",
    "E": "えけせてねへめれげぜでべぺぇエケセテネヘメレゲゼデベペェ",
    "O": "おこそとのほもよろをごぞどぼぽょぉオコソトノホモヨロヲゴゾドボポョォ",
}
_ONSET = {kana: shape for shape, row in _KANA_ROWS.items() for kana in row}
_VOWEL = {kana: shape for shape, row in _KANA_VOWELS.items() for kana in row}


def kana_steps(mora: str, before: str = "") -> tuple[str, Steps]:
    """The onset and the shapes of a mora; a long mark goes on with the vowel before."""
    if mora[0] in "ーっッ":
        return "", ((_VOWEL.get(before[-1:], "sil") if mora[0] == "ー" else "DD", 1.0),)
    if mora[0] in "んン":
        return "", (("nn", 1.0),)
    return _ONSET.get(mora[0], ""), ((_VOWEL.get(mora[-1], "E"), 1.0),)


_GRAPHEMES = (
    ("tion", "CH"), ("igh", "aa"), ("th", "TH"), ("sh", "CH"), ("ch", "CH"), ("ph", "FF"), ("oo", "U"),
    ("ou", "O"), ("ow", "O"), ("ee", "I"), ("ea", "I"), ("ai", "E"), ("ay", "E"), ("ng", "kk"), ("qu", "U"),
    ("a", "aa"), ("e", "E"), ("i", "I"), ("o", "O"), ("u", "U"), ("y", "I"), ("w", "U"), ("b", "PP"),
    ("p", "PP"), ("m", "PP"), ("f", "FF"), ("v", "FF"), ("t", "DD"), ("d", "DD"), ("l", "DD"), ("n", "nn"),
    ("r", "RR"), ("s", "SS"), ("z", "SS"), ("c", "kk"), ("x", "SS"), ("j", "CH"), ("k", "kk"), ("g", "kk"),
    ("q", "kk"), ("h", "kk"),
)  # fmt: skip
_LETTER_NAMES = {
    "A": "ay", "B": "bee", "C": "see", "D": "dee", "E": "ee", "F": "ef", "G": "jee", "H": "aych", "I": "igh",
    "J": "jay", "K": "kay", "L": "el", "M": "em", "N": "en", "O": "ow", "P": "pee", "Q": "kyoo", "R": "ar",
    "S": "es", "T": "tee", "U": "yoo", "V": "vee", "W": "dabyoo", "X": "eks", "Y": "wigh", "Z": "zee",
}  # fmt: skip
_VOWELS = {"aa", "E", "I", "O", "U"}


def _letters(mark: Timed) -> list[tuple[float, str]]:
    """A rough reading of a foreign word: vowels take two shares of its time, consonants one."""
    text = mark.unit.sound
    rest = _LETTER_NAMES.get(text, text.lower())
    if len(rest) > 3 and rest.endswith("e"):
        rest = rest[:-1]
    shapes: list[str] = []
    while rest:
        for letters, shape in _GRAPHEMES:
            if rest.startswith(letters):
                if not shapes or shapes[-1] != shape:
                    shapes.append(shape)
                rest = rest[len(letters) :]
                break
        else:
            rest = rest[1:]
    shares = [2.0 if shape in _VOWELS else 1.0 for shape in shapes]
    total = sum(shares) or 1.0
    at = mark.start_s
    keys = []
    for shape, share in zip(shapes, shares, strict=True):
        keys.append((at, shape))
        at += share / total * (mark.end_s - mark.start_s)
    return keys


def _ordered(keys: list[tuple[float, str]], duration_s: float) -> tuple[Viseme, ...]:
    """Keys as wire visemes: in order, inside the phrase, none on top of another."""
    last_sample = max(1, round(duration_s * wire.SAMPLE_RATE_HZ) - 1)
    out: list[Viseme] = []
    for at_s, shape in keys:
        at = min(max(0, round(at_s * wire.SAMPLE_RATE_HZ)), last_sample)
        if out and at < out[-1].at:
            at = out[-1].at
        key = replace_at(shape, at)
        if len(out) > 1 and out[-1].at == at and out[-1].close < 1:
            out[-1] = key
        else:
            out.append(key)
    return tuple(out)


def replace_at(shape: str, at: int) -> Viseme:
    """A named shape from sample `at` on."""
    known = SHAPES[shape]
    return Viseme(at, known.tag, known.jaw, known.wide, known.round, known.close, known.teeth, known.tongue)
