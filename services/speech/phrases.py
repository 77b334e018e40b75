"""Text -> phrases: clauses of 1 to 4 seconds, split at punctuation, never inside a number or a word."""

from __future__ import annotations

import re
from dataclasses import dataclass

from services.speech.normalise import read_aloud

SYLLABLES_S = 4.3
LONGEST_S = 5.2
GOOD_S = 3.4
SHORT_S = 1.1
SHORT_TOGETHER_S = 4.2
_STRONG = "。！？!?；;…\n"
_WEAK = "，,、：:—"
_CLOSING = "”’」』）)》】\"'"
_PIECE = re.compile(rf"[^{_STRONG}{_WEAK}]*(?:[{_STRONG}{_WEAK}]+[{_CLOSING}]*|$)")
_INSIDE_NUMBER = re.compile(r"(?<=\d)[,:.](?=\d)")
_HELD = {",": "\ue000", ":": "\ue001", ".": "\ue002"}
_FULL_STOP = re.compile(r"(?<=[^\W\d])\.(?=\s|$)")
_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")
_WORDS = re.compile(r"[A-Za-z']+|[\u3040-\u30ff\u3400-\u9fff]|\d")


@dataclass(frozen=True)
class _Piece:
    text: str
    duration_s: float
    strong: bool


def split_phrases(text: str, language: str = "zh") -> tuple[str, ...]:
    """The clauses of `text`, each spoken in about 1 to 4 s and none in more than 6 s."""
    held = _INSIDE_NUMBER.sub(lambda match: _HELD[match.group()], text)
    held = _FULL_STOP.sub(".\n", held)
    pieces: list[_Piece] = []
    for raw in _PIECE.findall(held):
        piece = _release(raw).strip()
        if not re.search(r"\w", piece):
            continue
        strong = bool(re.search(f"[{_STRONG}]", raw))
        for part in _bounded(piece, language):
            pieces.append(_Piece(part, estimate_s(part, language), strong))
    return tuple(_join(pieces, language))


def estimate_s(text: str, language: str = "zh") -> float:
    """About how long `text` sounds."""
    spoken = read_aloud(text, language)
    seconds = 0.0
    for token in _WORDS.findall(spoken):
        seconds += 1 / SYLLABLES_S if len(token) == 1 else max(1, len(token) / 3.2) / SYLLABLES_S
    return seconds + 0.16 * len(re.findall(rf"[{_WEAK}{_STRONG}](?=.)", spoken))


def _release(text: str) -> str:
    for mark, held in _HELD.items():
        text = text.replace(held, mark)
    return text


def _join(pieces: list[_Piece], language: str) -> list[str]:
    """Neighbouring short clauses of one sentence go together."""
    out: list[_Piece] = []
    for piece in pieces:
        last = out[-1] if out else _Piece("", 99.0, True)
        together = last.duration_s + piece.duration_s + 0.16
        if last.strong:
            room = SHORT_TOGETHER_S if min(last.duration_s, piece.duration_s) < SHORT_S else 0.0
        else:
            room = GOOD_S if min(last.duration_s, piece.duration_s) >= SHORT_S else SHORT_TOGETHER_S
        if together <= room:
            gap = " " if last.text[-1] in ".,!?;:" and not _WIDE.search(last.text[-2:]) else ""
            out[-1] = _Piece(last.text + gap + piece.text, together, piece.strong)
        else:
            out.append(piece)
    return [piece.text for piece in out]


def _bounded(piece: str, language: str) -> list[str]:
    """A clause that is too long for one breath, split between words."""
    total = estimate_s(piece, language)
    if total <= LONGEST_S:
        return [piece]
    words = _words(piece, language)
    goal = total / -(-total // GOOD_S)
    out: list[str] = []
    current, length = "", 0.0
    for word in words:
        duration = estimate_s(word, language)
        if current.strip() and (length + duration > LONGEST_S or length >= goal):
            out.append(current.strip())
            current, length = "", 0.0
        current += word
        length += duration
    if re.search(r"\w", current):
        out.append(current.strip())
    elif out:
        out[-1] += current.strip()
    return out


_COUNTED = "元块折件瓶盒袋片支号年月日点分个天次岁度小时毫升克公斤千米厘"
_ATOM = re.compile(
    rf"[￥¥$]?\d[\d.,:/~×*+%℃\-]*(?:[A-Za-z]+|[{_COUNTED}])*"
    rf"|[零〇一二三四五六七八九十百千万亿两点]{{2,}}[{_COUNTED}]*"
    r"|[A-Za-z][\w'+.-]*\s?"
)


def _words(piece: str, language: str) -> list[str]:
    """Words of a clause; numbers with their units, and foreign words, stay whole."""
    out: list[str] = []
    at = 0
    for match in _ATOM.finditer(piece):
        out.extend(_plain_words(piece[at : match.start()], language))
        out.append(match.group())
        at = match.end()
    out.extend(_plain_words(piece[at:], language))
    return out


def _plain_words(text: str, language: str) -> list[str]:
    if language == "zh" and text:
        import jieba

        return list(jieba.cut(text))
    return re.findall(r"\S+\s*|\s+", text) if language == "en" else list(text)
