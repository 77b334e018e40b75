// One question at full size: what is proposed, what it rests on, what the review says, and the decision.

import { api } from "./api.js";
import { cutButton } from "./controls.js";
import { filler, h, mark, say, show } from "./dom.js";
import { factName } from "./facts.js";
import { isOpen } from "./health.js";
import { spokenOrDoubted } from "./insert.js";
import { problemLine, toast, tried } from "./toast.js";
import { ago, half, w } from "./words.js";

const LOOK_MS = 2000;

// The room that is being decided for: what viewers see, a line to be said, and the red button.
class Scene {
  constructor(view) {
    this.view = view;
    this.id = null;
    this.busy = false;
    this.picture = h("img.picture", { alt: "" });
    this.none = h("span.none", {}, w("no_picture"));
    this.spoken = h("p.spoken", { lang: "zh" });
    this.doubted = "";
    this.line = h("textarea", { rows: 2, maxLength: 500, placeholder: w("insert_hint"), ariaLabel: w("say") });
    this.send = h("button", { type: "submit" }, w("say"), h("kbd", {}, "I"));
    this.form = h("form.insert", { onsubmit: (event) => { event.preventDefault(); this.say(); } }, this.line, this.send);
    this.line.addEventListener("keydown", (event) => {
      if (event.isComposing || !["Enter", "Escape"].includes(event.key) || event.shiftKey) return;
      event.preventDefault();
      if (event.key === "Enter") this.say();
      else this.line.blur();
    });
    this.cut = cutButton(view.context, () => view.context.room(this.id));
    this.element = h("aside.scene", {}, h("a.look", { onclick: () => this.id && view.context.go(this.id) }, this.picture, this.none), this.spoken, this.form, this.cut.element);
    setInterval(() => this.look(), LOOK_MS);
  }

  async look() {
    if (this.busy || !this.id || !this.view.on || document.hidden || !this.element.offsetParent) return;
    this.busy = true;
    const { id } = this;
    const fresh = new Image();
    fresh.src = api.snapshot(id);
    const there = await fresh.decode().then(() => true, () => false);
    if (id === this.id) {
      if (there) this.picture.src = fresh.src;
      else this.picture.removeAttribute("src");
      show(this.none, !there);
    }
    this.busy = false;
  }

  async say() {
    const text = this.line.value.trim();
    if (!text || this.send.disabled) return;
    let doubt = "";
    const done = await tried(this.send, async () => { doubt = await spokenOrDoubted(this.id, text, true, this.doubted === text); });
    this.doubted = doubt ? text : "";
    if (done && !doubt) {
      this.line.value = "";
      this.line.blur();
      toast(w("said_ok", { t: text.length > 16 ? `${text.slice(0, 16)}…` : text }));
    }
  }

  draw(id) {
    const room = this.view.context.room(id);
    show(this.element, Boolean(room));
    if (!room) return;
    if (id !== this.id) {
      this.id = id;
      this.picture.removeAttribute("src");
      this.line.value = this.doubted = "";
      this.look();
    }
    say(this.spoken, isOpen(room) ? room.now?.text || "" : w(`life_${room.life}`));
    this.line.disabled = this.send.disabled = !this.view.may || !isOpen(room);
    this.cut.render(room);
  }
}

export class DutyDetail {
  constructor(view) {
    this.view = view;
    this.editing = false;
    this.confirm = false;
    this.body = h("div.case");
    this.field = h("textarea", { rows: 3, maxLength: 500, ariaLabel: w("own_words"), placeholder: w("own_words_hint") });
    this.left = h("time.left");
    this.problem = problemLine();
    this.inText = h("input", { type: "checkbox" });
    this.send = h("button.primary", { type: "submit" });
    this.form = h("form.own", { onsubmit: (event) => { event.preventDefault(); this.submit(); } },
      this.field, this.problem.element,
      h("div.row", {}, h("label.check", { title: w("in_text_why") }, this.inText, w("in_text")), h("span.grow"), h("button.quiet", { type: "button", onclick: () => this.leave() }, w("no"), h("kbd", {}, "Esc")), this.send));
    this.field.addEventListener("keydown", (event) => this.key(event));
    this.field.addEventListener("input", () => { this.confirm = false; this.problem.tell(null); this.label(); });
    this.deeds = h("div.deeds");
    this.scene = new Scene(view);
    this.element = h("section.panel.detail", {}, h("div.desk", {}, this.body, this.scene.element), this.form, this.deeds);
    this.fillBody = filler(this.body, (item) => (item ? this.parts(item) : [h("p.none.calm", {}, w("duty_calm"))]));
    this.fillDeeds = filler(this.deeds, (item) => (item ? this.buttons(item) : []));
    this.label();
    show(this.form, false);
  }

  // Whether somebody is writing here, an answer or a line for the room.
  get busy() {
    return this.editing || Boolean(this.scene.line.value) || document.activeElement === this.scene.line;
  }

  draw(item, left = "") {
    say(this.left, left);
    if (this.editing && (!item || item.id !== this.about?.id)) this.leave();
    const shown = item && { ...item, title: this.view.title(item.room), ago: ago(item.at), until: undefined };
    this.fillBody(shown);
    this.scene.draw(item?.room ?? this.view.only ?? this.view.context.rooms().find(isOpen)?.id);
    this.fillDeeds(item && { id: item.id, room: item.room, state: item.state, proposed: Boolean(item.proposed), stale: !item.true });
    mark(this.element, "state", item?.state);
    show(this.deeds, Boolean(item) && !this.editing);
  }

  parts(item) {
    const stale = item.proposed && !item.true;
    return [
      h("div.row.meta", {}, h("span.tag", {}, w(`wait_${item.why || item.state}`)), h("b", {}, item.title), h("span", {}, item.user || "—"), item.buyer ? h("span.tag.buyer", {}, w("buyer")) : null, h("span.grow"), this.left, h("time", {}, item.ago)),
      h("p.question", {}, item.text),
      item.together ? h("p.small", {}, w("n_more", { n: item.together })) : null,
      item.said ? h("p.told", {}, h("span.label", {}, w("was_said")), item.said) : null,
      item.blocked ? h("p.told.blocked", {}, h("span.label", {}, w("was_blocked")), h("s", {}, item.blocked)) : null,
      item.proposed ? h("p.proposed", { lang: "zh" }, item.proposed) : item.blocked ? null : h("p.none.proposed", {}, w(item.state === "accepted" ? "not_proposed" : "nothing_proposed")),
      stale ? h("p.warn", {}, w("facts_changed")) : null,
      item.checks?.length ? h("ul.checks", {}, item.checks.map((one) => {
        const row = h("li", {}, h("span.tag", {}, w(`v_${one.verdict}`)), h("b", {}, one.rule), h("span", {}, half(one.why)));
        mark(row, "verdict", one.verdict);
        return row;
      })) : null,
      item.facts?.length ? h("dl.facts", {}, item.facts.flatMap((one) => [h("dt", {}, factName(one.field)), h("dd", {}, one.value)])) : null,
      item.product ? h("p.small", {}, w("of_product", { n: item.product.name, l: item.product.link })) : null,
    ].filter(Boolean);
  }

  buttons(item) {
    const { view } = this;
    const deed = (word, key, work, kind = "button", may = view.may) => h(kind, { type: "button", disabled: !may, onclick: work, title: may ? "" : w("need_duty") }, w(word), h("kbd", {}, key));
    const first = item.state === "accepted" ? ["propose", () => view.approve()] : item.proposed ? ["approve", () => view.approve()] : ["own_words", () => this.edit("")];
    return [
      deed(first[0], "⏎", first[1], "button.primary"),
      item.proposed ? deed("edit_answer", "E", () => this.edit()) : null,
      first[0] === "own_words" ? null : deed("own_words", "A", () => this.edit("")),
      item.state === "handed_over" ? null : deed("hand_over", "H", () => view.decide("hand_over")),
      deed("reject", "X", () => view.decide("reject")),
      deed("mute", "M", () => view.mute()),
      deed("keep", "F", () => view.keep(), "button", view.context.can("operator")),
    ].filter(Boolean);
  }

  edit(text) {
    const { item } = this.view;
    if (!item || !this.view.may) return;
    this.about = item;
    this.editing = true;
    this.confirm = false;
    this.field.value = text ?? item.proposed ?? "";
    this.inText.checked = false;
    this.problem.tell(null);
    this.label();
    show(this.form, true);
    show(this.deeds, false);
    this.field.focus();
    this.field.setSelectionRange(this.field.value.length, this.field.value.length);
  }

  leave() {
    this.editing = false;
    this.about = null;
    show(this.form, false);
    show(this.deeds, Boolean(this.view.item));
    this.field.blur();
  }

  label() {
    this.send.replaceChildren(w(this.confirm ? "send_confirm" : "send_answer"), h("kbd", {}, "⏎"));
    mark(this.send, "confirm", this.confirm ? "yes" : "no");
  }

  key(event) {
    if (event.isComposing) return;
    if (event.key === "Escape") this.leave();
    else if (event.key === "Enter" && !event.shiftKey) this.submit();
    else return;
    event.preventDefault();
  }

  async submit() {
    const text = this.field.value.trim();
    if (!text || this.send.disabled) return;
    this.send.disabled = true;
    const more = { text, way: this.inText.checked ? "text" : "spoken", confirmed: this.confirm };
    const done = await this.view.decide("answer", more);
    this.send.disabled = false;
    if (done === "confirm") {
      this.confirm = true;
      this.label();
      this.problem.tell(this.view.doubts, "care", w("confirm_again"));
      this.field.focus();
    } else if (done) this.leave();
    else {
      if (this.view.doubts) this.problem.tell(this.view.doubts);
      this.field.focus();
    }
  }
}
