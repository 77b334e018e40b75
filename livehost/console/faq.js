// The operators' own questions and answers (互动问答库): search, edit, paste, and from what nobody answered.

import { Problem, api, request } from "./api.js";
import { filler, h, mark, say, show, throttled } from "./dom.js";
import { confirmed, problemLine, toast, toastProblem, tried } from "./toast.js";
import { clock, half, language, w } from "./words.js";

const WORDS = {
  faq: ["互动问答库", "Answer book"], entries: ["问答", "Answers"], open: ["没答上的", "Unanswered"], find: ["搜关键词、问法、回答", "Search"], add: ["添加", "Add"], paste: ["批量粘贴", "Paste"], export: ["导出", "Export"], close: ["关闭", "Close"],
  none: ["还没有问答。观众问到时，先用这里的回答，再查商品资料。", "No answers yet. They come before what the catalogue says."], nothing: ["没有找到", "Nothing found"], all_answered: ["没有落下的问题", "Nothing is left unanswered"],
  keywords: ["关键词", "Keywords"], keywords_hint: ["一行一组；同组的词用 + 连接，例：几点+下播", "One group a line; join words that go together by +"], questions: ["问法", "Questions"], questions_hint: ["一行一句，观众怎么问", "One a line, as viewers ask"],
  answers: ["回答", "Answers"], answers_hint: ["一行一条，轮流说；价格请写 {price}，链接写 {link}", "One a line, said in turn; write {price}, {link}"], scope: ["范围", "Scope"], shop: ["全店", "Whole shop"], cool: ["冷却（秒）", "Cool-down (s)"], enabled: ["启用", "Enabled"], off: ["停用", "off"], edit: ["修改", "Edit"], remove: ["删除", "Remove"], remove_ask: ["删除这一条？主播马上不再这么答。", "Remove it? The host stops saying it."],
  save: ["保存", "Save"], save_anyway: ["已看过，确认保存", "Looked at: save"], saved: ["已保存，下一个问题就用", "Saved: the next question uses it"], cancel: ["取消", "Cancel"], new_entry: ["添加问答", "New answer"], make: ["写成一条", "Make an answer"],
  paste_hint: ["一行一条：关键词 => 回答。几组关键词用、隔开，同组的词用 + 连接（都出现才算）；几个回答用 | 隔开，轮流说。也可以直接粘贴 Excel 的几列：关键词、回答、范围、冷却。", "One a line: keywords => answer. 、 parts groups of keywords, + joins words that must stand together, | parts answers that take turns. Or paste cells of a spreadsheet: keywords, answers, scope, cool-down."], paste_as: ["几点+下播、什么时候+下播 => 今晚播到很晚 | 还早着呢\n门店 => 我们是线上店，没有门店", "几点+下播、什么时候+下播 => 今晚播到很晚 | 还早着呢"], check: ["先看看", "Check first"], save_n: ["保存 {n} 条", "Save {n}"], with_review: ["连同待确认的 {n} 条", "with {n} to confirm"], saved_n: ["已保存 {n} 条", "{n} saved"], line: ["第 {n} 行", "Line {n}"],
  v_pass: ["可保存", "fine"], v_review: ["要确认", "to confirm"], v_block: ["不能存", "refused"], s_handed_over: ["转人工", "to a person"], s_expired: ["过时", "expired"], s_held: ["等确认", "held"],
};
const t = (key, values = {}) => WORDS[key][language() === "en" ? 1 : 0].replace(/\{(n)\}/g, (_, name) => values[name] ?? "");

const PATH = "/v1/faq";
const faq = {
  list: async (q) => {
    const found = [];
    for (let after = ""; ;) {
      const page = await request("GET", `${PATH}?limit=200&q=${encodeURIComponent(q)}${after ? `&after=${encodeURIComponent(after)}` : ""}`);
      found.push(...page.items);
      if (!page.next || found.length >= 3000) return found;
      after = page.next;
    }
  },
  add: (entry) => request("POST", PATH, { body: entry }),
  put: (id, entry, version) => request("PUT", `${PATH}/${encodeURIComponent(id)}`, { body: entry, version }),
  remove: (id, version) => request("DELETE", `${PATH}/${encodeURIComponent(id)}`, { version }),
  paste: (values) => request("POST", `${PATH}/paste`, { body: values, timeoutMs: 60000 }),
  fromQuestion: (room, id, values) => request("POST", `${PATH}/from-question/${encodeURIComponent(room)}/${encodeURIComponent(id)}`, { body: values }),
  unanswered: (room, state) => request("GET", `/v1/rooms/${encodeURIComponent(room)}/questions?limit=60&state=${state}`),
};

// The text with each stretch that was caught marked; a span counts characters, not UTF-16 units.
function marked(text, errors) {
  const chars = [...text];
  const caught = chars.map((_, at) => errors.some(({ span }) => span[0] <= at && at < span[1]));
  const parts = [];
  chars.forEach((char, at) => {
    if (at && caught[at] === caught[at - 1]) parts.at(-1).text += char;
    else parts.push({ text: char, hit: caught[at] });
  });
  return parts.map((part) => h(part.hit ? "mark" : "span", {}, part.text));
}

function findings(errors, answers) {
  return errors.map((one) => {
    const answer = answers[Number(/^answers\.(\d+)$/.exec(one.at || "")?.[1] ?? -1)];
    const line = h("li", {}, answer ? h("p", {}, marked(answer, [one])) : null, h("small", {}, `${one.words ? `${one.words}：` : ""}${one.message}`));
    mark(line, "verdict", one.verdict || "block");
    return line;
  });
}

const lines = (text) => text.split("\n").map((one) => one.trim()).filter(Boolean);
const groupsOf = (text) => text.split(/[\n、]/).map((group) => group.split(/[+＋]/).map((word) => word.trim()).filter(Boolean)).filter((group) => group.length);
const button = (name, text, work, props = {}) => h(`button${name}`, { type: "button", onclick: work, ...props }, text);

class Book {
  constructor(house, rooms, scopes) {
    this.house = house;
    this.rooms = rooms;
    this.scopes = scopes;
    this.may = house.can.includes("operator");
    this.items = [];
    this.tab = "entries";
    this.search = h("input", { type: "search", placeholder: t("find"), ariaLabel: t("find"), oninput: throttled(() => this.read(), 250) });
    this.list = h("ol.faq-list");
    this.fill = filler(this.list, (tab, items) => items.length ? items.map((one) => (tab === "entries" ? this.row(one) : this.question(one))) : [h("li.none", {}, t(tab === "open" ? "all_answered" : this.search.value ? "nothing" : "none"))]);
    this.tabs = ["entries", "open"].map((tab) => button("", t(tab), () => { this.tab = tab; this.read(); }));
    const close = button(".quiet", t("close"), () => this.element.close());
    this.element = h("dialog.faq", { onclose: () => { this.source?.close(); this.element.remove(); } },
      h("div.head", {}, h("h2", {}, t("faq")), h("div.segments.small", { role: "group" }, this.tabs), h("span.grow"), close),
      h("div.row", {}, this.search, button(".primary", t("add"), () => this.edit(), { disabled: !this.may }), button("", t("paste"), () => this.paste(), { disabled: !this.may }), h("a.faq-export", { href: `${PATH}/export`, download: "faq.csv" }, t("export"))),
      this.list);
    document.body.append(this.element);
    this.element.showModal();
    this.source = new EventSource("/v1/events");
    const again = throttled(() => this.read(), 500);
    this.source.addEventListener("faq", again);
    this.source.addEventListener("question", () => this.tab === "open" && again());
    this.read();
  }

  async read() {
    const tab = this.tab;
    this.tabs.forEach((one, number) => one.setAttribute("aria-pressed", String(["entries", "open"][number] === tab)));
    try {
      const items = tab === "entries" ? await faq.list(this.search.value.trim()) : await this.unanswered();
      if (tab === this.tab) this.fill(tab, items);
    } catch (error) { toastProblem(error); }
  }

  async unanswered() {
    const wanted = this.search.value.trim().toLowerCase();
    const pages = await Promise.all(this.rooms.flatMap((room) => ["handed_over", "held", "expired"].map(async (state) => (await faq.unanswered(room.id, state)).items.map((one) => ({ ...one, room: room.id, title: room.title, zone: room.zone })))));
    return pages.flat().filter((one) => !one.kept && one.text.toLowerCase().includes(wanted)).sort((a, b) => (a.at < b.at ? 1 : -1));
  }

  scopeName(scope) {
    return this.scopes.find(([value]) => value === scope)?.[1] || scope;
  }

  row(one) {
    const found = [...one.keywords.map((group) => h("span.chip", {}, group.join("+"))), ...one.questions.map((question) => h("span.chip.asked", {}, question))];
    const item = h("li", {},
      h("div.row", {}, h("span.tag", {}, this.scopeName(one.scope)), one.enabled ? null : h("span.tag", {}, t("off")), one.cool_down_s ? h("span.small", {}, `${one.cool_down_s} s`) : null, ...found, h("span.grow"), h("span.small", {}, one.updated_by || ""),
        button(".quiet", t("edit"), () => this.edit(one), { disabled: !this.may }), button(".quiet", t("remove"), () => this.remove(one), { disabled: !this.may })),
      one.answers.map((answer) => h("p", {}, answer)));
    mark(item, "on", one.enabled ? "yes" : "no");
    return item;
  }

  question(one) {
    return h("li", {},
      h("div.row", {}, h("span.tag", {}, t(`s_${one.state}`)), h("span.small", {}, `${one.title} · ${clock(one.at, one.zone)}`), h("span.grow"), button(".make", t("make"), () => this.edit(null, one), { disabled: !this.may })),
      h("p", {}, one.text));
  }

  remove(one) {
    confirmed(t("remove_ask"), async () => {
      await faq.remove(one.id, one.version);
      this.read();
    }, true);
  }

  // A new entry, an entry, or the answer to a viewer's question.
  edit(one = null, asked = null) {
    const area = (name, value, rows) => h("textarea", { name, rows, placeholder: t(`${name}_hint`), value });
    const keywords = area("keywords", (one?.keywords || []).map((group) => group.join("+")).join("\n"), 2);
    const questions = area("questions", (one?.questions || []).join("\n"), 2);
    const answers = area("answers", (one?.answers || []).join("\n"), 4);
    answers.required = true;
    const scope = h("select", { name: "scope" }, this.scopes.map(([value, text]) => h("option", { value }, text)));
    if (one && !this.scopes.some(([value]) => value === one.scope)) scope.append(h("option", { value: one.scope }, one.scope));
    scope.value = one?.scope || "shop";
    const cool = h("input", { name: "cool", inputMode: "numeric", pattern: "\\d{1,5}(\\.\\d+)?", value: String(one?.cool_down_s ?? 0) });
    const enabled = h("input", { type: "checkbox", checked: one ? one.enabled : true });
    const errors = h("ol.faq-errors");
    const submit = h("button.primary", { type: "submit" }, t("save"));
    let sure = false;
    const doubt = () => { sure = false; say(submit, t("save")); errors.replaceChildren(); };
    const send = () => {
      const entry = { answers: lines(answers.value), scope: scope.value, confirmed: sure };
      if (asked) return faq.fromQuestion(asked.room, asked.id, entry);
      Object.assign(entry, { keywords: groupsOf(keywords.value), questions: lines(questions.value), cool_down_s: Number(cool.value) || 0, enabled: enabled.checked });
      return one ? faq.put(one.id, entry, one.version) : faq.add(entry);
    };
    const field = (word, element) => h("label.field", {}, h("span", {}, t(word)), element);
    const form = h("form", {
      oninput: doubt,
      onsubmit: async (event) => {
        event.preventDefault();
        submit.disabled = true;
        try {
          await send();
          element.close();
          toast(t("saved"));
          this.read();
        } catch (error) {
          if (!(error instanceof Problem)) throw error;
          errors.replaceChildren(...(error.errors.length ? findings(error.errors, lines(answers.value)) : [h("li", {}, `${error.message} ${error.mend}`)]));
          sure = error.confirm;
          say(submit, t(sure ? "save_anyway" : "save"));
        } finally { submit.disabled = false; }
      },
    }, h("h2", {}, asked ? asked.text : t(one ? "edit" : "new_entry")),
    ...(asked ? [] : [field("keywords", keywords), field("questions", questions)]), field("answers", answers), field("scope", scope),
    ...(asked ? [] : [field("cool", cool), h("label.check", {}, enabled, t("enabled"))]), errors,
    h("div.actions", {}, button(".quiet", t("cancel"), () => element.close()), submit));
    const element = h("dialog.faq-edit", { onclose: () => element.remove() }, form);
    document.body.append(element);
    element.showModal();
    if (asked) answers.focus();
  }

  // Many at once: what would be saved, what is refused and why, then saving what is fine.
  paste() {
    const text = h("textarea", { rows: 7, placeholder: t("paste_as"), ariaLabel: t("paste"), required: true, oninput: () => { show(submit, false); } });
    const sure = h("input", { type: "checkbox", onchange: () => count() });
    const sureText = h("span");
    const sureLine = h("label.check", { hidden: true }, sure, sureText);
    const rows = h("ol.faq-errors.faq-rows");
    const problem = problemLine();
    const attempt = async (pressed, work) => {
      pressed.disabled = true;
      problem.tell(null);
      await work().catch(problem.tell);
      pressed.disabled = false;
    };
    const submit = button(".primary", "", () => attempt(submit, async () => {
      const got = await faq.paste({ text: text.value, save: true, confirmed: sure.checked });
      toast(t("saved_n", { n: got.saved }));
      element.close();
      this.read();
    }), { hidden: true });
    let preview = [];
    const n = (verdict) => preview.filter((row) => row.verdict === verdict).length;
    const count = () => {
      const total = n("pass") + (sure.checked ? n("review") : 0);
      say(submit, t("save_n", { n: total }));
      say(sureText, t("with_review", { n: n("review") }));
      show(sureLine, n("review") > 0);
      show(submit, true);
      submit.disabled = total === 0;
    };
    const check = button("", t("check"), () => attempt(check, async () => {
      preview = (await faq.paste({ text: text.value, save: false })).rows;
      rows.replaceChildren(...preview.map((row) => this.pasted(row)));
      count();
    }));
    const element = h("dialog.faq-edit", { onclose: () => element.remove() },
      h("form", { onsubmit: (event) => event.preventDefault() }, h("h2", {}, t("paste")), h("p.note", {}, t("paste_hint")), text, problem.element, rows, sureLine,
        h("div.actions", {}, button(".quiet", t("cancel"), () => element.close()), check, submit)));
    document.body.append(element);
    element.showModal();
  }

  pasted(row) {
    const groups = row.entry ? [...row.entry.keywords.map((group) => group.join("+")), ...row.entry.questions].join("、") : "";
    const answers = row.entry?.answers || [];
    const line = h("li", {},
      h("div.row", {}, h("span.tag", {}, t(`v_${row.verdict}`)), h("span.small", {}, t("line", { n: row.line })), h("b", {}, groups)),
      answers.map((answer, number) => h("p", {}, marked(answer, row.errors.filter((one) => one.at === `answers.${number}`)))),
      row.errors.map((one) => h("small", {}, one.words ? `${one.words}：${half(one.message)}` : half(one.message))));
    mark(line, "verdict", row.verdict);
    return line;
  }
}

async function open(opener) {
  await tried(opener, async () => {
    const house = await api.house();
    const rooms = (await api.rooms()).items;
    const products = new Map();
    for (const room of rooms) for (const one of (await api.products(room.id)).items) products.set(one.id, one.name);
    const scopes = [["shop", t("shop")], ...house.personas.map((one) => [`persona:${one.id}`, `${w("persona")} · ${one.name}`]), ...[...products].map(([id, name]) => [`product:${id}`, name])];
    new Book(house, rooms, scopes);
  });
}

// The desk draws its head anew when somebody signs in: the button joins it then.
function join() {
  const head = document.querySelector("header.top");
  if (!head || head.querySelector(".faq-open")) return;
  head.querySelector(".clock")?.before(button(".quiet.faq-open", t("faq"), (event) => open(event.currentTarget)));
}
new MutationObserver(join).observe(document.getElementById("page"), { childList: true });
join();
