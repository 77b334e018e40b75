// What the room sells: link number, what a buyer pays, stock; and changing them on air.

import { api } from "./api.js";
import { filler, h, mark, say, throttled } from "./dom.js";
import { isOpen } from "./health.js";
import { dialog, toast } from "./toast.js";
import { w, yuan } from "./words.js";

export class ProductsPanel {
  constructor(context, roomOf) {
    this.context = context;
    this.roomOf = roomOf;
    this.items = [];
    this.list = h("tbody");
    this.element = h("section.panel.products", {}, h("h2", {}, w("products")),
      h("div.scroll", {}, h("table", {}, h("thead", {}, h("tr", {}, ["link", "", "price", "pay", "stock"].map((word) => h("th", {}, word ? w(word) : "")))), this.list)));
    this.fill = filler(this.list, (items, on, may) => items.map((one) => this.row(one, on, may)));
    this.reload = throttled(() => this.read(), 800);
  }

  async read() {
    const room = this.roomOf();
    if (!room) return;
    try {
      this.items = (await api.products(room.id)).items;
    } catch { return; }
    if (this.roomOf()) this.render(this.roomOf());
  }

  render(room) {
    // What viewers see a card of: the show itself is a phrase or two ahead of the picture.
    const shown = isOpen(room) && room.now?.card !== undefined ? room.now.card : room.on_air?.product;
    this.fill(this.items, shown ?? null, this.context.can("operator"));
  }

  row(one, on, may) {
    const row = h("tr", { tabIndex: may ? 0 : -1, onclick: () => may && this.edit(one), onkeydown: (event) => event.key === "Enter" && may && this.edit(one) },
      h("td.link", {}, String(one.link)),
      h("td", {}, one.id === on ? h("span.kind", {}, w("presenting")) : null, one.name),
      h("td.money", {}, yuan(one.price)), h("td.money.pay", {}, yuan(one.pay)),
      h("td.money", {}, one.stock ? String(one.stock) : w("sold_out")));
    mark(row, "on", one.id === on ? "yes" : "no");
    mark(row, "out", one.stock ? "no" : "yes");
    return row;
  }

  edit(one) {
    const price = h("input", { name: "price", inputMode: "decimal", pattern: "\\d{1,7}(\\.\\d{1,2})?", value: one.price, required: true });
    const off = h("input", { name: "off", inputMode: "decimal", pattern: "\\d{1,7}(\\.\\d{1,2})?", value: one.coupon?.amount ?? "", placeholder: "0" });
    const from = h("input", { name: "from", inputMode: "decimal", pattern: "\\d{1,7}(\\.\\d{1,2})?", value: one.coupon?.threshold ?? "", placeholder: "0" });
    const stock = h("input", { name: "stock", inputMode: "numeric", pattern: "\\d{1,9}", value: String(one.stock), required: true });
    const pays = h("output.pays");
    const sum = () => {
      const [p, o, f] = [price, off, from].map((field) => Number(field.value) || 0);
      say(pays, w("pay_will", { p: yuan((p >= f ? Math.max(p - o, 0.01) : p).toFixed(2)) }));
    };
    for (const field of [price, off, from]) field.addEventListener("input", sum);
    const element = dialog(`${one.link} · ${one.name}`, [
      [w("price"), price], [w("coupon"), h("span.pair", {}, w("coupon_from"), from, w("coupon_off"), off)], [w("stock"), stock],
    ], { save: (values) => this.save(one, values) });
    element.querySelector(".actions").before(pays);
    sum();
  }

  async save(one, values) {
    const change = {};
    if (values.price !== one.price) change.price = values.price;
    if (Number(values.stock) !== one.stock) change.stock = Number(values.stock);
    const off = values.off.trim();
    if (off !== (one.coupon?.amount ?? "") || values.from.trim() !== (one.coupon?.threshold ?? "")) {
      change.coupon = Number(off) > 0 ? { ...(one.coupon || {}), amount: off, threshold: values.from.trim() || "0" } : false;
    }
    if (!Object.keys(change).length) return;
    await api.changeProduct(this.roomOf().id, one.id, change, one.version);
    toast(w("product_saved"));
    this.reload();
    this.context.refresh();
  }
}
