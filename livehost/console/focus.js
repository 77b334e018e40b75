// One room: its picture with sound, and all that is led from here.

import { api } from "./api.js";
import { showWhole, wholeText } from "./alarms.js";
import { cutButton, leadButtons, sessionButtons } from "./controls.js";
import { h, mark, say, show } from "./dom.js";
import { health, isOpen } from "./health.js";
import { ModelsPanel } from "./models.js";
import { OutputsPanel } from "./outputs.js";
import { ProductsPanel } from "./products.js";
import { QuestionsPanel } from "./questions.js";
import { ScriptPanel } from "./script.js";
import { SourcesPanel } from "./sources.js";
import { TimetablePanel } from "./timetable.js";
import { LivePicture } from "./video.js";
import { w } from "./words.js";

export class FocusView {
  constructor(context) {
    this.context = context;
    this.id = null;
    const roomOf = () => context.room(this.id);
    this.video = h("video", { muted: true, autoplay: true, playsInline: true });
    this.still = h("img.still", { alt: "" });
    this.cover = h("div.cover", {}, h("span"));
    this.lag = h("span.lag");
    this.sound = h("button.sound", { onclick: () => this.turnSound() }, w("sound_on"));
    this.live = new LivePicture(this.video, { onState: (state) => this.pictureIs(state) });
    this.title = h("h1");
    this.life = h("span.life");
    this.facts = h("p.facts");
    this.says = h("span.says");
    this.details = h("button.quiet", { type: "button", onclick: () => showWhole(roomOf()) }, w("details"));
    this.verdict = h("p.verdict", {}, this.says, this.details);
    this.cut = cutButton(context, roomOf);
    this.session = sessionButtons(context, roomOf);
    this.lead = leadButtons(context, roomOf);
    this.script = new ScriptPanel();
    this.panels = [
      (this.timetable = new TimetablePanel(context, roomOf)), this.script,
      (this.outputs = new OutputsPanel(context, roomOf)), (this.products = new ProductsPanel(context, roomOf)),
      (this.models = new ModelsPanel(context, roomOf)), (this.questions = new QuestionsPanel(context, roomOf)),
      (this.sources = new SourcesPanel(context, roomOf)),
    ];
    this.element = h("section.focus", {},
      h("div.stage", {},
        h("div.name", {}, h("div.row", {}, this.title, this.life), this.facts),
        h("div.screen", {}, this.video, this.still, this.cover, h("div.corner", {}, this.lag, this.sound)),
        this.verdict,
        h("div.switches", {}, this.session.element, this.cut.element)),
      h("div.middle", {}, this.timetable.element, h("section.panel.script", {}, this.script.element, this.lead.element, this.questions.speak), this.products.element),
      h("div.side", {}, this.outputs.element, this.models.element, this.questions.element, this.sources.element));
    setInterval(() => this.tick(), 1000);
    document.addEventListener("visibilitychange", () => {
      if (this.video.muted) this.live.watch(document.hidden ? null : this.id);
    });
  }

  turn(id) {
    if (id === this.id) return;
    this.id = id;
    this.live.watch(id);
    if (!id) return;
    this.still.src = api.snapshot(id);
    show(this.still, true);
    this.reload();
  }

  reload() {
    if (this.id) for (const panel of this.panels) panel.reload?.();
  }

  happened(kind) {
    if (kind === "missed") this.reload();
    if (kind === "question" || kind === "fate") this.questions.reload();
    if (kind === "timetable" || kind === "switch") this.timetable.reload();
    if (kind === "engine" || kind === "dress") this.models.reload();
    if (kind === "product") this.products.reload();
    if (kind === "output") this.outputs.reload();
  }

  turnSound() {
    this.video.muted = !this.video.muted;
    say(this.sound, this.video.muted ? w("sound_on") : w("sound_off"));
    mark(this.sound, "on", this.video.muted ? "no" : "yes");
  }

  pictureIs(state) {
    this.picture = state;
    const live = state === "live";
    show(this.cover, !live);
    if (live) show(this.still, false);
    const room = this.context.room(this.id);
    const dark = state === "lost" && !(room && isOpen(room));
    show(this.sound, live || !dark);
    say(this.cover.firstChild, dark ? w(`life_${room?.life || "off"}`) : w("connecting_picture"));
    if (state === "lost") show(this.still, false);
  }

  tick() {
    const behind = this.live.behindS;
    const live = this.picture === "live";
    show(this.lag, live);
    say(this.lag, behind < 1.5 ? w("live") : w("behind", { s: behind.toFixed(1) }));
    mark(this.lag, "level", behind < 3 ? "well" : "care");
  }

  render(room) {
    if (!room) return;
    const { level, text } = health(room);
    mark(this.element, "level", level);
    say(this.title, room.title);
    say(this.life, w(`life_${room.life}`));
    mark(this.life, "life", room.life);
    const whole = wholeText(room);
    say(this.says, text);
    this.says.title = whole || text;
    show(this.details, Boolean(whole));
    say(this.facts, this.figures(room));
    this.cut.render(room);
    this.session.render(room);
    this.lead.render(room);
    for (const panel of this.panels) panel.render(room);
  }

  figures(room) {
    const { playout = {}, counters = {} } = room;
    if (!isOpen(room)) return room.id;
    const began = Date.parse(room.session?.opened_at);
    const minutes = Number.isNaN(began) ? null : Math.max(0, Math.floor((Date.now() - began) / 60000));
    return [
      minutes === null ? null : `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}`,
      playout.source ? w(`s_${playout.source}`) : null,
      counters.script_ahead_s === undefined ? null : w("ahead", { s: Math.round(counters.script_ahead_s) }),
      w("late", { n: counters.late_frames ?? 0 }),
    ].filter(Boolean).join(" · ");
  }
}
