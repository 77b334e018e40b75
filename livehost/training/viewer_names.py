"""The viewers' own names, as the journal knows them, wherever they are said.

A name that is no ordinary word (爱吃草莓的阿宁, momo酱) is found anywhere, and so are its parts that are
names themselves (阿宁). A name that is an ordinary word too (大熊, 小雨伞) is found only after @ and where
somebody is thanked or welcomed by it; what viewers and hosts say anyway (多少钱, 有优惠, 孕妇能) only after @.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache

from livehost.chinese import simplified
from livehost.training.word_search import Words, flat

# Not a person's: how the console, the host and the house are called.
HOUSE = frozenset(
    ("场控", "主播", "小编", "客服", "老板", "店家", "助理", "管理员", "房管", "观众", "直播间", "官方")
)
LONGEST = 40
_MENTION = re.compile(r"@\s?")
_MENTIONED = re.compile(r"[^\s@,，。:：!！?？;；、]{1,30}")
_TOKEN = re.compile(r"[\u4e00-\u9fff\u3400-\u4dbf]+|[a-z]+|\d+")
_CALLED_AFTER = re.compile(
    r"(?:姐姐?|哥哥?|宝宝?|妹妹?|亲|同学|老师|先生|女士|小姐姐?|宝贝|朋友|[你您]|说得?对|说的|问的|问得|同问|[,，:：]|\s|$)"
)
_CALLED_BEFORE = re.compile(r"(?:谢谢|感谢|欢迎|回复|恭喜)\s?$")
_TRADE = frozenset(
    (
        "多少钱", "宝宝", "宝贝", "老公", "老婆", "姐妹", "姐姐", "妹妹", "哥哥", "朋友", "亲爱的", "主播", "小姐姐", "链接", "优惠券",
        "面膜", "精华", "油皮", "干皮", "敏感肌", "孕妇", "宝妈", "学生党", "便宜", "包邮", "发货", "好看", "喜欢", "美白", "防晒",
        "保湿", "小黄车", "购物车", "放心拍", "放心买", "直接拍", "去拍", "下单", "上车", "现货", "有货", "没货", "怎么卖", "咋卖", "学生", "医生", "老师", "妈妈", "爸爸", "孩子", "人家", "大家", "家人", "家人们", "用户",
    )
)  # fmt: skip


# Words that questions and offers are made of, and hardly a name.
_TALK = frozenset(
    (
        "能", "不能", "能不能", "可以", "可不可以", "有", "没有", "有没有", "怎么", "怎样", "咋", "什么", "啥", "多少", "几", "哪", "哪个", "哪里",
        "吗", "呢", "拍", "买", "卖", "用", "发", "退", "换", "优惠", "活动", "价格", "链接", "下单", "发货", "包邮", "放心", "孕妇", "不是", "是不是",
        "要不要", "会不会", "多久", "为什么", "谁", "现在", "今天", "好不好", "这个", "那个", "这款", "那款",
    )
)  # fmt: skip


class ViewerNames:
    """Finds viewers' names in texts; `ordinary_in` is text whose words are not taken for names (a catalogue's)."""

    def __init__(self, names: Iterable[str], *, ordinary_in: str = "") -> None:
        self._known: set[str] = set()
        self._ordinary: dict[str, bool] = {}
        self._said_anyway: dict[str, bool] = {}
        self._about = simplified(unicodedata.normalize("NFKC", ordinary_in)).lower()
        for name in names:
            for form in _forms(name):
                self._known.add(form)
                self._ordinary[form] = self._is_ordinary(form)
                self._said_anyway[form] = self._is_said_anyway(form)
        self._names = Words(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def find(self, plain: str) -> Iterator[tuple[int, int, str]]:
        """Where a text in its plain form names a viewer."""
        text = _folded(plain)
        for match in _MENTION.finditer(text):
            end = self._mentioned(text, match.end())
            if end > match.end() and text[match.end() : end] not in HOUSE:
                yield match.start(), end, "viewer"
        for start, end in self._names.places(text):
            form = text[start:end]
            if self._said_anyway[form] or not _whole(text, start, end):
                continue
            if not self._ordinary[form] or _called(text, start, end):
                yield start, end, "viewer"

    def _mentioned(self, text: str, at: int) -> int:
        """Where a mention ends: a known name as long as can be, else up to the next mark."""
        for end in range(min(len(text), at + LONGEST), at, -1):
            if text[at:end] in self._known or text[at:end] in HOUSE:
                return end
        match = _MENTIONED.match(text, at)
        return match.end() if match else at

    def _is_ordinary(self, form: str) -> bool:
        return form in self._about or ordinary(form) or (form.isdigit() and len(form) < 5) or len(form) < 2

    def _is_said_anyway(self, form: str) -> bool:
        return form in self._about or form in _TRADE or form in _TALK or _phrase(form)


def _phrase(form: str) -> bool:
    """Whether a name is a piece of a question or an offer: every word is one, and some are of that kind."""
    import jieba

    from livehost.answers.intents import asked

    if not all("\u3400" <= char <= "\u9fff" for char in form):
        return False
    frequency, _ = _dictionary()
    words = list(jieba.cut(form, HMM=False))
    if not all(ordinary(word) or (len(word) == 1 and frequency.get(word, 0)) for word in words):
        return False
    if all(len(word) == 1 for word in words) and not set(words) <= _TALK:
        return False  # 王能 is somebody
    return bool(set(words) & _TALK) or bool(asked(form))


@cache
def ordinary(word: str) -> bool:
    """Whether a word is in the dictionary as anything but a person's name."""
    if word in _TRADE:
        return True
    frequency, tags = _dictionary()
    return bool(frequency.get(word, 0) >= 3 and not str(tags.get(word, "n")).startswith("nr"))


@cache
def _dictionary() -> tuple[dict[str, int], dict[str, str]]:
    import logging

    import jieba
    import jieba.posseg

    jieba.setLogLevel(logging.ERROR)
    jieba.initialize()
    return jieba.dt.FREQ, jieba.posseg.dt.word_tag_tab


def _forms(name: str) -> set[str]:
    """A name as it is written, without its decorations, and its parts that could call somebody."""
    text = _folded(flat(name)).strip()
    if len(text) < 2 or len(text) > LONGEST * 2 or text in HOUSE:
        return set()
    tokens = _TOKEN.findall(text)
    forms = {text, "".join(tokens), *tokens}
    for token in tokens:
        if token[0] >= "\u3400" and len(token) > 2 and token not in _TRADE and not _phrase(token):
            forms |= _parts(token)
    return {
        form for form in forms if len(form) >= 2 and not (form.isascii() and len(form) < 3 and form != text)
    }


def _parts(token: str) -> set[str]:
    """The words of a name of several: 爱吃草莓的阿宁 has 阿宁; of three characters also the last two."""
    import jieba

    _dictionary()
    words = {word for word in jieba.cut(token) if len(word) >= 2}
    if len(token) == 3:
        words.add(token[1:])
    tail = re.search(r"[的家]([\u4e00-\u9fff]{2,4})$", token)
    if tail:
        words.add(tail[1])
    return words


def _folded(text: str) -> str:
    """Small letters and simplified characters, one for one."""
    return "".join(low if len(low := char.lower()) == 1 else char for char in simplified(text))


def _whole(text: str, start: int, end: int) -> bool:
    """Whether letters and digits at the ends of a name do not go on beyond it."""
    for inner, outer in ((start, start - 1), (end - 1, end)):
        if 0 <= outer < len(text):
            one, other = text[inner], text[outer]
            if one.isascii() and one.isalpha() and other.isascii() and other.isalpha():
                return False
            if one.isdigit() and other.isdigit():
                return False
    return True


def _called(text: str, start: int, end: int) -> bool:
    """Whether somebody is called by the word there."""
    return (
        bool(_CALLED_BEFORE.search(text[:start]))
        and bool(_CALLED_AFTER.match(text, end))
        and (start > 0 or end < len(text))
    )
