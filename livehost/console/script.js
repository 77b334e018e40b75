// What is being said, and what comes.

import { filler, h, mark, say } from "./dom.js";
import { isOpen } from "./health.js";
import { w } from "./words.js";

export class ScriptPanel {
  constructor() {
    this.kind = h("span.kind");
    this.asked = h("p.asked");
    this.now = h("p.now", { lang: "zh" });
    this.list = h("ol.coming");
    this.element = h("div.saying", {}, h("h2", {}, w("script"), this.kind), this.asked, this.now, this.list);
    this.fill = filler(this.list, (coming, open) =>
      coming.length ? coming.map((one) => h("li", {}, h("span.kind", {}, w(`k_${one.kind}`)), h("span", { lang: "zh" }, one.text)))
        : open ? [h("li.none", {}, w("nothing_coming"))] : []);
  }

  render(room) {
    const open = isOpen(room);
    const now = open ? room.now : null;
    say(this.kind, now ? w(`k_${now.kind}`) : "");
    mark(this.kind, "kind", now?.kind);
    say(this.asked, now?.question ? `「${now.question}」` : "");
    say(this.now, now?.text || (open ? w("silent") : w(`life_${room.life}`)));
    mark(this.now, "quiet", now?.text ? "no" : "yes");
    this.fill((room.coming || []).slice(0, 5), open);
  }
}
