// What is pressed: the red button, the session, and how the show is led.

import { api, cut } from "./api.js";
import { h, mark, say, show } from "./dom.js";
import { isOpen } from "./health.js";
import { confirmed, toast, toastProblem, tried } from "./toast.js";
import { clock, shortName, w } from "./words.js";

export const persona = (room) => {
  const on = room.on_air;
  if (!on?.persona) return w("off_air");
  const name = shortName(on.name);
  return on.until ? `${name} ${w("on_until", { t: clock(on.until, room.zone) })}` : name;
};

export function cutButton(context, roomOf) {
  const button = h("button.cut", { type: "button" }, w("cut"));
  button.addEventListener("click", async () => {
    const room = roomOf();
    const action = room.cut ? "uncut" : "cut";
    if (!room.cut) say(button, w("cutting"));
    button.disabled = true;
    try {
      const by = await cut(room.id, action, context.house.red_button_port);
      room.cut = action === "cut";
      if (by === "red") toast(w("cut_by_red"), "care");
    } catch (error) {
      toastProblem(error);
    } finally {
      button.disabled = false;
      render(room);
      context.refresh();
    }
  });
  function render(room) {
    say(button, room.cut ? w("uncut") : w("cut"));
    mark(button, "cut", room.cut ? "yes" : "no");
    const may = context.can(room.cut ? "duty" : "operator");
    button.disabled = !may || (!room.cut && !isOpen(room));
    button.title = may ? "" : room.cut ? w("need_duty") : w("viewer_only");
  }
  return { element: button, render };
}

export function sessionButtons(context, roomOf) {
  const press = (button, action) => tried(button, async () => {
    await api.session(roomOf().id, action);
    context.refresh();
  });
  const rehearse = h("button", { onclick: () => press(rehearse, "rehearse") }, w("rehearse"));
  const open = h("button.primary", {
    onclick: () => {
      const n = (roomOf().outputs || []).length;
      confirmed(w("open_ask", { n }), () => api.session(roomOf().id, "open").then(context.refresh));
    },
  }, w("open"));
  const close = h("button", {
    onclick: () => confirmed(w("close_ask"), () => api.session(roomOf().id, "close").then(context.refresh)),
  }, w("close"));
  const element = h("div.session", {}, rehearse, open, close);
  function render(room) {
    show(rehearse, !isOpen(room));
    show(open, room.life !== "on_air");
    show(close, isOpen(room));
    for (const button of [rehearse, open, close]) button.disabled = !context.can("operator");
  }
  return { element, render };
}

export function leadButtons(context, roomOf) {
  const act = (button, action) => tried(button, async () => {
    await api.control(roomOf().id, action);
    context.refresh();
  });
  const modes = [["auto", "mode_auto"], ["review", "mode_review"], ["manual", "mode_manual"], ["script_only", "mode_script_only"], ["pause", "mode_paused"]].map(([action, word]) => {
    const button = h("button", { onclick: () => act(button, action) }, w(word));
    button.mode = action === "pause" ? "paused" : action;
    return button;
  });
  const next = h("button", { onclick: () => act(next, "next_product") }, w("next_product"));
  const skip = h("button", { onclick: () => act(skip, "skip") }, w("skip"));
  const element = h("div.lead", {}, h("div.segments", { role: "group" }, modes), next, skip);
  function render(room) {
    for (const button of modes) {
      button.setAttribute("aria-pressed", String(!room.duty?.taken_by && room.mode === button.mode));
      button.disabled = !context.can("operator");
    }
    for (const button of [next, skip]) button.disabled = !context.can("operator") || !isOpen(room);
  }
  return { element, render };
}
