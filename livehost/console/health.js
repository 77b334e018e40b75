// How a room stands, in one word and one sentence: act, care, well or rest.

import { alarmLine, nextFailed } from "./alarms.js";
import { platform, w } from "./words.js";

export const isOpen = (room) => room.life === "on_air" || room.life === "rehearsal";

export function outputMend(output) {
  const p = platform(output.name);
  if (output.state === "needs_key") return w("m_needs_key", { p });
  if (output.state === "retrying") return w("m_retrying", { p });
  return output.mend || "";
}

const LATE_MANY = 25;
const WINDOW_MS = 20_000;
const lateness = new Map();

// Whether many frames came late just now (a total alone says nothing about now).
function struggles(room) {
  const late = room.playout?.late_frames || 0;
  const now = Date.now();
  const seen = (lateness.get(room.id) || []).filter((one) => one.at > now - WINDOW_MS && one.late <= late);
  seen.push({ at: now, late });
  lateness.set(room.id, seen.slice(-60));
  return late - seen[0].late >= LATE_MANY;
}

export function health(room) {
  if (room.cut) return { level: "act", text: w("is_cut") };
  const refused = (room.outputs || []).find((one) => one.state === "needs_key");
  if (refused) return { level: "act", text: outputMend(refused) };
  if (room.alarms?.length) return { level: "act", text: alarmLine(room, room.alarms[0]) };
  if (isOpen(room) && room.playout && !room.playout.connected) return { level: "act", text: w("playout_lost") };
  const broken = (room.outputs || []).find((one) => one.state === "retrying");
  if (broken && isOpen(room)) return { level: "care", text: outputMend(broken) };
  if (room.next?.state === "failed") return { level: "care", text: nextFailed(room.next) };
  if (isOpen(room) && struggles(room)) return { level: "care", text: w("struggling") };
  if (isOpen(room) && room.duty?.taken_by) return { level: "care", text: w("taken_by", { n: room.duty.taken_by }) };
  if (isOpen(room) && room.mode === "paused") return { level: "care", text: w("mode_paused") };
  if (isOpen(room) && room.playout?.source === "reserve") return { level: "care", text: w("s_reserve") };
  if (isOpen(room)) return { level: "well", text: w("all_well") };
  return { level: "rest", text: w(`life_${room.life || "off"}`) };
}

// How many things in a room need a hand: its alarms, and what stands without one.
function needs(room) {
  const alarms = room.alarms || [];
  const told = new Set(alarms.map((one) => one.key));
  const refused = (room.outputs || []).filter((one) => one.state === "needs_key" && !told.has(`output:${one.name}`));
  const lost = isOpen(room) && room.playout && !room.playout.connected;
  return alarms.length + refused.length + (room.cut ? 1 : 0) + (lost ? 1 : 0);
}

// The whole house in one line, for the top of the page.
export function houseHealth(rooms) {
  const all = rooms.map((room) => ({ room, ...health(room) }));
  const act = all.filter((one) => one.level === "act");
  const care = all.filter((one) => one.level === "care");
  if (act.length) return { level: "act", count: w("n_need", { n: all.reduce((sum, one) => sum + needs(one.room), 0) }), first: act[0] };
  if (care.length) return { level: "care", count: w("n_care", { n: care.length }), first: care[0] };
  if (all.some((one) => one.level === "well")) return { level: "well", count: w("all_well") };
  return { level: "rest", count: w("resting") };
}
