"""Approved words for a question: the product's FAQ entry that a line asks for."""

from __future__ import annotations

import re
from functools import cache, lru_cache

from rapidfuzz import fuzz

from livehost.answers.clean import clean
from livehost.answers.intents import SENSITIVE, asked
from livehost.answers.likely import SURER, likely
from livehost.answers.properties import same_kind, same_property
from livehost.answers.tables import packaged_yaml
from livehost.catalog import Product
from livehost.chinese import folded, with_digits

_FILLERS = re.compile(
    r"为什么|为啥|容易|会不会|能不能|可不可以|是不是|有没有|要不要|行不行|好不好|请问|主播|老师|这个|这款|那个|它|我们|我|你们|你|可以|能够|能|会|可|吗|么|嘛|呢|啊|呀|吧|不|"
    r"的|了|和|跟|与|一下|请|想问|问下|问问|一样|怎么样|有点|吃|用|没有|没|是|就|还|得|要|那|到底|真的|[\W_]+"
)
_ASKING = re.compile("多久|怎么|什么|多少|几个|哪里|哪个|为什么")
# What an entry is about by the nouns of its questions, and the words that ask for the same.
_NOUNS = (
    ("颜色|什么色|几个色", "[黑白红粉蓝绿黄紫灰棕橙青米杏咖]色|颜色|什么色|几个?色"),
    ("味道|口味|什么味|香味|香型", "口味|味道|什么味|几个味|几种味|[\u4e00-\u9fff]味的"),
    ("尺码|多大码|什么码|几码|选码|穿多大", "尺码|[大小中]码|几码|\\d码|什么码|均码"),
)
_TIME = re.compile(
    r"[\d一二两三四五六七八九十几半]\s*个?(?:天|月|年|分钟|小时|周|星期|秒|次|晚|日)|多久|随时|马上|长期"
)
LEAST_HELD = 0.6  # of a question's characters, in words that may answer it
# Questions of these kinds are answered by any approved entry of the same kind.
_BY_KIND = ("adverse", "compare", "replace_drug", "opened", "warranty", "size")


_TWICE = re.compile(r"([\u4e00-\u9fff])[不没]\1")  # 吵不吵


@cache
def _alikes() -> tuple[re.Pattern[str], dict[str, str]]:
    same = {word: line[0] for line in packaged_yaml("alike.yaml") for word in line}
    return re.compile("|".join(map(re.escape, sorted(same, key=len, reverse=True)))), same


def _alike(text: str) -> str:
    """A text with one word for each of those that viewers use one for another."""
    pattern, same = _alikes()
    return pattern.sub(lambda found: same[found[0]], text)


@lru_cache(maxsize=4096)
def core(text: str) -> str:
    """What is left of a question without fillers."""
    text = re.sub(
        r"几个?(?:小时|分钟|天|月)|多长时间|多少(?:天|小时|分钟)", "多久", clean(text).replace("大概", "")
    )
    text = _TWICE.sub(r"\1", _alike(_TWICE.sub(r"\1", text)))
    left = _FILLERS.sub("", re.sub(r"(?<=几)[袋包支瓶粒片颗盒杯次件罐条]", "个", text))
    return re.sub(r"^(?:有|自?带|配|附)(?=[^什多几])", "", re.sub("(?<=[\u4e00-\u9fff])子", "", left))


@lru_cache(maxsize=1024)
def _kinds(question: str) -> frozenset[str]:
    return frozenset(a.intent for a in asked(clean(question)))


# Approved words for harm, and lines that tell of some.
_CARE = re.compile("停用|停喂|停吃|就医|医院|看医生|兽医")
_HARM = re.compile("红|痒|疼|痛|肿|疹|吐|拉|泻|软便|过敏|不舒服|难受|不适|刺激|辣|烫|烂|痘|起皮|脱皮|反应")
# What makes another question of one that is alike: medicine, driving, harm, an ailing body, what is not yet so.
_RISK = re.compile(
    "药|咳|喘|瘙痒|头孢|抗生素|胰岛素|铁剂|酒驾|开车|司机|驾驶|误食|误吞|误喝|中毒|有毒|孕|怀着|哺乳|喂奶|化疗|手术|过敏|伤口|破皮|出血|带血|呕|癫痫|清真|没开封|未开封|没拆"
)


def risky(line: str, words: str) -> bool:
    """Whether a line holds a word of risk that an entry does not: its approved words are then about less."""
    if any(word not in words for word in _RISK.findall(line)):
        return True
    child, pet = _CHILD.search(line) is not None, _PET.search(line) is not None
    of_harm = _CARE.search(words) is not None
    return of_harm and ((child and _PET.search(words) is not None) or (pet and _PET.search(words) is None))


_CHILD = re.compile("小孩|婴儿|宝宝|孩子|娃|老人|人(?:吃|喝|误)")
_PET = re.compile("[猫狗犬]|宠物|兽医")


def kinds_of(product: Product, number: int) -> frozenset[str]:
    """The intents of an entry's own questions, by the rules and by the model."""
    asked_of = product.faq[number].q
    guesses = (likely(clean(q), clean(q)) for q in asked_of)
    kinds = frozenset().union(*map(_kinds, asked_of)) | {g.intent for g in guesses if g.share >= SURER}
    kinds -= SENSITIVE - frozenset().union(*map(_kinds, asked_of))  # of these a guess is not enough
    return kinds if _CARE.search(product.faq[number].a) else kinds - {"adverse"}


def entry(line: str, product: Product, *, least: float = 85) -> int | None:
    """The number of the FAQ entry that a cleaned line asks for."""
    best, best_score = None, least
    wanted = core(line)
    for number, item in enumerate(product.faq):
        for question in item.q:
            score = _likeness(wanted, core(question), clean(question), line)
            words = " ".join((product.name, *item.q, item.a))
            if risky(line, words) or not _measures(line, words):
                continue
            if score >= best_score and (best is None or score > best_score):
                best, best_score = number, score
    return best


def entry_of_property(line: str, product: Product, *, least: float = 0) -> int | None:
    """The number of the FAQ entry about the property that a cleaned line asks for, in whatever words.

    `least`: of the product of both shares.
    """
    best, best_score = None, least
    for number, item in enumerate(product.faq):
        if risky(line, " ".join((product.name, *item.q, item.a))) or (
            _CARE.search(item.a) and not _HARM.search(line)
        ):
            continue
        score = max(max(same_property(line, c), same_kind(line, c)) for c in map(clean, item.q))
        if score > best_score:
            best, best_score = number, score
    return best


_HOW = re.compile("怎么([\u4e00-\u9fff])")


_SIZED = re.compile(r"(\d+(?:\.\d+)?)\s*(斤|cm|厘米|公分|kg|公斤|岁)")


def _measures(line: str, words: str) -> bool:
    """Whether sizes of a line are in a unit, and within the numbers, of which some words tell."""
    text = with_digits(folded(words))
    for number, unit in _SIZED.findall(with_digits(folded(line))):
        same = (
            "cm|厘米|公分"
            if unit in ("cm", "厘米", "公分")
            else "kg|公斤"
            if unit in ("kg", "公斤")
            else unit
        )
        if not re.search(rf"\d\s*(?:{same})", text):
            return False
        known = [float(n) for n in re.findall(r"(?<![\d.])\d+(?:\.\d+)?(?![\d.])", text)]
        if known and not min(known) <= float(number) <= max(known):
            return False
    return True


def entry_of_kind(line: str, product: Product, intent: str) -> int | None:
    """An entry for a question that nothing else answers: of the same kind, and alike enough."""
    for number, item in enumerate(product.faq):
        kinds: set[str] = set().union(*(_kinds(q) for q in item.q))
        words = " ".join((product.name, *item.q, item.a))
        cared = intent != "adverse" or _CARE.search(item.a) is not None
        if (
            cared
            and intent in kinds
            and intent in _BY_KIND
            and not risky(line, words)
            and _measures(line, words)
        ):
            return number
    if intent in SENSITIVE:
        return next(
            (
                n
                for n in range(len(product.faq))
                if intent in kinds_of(product, n) and n == entry(line, product, least=60)
            ),
            None,
        )
    how = _HOW.search(line)
    for number, item in enumerate(product.faq if how else ()):
        for question in item.q:
            told = _HOW.search(question)
            rest = set(core(question)) - set(f"怎么{told[1]}") if told else set()
            if how and told and told[1] == how[1] and rest & set(core(line)):
                return number
    found = entry(line, product, least=60)
    for about, words in _NOUNS:
        same = next((n for n, e in enumerate(product.faq) if any(re.search(about, q) for q in e.q)), None)
        if same is None or not _measures(line, " ".join((*product.faq[same].q, product.faq[same].a))):
            continue
        if intent in ("spec", "contains", "size", "") and re.search(words, line):
            return same
    return found if found is not None and _shares(line, product.faq[found].q) else None


_COMMON = frozenset(
    (
        "多久",
        "怎么",
        "什么",
        "可以",
        "多少",
        "能不",
        "不能",
        "会不",
        "有没",
        "没有",
        "这个",
        "一起",
        "地方",
        "时候",
        "能用",
        "能吃",
        "能喝",
    )
)


def held(line: str, words: str) -> float:
    """The share of what a question is about that some words hold; 0 without two characters of it in a
    row, or below LEAST_HELD."""
    if risky(line, words) or not _measures(line, words):
        return 0
    wanted = re.sub("多久|怎么|什么|多少", "", core(line))
    own = _alike(folded(words))
    if "多久" in core(line) and not _TIME.search(own):
        return 0
    pairs = {wanted[i : i + 2] for i in range(len(wanted) - 1)} - _COMMON
    if not any(pair in own for pair in pairs):
        return 0
    share = sum(char in own for char in wanted) / len(wanted)
    return share if share >= LEAST_HELD else 0


def _shares(line: str, questions: tuple[str, ...]) -> bool:
    """Whether a line has two characters in a row of what a question is about."""
    pairs = {c[i : i + 2] for q in questions for c in (clean(q),) for i in range(len(c) - 1)} - _COMMON
    return any(p in line for p in pairs if not re.search(r"[吗么嘛呢不]", p))


_SAY_LITTLE = "药有多少好大小行买拍几说来给"  # one of these alone asks for no entry


def _likeness(wanted: str, known: str, question: str, line: str) -> float:
    if line == question:
        return 100
    if not _ASKING.sub("", wanted):
        return 0  # nothing but 多久 or 怎么 is left: it fits any entry
    if len(wanted) == 1 and wanted not in _SAY_LITTLE and wanted in known and len(known) <= 3:
        return 88
    if len(known) == 1 and known not in f"{_SAY_LITTLE}洗" and known in wanted and len(wanted) <= 3:
        return 88
    if len(known) < 2 or len(wanted) < 2:
        return fuzz.ratio(line, question) if min(len(line), len(question)) >= 3 else 0
    if wanted == known:
        return 99
    if len(wanted) == len(known) and wanted in known * 2:
        return 96  # 笔芯能换吗, 能换笔芯吗
    if known in wanted:
        return 95
    if wanted in known and len(wanted) * 2 >= len(known):
        return 90
    return max(fuzz.ratio(wanted, known), fuzz.ratio(line, question) - 5)
