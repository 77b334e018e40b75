"""Sayings about link, price, coupon, gifts, stock and variants. None means unknown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

from livehost.answers import on_service, variants
from livehost.answers.asking import Asking, Said
from livehost.answers.facts import NONE, after_coupon, coupon_state
from livehost.catalog import Product, Spec
from livehost.chinese import folded, with_digits


def link(ask: Asking) -> Said | None:
    """Where it is bought."""
    number = ask.get("link")
    tail = "" if ask.product.stock else "，不过现在缺货"
    if tail:
        ask.get("in_stock")
    return ask.say(f"{ask.get('name')}是{number}号链接，点小黄车{number}号就能看到{tail}")


def _priced(ask: Asking, spec: Spec | None) -> str | None:
    """`120g是68元`: a variant's price, or the product's."""
    value = ask.get(f"price.{spec.name}" if spec else "price")
    if value is None:
        return None
    return f"{spec.name}是{value}元" if spec else f"{value}元"


def _main_spec(ask: Asking) -> Spec | None:
    """The variant that the product's own price stands for, where there are several."""
    specs = ask.product.specs or ()
    return next((s for s in specs if s.price == ask.product.price), None) if len(specs) > 1 else None


def price(ask: Asking) -> Said | None:
    """The price in this room, of the variants that are named, or of several pieces."""
    if ask.pieces() is not None:
        return _several(ask)
    named = [s for s in ask.specs() if s.price is not None]
    if not named and ask.specs():
        return None
    if not named and variants.asks_part(ask.line, ask.product):
        return _packs(ask)
    if not named and _ASKS_EACH.search(ask.line) and len(ask.product.specs or ()) > 1:
        named = [s for s in ask.product.specs or () if s.price is not None]
    if named:
        return ask.say(f"{ask.get('name')}，" + "，".join(filter(None, (_priced(ask, s) for s in named))))
    if _measured_otherwise(ask):
        return _packs(ask)
    main = _main_spec(ask)
    if main and len({s.price for s in ask.product.specs or ()}) > 1:
        value = ask.get(f"price.{main.name}")
        return ask.say(f"{ask.get('name')}{main.name}的直播间价{value}元{_sold_out(ask)}")
    return ask.say(f"{ask.get('name')}直播间价{ask.get('price')}元{_sold_out(ask)}")


def _sold_out(ask: Asking) -> str:
    """What a price is followed by where there is none left."""
    if ask.product.stock:
        return ""
    ask.get("in_stock")
    when = ask.some("restock")
    return f"，不过现在缺货，预计{when}补货" if when else "，不过现在缺货"


def _measured_otherwise(ask: Asking) -> bool:
    """Whether a line names an amount or a size in a measure of the variants, and none of them: 50g of 250ml, 500ml."""
    forms = [variants.tokens(with_digits(folded(s.name))) for s in ask.product.specs or ()]
    said = {
        t
        for t in variants.tokens(with_digits(folded(ask.line)))
        if re.fullmatch(r"\d+(?:\.\d+)?(?:g|ml|kg|l|斤|cm|寸|码)|x*[sml]|\d?xl", t)
    }
    sold = {t for form in forms for t in form}
    return bool(said) and not said & sold and any(re.search(r"\d|^x*[sml]$", t) for t in sold)


def _packs(ask: Asking) -> Said | None:
    """The packs in which it is sold, where a line counts their parts: what part costs is not known."""
    listed = "，".join(filter(None, (_priced(ask, s) for s in ask.product.specs or ())))
    return ask.say(f"{ask.get('name')}是按规格卖的，{listed}") if listed else None


def _several(ask: Asking) -> Said | None:
    """What several pieces cost together, and after a coupon that the sum reaches."""
    wanted = ask.pieces()
    if wanted is None:
        return None
    count, measure = wanted
    chosen = ask.specs()
    tail = f".{chosen[0].name}" if chosen else ""
    label = chosen[0].name if chosen else ask.get("name")
    several = f"{count}:{chosen[0].name}" if chosen else f"{count}"
    total = ask.get(f"total.{several}")
    ask.get(f"pieces.{count}")
    text = f"{label}直播间价{ask.get(f'price{tail}')}元，{count}{measure}一共{total}元"
    after = ask.get(f"total_after_coupon.{several}")
    if after is not None:
        text += f"，券是{ask.get('coupon')}，券后到手{after}元"
    return ask.say(text)


def paid(ask: Asking) -> Said | None:
    """The price after a coupon that applies."""
    if ask.pieces() is not None:
        return _several(ask)
    if not ask.specs() and variants.asks_part(ask.line, ask.product):
        return _packs(ask)
    spec = next((s for s in ask.specs() if s.price is not None), None)
    amount = spec.price if spec and spec.price is not None else ask.product.price
    name = f".{spec.name}" if spec else ""
    label = spec.name if spec else str(ask.get("name"))
    value = ask.get(f"price{name}")
    state = coupon_state(ask.product, ask.now)
    if state is None:
        return ask.say(f"{label}直播间价{value}元，券的情况我请店铺客服确认")
    coupon = ask.get("coupon")
    if state == "none":
        return ask.say(f"现在没有可用的券，{label}到手就是{value}元")
    after = ask.get(f"after_coupon{name}")
    if after is None or after_coupon(ask.product, amount, ask.now) is None:
        return ask.say(f"券是{coupon}，单拍{label}还不够门槛，到手是{value}元")
    return ask.say(f"{label}直播间价{value}元，券是{coupon}，券后到手{after}元")


def coupon(ask: Asking) -> Said | None:
    """The coupon's terms, and whether this product reaches them."""
    state = coupon_state(ask.product, ask.now)
    if state is None:
        return None
    terms = ask.get("coupon")
    if state == "none":
        return ask.say(f"这款现在没有可用的优惠券，直播间价{ask.get('price')}元")
    after = ask.get("after_coupon")
    if after is not None:
        return ask.say(f"有券，{terms}，领了再拍，券后{after}元")
    return ask.say(f"有券，{terms}，单拍这款{ask.get('price')}元还不够门槛，凑够了就能用")


def coupon_until(ask: Asking) -> Said | None:
    """Until when the coupon holds."""
    if coupon_state(ask.product, ask.now) == "none":
        return coupon(ask)
    until = ask.get("coupon.until")
    return ask.say(f"有券，{ask.get('coupon')}，可以用到{until}") if until else None


def list_price(ask: Asking) -> Said | None:
    """What it is compared with, always with its basis."""
    listed = ask.get("list_price")
    if listed is None:
        return None
    now = f"直播间价{ask.get('price')}元"
    return ask.say(f"这款没有可以比的划线价，{now}" if listed == NONE else f"{_with_is(listed)}，{now}")


def _with_is(listed: str) -> str:
    """近7日最低成交价89元 → 近7日最低成交价是89元."""
    return re.sub(r"(?<=[^\d.])(\d+(?:\.\d+)?元)$", r"是\1", listed)


def offer(ask: Asking) -> Said | None:
    """What makes it cheaper: a live coupon, gifts, the price in this room; of several pieces their sum."""
    if ask.pieces() is not None:
        return _several(ask)
    parts = [f"直播间价{ask.get('price')}元"]
    state = coupon_state(ask.product, ask.now)
    if state == "live":
        parts.append(f"有{ask.get('coupon')}的券")
    elif state == "none":
        ask.get("coupon")
        parts.append("现在没有可用的券")
    gifts = ask.some("gifts")
    if gifts:
        parts.append(f"还送{gifts}")
    listed = ask.some("list_price")
    if listed:
        parts.insert(0, _with_is(listed))
    if state is None and len(parts) == 1 and not ask.has(_BARGAINS):
        return None
    return ask.say("，".join(parts))


_BARGAINS = r"便宜|低|刀|[议还]价|折|送我|再|少[点个\d一二三四五六七八九十]|讲价|砍价|抹|零头|整|降|最低|底价|\d|[一二三四五六七八九十百]{1,3}(?:块|元)?[行成卖就给]|[拿带]走"


def dear(ask: Asking) -> Said | None:
    """Too dear? The terms as they are, nothing promised."""
    said = offer(ask)
    highlights = ask.some("highlights")
    if said is None:
        said = ask.say(f"直播间价{ask.get('price')}元")
    if not highlights:
        return said
    extra = ask.say(f"，特点是{highlights}")
    return Said(f"理解您，{said.text}{extra.text}，您按需要来拍", said.facts + extra.facts)


def gifts(ask: Asking) -> Said | None:
    """What comes along."""
    value = ask.get("gifts")
    if value is None:
        given = any(re.search("送|赠", h) for h in ask.product.highlights or ())
        return ask.say(f"特点是{ask.get('highlights')}") if given else None
    if value != NONE and ask.has(
        r"[\d一二两三四五六七八九十几] *[个件支瓶盒包片只条份袋把本张块对双套根罐卷]|多少"
    ):
        ask.used.clear()
        return ask.say(f"拍这款送{ask.get('gifts.counted')}")
    return ask.say("这款没有赠品" if value == NONE else f"拍这款送{value}")


def sample(ask: Asking) -> Said | None:
    """Whether there is a small one: among the gifts or the variants."""
    for spec in ask.product.specs or ():
        if re.search("小样|试用|体验|试吃|旅行|分装", spec.name):
            return ask.say(f"有{_priced(ask, spec)}")
    value = ask.get("gifts")
    if value is None:
        return None
    if value == NONE:
        return ask.say("这款没有小样，也没有赠品")
    return ask.say(
        f"拍这款送{value}" if "小样" in value or "试" in value else f"没有单独的小样，赠品是{value}"
    )


def stock(ask: Asking) -> Said | None:
    """Whether it can be had now; the count only when asked for it."""
    state = ask.get("in_stock")
    if state == "缺货":
        when = ask.some("restock")
        return ask.say("这款现在缺货" + (f"，预计{when}补货" if when else "，补货时间我请店铺客服确认"))
    if ask.has(
        r"(?:多少|几)(?:件|个|瓶|盒|单|份|支|套|双|条|把|包|袋|根|张|台|本|只|顶|罐|块|副|盏|库存|货)|剩(?:多少|几)|库存(?:还)?(?:有)?多少"
    ):
        return ask.say(f"现在有货，库存{ask.get('stock')}件")
    return ask.say(f"现在有货，拍{ask.get('link')}号链接就可以")


def restock(ask: Asking) -> Said | None:
    """When it comes back."""
    if ask.product.stock and ask.has("到货"):
        return on_service.arrives(ask)
    if ask.product.stock:
        ask.get("in_stock")
        return ask.say("这款现在就有货，可以直接拍")
    when = ask.some("restock")
    if when is None:
        return None
    ask.get("in_stock")
    return ask.say(f"现在缺货，预计{when}补货")


_SIZE = re.compile(
    r"(?<![a-z0-9])(?:\d?x*[sml]|\d?xl|均码)(?![a-z0-9])|\d\s*(?:码|号|cm|寸|m(?![a-z])|米)|\d[*×x]\d",
    re.IGNORECASE,
)
_AMOUNT = re.compile(
    r"\d\s*(?:g|ml|kg|l|片|粒|颗|袋|包|支|瓶|盒|箱|斤|抽|卷|条|枚|罐|贴|个|只|双|克|毫升)(?![a-z])",
    re.IGNORECASE,
)
_NO_STYLE = re.compile(
    r"[\d.\s×*x+\-~/()（）]|[a-z]+|[片粒颗袋包支瓶盒箱斤抽卷条枚罐贴个只双克升码号寸米床装款型的大小中份件套宽高长厚约共头人直径]|毫升|规格|均码"
)
_STYLES = "[粉黑白红蓝绿黄紫灰棕橙杏驼]"
_ASKS_STYLE = re.compile(rf"颜色|色|味|款式|型号|香型|图案|[有要](?:没有)?{_STYLES}")
_ASKS_SIZE = re.compile(r"[大小中均]码|几码|尺码|码数|(?<![a-z])\d?x*[sml](?![a-z])|\dxl|\d码")
_ASKS_EACH = re.compile(
    r"分别|各|都?一样(?:价|贵|钱|吗|么|不)|一个价|同价|怎么卖|每种|都多少|几种|(?:一|1|每)(?:斤|公斤|kg|g|克|片|粒|颗|包|袋|ml|毫升)"
)


def _sorts(specs: Sequence[Spec]) -> set[str]:
    """By what the variants differ: `size`, `amount`, `style` (colour, flavour, model)."""
    found = set()
    for one in specs:
        found |= {"size"} if _SIZE.search(one.name) else set()
        found |= {"amount"} if _AMOUNT.search(one.name) else set()
        found |= {"style"} if _NO_STYLE.sub("", one.name.lower()) else set()
    return found


def has_styles(product: Product) -> bool:
    """Whether the variants differ by colour, flavour or model."""
    return "style" in _sorts(product.specs or ())


def spec(ask: Asking) -> Said | None:
    """The variants and their prices; None where they differ by something else than what is asked for."""
    specs = ask.product.specs
    if specs is None:
        return None
    sorts = _sorts(specs)
    if specs and _ASKS_STYLE.search(ask.line) and "style" not in sorts:
        return None
    flavoured = ask.product.category in ("food", "health_food") or any("味" in s.name for s in specs)
    if specs and "味" in ask.line and not flavoured:
        return None
    if specs and _ASKS_SIZE.search(ask.line) and "size" not in sorts:
        return None
    if not specs:
        ask.get("specs")
        return ask.say("这款只有一种规格")
    chosen = ask.specs() or specs
    wanted = re.search(r"(?<![\d.])\d\d(?=码|号|的|吗|么|$)", ask.line)
    if wanted and not all(wanted[0] + "码" in variants.tokens(s.name) or wanted[0] in s.name for s in chosen):
        chosen = specs
    letters = {t for t in variants.tokens(ask.line) if re.fullmatch(r"x*[sml]", t)}
    if letters and not all(letters & variants.tokens(folded(s.name)) for s in chosen):
        chosen = specs
    listed = "，".join(_priced(ask, s) or s.name for s in chosen)
    if any(s.price is None for s in chosen):
        ask.get("specs")
    count = "" if len(chosen) == len(specs) and len(specs) > 1 else "规格" if chosen is specs else "有"
    return ask.say(
        f"{ask.get('name')}{count or '有这几种规格'}：{listed}" if chosen is specs else _had(ask, listed)
    )


def _had(ask: Asking, listed: str) -> str:
    """A variant that is asked for: there is one, unless the product is sold out."""
    if ask.product.stock:
        return f"有的，{listed}"
    ask.get("in_stock")
    return f"{listed}，不过现在缺货"


def worth(ask: Asking) -> Said | None:
    """Which variant costs less for what is in it."""
    specs = [s for s in ask.product.specs or () if s.price is not None]
    if not specs:
        return price(ask)
    listed = "，".join(filter(None, (_priced(ask, s) for s in specs)))
    sizes = [
        re.match(r"(\d+(?:\.\d+)?)(g|kg|ml|l|片|粒|袋|包|颗|抽|支|瓶|盒|个|条)", s.name.lower())
        for s in specs
    ]
    units = {m[2] for m in sizes if m}
    if len(specs) < 2 or not all(sizes) or len(units) != 1:
        return ask.say(f"{listed}，按您的用量来选")
    each = [
        (s.price or 0) / max(Decimal(m[1]), Decimal("0.001")) for s, m in zip(specs, sizes, strict=True) if m
    ]
    best = specs[each.index(min(each))]
    tail = "两种单价一样" if min(each) == max(each) else f"按单价算{best.name}更划算"
    return ask.say(f"{listed}，{tail}")
