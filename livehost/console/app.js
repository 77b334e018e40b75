// The page: signs in, follows the rooms by events, and shows the wall or one room.

import { alarmLine, firstSentence } from "./alarms.js";
import { api } from "./api.js";
import { h, mark, say, show, throttled } from "./dom.js";
import { DutyView } from "./duty.js";
import { houseHealth } from "./health.js";
import { FocusView } from "./focus.js";
import { toast, toastProblem } from "./toast.js";
import { WallView } from "./wall.js";
import { clock, half, language, preferLanguage, toggleLanguage, w } from "./words.js";

const page = document.getElementById("page");
const state = { house: null, rooms: [], focus: null, wall: false, duty: false, lost: false };

async function start() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token) {
    history.replaceState(null, "", location.pathname);
    try { await api.login(token); } catch (error) { toastProblem(error); }
  }
  try {
    state.house = await api.house();
    preferLanguage(state.house.language);
    state.rooms = (await api.rooms()).items;
  } catch (error) {
    if (error.status === 401) return showSignIn();
    toastProblem(error);
    setTimeout(start, 3000);
    return;
  }
  showDesk();
}

function showSignIn() {
  preferLanguage("zh");
  const field = h("input", { type: "password", autocomplete: "current-password", placeholder: w("token_hint"), required: true });
  const form = h("form.sign-in", {
    onsubmit: async (event) => {
      event.preventDefault();
      try {
        await api.login(field.value.trim());
        start();
      } catch (error) {
        field.value = "";
        toastProblem(error);
      }
    },
  }, h("img", { src: "/console/mark.svg", alt: "", width: 48, height: 48 }), h("h1", {}, "livehost ", w("brand")),
  h("p", {}, w("sign_in_lead")), field, h("button.primary", { type: "submit" }, w("sign_in")));
  page.replaceChildren(form);
  page.removeAttribute("aria-busy");
  field.focus();
}

const chosen = () => new URLSearchParams(location.hash.slice(1)).get("room");

function showDesk() {
  const sentence = h("button.sentence", { onclick: () => sentence.room && go(sentence.room) });
  const time = h("time.clock");
  const tabs = h("nav.tabs");
  const head = h("header.top", {},
    h("div.brand", {}, h("img", { src: "/console/mark.svg", alt: "", width: 22, height: 22 }), h("b", {}, "livehost"), h("span", {}, w("brand"))),
    tabs, sentence, h("span.grow"), time,
    h("button.quiet", { onclick: () => { toggleLanguage(); location.reload(); } }, language() === "zh" ? "EN" : "中文"),
    h("button.quiet", { onclick: async () => { await api.logout().catch(() => {}); location.reload(); } }, w("sign_out")));
  const body = h("main");
  page.replaceChildren(head, body);
  page.removeAttribute("aria-busy");

  const context = { house: state.house, can: (role) => state.house.can.includes(role), go, refresh: () => refreshSoon(), room: (id) => state.rooms.find((one) => one.id === id), rooms: () => state.rooms, level: (room) => houseHealth([room]).level, counted: () => counted() };
  const wall = new WallView(context);
  const focus = new FocusView(context);
  const duty = new DutyView(context);

  function go(room) {
    location.hash = room === "duty" ? "duty" : room ? `room=${encodeURIComponent(room)}` : "wall";
  }

  function turn() {
    const wanted = chosen();
    const known = state.rooms.some((one) => one.id === wanted);
    state.duty = location.hash === "#duty";
    state.wall = !state.duty && !known && state.rooms.length > 1;
    state.focus = state.wall || state.duty ? null : known ? wanted : state.rooms[0]?.id;
    body.replaceChildren(state.duty ? duty.element : state.wall ? wall.element : focus.element);
    mark(document.body, "view", state.duty ? "duty" : state.wall ? "wall" : "focus");
    tabs.replaceChildren(
      h("a.to-duty", { href: "#duty", ariaCurrent: state.duty ? "page" : null, id: "tab-duty" }, w("duty"), h("span.badge")),
      ...(state.rooms.length > 1 ? [h("a", { href: "#wall", ariaCurrent: state.wall ? "page" : null }, w("wall"))] : []),
      ...state.rooms.map((room) => h("a", { href: `#room=${encodeURIComponent(room.id)}`, ariaCurrent: room.id === state.focus ? "page" : null, id: `tab-${room.id}` }, h("i.lamp"), room.title, h("span.badge"))));
    wall.turn(state.wall);
    duty.turn(state.duty);
    focus.turn(state.focus);
    render();
  }

  // How many wait for a person: on the tabs, and in the window's title.
  function counted() {
    const total = duty.count();
    for (const [id, n] of [["duty", total], ...state.rooms.map((room) => [room.id, duty.count(room.id)])]) {
      const badge = document.querySelector(`#tab-${CSS.escape(id)} > .badge`);
      if (!badge) continue;
      if (n > Number(badge.textContent || 0)) badge.animate?.([{ transform: "scale(1.5)" }, { transform: "none" }], 400);
      say(badge, n ? String(n) : "");
    }
    if (state.duty) duty.render(state.rooms);
    title();
  }

  function title() {
    const lamp = { act: "🔴", care: "🟠", well: "🟢", rest: "⚪" }[document.body.dataset.level];
    const n = duty.count();
    document.title = `${n ? `(${n}) ` : ""}${lamp} livehost ${w("brand")}`;
  }

  function render() {
    const whole = houseHealth(state.rooms);
    const level = state.lost ? "act" : whole.level;
    mark(document.body, "level", level);
    sentence.room = state.lost ? null : whole.first?.room.id;
    say(sentence, state.lost ? `${w("unreachable")} · ${w("unreachable_mend")}` : whole.first ? `${whole.count} · ${whole.first.room.title}：${whole.first.text}` : whole.count);
    sentence.title = sentence.textContent;
    for (const room of state.rooms) {
      const tab = document.getElementById(`tab-${room.id}`);
      if (tab) mark(tab, "level", houseHealth([room]).level);
    }
    counted();
    if (state.duty) duty.render(state.rooms);
    else if (state.wall) wall.render(state.rooms);
    else if (state.focus) focus.render(context.room(state.focus));
  }

  async function refresh() {
    try {
      state.rooms = (await api.rooms()).items;
      if (state.lost) focus.reload();
      state.lost = false;
    } catch (error) {
      if (error.status === 401) return location.reload();
      state.lost = true;
    }
    render();
  }

  const refreshSoon = throttled(refresh, 700);
  const events = new EventSource("/v1/events");
  const hear = (kind, work) => events.addEventListener(kind, (event) => work(JSON.parse(event.data)));
  for (const kind of ["status", "fate", "output", "session", "switch", "dress", "engine", "timetable", "product", "missed"]) {
    hear(kind, (event) => {
      refreshSoon();
      if (event.room === state.focus || kind === "missed") focus.happened(kind);
    });
  }
  hear("phrase", ({ room, data }) => {
    const found = context.room(room);
    if (found) found.now = data;
    focus.script.heard(room, data);
    render();
    refreshSoon();
  });
  hear("duty", () => duty.soon());
  hear("question", ({ room }) => {
    if (room === state.focus) focus.happened("question");
  });
  hear("alarm", ({ room, data }) => {
    refreshSoon();
    const line = alarmLine(context.room(room), { ...data, mend: "" });
    if (data.over) toast(w("over", { t: line }), "well");
    else toast(line, "act", firstSentence(half(data.mend)));
  });
  events.addEventListener("open", refreshSoon);
  setInterval(refresh, 5000);
  const tick = () => {
    const zone = (state.focus && context.room(state.focus)?.zone) || state.rooms[0]?.zone;
    say(time, clock(Date.now(), zone));
  };
  tick();
  setInterval(tick, 1000);
  addEventListener("hashchange", turn);
  turn();
}

start();
