// The catalogue's fields, on which an answer rests, as an operator reads them: Chinese, English.

import { language } from "./words.js";

const FIELDS = {
  name: ["名称", "Name"], link: ["链接", "Link"], category: ["类目", "Category"],
  price: ["直播间价", "Price"], list_price: ["划线价", "List price"], coupon: ["优惠券", "Coupon"], "coupon.until": ["券到期", "Coupon until"],
  after_coupon: ["到手价", "After coupon"], total: ["合计", "Total"], total_after_coupon: ["券后合计", "Total after coupon"],
  gifts: ["赠品", "Gifts"], "gifts.counted": ["赠品份数", "Gifts, counted"], stock: ["库存", "Stock"], in_stock: ["有无货", "In stock"], restock: ["补货", "Restock"],
  specs: ["规格", "Variants"], ingredients: ["成分", "Ingredients"], free_of: ["不含", "Free of"], claims: ["功效依据", "Claims"],
  suitable_for: ["适用", "Suits"], not_for: ["不适用", "Not for"], sensitive: ["特殊人群", "Delicate groups"],
  "sensitive.pregnancy": ["孕妇", "Pregnancy"], "sensitive.nursing": ["哺乳期", "Nursing"], "sensitive.minors": ["未成年人", "Minors"],
  usage: ["用法", "Use"], lasts: ["能用多久", "Lasts"], shelf_life: ["保质期", "Shelf life"], produced: ["生产日期", "Produced"], origin: ["产地", "Origin"],
  shipping: ["发货", "Shipping"], "shipping.from": ["发货地", "Ships from"], "shipping.within": ["发货时间", "Ships within"], "shipping.days": ["到货时间", "Arrives in"],
  "shipping.courier": ["快递", "Courier"], "shipping.free": ["包邮", "Free shipping"], "shipping.not_to": ["不发货地区", "Not shipped to"],
  returns: ["退货", "Returns"], "returns.seven_days": ["七天无理由", "Seven-day return"], "returns.exceptions": ["退货例外", "Exceptions"], "returns.insurance": ["运费险", "Return insurance"],
  invoice: ["发票", "Invoice"], registration: ["备案号", "Registration"], highlights: ["卖点", "Highlights"], faq: ["商品问答", "Product's answer"],
  faq_book: ["互动问答库", "Answer book"], asked: ["问到的", "Asked"], "asked.link": ["问到的链接", "Link asked for"],
  shop: ["店铺", "Shop"], "shop.name": ["店名", "Shop"], "shop.services": ["店铺服务", "Services"], "shop.authentic": ["正品保障", "Authenticity"], "shop.contact": ["联系客服", "Contact"],
};
const HIDDEN = ["faq", "faq_book"]; // what follows is a number or an id, which says nothing
const COUNTED = /^(\d+)(?::(.+))?$/; // how many pieces, and of which variant

const said = (pair) => pair[language() === "en" ? 1 : 0];

// `price.大瓶` is 直播间价 · 大瓶, `total.2` is 2 件合计.
export function factName(field) {
  if (FIELDS[field]) return said(FIELDS[field]);
  const [head] = field.split(".", 1);
  if (!FIELDS[head]) return field;
  const name = said(FIELDS[head]);
  const rest = field.slice(head.length + 1);
  const counted = head.startsWith("total") ? COUNTED.exec(rest) : null;
  const pieces = counted && (language() === "en" ? `${name}, ${counted[1]} pieces` : `${counted[1]} 件${name}`);
  const of = counted ? counted[2] : HIDDEN.includes(head) ? "" : rest;
  return [pieces || name, of].filter(Boolean).join(" · ");
}
