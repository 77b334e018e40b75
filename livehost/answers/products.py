"""Which product a line is about: a link number, a name, a kind of goods, a size, a description,
what the viewer asked about before, or the one on air; or goods that are not in the catalogue."""

from __future__ import annotations

import re

from livehost.answers import variants
from livehost.answers.by_number import AND, Topic, numbered, set_of
from livehost.answers.goods import Noun, is_other, shelf
from livehost.answers.intents import asked
from livehost.answers.likeness import Spelt, described, shortens, spelt
from livehost.catalog import Catalog, Product
from livehost.chinese import folded, with_digits

_BACK = re.compile(
    r"(?:刚才|刚刚|上一个|上个|前面|之前|上一款|刚讲|刚说)(?:那个|那款|这个|的|讲的|说的|介绍的)?"
)
_HERE = re.compile(r"这(?!样|么|边|里|几天)|现在(?:讲|卖|介绍|播|上)|正在|今天|手上|手里|身上")
_ALONGSIDE = re.compile(r"一起|同时|(?<!折)叠|搭配|混用|先后|配合|之后用|前用|后用|再用|然后用")
_BUYING = re.compile(
    r"(?:的|这个|这款|那个|那款|现在|大概|到底|一般|一[个件瓶支盒套条双把包袋]|是|,|，| )*"
    r"(?:多少钱|多少$|怎么卖|什么价|价格|价位|卖多少|几号|链接|在几号|怎么拍|怎么买|哪里买|有货|没货|还有|有吗|有没|有券|券后|"
    r"到手|优惠|补货|上架|什么时候(?:上|有|补|发|到)|几天|多久(?:发|到)|包邮|发货|呢$|在哪|下架|原价|link|price|how much)"
)
_WANTING = re.compile(
    r"(?:[\s,，、.。!！?？]|你家|你们家?|您家?|咱们?家?|家里?|店里?|直播间里?|主播|老板|请问|问一?下|想问|那|这|个|款|种|也|再|有|没有|卖|不卖|"
    r"想要?|要|买|不要|求|看看?|试试?|讲讲?|介绍|上|来|一下|下|昨天|上次|刚才|刚刚|之前|前面|今天|明天|的|我|能|不能|可以|什么时候|怎么|还|会|吗|"
    r"都|家|是|说|最近|推荐|一[个件瓶支盒套条双把包袋]|儿童|宝宝|婴儿|孩子|男士|女士|[男女]款|[男女]生|老人|老年|中老年|学生|大码|加绒|加厚|[冬夏春秋][季天]|新款|电动|蓝牙|"
    r"无线|智能|全自动|自动|家用|便携|进口|国产|有机|纯棉|真丝|不锈钢|玻璃|[黑白红蓝绿粉灰紫黄]色?|大|小|长|短|厚|薄|好用)*"
)
_WITH = re.compile(
    r"(?:和|跟|与|同|配|搭|搭配|叠|叠加|混|比|像|当|代替|替代|送|赠|赠送|带|附|装|放|盛|泡|煮|冲|烤|炸|蒸|炒|煎|榨|打|做|熬|炖|切|剪|加|兑|含|丢|扔|进|套|什么|拿|在|给|"
    r"[用涂敷洗抹擦穿戴吃喝]完|(?:能|可以|可)(?:挂|套|绑|夹|卡|固定|插|塞|贴|铺)(?:在|到|进)?|洗掉|卸掉?|卸除|洗净|洗得掉|洗干净|[能以]洗|里面有|里头有|再用|先用|(?<![能以想会在妈人肌皮])用)"
    r"(?:的|了|过|着|点|个|几个|两个|一[个点]|不送|不带|什么)?$"
)
_BESIDE = re.compile(
    r"之?[前后](?!发)|以[前后]|里[面头边]?(?![面头边]|有|加|含|放|是|没|的)|上面?(?!架|链接|新)|味|色(?!号)|小样|成分(?![是有表都吗么呢]|$|安全|怎么|什么|哪)|剂|液足|搭|配|党|过敏|(?:也|都)?(?:放|装|塞)得[下进]|"
    r"(?:能|可以|能不能|可不可以)(?:(?:放|装|塞|加热|连|插|充|接|兼容)(?:[得下进吗么不在里上一]|$)|洗(?:掉|干净|得))|洗(?:吗|行)|含量|的味道"
)
_SUFFIXED = re.compile(
    r"(?:^|你家|你们家|有没有|卖|那个|那款|想买|想要|求|[\s,，])((?:(?![这那个的是有在吗呢不了我你他她它们款号几什么怎多少两三四五六七八九十一大小哪想要买卖求])[\u4e00-\u9fff]){1,8}"
    r"(?:衣|裤|鞋|帽|机|器|膏|霜|液|粉|茶|酒|饼|糖|锅|杯|灯|桌|椅|柜|巾|被|枕|垫|膜|刷|笔|架|镜|链|粮|砂|酱|壶|仪|胶囊|口服液|玩具|套装))(?=(.*))"
)


def topic(cleaned: str, catalog: Catalog, on_air: Product | None, previous: Product | None) -> Topic:
    """Find what a cleaned line is about."""
    by_number = numbered(cleaned, catalog, on_air)
    if by_number is not None:
        return by_number
    by_set = set_of(cleaned, catalog)
    if by_set is not None:
        return by_set
    nouns = shelf(catalog).nouns(cleaned)
    kept = _meant(cleaned, nouns, catalog, on_air)
    if kept:
        products = {p.id: p for noun in kept for p in _choices(noun, catalog, on_air)}
        return Topic(tuple(products.values()), None, _without(cleaned, kept), True)
    called = _called(cleaned, catalog, on_air)
    if called is not None:
        return called
    by_size = _sized(cleaned, catalog, on_air)
    if by_size is not None:
        return Topic((by_size,), None, cleaned, True)
    ails = any(one.intent in ("adverse", "illness") for one in asked(cleaned))  # 疹子 is no 橙子
    guess = spelt(cleaned, shelf(catalog).spellable) if not ails else None
    if guess is not None and any(_covers(n, guess) for n in nouns):
        guess = None  # a word of its own: 被子 is no misspelt 杯子
    if guess is not None and not _aside(cleaned, guess.start, guess.end, catalog.get(guess.product), on_air):
        rest = cleaned[: guess.start] + " " + cleaned[guess.end :]
        return Topic((catalog.product(guess.product),), None, rest, True)
    partly = _partly(cleaned, catalog, on_air)
    if partly is not None:
        return partly
    if on_air is not None and _for_use(cleaned, on_air):
        return Topic((on_air,), None, cleaned, False)
    foreign = next((n for n in nouns if not n.products and _foreign(cleaned, n, on_air)), None)
    if foreign is not None:
        torn = len(foreign.word) == 1 and not _WANTING.fullmatch(cleaned[: foreign.start])
        return Topic((), None, _without(cleaned, [foreign]), True, "" if torn else foreign.word)
    found = described(cleaned, catalog.products, on_air)
    if found is not None:
        return Topic((found,), None, cleaned, True)
    pet = _pet(cleaned, catalog, on_air)
    if pet is not None:
        return Topic((pet,), None, cleaned, True)
    unknown = _compound(cleaned, catalog, on_air)
    if unknown is not None:
        return unknown
    if previous is not None and (_BACK.search(cleaned) or not _HERE.search(cleaned)):
        return Topic((previous,), None, cleaned, False)
    return Topic((on_air,) if on_air else (), None, cleaned, False)


def _covers(noun: Noun, guess: Spelt) -> bool:
    """Whether a known noun stands where a misspelt name is seen, and is no shorter."""
    overlaps = noun.start < guess.end and guess.start < noun.end
    return overlaps and noun.end - noun.start >= guess.end - guess.start


def _without(cleaned: str, nouns: list[Noun]) -> str:
    rest = cleaned
    for noun in nouns:
        rest = rest[: noun.start] + " " * (noun.end - noun.start) + rest[noun.end :]
    return rest


def _choices(noun: Noun, catalog: Catalog, on_air: Product | None) -> tuple[Product, ...]:
    """The products that a noun may mean: the one on air where it is among them."""
    if on_air is not None and on_air.id in noun.products:
        return (on_air,)
    return tuple(catalog.product(i) for i in noun.products)


def _meant(cleaned: str, nouns: list[Noun], catalog: Catalog, on_air: Product | None) -> list[Noun]:
    """The nouns of products that a line is about; literal names go before kinds."""
    kept: list[Noun] = []
    for literal in (True, False):
        for noun in nouns:
            if not noun.products or noun.literal is not literal:
                continue
            product = _choices(noun, catalog, on_air)[0]
            joined = any(
                AND.fullmatch(cleaned, k.end, noun.start) and noun.start > k.end for k in kept if literal
            )
            buying = _BUYING.match(cleaned, noun.end) is not None
            wanted = re.search(r"(?:卖|买|求|要|有没有)[双件条把个款套张本只]?$", cleaned[: noun.start])
            first = _WANTING.fullmatch(cleaned[: noun.start]) is not None
            if (noun.matter or noun.tool) and not (noun.literal or buying or wanted or first):
                continue
            if joined or not _aside(cleaned, noun.start, noun.end, product, on_air):
                kept.append(noun)
        if kept:
            break
    return sorted(kept, key=lambda n: n.start)


def _aside(text: str, start: int, end: int, product: Product | None, on_air: Product | None) -> bool:
    """Whether a name only stands beside the one on air: 能和精华一起用吗, 能洗掉防晒吗, 送精华小样吗."""
    before, after = text[:start], text[end:]
    entries = (*(on_air.suitable_for or ()), *(on_air.not_for or ())) if on_air is not None else ()
    if product is not on_air and any(len(one) > 1 and before.endswith(folded(one)) for one in entries):
        return True
    if re.match("(?:类|成分|蛋白)?过敏", after):
        return True
    if on_air is None or product is on_air:
        return False
    word = text[start:end]
    words = folded(
        "".join((*(on_air.ingredients or ()), *(on_air.highlights or ()), *(on_air.free_of or ())))
    )
    if word in words and re.search(r"(?:有|含|加|放)$", before):
        return True
    if any(word in folded(g.name) for g in on_air.gifts or ()) and re.search(r"送|赠", before):
        return True
    if _BUYING.match(text, end) and not re.search(r"(?:送|赠|和|跟|与|配|搭)(?:的)?$", before):
        return False
    return bool(_WITH.search(before) or _BESIDE.match(after) or _ALONGSIDE.search(after))


def _foreign(cleaned: str, noun: Noun, on_air: Product | None) -> bool:
    """Whether a noun that no product answers to is what the line asks about."""
    if noun.word.endswith("的"):
        return False
    if noun.word[0] in "除去" and re.match("吗|么|不|效|能力", cleaned[noun.end :]):
        return False
    part = noun.word.removesuffix("子")
    if on_air is not None and part != noun.word and _has_part(part, on_air):
        return False  # 帽子 of what has 可拆帽
    if on_air is not None and noun.word in words_of(on_air):
        names = folded(" ".join((on_air.name, *on_air.aliases, *(s.name for s in on_air.specs or ()))))
        if _STOCKED.fullmatch(cleaned[: noun.start]) and re.match("吗|么|没|不|卖|$", cleaned[noun.end :]):
            return not _has_part(noun.word, on_air) and noun.word not in names
        bought = noun.start == 0 and _BUYING.match(cleaned, noun.end) is not None
        return bought and noun.word not in names
    if on_air is not None and any(noun.word[:2] in folded(q) for entry in on_air.faq for q in entry.q):
        return False
    before, after = cleaned[: noun.start], cleaned[noun.end :]
    if _aside(cleaned, noun.start, noun.end, None, on_air) and on_air is not None:
        return False
    if re.search(r"(?:能|可以|会)$", before):
        return False
    if _BUYING.match(after):
        return True
    if noun.tool and before.endswith("有没有"):
        return True
    if noun.matter or noun.tool:
        return re.search(r"(?:卖|买|求|上)(?:不卖)?$", before) is not None
    if on_air is None:
        return True
    return bool(_WANTING.fullmatch(before)) and not _ALONGSIDE.search(after)


_STOCKED = re.compile("(?:你们?|您|家|店里?|直播间|这里|还|那|请问| )*有(?:没有|卖)?")


def _has_part(word: str, product: Product) -> bool:
    """Whether something that a product has, holds or comes with ends in a word."""
    gifts = [gift.name for gift in product.gifts or ()]
    held = (*gifts, *(product.highlights or ()), *(product.ingredients or ()), *(product.free_of or ()))
    return any(folded(one).endswith(word) for one in held)


def _for_use(cleaned: str, on_air: Product) -> bool:
    """Whether a line asks what the one on air may be used for, by its own lists: 真丝睡衣能洗吗."""
    entries = (*(on_air.suitable_for or ()), *(on_air.not_for or ()))
    named = any(len(entry) >= 2 and folded(entry) in cleaned for entry in entries)
    return named and re.search(r"能|可以|行|适合|会", cleaned) is not None


def words_of(product: Product) -> str:
    """Every word that the catalogue has about a product."""
    return folded(product.model_dump_json(exclude={"id", "image", "platforms", "never_say"}))


def _sized(cleaned: str, catalog: Catalog, on_air: Product | None) -> Product | None:
    """The only product that has the variant which a line names, where the one on air has none such."""
    if on_air is not None and (
        variants.named(cleaned, on_air) or (_counted_alike(cleaned, on_air) and not _FAR.search(cleaned))
    ):
        return None
    if _HAGGLED.search(cleaned):
        return None
    if on_air is not None and not re.search(r"\d", with_digits(folded(cleaned))):
        return None  # a colour or a make is asked of what is on air
    found = [
        p
        for p in catalog.products
        if p is not on_air and len(p.specs or ()) > 1 and variants.named(cleaned, p, strict=True)
    ]
    said = variants.measures(with_digits(folded(cleaned)))
    alike = [
        p for p in found if said & set().union(*(variants.measures(folded(s.name)) for s in p.specs or ()))
    ]
    found = alike if len(found) > 1 else found
    return found[0] if len(found) == 1 else None


# A bare number that is money.
_HAGGLED = re.compile(
    r"(?:卖|出|才|给你?|只要|就|降到|便宜)\s*\d+(?:元|块|$)|(?<![\d.])\d+(?:元|块)?(?:[行成](?:不|吗|吧)|[不我]?卖|我?就|[拿带]走?)"
)


def _counted_alike(cleaned: str, product: Product) -> bool:
    """Whether a line names an amount in a measure in which a product's own variants are counted."""
    own = {t.lstrip("0123456789.") for s in product.specs or () for t in variants.tokens(folded(s.name))}
    said = variants.measures(with_digits(folded(cleaned)))
    return bool((own & said) - {""})


def _compound(cleaned: str, catalog: Catalog, on_air: Product | None) -> Topic | None:
    """Goods in a word that no list holds, known by its ending before a question for buying."""
    match = _SUFFIXED.search(cleaned)
    if match is None or not _BUYING.match(match[2]):
        return None
    word = match[1]
    if is_other(word):
        return None
    if on_air is not None and (word in words_of(on_air) or shortens(word, folded(on_air.name))):
        return None
    rest = cleaned[: match.start(1)] + " " + cleaned[match.end(1) :]
    named = [p for p in catalog.products if any(shortens(word, folded(n)) for n in (p.name, *p.aliases))]
    if len(named) == 1:
        return Topic((named[0],), None, rest, True)
    return Topic((), None, rest, True, "") if not named else None


_CALLED = re.compile(
    r"(?:^|[\s,，的]|[这那](?:[个款根把支条盏双包套床件只张瓶盒])?|你们?家|想[要买])([\u4e00-\u9fff]{1,4}?)(?:子(?=[\u4e00-\u9fff])|(?:子|儿)?(?=[\s,，]|$|多|怎么|几|能|有|没|还|会|是|什么|送|券|"
    r"断|坏|的|两|发|包|可以|哪|在|补|到货|适|和|跟|好|卖|价|贵|一[个根把支条盏双包套件只瓶盒]|现|满|用|里|含|退|掉))"
)
_GENERAL = frozenset(
    "宝底领面身口头边角送拍买卖发到收退换喝看想装款套型式品版号色味片盒瓶支条只个双件组份升的水油机器用人家子用费券货单"
)


def _called(cleaned: str, catalog: Catalog, on_air: Product | None) -> Topic | None:
    """A product by what only its name ends in (竿子 for 溪流竿, 枝剪), where the one on air has no such word."""
    names = shelf(catalog)
    own = folded("".join((on_air.name, *on_air.aliases))) if on_air is not None else ""
    for match in _CALLED.finditer(cleaned):
        word = match[1]
        ids = names.short.get(word, set())
        if not ids and len(word) == 1 and re.search("[这那][\u4e00-\u9fff]?$", cleaned[: match.start(1)]):
            ids = {i for name, of in names.names.items() if word in name for i in of}  # 这刀 of a 刀具套装
        if (
            len(ids) != 1
            or word in own
            or word[-1] in _GENERAL
            or re.search(r"[\d一二两三四五六七八九十]", word)
        ):
            continue
        if on_air is not None and len(word) == 1 and word in words_of(on_air):
            continue
        product = catalog.product(next(iter(ids)))
        if not _aside(cleaned, match.start(1), match.end(1), product, on_air):
            rest = cleaned[: match.start(1)] + " " + cleaned[match.end() :]
            return Topic((product,), None, rest, True)
    return None


_AFTER_PART = re.compile("[的那这款多怎几有还能发包可是什送到券在保成吃喝用 ,，]|$")


def _partly(cleaned: str, catalog: Catalog, on_air: Product | None) -> Topic | None:
    """The only product whose name holds four characters of the line in a row, or begins or ends in three."""
    parts = shelf(catalog).parts
    for size in (4, 3):
        for at in range(len(cleaned) - size + 1):
            ids = parts.get(cleaned[at : at + size], set())
            end = at + size
            if len(ids) != 1 or (size == 3 and not _AFTER_PART.match(cleaned, end)):
                continue
            product = catalog.product(next(iter(ids)))
            if product is on_air or (on_air is not None and cleaned[at:end] in words_of(on_air)):
                return None
            while end < len(cleaned) and any(
                cleaned[at : end + 1] in folded(n) for n in (product.name, *product.aliases)
            ):
                end += 1
            if not _aside(cleaned, at, end, product, on_air):
                return Topic((product,), None, cleaned[:at] + " " + cleaned[end:], True)
    return None


_FAR = re.compile(r"那[个根把款条张件]|刚才|之前")
_DOGS = "[狗犬]|金毛|泰迪|柯基|拉布拉多|哈士奇|二哈|边牧|比熊|博美|法斗|德牧|雪纳瑞|柴犬"
_CATS = "猫|英短|美短|布偶|暹罗|蓝猫"
_PETS = {_DOGS: "[狗犬]", _CATS: "猫", "兔子": "兔", "仓鼠": "仓鼠", "鹦鹉": "鹦鹉|鸟", "乌龟": "龟"}


def _pet(cleaned: str, catalog: Catalog, on_air: Product | None) -> Product | None:
    """The only product for the animal that a line speaks of, where the one on air is none for animals."""
    marks = next((marks for word, marks in _PETS.items() if re.search(word, cleaned)), None)
    if marks is None or (on_air is not None and re.search("[狗犬猫宠]", words_of(on_air))):
        return None
    found = [p for p in catalog.products if any(re.search(marks, name) for name in (p.name, *p.aliases))]
    return found[0] if len(found) == 1 else None
