// Personas and models (人设与模型): what is worn, what comes with which parts, the engines, the adapters.

import { api } from "./api.js";
import { filler, h, mark, show, throttled } from "./dom.js";
import { dialog, toast, tried } from "./toast.js";
import { clock, w } from "./words.js";

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
    this.change = h("button.quiet", { onclick: () => this.byHand() }, w("switch_now"));
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

  // Puts a persona on by hand, in chosen versions; the same persona changes her version without a greeting.
  async byHand() {
    const room = this.roomOf();
    let adapters = [];
    await tried(null, async () => { adapters = (await api.adapters()).items; });
    const who = h("select", { name: "persona" }, this.context.house.personas.map((one) => h("option", { value: one.id, selected: one.id === room.on_air?.persona }, one.name)));
    const versions = { language: h("select", { name: "language" }), visual: h("select", { name: "visual" }) };
    const offer = () => {
      for (const [kind, field] of Object.entries(versions)) {
        const own = adapters.filter((one) => one.persona === who.value && one.kind === kind);
        field.replaceChildren(h("option", { value: "" }, w("as_set")), ...own.map((one) => h("option", { value: one.version, disabled: one.state === "failed" }, `${one.version} · ${w(`a_${one.state}`)}`)));
      }
    };
    who.addEventListener("change", offer);
    offer();
    const long = h("select", { name: "minutes" }, [["", "until_next"], [30, "m30"], [60, "h1"], [240, "h4"]].map(([minutes, word]) => h("option", { value: minutes }, w(word))));
    dialog(w("switch_now"), [[w("persona"), who], [w("p_language"), versions.language], [w("p_visual"), versions.visual], [w("for_how_long"), long]], {
      yes: w("switch_yes"),
      note: w("switch_note"),
      save: async ({ persona, language, visual, minutes }) => {
        const wanted = { persona };
        if (language || visual) wanted.adapters = { language: language || null, visual: visual || null };
        if (minutes) wanted.until = new Date(Date.now() + minutes * 60000).toISOString();
        await api.switch(room.id, wanted);
        const name = this.context.house.personas.find((one) => one.id === persona)?.name || persona;
        toast(w("switch_asked", { n: name }));
        this.context.refresh();
      },
    });
  }
}

function wornRow(worn) {
  const chips = ["language", "visual"].filter((kind) => worn[kind]).map((kind) => {
    const chip = h("span.chip", { title: worn[kind].sha256 || "" }, `${w(`p_${kind}`)} ${worn[kind].version}`);
    mark(chip, "state", worn[kind].sha256 ? "ready" : worn.parts?.[kind] || "waiting");
    return chip;
  });
  const state = worn.state || "plain";
  const row = h("div.line", { title: worn.error || "" }, h("b", {}, worn.name || w("off_air")), ...chips, h("span.grow"), h("span.state", {}, w(`d_${state}`)));
  mark(row, "state", state);
  return worn.error && (state === "failed" || state === "lapsed") ? h("div", {}, row, h("p.why", {}, worn.error)) : row;
}

function nextRow(next) {
  const chips = PARTS.filter((part) => next.parts?.[part]).map((part) => {
    const chip = h("span.chip", {}, w(`p_${part}`));
    mark(chip, "state", next.parts[part]);
    return chip;
  });
  const row = h("div.line", {}, h("b", {}, `${next.time} ${next.name}`), ...chips, h("span.grow"), h("span.state", {}, w(`st_${next.state}`)));
  mark(row, "state", next.state);
  return next.error ? h("div", {}, row, h("p.why", {}, `${next.part ? `${w(`p_${next.part}`)}：` : ""}${next.error}`)) : row;
}

function engineRow(one) {
  const facts = one.state === "off" ? w("e_off_note") : one.slots
    ? [baseName(one), one.device, w("slots", { n: one.slots_used, m: one.slots }), one.tokens_per_s ? w("tokens", { n: one.tokens_per_s }) : null, gigabytes(one.rss_bytes)].filter(Boolean).join(" · ")
    : one.error || "";
  const row = h("div.line.engine", { title: [one.base, one.mend].filter(Boolean).join("\n") }, h("i.lamp"), h("span", {}, w(`e_${one.engine}`)), h("span.small", {}, facts), h("span.grow"), h("span.state", {}, w(`e_${one.state}`)));
  mark(row, "state", one.state);
  return row;
}

// The library: each adapter with its state, its consent and its errors; staging by hand.
async function showAdapters(context) {
  let items = [];
  if (!(await tried(null, async () => { items = (await api.adapters()).items; }))) return;
  const may = context.can("operator");
  const list = h("ul.adapters");
  const row = (one) => {
    const consent = one.consent;
    const until = consent.valid_until ? w("consent_until", { t: consent.valid_until }) : w(`c_${consent.state}`);
    const item = h("li", {},
      h("div.row", {}, h("b", { title: one.sha256 }, one.id), h("span.state", {}, w(`a_${one.state}`)), h("span.grow"),
        h("span.consent", { title: [consent.subject, consent.document].filter(Boolean).join(" · ") }, consent.state === "expiring" ? `${until}（${w("days_left", { n: consent.days_left })}）` : until),
        may ? h("button.quiet", { type: "button", onclick: (event) => stage(event.target, one.id) }, w("stage")) : null),
      one.errors.length ? h("ol.errors", {}, one.errors.map((text) => h("li", {}, text))) : null);
    mark(item, "state", one.state);
    mark(item, "consent", consent.state);
    return item;
  };
  const draw = () => list.replaceChildren(...(items.length ? items.map(row) : [h("li.none", {}, w("no_adapters"))]));
  const stage = async (button, id) => {
    const well = await tried(button, async () => { await api.stage(id); });
    if (well) toast(w("staged_ok", { n: id }));
    await tried(null, async () => { items = (await api.adapters()).items; });
    draw();
  };
  draw();
  const element = dialog(w("adapters"), [], { yes: w("done"), save: async () => true });
  element.classList.add("wide");
  element.querySelector(".actions").before(list);
}
