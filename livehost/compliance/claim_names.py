"""Ingredients, groups, gifts, places, couriers, effects and papers that the facts do not know.

The words come from `claim_words.yaml` and from the catalogue.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from livehost.answers.facts import NONE
from livehost.answers.intents import REGIONS
from livehost.catalog import Catalog
from livehost.chinese import folded
from livehost.compliance.claim_text import (
    NAMED,
    WORDED,
    Found,
    clause_of,
    once_a_catalog,
    says_nothing,
    sentence_rest,
    squeezed,
    unnamed,
)
from livehost.compliance.grounds import Grounds

_NOT = re.compile(
    r"(?:不含|没有|不是|不会|不能|不可|不建议|不推荐|避免|不|没|无|零|0|别|勿|非)[^,。;!?:]{0,8}$"
    r"|(?:不适合|不适宜|不适用|不宜|慎用|禁用|避开)[^,。;!?:]*$"
)
_FREE_OF = re.compile(r"(?:不含|不添加|未添加|没添加|不加|零添加|0添加|无添加|没有)[^,。;!?:]{0,6}$")
_HOLDS = re.compile(r"(?<!不)(?:含有?|成分|配料|富含|(?<!没)有|添加了|加了|加入)[^,。;!?:]*$")
_SUITS = re.compile(
    "适合|合适|适用|适宜|可以|能[用吃喝穿敷涂]|都能|也能|放心|专用|专为|专门|友好|照样|闭眼|推荐|不刺激|不过敏|选它|用它|用得|吃得|喝得|吃了|喝了|用了"
)
_UNFIT = re.compile(r"(?:不适合|不适宜|不适用|不宜)[^,。;!?:]*$")
_UNFIT_AFTER = re.compile(
    "[^,。;!?:]{0,4}(?:不适合|不适宜|不能[用吃喝]|不可以[用吃喝]|不建议[用吃喝]|慎用|别[用吃喝])"
)
_REFUSED = re.compile("不|别|勿|慎|禁|绕行|避|除外|咨询|医生|先问")
_SENT = re.compile(r"^(?!.*从).*(?:发|寄|送|邮|到)")
_SENT_NOT = re.compile("不发|不寄|不送|不到|发不了|除外|不包|不能|暂")
WHY = {
    "ingredients": "成分没有依据", "groups": "人群没有依据", "gifts": "赠品没有依据", "places": "地区没有依据",
    "couriers": "快递没有依据", "effects": "功效没有依据", "papers": "资质没有依据",
}  # fmt: skip
_GIVEN = re.compile(
    r"(?:送|赠|赠送|附赠)(?:你们?|您|大家|给你|给您|给大家|各位)?(?:[一两二三四五六七八九十\d]+[个支瓶盒片包袋张条套件份块把对双只枚本]|你|您|大家)+(?!手上|到|家门)[^,。;!?:]{1,10}"
    r"|(?:^|[,。;!?:]|[还再另加]|额外|下单|拍下|每单|直接|买(?![一二两三四五12345]送)[^,。;!?:来去]{2,10}?)送(?!货|到|达|人|礼|给|完|长辈|[爸妈父母儿女男婆公]|朋友|孩子|老|[检审修洗出来走进你您大一的了上外餐水药]|快递|祝|领导|同[事学]|客户|闺蜜|对象|自己|谁|亲|运费险|优惠|券|福)[^,。;!?:]{2,10}"
    r"|赠品(?:是|有|为|就是)[^,。;!?:]{1,12}"
)

# What is around the name of a gift: 送两个5ml的小样.
_UNCOUNTED = re.compile(
    r"[\d一二两三四五六七八九十]+(?:ml|毫升|g|克)?[个支瓶盒片包袋张条套件份块把对双只枚本]?|[的给你您送赠品是有为还再另加]|大家|各位|额外|下单|拍下|每单|直接|[,。;!?:]"
)
# What parts a list of gifts, and what such a list goes on with that is none: 送锅刷、硅油纸各一份、包邮.
_AND = re.compile(
    r"、|(?:和|跟|与|以及|还有|外加|加上?)(?=[一二两三四五六七八九十\d]+[个支瓶盒片包袋张条套件份块把对双只枚本])"
)
_LIST_ENDS = re.compile("[都各就]|全部|通通|统统")
_NO_GIFT = re.compile(
    "邮|运费|无理由|包[退换赔]|退[换货]|发货|发票|质保|保[修价]|正品|现货|售后|服务|客服|优惠|券|[价元让您你我不更]|可以"
)
_GIFT_NAME = range(2, 8)  # characters; what is longer is rather said of something else


@cache
def _classes() -> dict[str, tuple[str, tuple[str, ...], bool]]:
    """Every general word: its class, the words that mean the same, and that it is a general one."""
    table: Any = yaml.safe_load(files("livehost.compliance").joinpath("claim_words.yaml").read_text("utf-8"))
    words = {
        folded(word): (kind, tuple(map(folded, same)), True)
        for kind in WHY
        if kind != "gifts"
        for same in table[kind]
        for word in same
    }
    return {folded(region): ("places", (folded(region),), True) for region in REGIONS} | words


@once_a_catalog
def _vocabulary(catalog: Catalog) -> Any:
    """The general words and the catalogue's, found all at once."""
    import ahocorasick

    words = dict(_classes())
    for product in catalog.products:
        shipping = product.shipping
        for kind, texts in (
            ("ingredients", (*(product.ingredients or ()), *(product.free_of or ()))),
            ("groups", (*(product.suitable_for or ()), *(product.not_for or ()))),
            ("gifts", tuple(g.name for g in product.gifts or ())),
            ("places", tuple(t for t in (product.origin, shipping.from_) if t)),
            ("couriers", shipping.courier or ()),
        ):
            for text in texts:
                plain = re.sub(r"\s+", "", folded(text))
                if 2 <= len(plain) <= 16:
                    words.setdefault(plain, (kind, (plain,), False))
    automaton = ahocorasick.Automaton()
    for word, entry in words.items():
        automaton.add_word(word, (len(word), word, entry))
    automaton.make_automaton()
    return automaton


def unfounded_names(text: str, catalog: Catalog, ground: Grounds, *, own: bool) -> Iterator[Found]:
    """Ingredients, groups, gifts, places and couriers that the facts do not know, or know the other way."""
    for last, (length, word, (kind, same, general)) in _vocabulary(catalog).iter_long(text):
        start, end = last + 1 - length, last + 1
        if _torn(text, word, start, end):
            continue
        clause, at = clause_of(text, start, end)
        before, rest = clause[:at], sentence_rest(text, end)
        if any(one in ground.text for one in same):
            if _contradicts(kind, same, ground, before, rest) or (
                kind == "places" and _sent_anyway(word, clause, ground)
            ):
                yield word, word, kind, f"与商品资料相反（{WHY[kind]}）", "block"
            continue
        if (
            kind == "places"
            and _SENT.search(clause)
            and "shipping.not_to" in ground.fields
            and word in REGIONS
        ):
            continue
        addressed = kind == "groups" and not own and not _SUITS.search(before + rest)
        everyday = (
            kind == "ingredients"
            and not general
            and not _HOLDS.search(before)
            and not _FREE_OF.search(before)
        )
        if not addressed and not everyday and not says_nothing(text, clause, end):
            soft = kind in ("effects", "papers") and not own
            yield word, word, kind, WHY[kind], "review" if soft else "block"


def _sent_anyway(place: str, clause: str, ground: Grounds) -> bool:
    """Whether goods are promised to a place that they are not sent to."""
    excluded = place in ground.fields.get("shipping.not_to", "")
    return excluded and bool(_SENT.search(clause)) and not _SENT_NOT.search(clause)


def _torn(text: str, word: str, start: int, end: int) -> bool:
    """Whether a Latin word is only part of a longer one."""
    head = word[0].isascii() and _letter(text[start - 1 : start])
    return head or (word[-1].isascii() and _letter(text[end : end + 1]))


def _letter(char: str) -> bool:
    return char.isascii() and char.isalnum()


def _contradicts(kind: str, same: tuple[str, ...], ground: Grounds, before: str, rest: str) -> bool:
    """Whether a word that the facts know is said the other way round: 含酒精 of what is free of it."""
    has, lacks = any(w in ground.affirmed for w in same), any(w in ground.denied for w in same)
    if has == lacks:
        return False
    match kind:
        case "ingredients":
            return (
                bool(_FREE_OF.search(before))
                if has
                else bool(_HOLDS.search(before)) and not _NOT.search(before)
            )
        case "groups":
            refused = bool(_NOT.search(before) or _REFUSED.search(rest))
            unfit = _UNFIT.search(before) or _UNFIT_AFTER.match(rest)
            return bool(unfit) if has else bool(_SUITS.search(before + rest)) and not refused
        case _:
            return False


def unfounded_gifts(text: str, catalog: Catalog, ground: Grounds) -> Iterator[Found]:
    """What is said to come along is one of the gifts; a product of the catalogue only where a gift bears its name."""
    known = re.split("[、，]", ground.fields.get("gifts", ""))
    names = [re.sub(r"\d+份$", "", squeezed(one)) for one in known if one and one != NONE]
    of_a_product = any(NAMED in unnamed(name, catalog, ()) for name in names)
    for words in (one for match in _GIVEN.finditer(text) for one in _each_gift(match)):
        short = _UNCOUNTED.sub("", words)
        if (
            not any(name in words or (len(short) > 1 and short in name) for name in names)
            and words not in ground.text
            and not (NAMED in words and of_a_product)
            and WORDED not in words  # 硅油纸50份、食谱, as the facts have it
        ):
            yield words, words, "gifts", WHY["gifts"], "block"


def _each_gift(given: re.Match[str]) -> Iterator[str]:
    """What is said to come along, each thing of a list by itself."""
    first, *more = _AND.split(given[0] + re.split("[,。;!?:]", given.string[given.end() :], maxsplit=1)[0])
    yield first if more else given[0]
    for one in more:
        words = _LIST_ENDS.split(one)[0]
        if len(_UNCOUNTED.sub("", words)) in _GIFT_NAME and not _NO_GIFT.search(one):
            yield words
