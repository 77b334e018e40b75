// Everything the page asks of the service. Errors are `Problem`s, with the cause and the mend.

import { half, language, w } from "./words.js";

export class Problem extends Error {
  constructor(status, document_) {
    super(half(document_.title || String(status)));
    this.status = status;
    this.mend = half(document_.mend || "");
    this.errors = (document_.errors || []).map((one) => (typeof one === "string" ? { message: half(one) } : { ...one, message: half(one.message) }));
    this.confirm = Boolean(document_.confirm);
  }
}

export async function request(method, path, { body, version, timeoutMs = 15000 } = {}) {
  const headers = { "Accept-Language": language() };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (version !== undefined) headers["If-Match"] = version === "*" ? "*" : `"${version}"`;
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers,
      credentials: "same-origin",
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(timeoutMs),
    });
  } catch (error) {
    throw new Problem(0, { title: w("unreachable"), mend: w("unreachable_mend") });
  }
  if (!answer.ok) {
    let document_ = {};
    try { document_ = await answer.json(); } catch { /* not ours: the status says enough */ }
    throw new Problem(answer.status, document_);
  }
  return answer.status === 204 ? null : answer.json();
}

const at = (room, rest = "") => `/v1/rooms/${encodeURIComponent(room)}${rest}`;

export const api = {
  house: () => request("GET", "/v1/house"),
  login: (token) => request("POST", "/v1/login", { body: { token } }),
  logout: () => request("POST", "/v1/logout"),
  rooms: () => request("GET", "/v1/rooms?limit=200", { timeoutMs: 8000 }),
  session: (room, action) => request("POST", at(room, "/session"), { body: { action }, timeoutMs: 40000 }),
  control: (room, action, timeoutMs) => request("POST", at(room, "/control"), { body: { action }, timeoutMs }),
  speak: (room, text, urgent, confirmed) => request("POST", at(room, "/say"), { body: { text, urgent, confirmed } }),
  ask: (room, text) => request("POST", at(room, "/questions"), { body: { text } }),
  questions: (room) => request("GET", at(room, "/questions?limit=60")),
  duty: () => request("GET", "/v1/duty"),
  dutyQueue: () => request("GET", "/v1/duty/queue?limit=200", { timeoutMs: 8000 }),
  decide: (room, decision) => request("POST", at(room, "/duty"), { body: decision }),
  beat: () => request("POST", "/v1/duty/heartbeat", { body: {}, timeoutMs: 8000 }),
  leave: () => fetch("/v1/duty/heartbeat", { method: "DELETE", credentials: "same-origin", keepalive: true }).catch(() => {}),
  keepAnswer: (room, question, values) => request("POST", `/v1/faq/from-question/${encodeURIComponent(room)}/${encodeURIComponent(question)}`, { body: values }),
  complain: (room, about, why) => request("POST", at(room, "/complaints"), { body: { about, why } }),
  mutes: (room) => request("GET", at(room, "/mutes")),
  muteViewer: (room, value) => request("POST", at(room, "/mutes"), { body: value }),
  unmuteViewer: (room, who) => request("DELETE", at(room, `/mutes?viewer=${encodeURIComponent(who)}`)),
  schedule: (room) => request("GET", at(room, "/schedule")),
  override: (room, value) => request("PUT", at(room, "/override"), { body: value }),
  endOverride: (room) => request("DELETE", at(room, "/override")),
  slots: (room) => request("GET", at(room, "/slots?limit=200")),
  addSlot: (room, slot) => request("POST", at(room, "/slots"), { body: slot }),
  changeSlot: (room, slot, version) => request("PUT", at(room, `/slots/${encodeURIComponent(slot.id)}`), { body: slot, version }),
  removeSlot: (room, slot, version) => request("DELETE", at(room, `/slots/${encodeURIComponent(slot)}`), { version }),
  products: (room) => request("GET", at(room, "/products?limit=200")),
  changeProduct: (room, product, values, version) =>
    request("PATCH", at(room, `/products/${encodeURIComponent(product)}`), { body: values, version }),
  sources: (room) => request("GET", at(room, "/sources"), { timeoutMs: 8000 }),
  outputs: (room) => request("GET", at(room, "/outputs?limit=200")),
  addOutput: (room, output) => request("POST", at(room, "/outputs"), { body: output }),
  changeOutput: (room, name, values, version) =>
    request("PUT", at(room, `/outputs/${encodeURIComponent(name)}`), { body: values, version }),
  removeOutput: (room, name, version) =>
    request("DELETE", at(room, `/outputs/${encodeURIComponent(name)}`), { version }),
  switch: (room, wanted) => request("POST", at(room, "/switch"), { body: wanted }),
  adapters: () => request("GET", "/v1/adapters?limit=200"),
  stage: (adapter) => request("POST", `/v1/adapters/${encodeURIComponent(adapter)}/stage`, { timeoutMs: 70000 }),
  promote: (adapter) => request("POST", `/v1/adapters/${encodeURIComponent(adapter)}/promote`, { timeoutMs: 70000 }),
  retire: (adapter) => request("POST", `/v1/adapters/${encodeURIComponent(adapter)}/retire`),
  rollback: (persona, kind) => request("POST", `/v1/adapters/${encodeURIComponent(persona)}/${kind}/rollback`),
  engines: () => request("GET", "/v1/engines"),
  snapshot: (room) => at(room, `/snapshot.jpg?t=${Date.now()}`),
  preview: (room) => at(room, "/preview.mp4"),
};

// The red button: by the API, and when that does not answer at once, by the supervisor's own port.
// A plain POST without a preflight: it arrives even where its answer cannot be read.
export async function cut(room, action, redButtonPort) {
  try {
    await api.control(room, action, 1500);
    return "api";
  } catch (error) {
    if (!redButtonPort || [401, 403, 404].includes(error.status)) throw error;
    const host = location.hostname.includes(":") ? `[${location.hostname}]` : location.hostname;
    const address = `http://${host}:${redButtonPort}/v1/rooms/${encodeURIComponent(room)}/${action}`;
    try {
      const answer = await fetch(address, { method: "POST", credentials: "include", signal: AbortSignal.timeout(3000) });
      if (answer.ok) return "red";
    } catch { /* told below, with the first cause */ }
    throw error;
  }
}
