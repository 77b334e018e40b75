// Destinations: their states in words, and the dialogs for a new key (换码) or a new destination.

import { api } from "./api.js";
import { filler, h, mark, show, throttled } from "./dom.js";
import { isOpen, outputMend } from "./health.js";
import { confirmed, dialog, toast } from "./toast.js";
import { platform, w } from "./words.js";

export class OutputsPanel {
  constructor(context, roomOf) {
    this.context = context;
    this.roomOf = roomOf;
    this.stored = [];
    this.list = h("ul.outputs");
    this.more = h("button.quiet", { onclick: () => this.addOne() }, `＋ ${w("add")}`);
    this.element = h("section.panel", {}, h("div.head", {}, h("h2", {}, w("outputs")), this.more), this.list);
    this.fill = filler(this.list, (rows, may) => rows.length ? rows.map((one) => this.row(one, may)) : [h("li.none", {}, w("no_outputs"))]);
    this.reload = throttled(() => this.read(), 1000);
  }

  async read() {
    const room = this.roomOf();
    if (!room) return;
    try {
      this.stored = (await api.outputs(room.id)).items;
    } catch { return; }
    if (this.roomOf()) this.render(this.roomOf());
  }

  render(room) {
    const live = new Map((room.outputs || []).map((one) => [one.name, one]));
    const rows = this.stored.map((one) => {
      const now = live.get(one.name) || {};
      const state = !one.enabled ? "stopped" : !isOpen(room) || !now.state ? "off" : now.state;
      return { name: one.name, url: one.url, enabled: one.enabled, state, reconnects: now.reconnects || 0, error: now.error || "", mend: outputMend({ ...now, name: one.name }) };
    });
    this.fill(rows, this.context.can("operator"));
    show(this.more, this.context.can("operator"));
  }

  row(one, may) {
    const item = h("li", {},
      h("div.row", {}, h("i.lamp"), h("b", {}, platform(one.name)), h("span.state", {}, w(`o_${one.state}`)),
        one.reconnects && one.state !== "retrying" ? h("span.small", {}, w("reconnects", { n: one.reconnects })) : null, h("span.grow"),
        may ? h(one.state === "needs_key" ? "button.danger" : "button.quiet", { onclick: () => this.newKey(one.name) }, w("new_key")) : null,
        may ? h("button.quiet", { onclick: () => this.toggle(one) }, one.enabled ? w("disable") : w("enable")) : null),
      ["needs_key", "retrying"].includes(one.state) ? h("p.mend", { title: one.error }, one.mend, one.state === "retrying" && one.reconnects ? `（${w("reconnects", { n: one.reconnects })}）` : null) : null,
      one.state === "retrying" && one.error ? h("p.mend.reason", { title: one.error }, w("reason", { t: one.error })) : null);
    mark(item, "state", one.state);
    item.title = one.url;
    return item;
  }

  version(name) {
    return this.stored.find((one) => one.name === name)?.version;
  }

  newKey(name) {
    const p = platform(name);
    const key = h("input", { name: "key", type: "password", autocomplete: "off", placeholder: w("key_hint"), required: true });
    const url = h("input", { name: "url", placeholder: w("url_keep"), autocomplete: "off" });
    dialog(`${p} · ${w("new_key")}`, [[w("push_key"), key], [w("push_url"), url]], {
      yes: w("new_key"),
      save: async (values) => {
        await this.read();
        const change = values.url.trim() ? { key: values.key, url: values.url } : { key: values.key };
        await api.changeOutput(this.roomOf().id, name, change, this.version(name));
        toast(w("key_changed", { p }));
        this.reload();
        this.context.refresh();
      },
    });
    key.focus();
  }

  toggle(one) {
    const work = async () => {
      await this.read();
      await api.changeOutput(this.roomOf().id, one.name, { enabled: !one.enabled }, this.version(one.name));
      this.reload();
      this.context.refresh();
    };
    confirmed(`${platform(one.name)} · ${one.enabled ? w("disable") : w("enable")}?`, work, one.enabled);
  }

  addOne() {
    const name = h("input", { name: "name", pattern: "[a-z0-9][a-z0-9_\\-]{0,47}", placeholder: "douyin", required: true, autocomplete: "off" });
    const url = h("input", { name: "url", placeholder: "rtmp://", required: true, autocomplete: "off" });
    const key = h("input", { name: "key", type: "password", placeholder: w("key_hint"), autocomplete: "off" });
    dialog(w("new_output"), [[w("out_name"), name], [w("push_url"), url], [w("push_key"), key]], {
      yes: w("add"),
      save: async (values) => {
        await api.addOutput(this.roomOf().id, values);
        this.reload();
        this.context.refresh();
      },
    });
  }
}
