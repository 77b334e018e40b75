"""Which intent is answered by which saying, and what may be said of an intent that is not."""

from __future__ import annotations

from collections.abc import Callable

from livehost.answers import on_contents, on_goods, on_price, on_service
from livehost.answers.asking import Asking, Said
from livehost.answers.intents import SENSITIVE

Handler = Callable[[Asking], Said | None]

HANDLERS: dict[str, Handler] = {
    "link": on_price.link,
    "price": on_price.price,
    "after_coupon": on_price.paid,
    "coupon": on_price.coupon,
    "coupon_until": on_price.coupon_until,
    "premise": on_contents.premise,
    "list_price": on_price.list_price,
    "offer": on_price.offer,
    "dear": on_price.dear,
    "gifts": on_price.gifts,
    "sample": on_price.sample,
    "stock": on_price.stock,
    "restock": on_price.restock,
    "spec": on_price.spec,
    "attribute": on_contents.attribute,
    "worth": on_price.worth,
    "pregnancy": on_goods.pregnancy,
    "nursing": on_goods.nursing,
    "minors": on_goods.minors,
    "illness": on_goods.illness,
    "suitable": on_goods.suitable,
    "contains": on_contents.contains,
    "free_of": on_contents.contains,
    "ingredients": on_contents.ingredients,
    "usage": on_goods.usage,
    "lasts": on_goods.lasts,
    "life": on_goods.life,
    "produced": on_goods.produced,
    "origin": on_goods.origin,
    "effect": on_goods.effect,
    "treat": on_goods.treat,
    "intro": on_goods.intro,
    "kind": on_goods.kind,
    "replace_drug": on_goods.replace_drug,
    "compare": on_goods.compare,
    "when_ships": on_service.when_ships,
    "arrives": on_service.arrives,
    "courier": on_service.courier,
    "where_from": on_service.where_from,
    "free_shipping": on_service.free_shipping,
    "fee": on_service.fee,
    "region": on_service.region,
    "insurance": on_service.insurance,
    "returns": on_service.returns,
    "unseal": on_service.unseal,
    "damage": on_service.damage,
    "invoice": on_service.invoice,
    "registration": on_service.registration,
    "authentic": on_service.authentic,
    "distrust": on_service.distrust,
    "contact": on_service.contact,
    "services": on_service.services,
}
# What may be answered without knowing the product, from the shop alone.
OF_SHOP = ("authentic", "distrust", "contact", "services", "damage")
# Delicate: when one of these is unknown the whole line is handed over.
DELICATE = SENSITIVE | {"effect_when"}
# What an unknown part of a line is called when the rest is answered.
TOPICS = {
    "coupon": "优惠券",
    "list_price": "划线价",
    "gifts": "赠品",
    "sample": "小样",
    "restock": "补货时间",
    "lasts": "能用多久",
    "life": "保质期",
    "produced": "生产日期",
    "origin": "产地",
    "when_ships": "发货时间",
    "arrives": "到货时间",
    "courier": "快递",
    "region": "配送范围",
    "insurance": "运费险",
    "returns": "退货",
    "invoice": "发票",
    "registration": "备案信息",
}
# Intents that everyday talk also looks like.
WEAK = frozenset(
    (
        "intro",
        "effect",
        "compare",
        "kind",
        "worth",
        "stock",
        "services",
        "contact",
        "suitable",
        "spec",
        "link",
    )
)
# What is also found in a remark that asks nothing: 这个真的好用回购了, 孕妇路过.
REMARKED = WEAK | {
    "pregnancy", "nursing", "minors", "authentic", "distrust", "origin", "arrives", "when_ships", "restock", "coupon", "contains"
}  # fmt: skip
# Intents about use and make, which any of the product's own words may answer.
OPEN = frozenset(
    ("spec", "attribute", "contains", "usage", "suitable", "with_other", "opened", "effect", "size")
)
# Intents that the name of the goods and the asking words make whole.
OF_GOODS = frozenset(
    ("price", "after_coupon", "coupon", "link", "stock", "restock", "gifts", "list_price", "offer")
)
# Intents for which an approved entry about the same says more than the field.
SOFT = (OPEN | {"damage", "compare", "worth", "intro", "kind"}) - {"suitable", "effect", "contains"}
# What is left out beside a delicate question: doses, uses and praise.
DOSES = (OPEN - {"size", "spec"}) | {"effect", "worth", "lasts"}
