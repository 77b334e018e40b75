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
  return one;
}

export function toastProblem(error) {
  const one = toast(error.message || String(error), "act", [...details(error), error.mend].filter(Boolean).join(" · "));
  one.dataset.problem = "yes";
}

// What is wrong one by one, where the problem's own sentence does not say it already.
function details(error) {
  return (error?.errors || []).map((one) => one.message).filter((text) => text && !error.message.includes(text)).slice(0, 5);
}

// What went wrong before is over once something else is asked.
function clearProblems() {
  for (const one of place.querySelectorAll("[data-problem]")) one.remove();
}

// A line beside an editor for what is wrong with what stands in it.
export function problemLine() {
  const element = h("p.problem", { hidden: true, role: "alert" });
  const tell = (error, level = "act", lead = "") => {
    const said = error?.message || String(error);
    element.replaceChildren(...(error ? [h("b", {}, lead || said), ...details(error).map((text) => h("span", {}, text)), h("span", {}, lead ? said : error.mend || "")] : []));
    element.dataset.level = level;
    element.hidden = !error;
  };
  return { element, tell };
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

// A dialog with fields; `save(values)` runs on its button. It stays open when that fails or gives false, or an
// error that is to be confirmed (`[error, lead]`), and tells of it above its buttons.
export function dialog(title, fields, { save, yes = w("save"), no = w("no"), danger = false, note = "" }) {
  const button = h(danger ? "button.danger" : "button.primary", { type: "submit" }, yes);
  const problem = problemLine();
  const element = h("dialog", { onclose: () => element.remove() },
    h("form", {
      oninput: () => problem.tell(null),
      onsubmit: async (event) => {
        event.preventDefault();
        problem.tell(null);
        button.disabled = true;
        try {
          const doubt = await save(Object.fromEntries(new FormData(event.target)));
          if (Array.isArray(doubt)) problem.tell(doubt[0], "care", doubt[1]);
          else if (doubt !== false) element.close();
        } catch (error) {
          problem.tell(error);
        } finally {
          button.disabled = false;
        }
      },
    }, h("h2", {}, title), note ? h("p.note", {}, note) : null,
    fields.map(([label, field]) => h("label.field", {}, h("span", {}, label), field)), problem.element,
    h("div.actions", {}, h("button.quiet", { type: "button", onclick: () => element.close() }, no), button)));
  clearProblems();
  document.body.append(element);
  element.showModal();
  return element;
}

// A dialog that only shows: one button closes it.
export function listed(title, content) {
  const element = h("dialog.wide", { onclose: () => element.remove() },
    h("form", { method: "dialog" }, h("h2", {}, title), content, h("div.actions", {}, h("button.primary", { type: "submit" }, w("shut")))));
  clearProblems();
  document.body.append(element);
  element.showModal();
  return element;
}

export const confirmed = (question, save, danger = false) => dialog(question, [], { save, yes: w("yes"), danger });
