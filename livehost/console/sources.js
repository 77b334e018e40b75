// Where a room's viewers' events come from: each source's state, its last event, and what is wrong.

import { firstSentence } from "./alarms.js";
import { api } from "./api.js";
import { filler, h, mark, show, throttled } from "./dom.js";
import { isOpen } from "./health.js";
import { ago, half, w } from "./words.js";

const EVERY_MS = 5000;

export class SourcesPanel {
  constructor(context, roomOf) {
    this.context = context;
    this.roomOf = roomOf;
    this.found = [];
    this.readAt = 0;
    this.list = h("ul.outputs.sources");
    this.element = h("section.panel", {}, h("div.head", {}, h("h2", {}, w("sources"))), this.list);
    this.fill = filler(this.list, (rows) => rows.map((one) => this.row(one)));
    this.reload = throttled(() => this.read(), 1000);
  }

  async read() {
    const room = this.roomOf();
    if (!room) return;
    this.readAt = Date.now();
    try {
      const { items } = await api.sources(room.id);
      if (this.roomOf()?.id !== room.id) return;
      this.found = items;
    } catch { return; }
    this.render(this.roomOf());
  }

  render(room) {
    if (room.id !== this.of) {
      this.of = room.id;
      this.found = [];
    }
    if (Date.now() - this.readAt > EVERY_MS) this.reload();
    const alarms = new Map((room.alarms || []).map((one) => [one.key, one]));
    const rows = this.found.map((one) => {
      const alarm = alarms.get(`source:${one.kind}`);
      const state = alarm || one.error ? "act" : one.state === "away" ? (isOpen(room) ? "care" : "off") : one.last_event_at ? "well" : "off";
      return {
        kind: one.kind, state, says: w(one.state === "push" && !one.last_event_at ? "src_none_yet" : `src_${one.state}`),
        last: one.last_event_at ? ago(one.last_event_at) : "", count: one.events, refused: one.refused || 0,
        wrong: alarm ? [alarm.cause, alarm.mend].filter(Boolean).map((text) => firstSentence(half(text))).join(" ") : one.error || "",
        whole: alarm ? `${alarm.cause}\n${alarm.mend}` : one.error || "",
      };
    });
    show(this.element, rows.length > 0);
    this.fill(rows);
  }

  row(one) {
    const item = h("li", {},
      h("div.row", {}, h("i.lamp"), h("b", {}, w(`src_kind_${one.kind}`, {}, one.kind)), h("span.state", {}, one.says), h("span.grow"),
        one.refused ? h("span.small", {}, w("src_refused", { n: one.refused })) : null,
        one.last ? h("span.small", {}, w("src_last", { n: one.count, t: one.last })) : null),
      one.wrong ? h("p.mend", { title: one.whole }, one.wrong) : null);
    mark(item, "level", one.state);
    return item;
  }
}
