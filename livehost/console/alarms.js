// Alarms in one line of the page's language; the whole text is behind 详情.

import { h } from "./dom.js";
import { listed } from "./toast.js";
import { half, language, shortName, w } from "./words.js";

const LONGEST = 60;

// The first sentence of a text, cut where it runs on without one.
export function firstSentence(text) {
  const first = text.trim().split(/[。；;\n]|\. /, 1)[0].trim();
  return first.length > LONGEST ? `${first.slice(0, LONGEST - 1)}…` : first;
}

// What a part of a persona that failed means.
export const lacks = (part) => (part ? w(`x_${part}`) : w("x_unknown"));

// Who cannot come on, and for which part.
export const nextFailed = (next) => w("x_switch", { n: shortName(next?.name), x: lacks(next?.part) });

// What an alarm says, short: who and which part where the key tells, else its first sentence.
export function alarmLine(room, { key = "", cause = "", mend = "" }) {
  const [kind, name] = key.split(":");
  const part = /（(\w+)）/.exec(cause)?.[1];
  if (kind === "switch" && part) return nextFailed({ name: cause.split(" 还不能上场")[0], part });
  if (kind === "dress" && part) {
    const lapsed = room?.wearing?.state === "lapsed";
    return w(lapsed ? "x_lapsed" : "x_dress", { n: shortName(room?.on_air?.name), x: lacks(part) });
  }
  if (kind === "engine" && ["language", "vision"].includes(name)) return w(cause.includes("没有运行") ? "x_engine_down" : "x_engine", { e: w(`e_${name}`) });
  const shown = [firstSentence(half(cause)), firstSentence(half(mend))].filter(Boolean);
  return shown.join(language() === "en" ? ". " : "。");
}

// Every word of what stands in a room, for a title and for 详情.
export function wholeText(room) {
  const alarms = (room.alarms || []).map((one) => [one.cause, one.mend].filter(Boolean).join("\n"));
  const next = !alarms.length && room.next?.state === "failed" && room.next.error;
  return [...alarms, ...(next ? [next] : [])].join("\n\n");
}

export function showWhole(room) {
  const parts = (room.alarms || []).map((one) => h("li", {}, h("b", {}, alarmLine(room, one)), h("pre", {}, one.cause), one.mend ? h("p", {}, one.mend) : null));
  if (!parts.length) parts.push(h("li", {}, h("pre", {}, wholeText(room))));
  listed(`${room.title} · ${w("details")}`, h("ul.alarms", {}, parts));
}
