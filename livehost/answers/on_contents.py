"""Sayings about what is in a product, how much it measures, and numbers that a viewer takes for true.

None means unknown.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from livehost.answers import measures, on_goods, on_price, on_service
from livehost.answers.asking import Asking, Said
from livehost.answers.likeness import shortens
from livehost.chinese import folded

_SAME = (
    ("玻尿酸", "透明质酸"),
    ("维c", "抗坏血酸"),
    ("vc", "抗坏血酸"),
    ("维生素c", "抗坏血酸"),
    ("乙醇", "酒精"),
    ("ve", "生育酚"),
    ("维e", "生育酚"),
    ("维生素e", "生育酚"),
    ("b5", "泛醇"),
    ("b3", "烟酰胺"),
    ("氨基酸", "椰油酰甘氨酸"),
    ("氨基酸", "月桂酰"),
    ("水杨酸", "bha"),
    ("a醇", "视黄醇"),
    ("维a", "视黄醇"),
    ("香料", "香精"),
    ("b6", "维生素b6"),
    ("纯棉", "棉"),
    ("大枣", "红枣"),
)
_THINGS = re.compile(
    r"酒精|乙醇|香精|色素|防腐剂|蔗糖|白糖|冰糖|红糖|代糖|糖|激素|荧光剂?|添加剂?|矿物?油|硅油|皂基|水杨酸|烟酰胺|玻尿酸|透明质酸|果酸|a醇|视黄醇|"
    r"维生素?[abcde]\d?|vc|ve|氨基酸|神经酰胺|咖啡因|甜味剂|防晒剂|重金属|铅汞|铅|汞|牛奶|奶|坚果|麸质|花生|大豆|蜂蜜|枸杞|红枣|桂圆|菊花|茶多酚|"
    r"褪黑素|香料|精油|胶原蛋白?|多肽|苯氧乙醇|甘油|羊毛|纯棉|棉|涤纶|羊绒|甲醛|塑料|bpa|薰衣草|西药|反式脂肪|塑化剂|硫酸盐|致痘|油脂|淀粉|盐|味精|明胶"
)


def _same(word: str, other: str) -> bool:
    word, other = folded(word), folded(other)
    return word in other if len(word) >= 2 and word != "维生素" else word == other


_MATERIAL = re.compile(
    "真皮|牛皮|棉|真丝|蚕丝|羊绒|羊毛|实木|不锈钢|玻璃|塑料|陶瓷|硅胶|乳胶|亚麻|绒|竹|银|足金|布|尼龙|涤纶|莫代尔|天丝|合金|铁"
)


def _shortened(word: str, name: str) -> bool:
    """Whether a word is a name with signs left out in its middle: 荧光剂 of 荧光增白剂."""
    return len(word) >= 3 and word[-1] == name[-1] and shortens(word, name)


def contains(ask: Asking) -> Said | None:
    """Whether something is in it: by the list of ingredients or of what it is free of."""
    line = ask.line
    if ask.has("含.{0,4}(?:量|多少|几)|浓度|比例|百分之|占多少|多少%"):
        given = [i for i in ask.product.ingredients or () if re.search(r"\d", i)]
        told = any(char in i for i in given for char in re.sub("[含量浓度比例占多少的有是几]", "", line))
        return ingredients(ask) if told else None
    inside = [i for i in ask.product.ingredients or () if _stands(i, line) or _alias_in(i, line)]
    words = [w for w in _THINGS.findall(line) if not any(w in folded(i) for i in inside)]
    without = [
        f
        for f in ask.product.free_of or ()
        if _stands(f, line) or _alias_in(f, line) or any(_shortened(w, folded(f)) for w in words)
    ]
    words = [
        w
        for w in words
        if not any(
            w in folded(f) or _same(w, f) or _alias_in(f, w) or _shortened(w, folded(f)) for f in without
        )
    ]
    words = [w for w in words if not any(_alias_in(i, w) for i in inside)]
    for word in list(words):
        ends = [i for i in ask.product.ingredients or () if len(word) == 1 and folded(i).endswith(word)]
        spared = [f for f in ask.product.free_of or () if len(word) == 1 and folded(f).endswith(word)]
        if ends or spared:
            inside, without = inside + ends, without + spared
            words.remove(word)
            continue
        match = [i for i in ask.product.ingredients or () if len(word) >= 2 and word in folded(i)]
        if match:
            inside += match
            words.remove(word)
    if (
        not (inside or without)
        and _MATERIAL.search(line)
        and ask.has("是|纯|真|全|的吗|还是|做的")
        and ask.product.category in ("apparel", "home", "other")
    ):
        return ingredients(ask)
    if ask.has("毒|致癌|辐射|超标") and not without:
        return None
    if not (inside or without) and ask.has(r"(?:纯|百分百)[\u4e00-\u9fff]{0,5} *(?:吗|么|的|不)"):
        return ingredients(ask)
    if not (inside or without):
        if not words and ask.has("不含什么|不含哪些|无添加|0添加|零添加|有害") and ask.some("free_of"):
            return ask.say(f"写明不含{ask.get('free_of')}")
        return None
    parts = []
    if inside and ask.has("纯|全是|都是|百分之?百|100%|是不是"):
        return ask.say(f"{ask.get('name')}成分有{ask.get('ingredients')}")
    if inside:
        ask.get("ingredients")
        parts.append(f"成分里有{'、'.join(dict.fromkeys(inside))}")
    if without:
        ask.get("free_of")
        parts.append(f"不含{'、'.join(without)}")
    if words:
        parts.append("其他的我请店铺客服确认")
    return ask.say(f"{ask.get('name')}{'，'.join(parts)}")


_GENERAL = re.compile(
    r"(?<=..)(?:原料|成分|类|剂|添加剂|\d+(?:\.\d+)?%)$|^(?:食用|天然|食品级|植物|添加)(?=..)"
)


def _stands(entry: str, line: str) -> bool:
    """Whether a line holds an entry of a list, or what is left of it without general words: 转基因原料."""
    own = folded(entry)
    if len(own) == 1:
        meant = (
            rf"[有含加放是纯没无]{re.escape(own)}(?=吗|么|不|没|的|吧|$|[\s,，啊呢])|^{re.escape(own)}[多吗]"
        )
        return re.search(meant, line) is not None
    if len(own) >= 3 and own[-1] in "肉剂物油粉糖酸料类素醇胶皮仁干粒块汁浆叶籽泥" and own[:-1] in line:
        return True
    return own in line or _GENERAL.sub("", own) in line or (len(own) >= 4 and own[-2:] in line)


def _alias_in(ingredient: str, line: str) -> bool:
    name = folded(ingredient)
    return any((a in line and b in name) or (b in line and a == name) for a, b in _SAME)


def ingredients(ask: Asking) -> Said | None:
    """What is in it."""
    listed = ask.some("ingredients")
    return ask.say(f"成分有{listed}") if listed else None


_MEASURED = (
    (r"功率|瓦|\dw", r"\d\s*(?:w|瓦)|功率"),
    (r"重|斤|沉|轻", r"\d\s*(?:g|kg|斤|克|公斤)(?![a-z])"),
    (r"厚|粗|细", r"厚|粗|\d\s*(?:mm|毫米)"),
    (r"长|宽|高|深|直径|尺寸|寸", r"\d\s*(?:cm|m|米|厘米|寸)(?![a-z])"),
    (r"容量|升|毫升", r"\d\s*(?:l|ml|升|毫升)(?![a-z])"),
    (r"续航|电池|毫安", r"续航|mah|毫安|电池"),
    (r"噪音|分贝", r"噪|分贝"),
    (r"电压|伏", r"\d\s*(?:v|伏)"),
    (r"温度", r"℃|度"),
    (r"克重|支数", r"\d\s*(?:支|克)"),
    (r"内存|像素|屏幕|转速", r"内存|像素|屏|转"),
)


_PART = re.compile("(?:^|[\\s的个款])([\u4e00-\u9fff])[\u4e00-\u9fff]?(?:有|是)?多[长宽高厚粗深]")


def attribute(ask: Asking) -> Said | None:
    """A measure of the product (power, weight, length): whichever of its facts holds it."""
    marks = next((marks for words, marks in _MEASURED if ask.has(words)), None)
    if marks is None:
        return None
    about = _PART.search(ask.line)
    for name, words in (("claims", "资料上写的是"), ("highlights", "特点是")) if about else ():
        parts = (ask.some(name) or "").split("、")
        ask.used.clear()
        if about and any(about[1] in part and re.search(marks, folded(part)) for part in parts):
            return ask.say(f"{words}{ask.get(name)}")
    sized = [re.search(marks, folded(s.name)) for s in ask.product.specs or ()]
    if sized and all(sized):
        return on_price.spec(ask)
    for name, words in (("claims", "资料上写的是"), ("highlights", "特点是"), ("ingredients", "成分有")):
        if re.search(marks, folded(ask.some(name) or "")):
            ask.used.clear()
            return ask.say(f"{words}{ask.get(name)}")
    ask.used.clear()
    if any(re.search(marks, folded(s.name)) for s in ask.product.specs or ()):
        return on_price.spec(ask)
    return None


# The unit of a number that is taken for true, and what is said then.
_UNITS: tuple[tuple[str, Callable[[Asking], Said | None]], ...] = (
    ("小时", on_service.when_ships),
    ("(?:个月|年)", on_goods.life),
    ("天", on_service.arrives),
    ("(?:g|ml|kg|l|片|粒|颗|袋|包|支|斤|枚|抽|cm)(?![a-z])", on_price.spec),
)


def premise(ask: Asking) -> Said | None:
    """A number that the viewer takes for true: the fact that it is about, the price where it is none."""
    for marks, handler in _UNITS:
        if ask.has(rf"不是\D{{0,3}}\d+(?:到\d+)?{marks}"):
            return handler(ask)
    steel = re.search(r"\d{3}不锈钢", f"{ask.some('ingredients') or ''} {ask.get('name')}")
    ask.used.clear()
    if steel and ask.has("304|316|201|430") and not ask.has("元|块|钱|价|卖"):
        return ingredients(ask) or ask.say(f"这款是{ask.get('name')}")
    unit = re.search(r"\d\s*(w|瓦|毫安|mah|分贝|厘米|cm|毫米|档|层|寸)(?![a-z])", ask.line)
    if unit is not None:
        return measures.amount(replace(ask, line=f"多少{unit[1]}")) or on_price.spec(ask)
    numbers = set(re.findall(r"\d+(?:\.\d+)?", ask.line))
    for field, words in (("ingredients", "成分有"), ("claims", "资料上写的是"), ("highlights", "特点是")):
        if any(re.search(rf"(?<![\d.]){re.escape(n)}(?![\d.])", ask.some(field) or "") for n in numbers):
            ask.used.clear()
            return ask.say(f"{words}{ask.get(field)}")
    ask.used.clear()
    spec = next((s for s in ask.specs() if s.price is not None), None)
    paid_now = ask.some(f"after_coupon.{spec.name}" if spec else "after_coupon")
    ask.used.clear()
    return on_price.paid(ask) if paid_now in numbers else on_price.price(ask)
