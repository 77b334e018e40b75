"""Sayings about shipping, returns, papers and trust. None means unknown."""

from __future__ import annotations

import re

from livehost.answers.asking import Asking, Said
from livehost.answers.facts import NONE
from livehost.answers.intents import HOMES, REGIONS
from livehost.chinese import folded

_TOGETHER = ("香港", "澳门", "台湾")


def _named(ask: Asking) -> list[str]:
    """The regions that a line names."""
    return [r for r in REGIONS if r in ask.line]


def _refused(ask: Asking) -> Said | None:
    """That it is not sent to a region that is named, where it is not."""
    excluded = ask.product.shipping.not_to or ()
    refused = [
        r
        for r in _named(ask)
        if any(e and (e in r or HOMES.get(r, r) in e or (r in _TOGETHER and "港澳台" in e)) for e in excluded)
    ]
    if not refused:
        return None
    ask.used.clear()
    ask.get("shipping.not_to")
    return ask.say(f"{'、'.join(refused)}暂时不发，不好意思")


def _abroad(ask: Asking) -> bool:
    """Whether a place is named that a list of regions not served says nothing about."""
    return ask.has("香港|澳门|台湾|港澳|国外|海外|境外")


def when_ships(ask: Asking) -> Said | None:
    """How soon it leaves."""
    if not ask.product.stock:  # nothing leaves before there is some
        ask.get("in_stock")
        when = ask.some("restock")
        return ask.say(f"这款现在缺货，预计{when}补货" if when else "这款现在缺货")
    within = ask.some("shipping.within")
    return ask.say(f"拍下后{within.removesuffix('内')}内发货") if within else None


def arrives(ask: Asking) -> Said | None:
    """How long it is under way."""
    if (refused := _refused(ask)) is not None:
        return refused
    if ask.product.stock == 0 and (again := ask.some("restock")) is not None:
        ask.get("in_stock")
        return ask.say(f"这款现在缺货，预计{again}补货")
    days = ask.some("shipping.days")
    return ask.say(f"发出后一般{days}到，具体看物流") if days else None


def courier(ask: Asking) -> Said | None:
    """Who brings it; a courier that is not listed is not promised."""
    if (refused := _refused(ask)) is not None:
        return refused
    listed = ask.some("shipping.courier")
    return ask.say(f"这款发的是{listed}") if listed else None


def where_from(ask: Asking) -> Said | None:
    """Where it leaves from."""
    place = ask.some("shipping.from")
    return ask.say(f"从{place}发货") if place else None


def free_shipping(ask: Asking) -> Said | None:
    """Who pays for the way; nothing is promised for a place to which it may not be sent."""
    if (refused := _refused(ask)) is not None:
        return refused
    if _abroad(ask) or (_named(ask) and ask.product.shipping.not_to is None):
        return None
    value = ask.get("shipping.free")
    if value is None:
        return None
    return ask.say("这款不包邮，运费另付，以下单页为准" if value == NONE else "这款包邮")


def fee(ask: Asking) -> Said | None:
    """How much the way costs: only known where it costs nothing."""
    return free_shipping(ask) if ask.product.shipping.free else _refused(ask)


def region(ask: Asking) -> Said | None:
    """Where it is not sent."""
    named = _named(ask)
    home = ask.product.shipping.from_ or ""
    if named and (
        ask.has("发的(?!到)|(?:从|是)(?:" + "|".join(named) + ")(?:市|省|那边)?发")
        or (ask.has("发货") and any(r in home for r in named))
    ):
        return where_from(ask)
    if named and _WHEN.search(ask.line) and ask.product.shipping.days:
        return arrives(ask)
    listed = ask.get("shipping.not_to")
    if listed is None:
        return None
    if (refused := _refused(ask)) is not None:
        return refused
    if _abroad(ask):
        return None
    where = "没有不发的地区" if listed == NONE else f"不发的地区是{listed}"
    if named:
        return ask.say(f"{where}，{'、'.join(named)}可以发")
    return ask.say(where)


# Asked with a place, when it will be there.
_WHEN = re.compile(
    r"(?:几|多少|[\d一二三四五六七])天|多久|什么时候|[今明后]天|明晚|今晚|周末|下周|月底|年前|几号|\d号|快不快|要多长"
)


def insurance(ask: Asking) -> Said | None:
    """Whether returns are insured (运费险)."""
    value = ask.get("returns.insurance")
    if value is None:
        return None
    return ask.say("这款没有运费险" if value == NONE else "这款有运费险")


def returns(ask: Asking) -> Said | None:
    """Seven days without reason, and what is excepted."""
    value = ask.get("returns.seven_days")
    if value is None:
        return None
    exceptions = ask.some("returns.exceptions")
    tail = f"，{exceptions}" if exceptions else ""
    return ask.say(f"这款不支持7天无理由退货{tail}" if value == NONE else f"支持7天无理由退货{tail}")


def unseal(ask: Asking) -> Said | None:
    """Sent back once opened: only where the exceptions are known."""
    if ask.product.returns.exceptions is None and ask.product.returns.seven_days is not False:
        return None
    return returns(ask)


def damage(ask: Asking) -> Said | None:
    """Arrived broken: the shop's own service, or its contact."""
    services = ask.shop("services") or ""
    pays = next((s for s in re.split("、", services) if re.search("破|损|赔", s)), "")
    contact = ask.shop("contact")
    if not pays and not contact:
        return None
    who = f"请联系{contact}处理" if contact else "店铺会处理"
    return ask.say(f"店铺有{pays}服务，{who}，保留好照片" if pays else f"收到有问题{who}，保留好照片")


def invoice(ask: Asking) -> Said | None:
    """What kind of invoice."""
    value = ask.get("invoice")
    if value is None:
        return None
    return ask.say("这款不开发票" if value == NONE else f"可以开{value}")


def registration(ask: Asking) -> Said | None:
    """The number it is registered under."""
    if ask.has("报告|质检|检测|证书|鉴定|国检"):
        proofs = [
            c.evidence
            for c in ask.product.claims or ()
            if c.evidence and re.search("报告|检测|证书|鉴定|国检", c.evidence)
        ]
        return (
            ask.say(f"{ask.get('claims')}，依据是{'、'.join(dict.fromkeys(proofs))}")
            if proofs
            else _listed(ask)
        )
    value = ask.some("registration")
    if value is None:
        return _listed(ask)
    return ask.say(f"备案注册信息是{value}，可以自己查") if value else None


def _listed(ask: Asking) -> Said | None:
    """A mark or paper that a claim names itself: 3C认证."""
    named = re.search("3c|认证|证书", ask.line)
    listed = named is not None and named[0] in folded(ask.some("claims") or "")
    return ask.say(f"资料上写的是{ask.get('claims')}") if listed else None


def authentic(ask: Asking) -> Said | None:
    """Why it is genuine, in the shop's words."""
    words = ask.shop("authentic")
    services = ask.shop("services") or ""
    genuine = "、".join(s for s in services.split("、") if re.search("正品|假一|保真", s))
    if not words and not genuine:
        return None
    return ask.say("，".join(filter(None, (words, f"店铺有{genuine}" if genuine else ""))))


def distrust(ask: Asking) -> Said | None:
    """A doubt: what can be checked, nothing promised."""
    words, services = ask.shop("authentic"), ask.shop("services")
    back = ask.some("returns.seven_days")
    parts = [words or "", f"店铺有{services}" if services else "", "支持7天无理由退货" if back else ""]
    if not any(parts):
        return None
    return ask.say("您放心看，" + "，".join(filter(None, parts)))


def contact(ask: Asking) -> Said | None:
    """Whom to turn to, on the platform."""
    if ask.has("店名|什么店|哪家店|店铺(?:名|叫)|牌子叫|你们(?:家)?(?:店|品牌)叫"):
        name = ask.shop("name")
        return ask.say(f"我们是{name}") if name else None
    who = ask.shop("contact")
    return ask.say(f"可以找{who}，在平台里联系就行") if who else None


def services(ask: Asking) -> Said | None:
    """What the shop gives with every order."""
    listed = ask.shop("services")
    return ask.say(f"店铺有{listed}") if listed else None
