// The timetable's lines (排班): seeing, adding, changing and removing them.

import { api } from "./api.js";
import { h } from "./dom.js";
import { confirmed, dialog, toastProblem } from "./toast.js";
import { w } from "./words.js";

const DAYS = [
  ["every_day", "FREQ=DAILY"], ["weekdays", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"],
  ["weekend", "FREQ=WEEKLY;BYDAY=SA,SU"], ["one_day", ""],
];

const today = (zone) => new Date().toLocaleDateString("sv-SE", { timeZone: zone });

// An ISO 8601 duration in hours: PT6H, PT1H30M, P1D.
export function hoursOf(duration) {
  const found = /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?)?$/.exec(duration) || [];
  const [, days = 0, hours = 0, minutes = 0, seconds = 0] = found;
  return Number(days) * 24 + Number(hours) + Number(minutes) / 60 + Number(seconds) / 3600;
}

function daysOf(slot) {
  const found = DAYS.find(([, rule]) => rule === (slot.rrule || ""));
  if (!found) return slot.rrule;
  return found[1] ? w(found[0]) : slot.first;
}

export async function showSlots(context, room, changed) {
  let slots;
  try {
    slots = (await api.slots(room.id)).items;
  } catch (error) {
    return toastProblem(error);
  }
  const may = context.can("operator");
  const nameOf = (id) => context.house.personas.find((one) => one.id === id)?.name || w("off_air");
  const again = () => { element.close(); changed(); showSlots(context, room, changed); };
  const row = (slot) => h("li", {},
    h("b", {}, slot.at.slice(0, 5)), h("span", {}, w("n_hours", { n: Number(hoursOf(slot.duration).toFixed(2)) })), h("span", {}, nameOf(slot.persona)), h("span.small", {}, daysOf(slot)), h("span.grow"),
    may ? h("button.quiet", { type: "button", onclick: () => editSlot(context, room, slot, again) }, w("edit")) : null,
    may ? h("button.quiet", { type: "button", onclick: () => confirmed(`${w("remove")} ${slot.at.slice(0, 5)} ${nameOf(slot.persona)}?`, () => api.removeSlot(room.id, slot.id, slot.version).then(again), true) }, w("remove")) : null);
  const list = h("ul.slots", {}, slots.length ? slots.sort((a, b) => a.at.localeCompare(b.at)).map(row) : h("li.none", {}, w("no_slots")));
  const element = dialog(`${w("timetable")} · ${room.zone}`, [], {
    yes: `＋ ${w("add")}`,
    no: w("shut"),
    save: async () => { if (may) editSlot(context, room, null, again); return false; },
  });
  element.classList.add("wide");
  element.querySelector(".actions").before(list);
  element.querySelector(".actions").prepend(h("a.small", { href: `/v1/rooms/${encodeURIComponent(room.id)}/schedule.ics` }, w("calendar")), h("span.grow"));
}

function editSlot(context, room, slot, done) {
  const option = (value, text, chosen) => h("option", { value, selected: value === chosen }, text);
  const who = h("select", { name: "persona" }, context.house.personas.map((one) => option(one.id, one.name, slot?.persona)), option("", w("off_air"), slot ? slot.persona ?? "" : null));
  const rundown = h("select", { name: "rundown" }, option("", "—", slot?.rundown ?? ""), context.house.rundowns.map((one) => option(one, one, slot?.rundown)));
  const at = h("input", { name: "at", type: "time", value: slot?.at.slice(0, 5) || "09:00", required: true });
  const hours = h("input", { name: "hours", inputMode: "decimal", pattern: "\\d{1,3}(\\.\\d{1,2})?", value: String(slot ? Number(hoursOf(slot.duration).toFixed(2)) : 4), required: true });
  const days = h("select", { name: "rrule" }, DAYS.map(([word, rule]) => option(rule, w(word), slot?.rrule || (slot ? "" : "FREQ=DAILY"))));
  if (slot?.rrule && !DAYS.some(([, rule]) => rule === slot.rrule)) days.append(option(slot.rrule, slot.rrule, slot.rrule));
  const first = h("input", { name: "first", type: "date", value: slot?.first || today(room.zone), required: true });
  dialog(slot ? w("edit") : w("new_slot"), [[w("persona"), who], [w("script"), rundown], [w("starts"), at], [w("hours"), hours], [w("days"), days], [w("from_day"), first]], {
    save: async (values) => {
      const wanted = {
        ...(slot || { id: `s${Date.now().toString(36)}` }), persona: values.persona || null, rundown: values.rundown || null,
        at: values.at, duration: Math.round(Number(values.hours) * 3600), rrule: values.rrule || null, first: values.first,
      };
      delete wanted.version;
      if (slot) await api.changeSlot(room.id, wanted, slot.version);
      else await api.addSlot(room.id, wanted);
      done();
    },
  });
}
