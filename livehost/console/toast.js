// Short messages at the corner, and questions that must be answered.

import { h } from "./dom.js";
import { w } from "./words.js";

const place = document.getElementById("toasts");

export function toast(text, level = "well", mend = "") {
  const one = h("div.toast", {}, h("b", {}, text), mend ? h("span", {}, mend) : null);
  one.dataset.level = level;
  place.append(one);
  while (place.children.length > 4) place.firstChild.remove();
  setTimeout(() => one.remove(), level === "act" ? 9000 : 4000);
}

export function toastProblem(error) {
  toast(error.message || String(error), "act", error.mend || "");
}

// Does a piece of work with its button asleep, and tells what went wrong.
export async function tried(button, work) {
  if (button) button.disabled = true;
  try {
    await work();
    return true;
  } catch (error) {
    toastProblem(error);
    return false;
  } finally {
    if (button) button.disabled = false;
  }
}

// A dialog with fields; `save(values)` runs on its button, and it stays open when that fails or gives false.
export function dialog(title, fields, { save, yes = w("save"), no = w("no"), danger = false, note = "" }) {
  const button = h(danger ? "button.danger" : "button.primary", { type: "submit" }, yes);
  const element = h("dialog", { onclose: () => element.remove() },
    h("form", {
      onsubmit: async (event) => {
        event.preventDefault();
        let stays = false;
        const values = Object.fromEntries(new FormData(event.target));
        if (await tried(button, async () => { stays = (await save(values)) === false; }) && !stays) element.close();
      },
    }, h("h2", {}, title), note ? h("p.note", {}, note) : null,
    fields.map(([label, field]) => h("label.field", {}, h("span", {}, label), field)),
    h("div.actions", {}, h("button.quiet", { type: "button", onclick: () => element.close() }, no), button)));
  document.body.append(element);
  element.showModal();
  return element;
}

// A dialog that only shows: one button closes it.
export function listed(title, content) {
  const element = h("dialog.wide", { onclose: () => element.remove() },
    h("form", { method: "dialog" }, h("h2", {}, title), content, h("div.actions", {}, h("button.primary", { type: "submit" }, w("shut")))));
  document.body.append(element);
  element.showModal();
  return element;
}

export const confirmed = (question, save, danger = false) => dialog(question, [], { save, yes: w("yes"), danger });
