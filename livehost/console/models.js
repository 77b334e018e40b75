// Personas and models (人设与模型): what is worn, what comes with which parts, the engines, the adapters.

import { lacks } from "./alarms.js";
import { api } from "./api.js";
import { filler, h, mark, show, throttled } from "./dom.js";
import { askSwitch } from "./switching.js";
import { confirmed, listed, toast, tried } from "./toast.js";
import { clock, shortName, w } from "./words.js";

const PARTS = ["language", "visual", "look", "greeting"];
const EVERY_MS = 5000;

const gigabytes = (bytes) => (bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.round(bytes / 1e6)} MB`);
const baseName = (engine) => (engine.kind === "embedded" ? w("base_embedded") : (engine.base || engine.kind).split("/").pop());

export class ModelsPanel {
  constructor(context, roomOf) {
    this.context = context;
    this.roomOf = roomOf;
    this.engines = [];
    this.list = h("div.models");
    this.shelf = h("button.quiet", { onclick: () => showAdapters(context) }, w("adapters"));
    this.change = h("button.quiet", { onclick: () => askSwitch(context, this.roomOf()) }, w("switch_now"));
    this.element = h("section.panel.wearing", {}, h("div.head", {}, h("h2", {}, w("models")), h("span.grow"), this.shelf, this.change), this.list);
    this.fill = filler(this.list, (worn, next, engines) => [wornRow(worn), next ? nextRow(next) : null, ...engines.map(engineRow)].filter(Boolean));
    this.reload = throttled(() => this.read(), 1000);
    setInterval(() => !document.hidden && this.roomOf() && this.reload(), EVERY_MS);
  }

  async read() {
    try {
      this.engines = (await api.engines()).items;
    } catch { return; }
    if (this.roomOf()) this.render(this.roomOf());
  }

  render(room) {
    const next = room.next?.persona && room.next.state !== "waiting" ? { ...room.next, time: clock(room.next.at, room.zone) } : null;
    const engines = this.engines.map((one) => ({ ...one, tokens_per_s: Math.round(one.tokens_per_s || 0) }));
    this.fill({ ...room.wearing, name: room.on_air?.name }, next, engines);
    show(this.change, this.context.can("operator"));
  }
}

function wornRow(worn) {
  const chips = ["language", "visual"].filter((kind) => worn[kind]).map((kind) => {
    const chip = h("span.chip", { title: worn[kind].sha256 || "" }, `${w(`p_${kind}`)} ${worn[kind].version}`);
    mark(chip, "state", worn[kind].sha256 ? "ready" : worn.parts?.[kind] || "waiting");
    return chip;
  });
  const state = worn.state || "plain";
  const row = h("div.line", { title: worn.error || "" }, h("b", { title: worn.name || "" }, shortName(worn.name) || w("off_air")), ...chips, h("span.grow"), h("span.state", {}, w(`d_${state}`)));
  mark(row, "state", state);
  return worn.error && (state === "failed" || state === "lapsed") ? h("div", {}, row, h("p.why", { title: worn.error }, state === "lapsed" ? w("c_expired") : lacks(worn.part))) : row;
}

function nextRow(next) {
  const chips = PARTS.filter((part) => next.parts?.[part]).map((part) => {
    const chip = h("span.chip", {}, w(`p_${part}`));
    mark(chip, "state", next.parts[part]);
    return chip;
  });
  const row = h("div.line", {}, h("b", { title: next.name || "" }, `${next.time} ${shortName(next.name)}`), ...chips, h("span.grow"), next.error ? null : h("span.state", {}, w(`st_${next.state}`)));
  mark(row, "state", next.state);
  return next.error ? h("div", {}, row, h("p.why", { title: next.error }, `${w(`st_${next.state}`)}：${lacks(next.part)}`)) : row;
}

function engineRow(one) {
  const facts = one.state === "off" ? w("e_off_note") : one.slots
    ? [baseName(one), one.device, w("slots", { n: one.slots_used, m: one.slots }), one.tokens_per_s ? w("tokens", { n: one.tokens_per_s }) : null, gigabytes(one.rss_bytes)].filter(Boolean).join(" · ")
    : one.error || "";
  const row = h("div.line.engine", { title: [one.base, one.mend].filter(Boolean).join("\n") }, h("i.lamp"), h("span", {}, w(`e_${one.engine}`)), h("span.small", {}, facts), h("span.grow"), h("span.state", {}, w(`e_${one.state}`)));
  mark(row, "state", one.state);
  return row;
}

// The library: each adapter with its state, its consent, its measures and its errors. Staging, promoting,
// rolling back and retiring by hand.
async function showAdapters(context) {
  let items = [];
  const read = () => tried(null, async () => { items = (await api.adapters()).items; });
  if (!(await read())) return;
  const may = context.can("operator");
  const leads = context.can("trainer") || context.can("duty");
  const list = h("ul.adapters");
  const row = (one) => {
    const consent = one.consent;
    const until = consent.valid_until ? w("consent_until", { t: consent.valid_until }) : w(`c_${consent.state}`);
    const item = h("li", {},
      h("div.row", {}, h("b", { title: one.sha256 }, one.id), one.promoted ? h("span.chip.promoted", {}, w("promoted")) : null, h("span.state", {}, w(`a_${one.state}`)), h("span.grow"),
        h("span.consent", { title: [consent.subject, consent.document].filter(Boolean).join(" · ") }, consent.state === "expiring" ? `${until}（${w("days_left", { n: consent.days_left })}）` : until)),
      deeds(one),
      one.errors.length ? h("ol.errors", {}, one.errors.map((text) => h("li", {}, text))) : null);
    mark(item, "state", one.state);
    mark(item, "consent", consent.state);
    return item;
  };
  const deeds = (one) => {
    const told = one.retired ? one.retired : measures(one.card?.evaluation);
    const usable = !["failed", "retired", "quarantined"].includes(one.state);
    const buttons = [
      may && one.state !== "live" && !one.retired ? h("button.quiet", { type: "button", onclick: (event) => stage(event.target, one.id) }, w("stage")) : null,
      leads && usable && !one.promoted ? button(w("promote"), w("promote_ask", { n: one.id }), () => api.promote(one.id), w("promoted_ok", { n: one.id })) : null,
      (may || leads) && one.promoted && one.back_to ? button(w("roll_back", { n: one.back_to }), w("roll_back_ask", { n: one.id, b: one.back_to }), () => api.rollback(one.persona, one.kind), w("rolled_back_ok")) : null,
      leads && !one.promoted && !one.retired && one.state !== "live" ? button(w("retire"), w("retire_ask", { n: one.id }), () => api.retire(one.id), w("retired_ok", { n: one.id })) : null,
    ].filter(Boolean);
    return told || buttons.length ? h("div.row.deeds", {}, h("span.small", { title: told }, told), h("span.grow"), ...buttons) : null;
  };
  const button = (word, question, work, done) => h("button.quiet", {
    type: "button",
    onclick: () => confirmed(question, async () => { await work(); toast(done); await read(); draw(); }),
  }, word);
  const draw = () => list.replaceChildren(...(items.length ? items.map(row) : [h("li.none", {}, w("no_adapters"))]));
  const stage = async (pressed, id) => {
    const well = await tried(pressed, async () => { await api.stage(id); });
    if (well) toast(w("staged_ok", { n: id }));
    await read();
    draw();
  };
  draw();
  listed(w("adapters"), list);
}

// What an adapter was measured at, without the bare base's own figures.
function measures(evaluation) {
  const own = Object.entries(evaluation || {}).filter(([name]) => name !== "rows" && !name.startsWith("bare_"));
  return own.slice(0, 4).map(([name, value]) => `${name} ${Number(value.toPrecision(3))}`).join(" · ");
}
