// Today's timetable (排班) in the room's zone, who is on, who is next, and putting somebody on by hand.

import { api } from "./api.js";
import { h, mark, say, show, throttled } from "./dom.js";
import { showSlots } from "./slots.js";
import { askSwitch } from "./switching.js";
import { clock, shortName, w } from "./words.js";

const HUES = ["a", "b", "c", "d", "e"];
const DAY_MS = 86_400_000;

export class TimetablePanel {
  constructor(context, roomOf) {
    this.context = context;
    this.roomOf = roomOf;
    this.bar = h("div.bar");
    this.needle = h("i.needle");
    this.on = h("div.who");
    this.next = h("div.who.next");
    this.hand = h("button.quiet", { onclick: () => askSwitch(context, this.roomOf(), () => this.reload()) }, w("switch_now"));
    this.back = h("button.quiet", { onclick: () => api.endOverride(this.roomOf().id).then(() => this.reload()) }, w("end_by_hand"));
    this.element = h("section.panel.timetable", {},
      h("div.people", {}, this.on, h("span.arrow", { ariaHidden: "true" }, "→"), this.next, h("span.grow"), this.back, this.hand, h("button.quiet", { onclick: () => showSlots(context, roomOf(), () => this.reload()) }, w("timetable"))),
      h("div.day", {}, this.bar, this.needle, h("div.hours", {}, [0, 3, 6, 9, 12, 15, 18, 21, 24].map((hour) => h("span", {}, String(hour))))));
    this.reload = throttled(() => this.read(), 1000);
    setInterval(() => this.schedule && Date.now() > this.ends && this.reload(), 30_000);
  }

  async read() {
    const room = this.roomOf();
    if (!room) return;
    try {
      this.schedule = await api.schedule(room.id);
    } catch { return; }
    this.starts = Date.parse(this.schedule.from);
    this.ends = Date.parse(this.schedule.to);
    const hueOf = (persona) => HUES[this.context.house.personas.findIndex((one) => one.id === persona) % HUES.length] || "e";
    this.bar.replaceChildren(...merged(this.schedule.items).map((item) => {
      const since = Math.max(Date.parse(item.since) || this.starts, this.starts);
      const until = Math.min(Date.parse(item.until) || this.ends, this.ends);
      const name = this.context.house.personas.find((one) => one.id === item.persona)?.name || w("off_air");
      const times = `${clock(since, room.zone)}–${clock(until, room.zone)}`;
      const block = h("div.block", { title: `${name} ${times} ${item.rundown || ""}` }, h("b", {}, name), h("span", {}, times));
      block.style.flexGrow = String(Math.max(0, until - since));
      mark(block, "hue", item.persona ? hueOf(item.persona) : "off");
      mark(block, "reason", item.reason);
      mark(block, "past", until < Date.now() ? "yes" : "no");
      return block;
    }));
    show(this.back, this.schedule.items.some((item) => item.reason === "override") && this.context.can("operator"));
    this.render(room);
  }

  render(room) {
    const on = room.on_air || {};
    this.on.title = on.persona ? on.name : "";
    say(this.on, `${on.persona ? shortName(on.name) : w("off_air")}${on.reason === "override" ? `（${w("by_hand_now")}）` : ""}`);
    const next = room.next;
    say(this.next, next ? `${clock(next.at, room.zone)} ${next.persona ? shortName(next.name) || next.persona : w("off_air")} · ${w(`st_${next.state}`)}` : w("none_next"));
    this.next.title = next?.name || "";
    mark(this.next, "state", next?.state);
    this.hand.disabled = !this.context.can("operator");
    const part = (Date.now() - this.starts) / (this.ends - this.starts || DAY_MS);
    show(this.needle, part >= 0 && part <= 1);
    this.needle.style.left = `${(part * 100).toFixed(2)}%`;
  }
}

// Neighbours with the same host, script and reason are one block to the eye.
function merged(items) {
  const blocks = [];
  for (const item of items) {
    const last = blocks.at(-1);
    const override = (one) => one.reason === "override";
    if (last && last.persona === item.persona && override(last) === override(item)) last.until = item.until;
    else blocks.push({ ...item });
  }
  return blocks;
}
