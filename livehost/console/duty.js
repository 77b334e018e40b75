// The duty page: what waits for a person, in all rooms, decided by single keys.

import { api } from "./api.js";
import { Alert } from "./alert.js";
import { DutyDetail } from "./duty_detail.js";
import { filler, h, mark, say, show, throttled } from "./dom.js";
import { health, isOpen } from "./health.js";
import { confirmed, dialog, listed, toast, toastProblem, tried } from "./toast.js";
import { ago, clock, shortName, w } from "./words.js";

const EVERY_MS = 3000;
const BEAT_MS = 10_000;
const READ_MS = 500; // what came to the front by itself is not decided before it can have been read
const MODES = [["auto", "mode_auto"], ["review", "mode_review"], ["manual", "mode_manual"], ["script_only", "mode_script_only"]];
const KEYS = [["J K", "key_move"], ["⏎", "key_approve"], ["E", "key_edit"], ["A", "key_answer"], ["X", "key_reject"], ["H", "key_hand"], ["M", "key_mute"], ["F", "key_keep"], ["T", "key_take"], ["I", "key_insert"], ["1–9 0", "key_room"], ["D", "key_duty"], ["Esc", "key_leave"]];
const MUTES = [[10, "m10"], [60, "h1"], [1440, "d1"], ["", "for_ever"]];

export const keyOf = (item) => `${item.room}/${item.id}`;

export class DutyView {
  constructor(context) {
    this.context = context;
    this.items = [];
    this.log = [];
    this.only = null;
    this.chosen = null;
    this.seen = null;
    this.fresh = new Map();
    this.gone = new Map();
    this.on = false;
    this.may = context.can("duty");
    this.alert = new Alert();
    this.rooms = h("div.lanes");
    this.lanes = new Map();
    this.people = h("span.people-on");
    this.total = h("b.total");
    this.list = h("ol.queue", { ariaLabel: w("duty"), tabIndex: -1 });
    this.soundButton = h("button.quiet", { onclick: () => { this.alert.toggle(); this.drawHead(); } });
    this.detail = new DutyDetail(this);
    this.logList = h("ol.log");
    this.element = h("section.duty", {},
      this.rooms,
      h("div.board", {},
        h("section.panel.waiting", {},
          h("div.head", {}, h("h2", {}, w("duty_queue"), this.total), h("span.row", {}, this.people, this.soundButton, h("button.quiet", { onclick: () => this.help(), title: "?" }, w("keys")))),
          this.list),
        h("div.deciding", {}, this.detail.element, h("section.panel.did", {}, h("h2", {}, w("duty_log")), this.logList))));
    this.fillLog = filler(this.logList, (log) => log.length ? log.map((one) => h("li", {}, h("time", {}, one.t), h("b", {}, one.by || "—"), h("span.deed", {}, one.deed), h("span.about", {}, one.about))) : [h("li.none", {}, w("duty_log_none"))]);
    this.fillList = filler(this.list, (rows) => rows.length ? rows.map((one) => this.row(one)) : [h("li.none.calm", {}, h("b", {}, w("duty_calm")), h("span", {}, w("duty_calm_more")))]);
    this.soon = throttled(() => this.read(), 300);
    if (context.can("operator")) {
      this.beat();
      setInterval(() => this.beat(), BEAT_MS);
      addEventListener("pagehide", () => api.leave());
    }
    setInterval(() => this.read(), EVERY_MS);
    setInterval(() => this.on && this.draw(), 1000);
    document.addEventListener("keydown", (event) => this.key(event));
    this.read();
  }

  beat() {
    api.beat().catch(() => {}); // the next one is soon; that the service is away is told elsewhere
  }

  turn(on) {
    this.on = on;
    if (on) this.read();
  }

  // How many wait, of one room or of all.
  count(room) {
    return this.items.filter((one) => !room || one.room === room).length;
  }

  async read() {
    let items;
    try {
      items = (await api.dutyQueue()).items;
      if (this.on) this.log = (await api.duty()).log;
    } catch { return; }
    const now = Date.now();
    for (const [key, at] of this.gone) if (at < now - 8000) this.gone.delete(key);
    items = items.filter((one) => !this.gone.has(keyOf(one)));
    const before = this.seen;
    this.seen = new Set(items.map(keyOf));
    const fresh = before ? items.filter((one) => !before.has(keyOf(one))) : [];
    for (const one of fresh) this.fresh.set(keyOf(one), now);
    if (fresh.length) this.alert.sound(fresh.some((one) => one.state === "held") ? "held" : "handed");
    this.items = items;
    this.draw();
    this.context.counted();
  }

  get shown() {
    return this.items.filter((one) => !this.only || one.room === this.only);
  }

  get item() {
    return this.shown.find((one) => keyOf(one) === this.chosen) || null;
  }

  draw() {
    const shown = this.shown;
    if (!this.item || (!this.byHand && !this.busy && shown[0] !== this.item)) {
      this.chosen = shown[0] ? keyOf(shown[0]) : null;
      this.byHand = false;
      this.cameAt = Date.now();
      mark(this.element, "read", "no");
      setTimeout(() => mark(this.element, "read", this.wasRead ? "yes" : "no"), READ_MS + 20);
    }
    this.at = Math.max(0, shown.findIndex((one) => keyOf(one) === this.chosen));
    if (!this.on) return;
    this.drawHead();
    const now = Date.now();
    this.fillList(shown.map((one) => ({
      key: keyOf(one), chosen: keyOf(one) === this.chosen, fresh: now - (this.fresh.get(keyOf(one)) ?? 0) < 1600,
      state: one.state, why: one.why, text: one.text, user: one.user, buyer: one.buyer, together: one.together, room: this.title(one.room),
      ago: ago(one.at), stale: one.state === "held" && !one.true, left: left(one, now),
    })));
    this.detail.draw(this.item, left(this.item, now));
    this.fillLog(this.log.slice(0, 30).map((one) => ({ t: clock(one.at, this.zone(one.room)), by: one.by, deed: w(`did_${one.action}`), about: one.asked || one.user || one.why || this.title(one.room) })));
  }

  drawHead() {
    say(this.total, this.shown.length ? String(this.shown.length) : "");
    say(this.soundButton, w(this.alert.on ? "alert_on" : "alert_off"));
    const names = new Set(Object.values(this.context.rooms()).flatMap((room) => (room.duty?.people || []).map((one) => one.name)));
    say(this.people, names.size ? w("on_duty", { n: [...names].join("、") }) : "");
  }

  title(id) {
    return this.context.room(id)?.title || id;
  }

  zone(id) {
    return this.context.room(id)?.zone;
  }

  row(one) {
    const item = h("li", { onclick: () => this.choose(one.key, true) },
      h("div.row", {}, h("span.tag", {}, w(`wait_${one.why || one.state}`)), h("b.from", {}, one.room), h("span.who-asks", {}, one.user || "—"), one.buyer ? h("span.tag.buyer", {}, w("buyer")) : null, h("span.grow"), h("time", {}, one.left || one.ago)),
      h("p", {}, one.text, one.together ? h("span.more", {}, w("n_more", { n: one.together })) : null));
    item.dataset.key = one.key;
    mark(item, "state", one.state);
    mark(item, "why", one.why);
    mark(item, "fresh", one.fresh ? "yes" : "no");
    item.setAttribute("aria-current", String(one.chosen));
    if (one.chosen) queueMicrotask(() => this.list.scrollHeight > this.list.clientHeight && item.scrollIntoView({ block: "nearest" }));
    return item;
  }

  // Whether somebody is at the one in front: then nothing else comes to the front by itself.
  get busy() {
    return this.detail.busy || Boolean(document.querySelector("dialog[open]"));
  }

  // Whether the one in front has been there long enough to be decided by a key.
  get wasRead() {
    return Date.now() - (this.cameAt ?? 0) >= READ_MS;
  }

  choose(key, byHand = false) {
    if (byHand) this.detail.element.scrollIntoView({ block: "nearest" });
    if (this.detail.editing && key !== this.chosen) this.detail.leave();
    this.chosen = key;
    this.byHand = true;
    this.cameAt = 0;
    mark(this.element, "read", "yes");
    this.draw();
  }

  move(by) {
    const shown = this.shown;
    const next = shown[Math.max(0, Math.min(shown.length - 1, this.at + by))];
    if (next) this.choose(keyOf(next));
  }

  // ---- the rooms above the list

  render(rooms) {
    for (const room of rooms) {
      let lane = this.lanes.get(room.id);
      if (!lane) {
        lane = new Lane(this, room.id);
        this.lanes.set(room.id, lane);
        this.rooms.append(lane.element);
      }
      lane.render(room);
    }
  }

  pick(room) {
    this.only = this.only === room ? null : room;
    this.chosen = null;
    this.at = 0;
    this.render(this.context.rooms());
    this.draw();
  }

  // ---- what is decided

  async decide(action, more = {}) {
    const item = this.item;
    if (!item || !this.may) return false;
    this.gone.set(keyOf(item), Date.now());
    try {
      await api.decide(item.room, { action, question: item.id, ...more });
    } catch (error) {
      this.gone.delete(keyOf(item));
      if (error.confirm) {
        this.doubts = error;
        return "confirm";
      }
      this.doubts = action === "answer" && error.status !== 409 ? error : null; // told beside the words
      if (!this.doubts) toastProblem(error);
      this.soon();
      return false;
    }
    this.items = this.items.filter((one) => keyOf(one) !== keyOf(item));
    this.byHand = false;
    if (action === "propose") this.gone.delete(keyOf(item));
    this.draw();
    this.context.counted();
    this.soon();
    return true;
  }

  approve() {
    const item = this.item;
    if (!item) return undefined;
    if (item.state === "accepted") return this.decide("propose");
    if (!item.proposed) return this.detail.edit("");
    return this.decide("approve");
  }

  mute() {
    const item = this.item;
    if (!item || !this.may) return;
    const minutes = h("select", { name: "minutes" }, MUTES.map(([value, word]) => h("option", { value }, w(word))));
    const asked = dialog(w("mute_ask", { n: item.user || item.who }), [[w("for_how_long"), minutes]], {
      yes: w("mute"),
      save: async (values) => {
        await api.muteViewer(item.room, { who: item.who, minutes: values.minutes ? Number(values.minutes) : null });
        toast(w("muted_ok", { n: item.user || item.who }));
        this.soon();
      },
    });
    asked.querySelector("[type=submit]").focus(); // Enter in a list of choices would do nothing
  }

  // What is answered once is answered by itself from then on: an entry of the book of answers.
  keep() {
    const item = this.item;
    if (!item || !this.context.can("operator")) return;
    let confirmed = false;
    const text = h("textarea", { rows: 3, maxLength: 500, required: true, value: item.proposed || "", oninput: () => { confirmed = false; } });
    const scopes = [...(item.product ? [[`product:${item.product.id}`, w("keep_product", { n: item.product.name })]] : []), ["shop", w("keep_shop")]];
    const scope = h("select", { name: "scope", onchange: () => { confirmed = false; } }, scopes.map(([value, name]) => h("option", { value }, name)));
    dialog(w("keep_ask"), [[w("asked_so"), h("p.note", {}, item.text)], [w("approved_so"), text], [w("keep_scope"), scope]], {
      save: async () => {
        try {
          await api.keepAnswer(item.room, item.id, { answers: [text.value.trim()], scope: scope.value, confirmed });
        } catch (error) {
          if (!error.confirm) throw error;
          confirmed = true;
          return [error, w("keep_again")];
        }
        toast(w("kept_ok"));
        this.soon();
        return true;
      },
    });
    text.focus();
  }

  async muted(room) {
    const { items } = await api.mutes(room);
    const rows = items.map((one) => h("li.row", {}, h("b", {}, one.who), h("span.small", {}, one.until ? w("until_t", { t: clock(one.until, this.zone(room)) }) : w("for_ever"), " · ", one.by), h("span.grow"),
      h("button", { type: "button", onclick: (event) => tried(event.target, async () => { await api.unmuteViewer(room, one.who); event.target.closest("li").remove(); }) }, w("unmute"))));
    listed(`${this.title(room)} · ${w("muted_list")}`, h("ul.slots", {}, rows.length ? rows : h("li.none", {}, w("muted_none"))));
  }

  async takeOver(id) {
    const room = this.context.room(id);
    if (!room || !this.may) return;
    const taken = room.duty?.taken_by;
    const work = () => api.control(id, taken ? "hand_back" : "take_over").then(this.context.refresh);
    if (taken) await work().catch(toastProblem);
    else confirmed(w("take_ask", { n: room.title }), work);
  }

  help() {
    listed(w("keys"), h("ul.keys", {}, KEYS.map(([key, word]) => h("li", {}, h("kbd", {}, key), h("span", {}, w(word))))));
  }

  key(event) {
    const typing = event.target.closest?.("input, textarea, select, dialog");
    if (typing || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (key === "d" && !this.on) return this.context.go("duty");
    if (!this.on) return undefined;
    if (key === "Enter" && event.target.closest?.("button, a")) return undefined;
    const sure = !event.repeat && this.wasRead;
    const work = {
      j: () => this.move(1), ArrowDown: () => this.move(1), k: () => this.move(-1), ArrowUp: () => this.move(-1),
      Enter: () => sure && this.approve(), e: () => this.detail.edit(), a: () => this.detail.edit(""),
      x: () => sure && this.decide("reject"), h: () => sure && this.item?.state !== "handed_over" && this.decide("hand_over"),
      m: () => this.mute(), t: () => this.item && this.takeOver(this.item.room), f: () => this.keep(), i: () => this.detail.scene.line.focus(), "?": () => this.help(), 0: () => this.pick(this.only),
    }[key];
    const number = /^[1-9]$/.test(key) ? this.context.rooms()[Number(key) - 1] : null;
    if (!work && !number) return undefined;
    event.preventDefault();
    return work ? work() : this.pick(number.id);
  }
}

// What is left of the time that an answer waits.
export function left(one, now) {
  if (!one?.until) return "";
  const seconds = Math.max(0, Math.round((Date.parse(one.until) - now) / 1000));
  if (seconds < 100) return w("left_s", { s: seconds });
  return w("left_m", { t: `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}` });
}

// What sets a room apart from its mode, in words; empty: nothing does.
function standing(room) {
  const { duty = {} } = room;
  if (room.cut) return w("is_cut");
  if (duty.taken_by) return w("taken_by", { n: duty.taken_by });
  if (!isOpen(room)) return "";
  if (room.mode === "paused") return w("mode_paused");
  return duty.unattended ? w("nobody", { p: w(`alone_${duty.policy}`) }) : "";
}

class Lane {
  constructor(view, id) {
    this.view = view;
    this.id = id;
    this.title = h("b");
    this.count = h("span.badge");
    this.host = h("span.small");
    this.spoken = h("p.spoken");
    this.modes = MODES.map(([mode, word]) => h("button", { onclick: (event) => this.lead(event.target, mode) }, w(word)));
    this.take = h("button.take", { onclick: () => view.takeOver(id) });
    this.mutes = h("button.quiet", { onclick: () => view.muted(id).catch(toastProblem) }, w("muted_list"));
    this.element = h("article.lane", {},
      h("div.row", {}, h("button.name", { onclick: () => view.pick(id) }, this.title, this.count, h("span.grow"), this.host), this.mutes),
      h("div.row", {}, this.spoken, this.take),
      h("div.row", {}, h("div.segments.small", { role: "group", ariaLabel: w("answering") }, this.modes)));
  }

  lead(button, mode) {
    return tried(button, async () => {
      await api.control(this.id, mode);
      this.view.context.refresh();
    });
  }

  render(room) {
    const { duty = {} } = room;
    const n = this.view.count(room.id);
    mark(this.element, "level", this.view.context.level(room));
    mark(this.element, "only", this.view.only === room.id ? "yes" : this.view.only ? "other" : "no");
    mark(this.element, "taken", duty.taken_by ? "yes" : "no");
    say(this.title, room.title);
    say(this.count, n ? String(n) : "");
    say(this.host, isOpen(room) ? shortName(room.on_air?.name) : w(`life_${room.life}`));
    const stands = standing(room);
    say(this.spoken, stands || (isOpen(room) && room.now?.text) || "");
    mark(this.spoken, "stands", stands ? "yes" : "no");
    this.element.title = health(room).text;
    this.modes.forEach((button, number) => {
      button.setAttribute("aria-pressed", String(!duty.taken_by && MODES[number][0] === room.mode));
      button.disabled = !this.view.context.can("operator");
    });
    say(this.take, w(duty.taken_by ? "hand_back" : "take_room"));
    this.take.disabled = !this.view.may || !isOpen(room);
  }
}
