// Viewers' questions with their fates, asking as a viewer, and speaking through the host.

import { api } from "./api.js";
import { filler, h, mark, throttled } from "./dom.js";
import { isOpen } from "./health.js";
import { spokenOrDoubted } from "./insert.js";
import { dialog, toast, tried } from "./toast.js";
import { clock, w } from "./words.js";

const FILTERS = [["f_all", () => true], ["f_open", (one) => ["accepted", "claimed", "held", "sent"].includes(one.state)], ["f_hand", (one) => one.state === "handed_over"]];

export class QuestionsPanel {
  constructor(context, roomOf) {
    this.context = context;
    this.roomOf = roomOf;
    this.items = [];
    this.noted = new Set(); // whose fault is noted already
    this.filter = 0;
    this.list = h("ol.questions");
    this.fill = filler(this.list, (items, zone) => items.length ? items.map((one) => this.row(one, zone)) : [h("li.none", {}, w("no_questions"))]);
    this.filters = FILTERS.map(([word], number) => h("button", { onclick: () => { this.filter = number; this.draw(); } }, w(word)));
    this.ask = h("input", { placeholder: w("ask_hint"), maxLength: 500, ariaLabel: w("ask"), required: true });
    this.askButton = h("button", { type: "submit" }, w("ask"));
    this.line = h("textarea", { placeholder: w("say_hint"), maxLength: 500, rows: 1, ariaLabel: w("take_over"), required: true });
    this.urgent = h("input", { type: "checkbox" });
    this.sayButton = h("button.primary", { type: "submit" }, w("say"));
    this.line.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.line.form.requestSubmit();
    });
    this.element = h("section.panel.talk", {},
      h("div.head", {}, h("h2", {}, w("questions")), h("div.segments.small", { role: "group" }, this.filters)),
      this.list,
      h("form.ask", { onsubmit: (event) => this.asked(event) }, this.ask, this.askButton));
    this.speak = h("form.take-over", { onsubmit: (event) => this.spoken(event) },
      this.line, h("label.check", {}, this.urgent, w("urgent")), this.sayButton);
    this.reload = throttled(() => this.read(), 700);
  }

  async read() {
    const room = this.roomOf();
    if (!room) return;
    try {
      const { items } = await api.questions(room.id);
      if (room.id !== this.roomOf()?.id) return;
      this.items = items;
    } catch { return; }
    this.draw();
  }

  draw() {
    const room = this.roomOf();
    this.filters.forEach((button, number) => button.setAttribute("aria-pressed", String(number === this.filter)));
    this.fill(this.items.filter(FILTERS[this.filter][1]), room?.zone);
  }

  render(room) {
    this.askButton.disabled = this.ask.disabled = !this.context.can("operator");
    const may = this.context.can("duty");
    this.line.disabled = this.urgent.disabled = !may;
    this.sayButton.disabled = !may || !isOpen(room);
    this.sayButton.title = may ? "" : w("need_duty");
  }

  asked(event) {
    event.preventDefault();
    tried(this.askButton, async () => {
      await api.ask(this.roomOf().id, this.ask.value.trim());
      this.ask.value = "";
      this.reload();
    });
  }

  spoken(event) {
    event.preventDefault();
    tried(this.sayButton, async () => {
      const text = this.line.value.trim();
      const doubt = await spokenOrDoubted(this.roomOf().id, text, this.urgent.checked, this.doubted === text);
      this.doubted = doubt ? text : "";
      if (doubt) return;
      this.line.value = "";
      this.urgent.checked = false;
      toast(w("said_ok", { t: text.length > 16 ? `${text.slice(0, 16)}…` : text }));
      this.context.refresh();
    });
  }

  row(one, zone) {
    const fate = h("span.fate", { title: one.note || "" }, w(`q_${one.state}`));
    const wrong = one.state === "heard" && this.context.can("duty") ? h("button.quiet.wrong", { type: "button", onclick: () => this.correct(one) }, w("correct")) : null;
    const item = h("li", {}, h("div.row", {}, h("b", {}, one.user || "—"), h("time", {}, clock(one.at, zone)), h("span.grow"), wrong, fate),
      h("p", {}, one.text), one.answer ? h("p.answer", { lang: "zh" }, one.answer) : one.note && one.state !== "heard" ? h("p.note", {}, one.note) : null);
    mark(item, "state", one.state);
    return item;
  }

  // What was answered wrongly is put right: the host says it at once, and training takes it in place of what was
  // said. Or the fault is only noted, once.
  correct(one) {
    const room = this.roomOf();
    let confirmed = false;
    const text = h("textarea", { name: "text", rows: 3, maxLength: 500, required: true, placeholder: w("correct_hint"), oninput: () => { confirmed = false; } });
    const only = h("input", { type: "checkbox", disabled: this.noted.has(one.id), onchange: () => { asked.querySelector("[type=submit]").textContent = w(only.checked ? "note_it" : "send_answer"); } });
    const asked = dialog(w("correct_ask"), [[w("was_said"), h("p.note", {}, one.answer)], [w("correct"), text], ["", h("span.check", {}, only, w(only.disabled ? "noted_already" : "only_note"))]], {
      yes: w("send_answer"),
      save: async () => {
        if (only.checked) {
          await api.complain(room.id, one.id, text.value.trim());
          this.noted.add(one.id);
          toast(w("noted_ok"));
          return true;
        }
        try {
          await api.decide(room.id, { action: "correct", question: one.id, text: text.value.trim(), confirmed });
        } catch (error) {
          if (!error.confirm) throw error;
          confirmed = true;
          return [error, w("confirm_again")];
        }
        toast(w("corrected_ok"));
        this.context.refresh();
        return true;
      },
    });
  }
}
