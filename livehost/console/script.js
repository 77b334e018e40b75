// A teleprompter: what was said, what is being said, and what comes.

import { filler, h, mark, say } from "./dom.js";
import { isOpen } from "./health.js";
import { w } from "./words.js";

const KEPT = 4;

export class ScriptPanel {
  constructor() {
    this.said = new Map();
    this.kind = h("span.kind");
    this.asked = h("p.asked");
    this.now = h("p.now", { lang: "zh" });
    this.before = h("ol.said");
    this.list = h("ol.coming");
    this.element = h("div.saying", {}, h("h2", {}, w("script"), h("span.grow"), this.kind), this.before, this.asked, this.now, this.list);
    this.fillSaid = filler(this.before, (lines) => lines.map((text) => h("li", { lang: "zh" }, text)));
    this.fill = filler(this.list, (coming, open) =>
      coming.length ? coming.map((one) => h("li", {}, h("span.kind", {}, w(`k_${one.kind}`)), h("span", { lang: "zh" }, one.text)))
        : open ? [h("li.none", {}, w("nothing_coming"))] : []);
  }

  // Remembers what a room said, also while another room is shown.
  heard(room, now) {
    const lines = this.said.get(room) || [];
    if (now?.text && lines.at(-1) !== now.text) this.said.set(room, [...lines, now.text].slice(-KEPT - 1));
  }

  render(room) {
    const open = isOpen(room);
    const now = open ? room.now : null;
    if (now) this.heard(room.id, now);
    const said = open ? this.said.get(room.id) || [] : [];
    this.fillSaid(now?.text === said.at(-1) ? said.slice(0, -1) : said.slice(-KEPT));
    say(this.kind, now ? w(`k_${now.kind}`) : "");
    mark(this.kind, "kind", now?.kind);
    say(this.asked, now?.question ? `「${now.question}」` : "");
    say(this.now, now?.text || w(open ? "silent" : "begin_hint"));
    mark(this.now, "quiet", now?.text ? "no" : "yes");
    mark(this.now, "cut", room.cut ? "yes" : "no");
    this.fill((room.coming || []).slice(0, 5), open);
  }
}
