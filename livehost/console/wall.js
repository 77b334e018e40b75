// The wall: every room at a glance, for who watches four of them at night.

import { api } from "./api.js";
import { h, mark, say, show } from "./dom.js";
import { cutButton, persona } from "./controls.js";
import { wholeText } from "./alarms.js";
import { health, isOpen } from "./health.js";
import { clock, platform, shortName, w } from "./words.js";

const EVERY_MS = 1500;

export class WallView {
  constructor(context) {
    this.context = context;
    this.element = h("section.wall");
    this.tiles = new Map();
    this.on = false;
    setInterval(() => this.on && !document.hidden && this.tiles.forEach((tile) => tile.look()), EVERY_MS);
  }

  turn(on) {
    this.on = on;
    if (on) this.tiles.forEach((tile) => tile.look());
  }

  render(rooms) {
    for (const room of rooms) {
      let tile = this.tiles.get(room.id);
      if (!tile) {
        tile = new Tile(this.context, room.id);
        this.tiles.set(room.id, tile);
        this.element.append(tile.element);
        tile.look();
      }
      tile.render(room);
    }
    for (const [id, tile] of this.tiles) {
      if (rooms.some((room) => room.id === id)) continue;
      tile.element.remove();
      this.tiles.delete(id);
    }
    mark(this.element, "rooms", String(Math.min(rooms.length, 6)));
  }
}

class Tile {
  constructor(context, id) {
    this.id = id;
    this.picture = h("img.picture", { alt: "" });
    this.none = h("span.none", {}, w("no_picture"));
    this.title = h("b");
    this.life = h("span.life");
    this.host = h("span.host");
    this.next = h("span.next");
    this.spoken = h("p.spoken");
    this.sentence = h("span.says");
    this.outputs = h("div.dots");
    this.cut = cutButton(context, () => context.room(id));
    this.element = h("article.tile", {},
      h("a.look", { href: `#room=${encodeURIComponent(id)}` }, this.picture, this.none, h("div.over", {}, h("div.row", {}, this.title, this.life), this.spoken)),
      h("div.facts", {}, h("p.verdict", {}, this.sentence), h("div.row", {}, this.host, this.next), this.outputs, this.cut.element));
    this.busy = false;
  }

  async look() {
    if (this.busy) return;
    this.busy = true;
    const fresh = new Image();
    fresh.src = api.snapshot(this.id);
    try {
      await fresh.decode();
      this.picture.src = fresh.src;
      show(this.none, false);
    } catch {
      show(this.none, true);
      this.picture.removeAttribute("src");
    } finally {
      this.busy = false;
    }
  }

  render(room) {
    const { level, text } = health(room);
    mark(this.element, "level", level);
    say(this.title, room.title);
    say(this.life, w(`life_${room.life}`));
    mark(this.life, "life", room.life);
    say(this.host, persona(room));
    this.host.title = room.on_air?.name || "";
    this.next.title = room.next?.name || "";
    say(this.next, room.next ? `${w("next_up")} ${clock(room.next.at, room.zone)} ${shortName(room.next.name) || w("off_air")}` : "");
    say(this.none, isOpen(room) ? w("no_picture") : room.next ? w("opens_at", { t: clock(room.next.at, room.zone), n: shortName(room.next.name) || w("off_air") }) : w(`life_${room.life}`));
    say(this.spoken, isOpen(room) ? room.now?.text || "" : "");
    say(this.sentence, text);
    this.sentence.title = wholeText(room) || text;
    const outputs = room.outputs || [];
    this.outputs.replaceChildren(...outputs.map((one) => {
      const dot = h("span.dot", { title: w(`o_${one.state}`) }, h("i"), platform(one.name));
      dot.dataset.state = one.state;
      return dot;
    }));
    this.cut.render(room);
  }
}
