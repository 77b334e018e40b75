"""Numbers that belong to a person: telephones, identity and bank cards, orders, accounts.

A run of digits is read with the marks that stand between them, as groups: 138-0013-8000 is
(3, 4, 4). Marks that prices and lists use too (spaces, commas, points) are allowed only between
groups as telephones have them, or beside a word such as 电话.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

LONG = 9  # digits in one piece: longer than any price, date or amount
CARD = 12
_CHINESE = str.maketrans("〇零一二三四五六七八九幺壹贰叁肆伍陆柒捌玖", "001234567891123456789")
_LETTERS = str.maketrans("oOlI", "0011")
_HARD = " \t\n\u3000,，.。/、+:："
_BETWEEN = r"[\s\-‐-―−_.。·•・∙~～—–*/\\()（）\[\]+|,，、:：杠空\u200b-\u200f\ufe0e\ufe0f\u20e3\u2060\ufeff]"
_RUN = re.compile(rf"\d(?:{_BETWEEN}{{0,3}}\d)*(?:{_BETWEEN}{{0,1}}[Xx](?![A-Za-z]))?")
_GROUP = re.compile(r"\d+")
_ZERO_LIKE = re.compile(r"(?<![A-Za-z0-9])[1lI][\doOlI]{10}(?![A-Za-z0-9])")
_STARRED = re.compile(r"(?<!\d)(?:1[3-9]\d[*xX×?]{3,6}\d{2,4}|\d{3,6}[*]{6,12}\d{2,3}[\dXx])(?!\d)")
_TAIL = re.compile(r"(?:尾号|末尾|后四位|后4位|尾数)[是为:：\s]*\d{4}(?!\d)")
_CALL = re.compile(
    r"电话|手机|号码|联系|座机|固话|打我|拨打|致电|tel|phone|mobile|call|微信|威信|[vV][xX]", re.IGNORECASE
)
_TELEPHONES = frozenset(
    {
        (11,), (3, 4, 4), (3, 3, 5), (3, 8), (7, 4), (4, 3, 4), (4, 4, 3), (5, 6), (6, 5), (4, 7), (8, 3),
        (3, 2, 2, 2, 2), (3, 2, 3, 3), (2, 3, 3, 3), (3, 5, 3), (2, 9), (3, 4, 2, 2), (3, 2, 2, 4), (1,) * 11,
    }
)  # fmt: skip
_TRUNK = frozenset({(3, 8), (4, 7), (4, 8), (3, 4, 4), (4, 4, 4), (4, 3, 4), (3, 3, 5), (3, 7)})
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


@dataclass(frozen=True)
class _Run:
    """Digits with what stands between them: the groups' places, and the text up to the last of them."""

    groups: tuple[tuple[int, int], ...]
    text: str
    x: int  # the place behind a closing X, or 0

    def digits(self, first: int, last: int) -> str:
        return "".join(self.text[start:end] for start, end in self.groups[first : last + 1])

    def sizes(self, first: int, last: int) -> tuple[int, ...]:
        return tuple(end - start for start, end in self.groups[first : last + 1])

    def hard(self, first: int, last: int) -> bool:
        """Whether marks stand between the groups that lists and prices use too."""
        joints = zip(self.groups[first:last], self.groups[first + 1 : last + 1], strict=True)
        return any(char in _HARD for left, right in joints for char in self.text[left[1] : right[0]])


def numbers_found(plain: str) -> Iterator[tuple[int, int, str]]:
    """The places of such numbers in a text in its plain form (`word_search.flat`), each with its kind."""
    for pattern, kind in ((_STARRED, "phone"), (_TAIL, "phone")):
        yield from ((*match.span(), kind) for match in pattern.finditer(plain))
    for match in _ZERO_LIKE.finditer(plain):
        digits = match[0].translate(_LETTERS)
        if sum(char.isdigit() for char in match[0]) >= 5 and _mobile(digits):
            yield (*match.span(), "phone")
    chinese = plain.translate(_CHINESE)
    for text in (plain, chinese) if chinese != plain else (plain,):
        for match in _RUN.finditer(text):
            yield from _of_run(text, match)


def _of_run(text: str, match: re.Match[str]) -> Iterator[tuple[int, int, str]]:
    groups = tuple((g.start() + match.start(), g.end() + match.start()) for g in _GROUP.finditer(match[0]))
    run = _Run(groups, text, match.end() if match[0][-1] in "Xx" else 0)
    called = bool(_CALL.search(text, max(0, match.start() - 12), match.start()))
    at = 0
    while at < len(groups):
        longest = _longest(run, at, called)
        if longest is None:
            at += 1
            continue
        last, kind, end = longest
        yield _letters_before(text, groups[at][0]), end, kind
        at = last + 1


def _longest(run: _Run, first: int, called: bool) -> tuple[int, str, int] | None:
    """The longest number that begins at a group: its last group, its kind, where it ends."""
    for last in range(min(len(run.groups) - 1, first + 18), first - 1, -1):
        digits = run.digits(first, last)
        if not 7 <= len(digits) <= 40:
            continue
        closing = last == len(run.groups) - 1 and run.x > 0
        kind = _kind(run, first, last, digits, called, closing)
        if kind is not None:
            return last, kind, run.x if closing and kind == "id_card" else run.groups[last][1]
    return None


def _kind(run: _Run, first: int, last: int, digits: str, called: bool, closing: bool) -> str | None:
    sizes, hard = run.sizes(first, last), run.hard(first, last)
    bare = re.sub(r"^(?:0086|86)(?=1[3-9]\d{9}$)", "", digits)
    if _mobile(bare):
        country = len(bare) < len(digits)
        if not hard or called or sizes in _TELEPHONES or (country and _after_country(sizes) in _TELEPHONES):
            return "phone"
    if (closing and len(digits) == 17) or len(digits) == 18 or (len(digits) == 15 and min(sizes) >= 3):
        if id_card_holds(digits + ("X" if closing and len(digits) == 17 else "")):
            return "id_card"
        if closing and len(digits) == 17 and first == last:
            return "id_card"  # mistyped, yet nothing else ends so
    if 13 <= len(digits) <= 19 and (first == last or min(sizes) >= 3 or not hard) and luhn_holds(digits):
        return "bank_card"
    if digits[0] == "0" and (sizes in _TRUNK or (first == last and 10 <= len(digits) <= 12)):
        return "phone"
    if called and len(digits) in (7, 8) and sizes in ((7,), (8,), (4, 4), (3, 4)):
        return "phone"
    if first == last and len(digits) >= LONG:
        return "number"
    joined_by_dash = not hard and max(sizes) >= CARD
    return "number" if joined_by_dash else None


def _after_country(sizes: tuple[int, ...]) -> tuple[int, ...]:
    """The groups behind the country's code."""
    if sizes[0] in (2, 4) and len(sizes) > 1:
        return sizes[1:]
    return (sizes[0] - 2, *sizes[1:])


def _letters_before(text: str, start: int) -> int:
    """A courier's or an order's number begins with its letters."""
    match = re.search(r"[A-Za-z]{1,6}$", text[max(0, start - 7) : start])
    return start - len(match[0]) if match else start


def _mobile(digits: str) -> bool:
    return len(digits) == 11 and digits[0] == "1" and digits[1] in "3456789"


def id_card_holds(number: str) -> bool:
    """Whether an identity number has a birthday and the right last sign (15 digits: a birthday alone)."""
    number = number.upper()
    if len(number) == 15:
        return number.isdigit() and number[0] in "12345678" and _is_day("19" + number[6:12])
    if len(number) != 18 or not number[:17].isdigit() or not _is_day(number[6:14]):
        return False
    total = sum(int(digit) * weight for digit, weight in zip(number[:17], _WEIGHTS, strict=True))
    return number[17] == "10X98765432"[total % 11]


def _is_day(text: str) -> bool:
    try:
        return 1900 <= date.fromisoformat(f"{text[:4]}-{text[4:6]}-{text[6:]}").year <= 2100
    except ValueError:
        return False


def luhn_holds(number: str) -> bool:
    """Whether a card's number has the right last digit."""
    total = 0
    for place, char in enumerate(reversed(number)):
        digit = int(char) * (1 + place % 2)
        total += digit - 9 if digit > 9 else digit
    return total % 10 == 0
