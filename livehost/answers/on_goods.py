"""Sayings about who may use it, what is in it, how it is used, and what it does. None means unknown."""

from __future__ import annotations

import re

from livehost.answers.asking import Asking, Said
from livehost.answers.clean import clean
from livehost.answers.facts import NONE
from livehost.answers.intents import asked
from livehost.chinese import folded, with_digits

_SENSITIVE = {"pregnancy": r"孕", "nursing": r"哺乳|乳母", "minors": r"儿|童|婴|幼|小孩|未成年|少年|岁"}
_PEOPLE = re.compile(
    r"油皮|干皮|混合皮|敏感肌|中性皮|痘肌|老人|老年|男|女|学生|爸|妈|父母|长辈|老公|中年|成人|大人|上班族|\d{2}岁|[二三四五六七八]十多?岁|黑皮|黄皮|"
    r"胖|瘦|素食|猫|狗|宠物|木地板|瓷砖|小个子|情侣|所有人|任何人|全家|什么肤质都|闷痘|致痘|长痘|堵毛孔|爆痘|搓泥|上火|起球|掉色|缩水|依赖|伤胃|过敏|刺激|发胖"
)


def sensitive(ask: Asking, group: str) -> Said | None:
    """A delicate group: approved words, or the product's own list, or nothing."""
    approved = ask.some(f"sensitive.{group}")
    if approved and not (group == "minors" and _outside(ask, approved)):
        return ask.say(approved)
    if group == "minors" and ask.has("几岁|多大|几个月") and ask.product.suitable_for:
        told = ask.some("not_for")
        return ask.say(f"适合{ask.get('suitable_for')}" + (f"，不适合{told}" if told else ""))
    aged = by_age(ask) if group == "minors" else None
    if aged is not None:
        return aged
    if group == "minors" and re.search("[猫狗犬宠]", ask.product.name):
        return None  # 幼猫 is no child
    marks = _SENSITIVE[group]
    old = _AGE.search(with_digits(ask.line)) is not None
    unfit = [g for g in ask.product.not_for or () if not (old and _LIMIT.search(with_digits(folded(g))))]
    if any(re.search(marks, g) for g in unfit):
        return ask.say(f"这款不适合的人群写明有{ask.get('not_for')}")
    if any(re.search(marks, g) and "以上" not in g for g in ask.product.suitable_for or ()):
        return ask.say(f"这款写明的适用人群是{ask.get('suitable_for')}")
    return None


_SPAN = re.compile(r"(\d+)(?:周?岁)?(?:到|至|-|~|—)(\d+)周?岁")


def _outside(ask: Asking, approved: str) -> bool:
    """Whether an age is asked for that the approved words do not reach: 11岁, of 4到10岁."""
    ages = [_months(*m) for m in _AGE.findall(with_digits(ask.line))]
    span = _SPAN.search(with_digits(approved))
    return bool(ages) and span is not None and not int(span[1]) * 12 <= ages[0] < (int(span[2]) + 1) * 12


def pregnancy(ask: Asking) -> Said | None:
    """May a pregnant woman?"""
    return sensitive(ask, "pregnancy")


def nursing(ask: Asking) -> Said | None:
    """May a nursing mother?"""
    return sensitive(ask, "nursing")


def minors(ask: Asking) -> Said | None:
    """May a child?"""
    return sensitive(ask, "minors")


_LIMIT = re.compile(r"(\d+)(?:周)?(岁|月龄|个月|月)(?:及)?(以下|以内|以上|起)")
_AGE = re.compile(r"(?<![\d.])(\d+)(?:周)?(岁半|岁|个半月|个月|月龄|月大)")


def by_age(ask: Asking) -> Said | None:
    """An age beside a limit that the product's own lists name: 2月龄以下幼猫, 3岁以下儿童."""
    ages = [_months(*m) for m in _AGE.findall(with_digits(ask.line))]
    if not ages:
        return None
    for field, words in (("not_for", "不适合用这款"), ("suitable_for", "适合用这款")):
        for group in getattr(ask.product, field) or ():
            limit = _LIMIT.search(with_digits(folded(group)))
            if limit is None:
                continue
            below = limit[3] in ("以下", "以内")
            inside = (ages[0] < _months(limit[1], limit[2])) is below
            if inside:
                ask.get(field)
                return ask.say(f"{group}{words}")
            if field == "suitable_for":
                return ask.say(f"这款写明的适用人群是{ask.get('suitable_for')}")
    return None


def _months(number: str, unit: str) -> float:
    half = 0.5 if "半" in unit else 0
    return (int(number) + half) * (12 if "岁" in unit else 1)


def illness(ask: Asking) -> Said | None:
    """An illness: only where the product's own list names it."""
    named = [g for g in ask.product.not_for or () if _names(g, ask.line)]
    if named:
        ask.get("not_for")
        return ask.say(f"这款写明不适合{'、'.join(named)}")
    told = [g for g in ask.product.suitable_for or () if _names(g, ask.line)]
    fit = [
        g for g in told if any(a.intent == "illness" for a in asked(clean(g)))
    ]  # 成猫 says nothing of 肾病
    if fit:
        ask.get("suitable_for")
        return ask.say(f"这款写明的适用人群有{'、'.join(fit)}")
    return None


_COMMON = re.compile(
    r"皮肤|头皮|头发|发质|体质|过敏|成分|患者|人群|的人|人士|敏感$|肌肤|使用|以上|以下|适用|不佳|状况|有|者|对|人|类"
)


_BEGINNER = re.compile("新手|小白|零基础|入门者?|刚学的?")


_AILING = re.compile(
    "(肾|肝|胃|心|肺|脾|肠|胆|甲状腺|血管|关节)脏?(?:功能|上|有点|一直|都|很|比较)*(?:不好|不行|不太好|不全|有问题|有毛病|差|虚)"
)
_WOUNDS = re.compile("伤口|破损|破皮|溃烂|创面|创口")
_HURT = re.compile("伤口|(?:皮|脸|手|脚|嘴|唇|脸上|手上|头上|身上)[^ ]{0,2}(?:破|烂|裂|划伤|抓伤|流血)")
# What viewers name, and the kind of allergen that a label names.
_ALLERGENS = {
    "甲壳": "虾|蟹|海鲜", "海鲜|水产": "虾|蟹|鱼|贝|鱿鱼|海鲜", "坚果": "核桃|杏仁|腰果|开心果|夏威夷果|榛子|巴旦木|碧根果|松子|坚果", "乳糖|乳制品|乳蛋白|牛奶": "牛奶|奶粉|奶|乳糖|乳",
    "麸质|小麦|面": "小麦|面粉|面筋|麸质", "鸡蛋|^对?蛋|蛋类": "鸡蛋|蛋", "豆": "大豆|黄豆|豆", "蜂": "蜂蜜|花粉|蜂胶|蜂王浆",
}  # fmt: skip


def _names(group: str, line: str) -> bool:
    """Whether a line names a group, in the group's own words or two characters of their core."""
    own, line = (_BEGINNER.sub("初学者", text) for text in (clean(group), line))
    if own and own in line:
        return True
    allergen = re.search(
        r"(?:[我他她它你]|孩子|宝宝|娃|本人|对|老公|老婆|[爸妈])*((?:(?!对).){1,8}?)(?:类|成分)*过敏",
        line.replace(" ", ""),
    )
    organs = {organ for organ in _AILING.findall(line) if organ in own}
    if organs:
        return True
    if _WOUNDS.search(own) and _HURT.search(line):
        return True
    if allergen and "过敏" in own:
        kin = (members for names, members in _ALLERGENS.items() if re.search(names, own))
        if any(re.search(members, allergen[1]) for members in kin):
            return True
        return len(set(allergen[1]) & set(_COMMON.sub("", own))) >= min(2, len(allergen[1]))
    rest = _COMMON.sub(" ", own)
    return any(
        part[i : i + 2] in line for part in rest.split() for i in range(len(part) - 1) if part[i] != "型"
    )


def suitable(ask: Asking) -> Said | None:
    """Whether a group may use it, by the product's own lists."""
    aged = by_age(ask)
    if aged is not None:
        return aged
    fit, unfit = ask.product.suitable_for, ask.product.not_for
    line = ask.line + _kin(ask.line)
    named_fit = [g for g in fit or () if _names(g, line)]
    named_unfit = [g for g in unfit or () if _names(g, line)]
    if named_fit or named_unfit:
        parts = []
        if named_fit:
            ask.get("suitable_for")
            parts.append(f"{'、'.join(named_fit)}适合用这款")
        if named_unfit:
            ask.get("not_for")
            parts.append(f"{'、'.join(named_unfit)}不适合用这款")
        return ask.say("，".join(parts))
    sexes = [
        sex
        for sex in "男女"
        if re.search(f"{sex}(?:生|士|的|性|孩|人|朋友|款|同学|宝)|[能可给].{{0,3}}{sex}", ask.line)
    ]
    if sexes and any(re.search("[男女]", g) for g in fit or ()):
        return ask.say(f"这款写明的适用人群是{ask.get('suitable_for')}")
    if sexes and any(re.search("[男女]", h) for h in ask.product.highlights or ()):
        return ask.say(f"特点是{ask.get('highlights')}")
    if _PEOPLE.search(ask.line) or _subject(ask.line):
        return None
    if (occasion := _OCCASION.search(ask.line)) and occasion[0] not in " ".join(
        (*(fit or ()), *(unfit or ()))
    ):
        return None
    if ask.has(r"不适合|不能用|不可以用|禁忌|谁不能|慎用|忌"):
        unfitting = ask.get("not_for")
        if unfitting is None:
            return None
        return ask.say("没有写明不适合的人群" if unfitting == NONE else f"不适合{unfitting}")
    listed = ask.some("suitable_for")
    if listed is None:
        return None
    without = ask.some("not_for")
    return ask.say(f"适合{listed}" + (f"，不适合{without}" if without else ""))


_ELDERS = re.compile(
    "爸妈|父母|爷爷|奶奶|外公|外婆|姥[姥爷]|公公|婆婆|岳[父母]|我[妈爸]|老[妈爸爹娘]|妈妈|爸爸|长辈|老人|老头|老太"
)
_AGED = re.compile(
    r"(?<![\d.])(\d{2})(?:岁|了|多|周岁)|[我妈爸爷奶公婆](?:今年|都|快)?(\d{2})(?![\d.斤码号cm])"
)
OLD = 55  # years, from which 老年人 and 中老年人 are meant


def _kin(line: str) -> str:
    """What the people of a line are called in a list of groups: 我妈68 is 老年人, 我30岁 is 成年人."""
    found = _AGED.search(with_digits(line))
    age = int(found[1] or found[2]) if found else None
    if age is None:
        return " 老年人 老人 长辈" if _ELDERS.search(line) else " 成年人 成人" if "大人" in line else ""
    return " 老年人 老人 长辈" if age >= OLD else " 成年人 成人" if age >= 18 else ""


def named_group(ask: Asking) -> bool:
    """Whether a line asks, yes or no, about an entry of the product's own lists: 真丝能洗吗."""
    if ask.has("怎么|多少|几|多久|什么|哪"):
        return False
    entries = (*(ask.product.suitable_for or ()), *(ask.product.not_for or ()))
    return any(len(clean(entry)) >= 2 and clean(entry) in ask.line for entry in entries)


_OCCASION = re.compile(
    "送礼|送人|[春夏秋冬][天季]|上班|约会|出差|旅游|旅行|聚会|露营|办公室?|宿舍|学校|户外|运动|睡觉|开车"
)
_SUBJECT = re.compile(
    r"([\u4e00-\u9fff]{2,}?)(?:都|也|还|到底)*(?:能不能|可不可以|能|可以|会不会)(?:用|吃|喝|敷|涂|穿|戴)"
)
_NOBODY = re.compile(
    r"这个?|那个?|款|它|我们?|咱们?|主播|老板|请问|直接|现在|平时|每天|天天|长期|一直|白天|晚上|早上|[早晚都也还是就的么吗呀啊天]|大家|谁|什么|一般|产品|东西|冬天|夏天|春天|秋天"
)


def _subject(line: str) -> str:
    """Who or what a line asks about before its 能用; empty where it only means the product."""
    match = _SUBJECT.search(line)
    rest = _NOBODY.sub("", match[1]) if match else ""
    return rest if len(rest) >= 2 else ""


def usage(ask: Asking) -> Said | None:
    """How it is used."""
    words = ask.some("usage")
    if words is None or not _tells_how(ask.line, words):
        ask.used.clear()
        return None
    return ask.say(f"用法是{words}")


def _tells_how(line: str, words: str) -> bool:
    """Whether a usage tells how that is done which a line asks for: 怎么收 needs a 收."""
    if re.search(r"[能可]以?当", line):
        return False
    when = re.search(r"空腹|睡前|饭前|饭后|晚上|早上|白天|冬天|夏天|长期", line)
    if when and when[0] not in words and not re.search("早晚|随时|都可以|[早晚]上?|睡前|饭|餐", words):
        return False
    if re.search(r"[一每]天|一日|最多", line) and not re.search(r"[天日早晚餐次]|随时", words):
        return False
    how = re.search(r"怎么(清?)([\u4e00-\u9fff])([\u4e00-\u9fff]?)", line)
    if how is None or (how[2] in _ANY_USE and not how[1]):
        return True
    if how[2] in "洗洁":
        return re.search("[洗擦冲]|清洁", words) is not None
    return how[2] in words or (how[3] != "" and how[3] not in "的吗呢啊" and how[3] in words)


_ANY_USE = "用吃喝泡冲煮敷涂使操弄服抹擦做饮食戴穿保打护"


def lasts(ask: Asking) -> Said | None:
    """How long one lasts."""
    words = ask.some("lasts")
    return ask.say(words) if words else None


def life(ask: Asking) -> Said | None:
    """Shelf life."""
    words = ask.some("shelf_life")
    if words is None:
        return produced(ask) if ask.has("日期|新鲜|临期") and not ask.has("保质|过期|到期") else None
    made = ask.some("produced") if ask.has("日期|新鲜|临期") else None
    return ask.say(f"保质期{words}" + (f"，生产日期是{made}" if made else ""))


def produced(ask: Asking) -> Said | None:
    """When it was made."""
    made = ask.some("produced")
    return ask.say(f"这批是{made}生产的") if made else None


def origin(ask: Asking) -> Said | None:
    """Where it was made."""
    place = ask.some("origin")
    return ask.say(f"产地是{place}") if place else None


_EFFECTS = re.compile(
    r"美白|祛斑|淡斑|抗老|抗衰|抗皱|祛皱|祛痘|控油|收毛孔|去黑头|减肥|瘦身|助眠|安神|补血|养肝|明目|生发|防脱|修复|修护|提亮|淡纹|排毒|降火|养胃|"
    r"增高|消炎|杀菌|抗敏|去黄|祛湿|通便"
)


def effect(ask: Asking) -> Said | None:
    """The effects that may be said, with their evidence."""
    listed = ask.some("claims")
    if listed is None or any(w not in listed for w in _EFFECTS.findall(ask.line)):
        return None
    evidence = "、".join(dict.fromkeys(c.evidence for c in ask.product.claims or () if c.evidence))
    registered = ask.some("registration") if evidence else None
    if registered and registered not in evidence and ask.has("真|靠谱|忽悠|备案"):
        evidence += f"，备案信息是{registered}"
    return ask.say(
        f"这款能说的是{listed}" + (f"，依据是{evidence}" if evidence else "") + "，个人感受会有不同"
    )


_SPOKEN_OF = re.compile(
    _EFFECTS.pattern
    + "|补水|保湿|舒缓|紧致|清洁|镇静|柔顺|滋润|去屑|止汗|防晒|补钙|补铁|补锌|增强免疫力|提高免疫力|抗氧化|降[压糖脂]|丰胸|壮阳|补肾|解酒|瘦"
)
LEAST_SHARE = 0.75  # of an effect that is asked for, in the words of a claim


def treat(ask: Asking) -> Said | None:
    """An effect that is asked for by name: only a claim of the product answers it."""
    words = [c for claim in ask.product.claims or () for c in _pairs(folded(claim.text))]
    wanted = re.sub(r"能|可以|有|没有|会|吗|么|不|什么|效果|作用|功效|改善|有助于|缓解", "", ask.line)
    asks_cure = ask.has(r"治|根治|病|炎(?!症?吗)|药")
    known = "".join(words)
    named = set(_SPOKEN_OF.findall(ask.line))
    if named and not asks_cure and all(word in known for word in named):
        return effect(ask)
    share = sum(char in known for char in wanted) / max(1, len(wanted))
    if not asks_cure and share >= LEAST_SHARE and any(w in wanted for w in words):
        return effect(ask)
    return None


def _pairs(text: str) -> list[str]:
    text = re.sub(r"有助于|改善|帮助|温和|的|促进|提高|增强", " ", text)
    return [part[i : i + 2] for part in text.split() for i in range(len(part) - 1)]


def intro(ask: Asking) -> Said | None:
    """What it is, in its highlights and claims."""
    highlights, claims = ask.some("highlights"), ask.some("claims")
    if not highlights and not claims:
        return None
    parts = [f"特点是{highlights}"] if highlights else []
    parts += [f"功效方面是{claims}"] if claims else []
    return ask.say(f"这是{ask.get('name')}，{'，'.join(parts)}")


_SORTS = {
    "cosmetics": "化妆品，不是药品",
    "food": "普通食品，不是药品也不是保健食品",
    "health_food": "保健食品，本品不能代替药物",
    "apparel": "服饰",
    "home": "家居用品",
}


def kind(ask: Asking) -> Said | None:
    """What sort of goods it is by law."""
    sort = _SORTS.get(ask.product.category)
    if sort is None:
        return None
    ask.get("category")
    return ask.say(f"这款是{sort}")


def replace_drug(ask: Asking) -> Said | None:
    """Nothing here stands in for a drug; about taking both, nothing is said."""
    if not ask.has(r"代替|替代|取代|当|算|等于|顶|是不是?药") or not ask.has(
        "药|胰岛素|抗生素|医生|看病|治疗"
    ):
        return None
    ask.get("category")
    return ask.say(
        "不能，本品不能代替药物" if ask.product.category == "health_food" else "本品不是药品，不能代替药物"
    )


def compare(ask: Asking) -> Said | None:
    """Another brand: only what this one is."""
    claims, highlights = ask.some("claims"), ask.some("highlights")
    if not claims and not highlights:
        return None
    own = "，".join(
        filter(None, (f"功效方面是{claims}" if claims else "", f"特点是{highlights}" if highlights else ""))
    )
    return ask.say(f"我们不和别家作比较，只说这款：{own}")
