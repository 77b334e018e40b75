// Putting a persona on by hand: who, in which script and adapter versions, and for how long.

import { api } from "./api.js";
import { h } from "./dom.js";
import { dialog, toast, tried } from "./toast.js";
import { w } from "./words.js";

const LENGTHS = [["", "until_next"], [30, "m30"], [60, "h1"], [120, "h2"], [240, "h4"], [720, "h12"]];
const MINUTE_MS = 60_000;
const LONGEST_MS = 91 * 24 * 60 * MINUTE_MS; // what is put on by hand ends within 92 days

// The same persona changes her version without a greeting; nobody (不开播) rests the room.
export async function askSwitch(context, room, changed = () => {}) {
  let adapters = [];
  await tried(null, async () => { adapters = (await api.adapters()).items; });
  const { personas, rundowns } = context.house;
  const who = h("select", { name: "persona" }, personas.map((one) => h("option", { value: one.id, selected: one.id === room.on_air?.persona }, one.name)), h("option", { value: "" }, w("off_air")));
  const script = h("select", { name: "rundown" }, h("option", { value: "" }, w("as_timetable")), rundowns.map((one) => h("option", { value: one }, one)));
  const versions = { language: h("select", { name: "language" }), visual: h("select", { name: "visual" }) };
  const offer = () => {
    script.disabled = !who.value;
    for (const [kind, field] of Object.entries(versions)) {
      const own = adapters.filter((one) => one.persona === who.value && one.kind === kind);
      field.replaceChildren(h("option", { value: "" }, w("as_set")), ...own.map((one) => h("option", { value: one.version, disabled: one.state === "failed" || one.state === "retired" }, `${one.version} · ${w(`a_${one.state}`)}${one.promoted ? ` · ${w("promoted")}` : ""}`)));
      field.disabled = !who.value;
    }
  };
  who.addEventListener("change", offer);
  offer();
  const long = h("select", { name: "minutes" }, LENGTHS.map(([minutes, word]) => h("option", { value: minutes }, w(word))));
  const fields = [[w("persona"), who], [w("script"), script], [w("v_language"), versions.language], [w("v_visual"), versions.visual], [w("for_how_long"), long]];
  dialog(w("switch_now"), fields, {
    yes: w("switch_yes"),
    note: w("switch_note"),
    save: async ({ persona, rundown, language, visual, minutes }) => {
      const until = minutes ? new Date(Date.now() + minutes * MINUTE_MS).toISOString() : null;
      if (persona) {
        const wanted = { persona };
        if (rundown) wanted.rundown = rundown;
        if (language || visual) wanted.adapters = { language: language || null, visual: visual || null };
        if (until) wanted.until = until;
        await api.switch(room.id, wanted);
        toast(w("switch_asked", { n: personas.find((one) => one.id === persona)?.name || persona }));
      } else {
        await api.override(room.id, { persona: null, until: until || room.next?.at || new Date(Date.now() + LONGEST_MS).toISOString() });
      }
      changed();
      context.refresh();
    },
  });
}
