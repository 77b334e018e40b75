// The page's words: Chinese first, English beside it.

const TABLE = {
  brand: ["播控台", "Control desk"],
  wall: ["全景", "Wall"], focus: ["单间", "Room"],
  sign_in: ["登录", "Sign in"], sign_out: ["退出", "Sign out"],
  token_hint: ["粘贴你的令牌", "Paste your token"],
  sign_in_lead: ["用发给你的令牌登录；配置里没写令牌时，用启动时打印的那个。", "Sign in with the token that you were given; where none is configured, with the one printed at start-up."],
  unreachable: ["联系不上 livehost", "livehost does not answer"],
  unreachable_mend: ["播出进程独立运行，画面通常仍在；要停播请按【立即切断】", "Playout runs on by itself; to stop the picture press Cut"],
  all_well: ["全部正常", "All is well"], resting: ["未开播", "Off air"],
  n_need: ["{n} 处要处理", "{n} need you"], n_care: ["{n} 处留意", "{n} to watch"],
  life_off: ["未开播", "Off"], life_rehearsal: ["彩排中", "Rehearsal"], life_on_air: ["直播中", "On air"], life_ended: ["已下播", "Ended"],
  rehearse: ["彩排", "Rehearse"], open: ["开播", "Go on air"], close: ["下播", "End show"],
  close_ask: ["确定下播？主播会先说结束语。", "End the show? The host says farewell first."],
  open_ask: ["确定开播？将推流到 {n} 个平台。", "Go on air? It pushes to {n} destinations."],
  yes: ["确定", "Yes"], no: ["取消", "Cancel"], save: ["保存", "Save"], add: ["添加", "Add"], remove: ["删除", "Remove"],
  cut: ["立即切断", "Cut now"], cutting: ["正在切断…", "Cutting…"], uncut: ["恢复画面", "Bring back"], is_cut: ["已切断 · 观众看到垫播画面", "Cut · viewers see the holding picture"],
  cut_by_red: ["接口没有回应，已由红色按钮端口切断", "The API did not answer; cut by the red button's port"],
  mode_auto: ["自动", "Auto"], mode_script_only: ["只念稿", "Script only"], mode_paused: ["暂停", "Paused"],
  next_product: ["下一个商品", "Next product"], skip: ["跳过", "Skip"],
  on_until: ["至 {t}", "until {t}"], next_up: ["接班", "Next"],
  none_next: ["92 天内没有换人", "No change within 92 days"], off_air: ["不开播", "Off air"],
  st_waiting: ["待准备", "waiting"], st_preparing: ["准备中", "preparing"], st_ready: ["已就绪", "ready"], st_failed: ["准备失败", "failed"],
  timetable: ["排班", "Timetable"], by_hand_now: ["手动", "by hand"], end_by_hand: ["恢复排班", "Back to timetable"],
  persona: ["主播", "Host"], for_how_long: ["多久", "For"], h1: ["1 小时", "1 hour"], h2: ["2 小时", "2 hours"], h4: ["4 小时", "4 hours"], h12: ["12 小时", "12 hours"], m30: ["30 分钟", "30 minutes"],
  script: ["话术脚本", "Script"], silent: ["此刻没有说话", "Nothing is being said"], nothing_coming: ["还没有备好的话", "Nothing is prepared yet"],
  k_greeting: ["开场", "greeting"], k_farewell: ["结束语", "farewell"], k_script: ["脚本", "script"], k_answer: ["答", "answer"], k_bridge: ["衔接", "bridge"], k_insert: ["插播", "insert"], k_disclosure: ["AI 声明", "AI notice"], k_reserve: ["备用", "reserve"],
  questions: ["互动问答", "Questions"], no_questions: ["还没有人提问", "No questions yet"],
  q_accepted: ["待答", "waiting"], q_claimed: ["备答", "preparing"], q_heard: ["已答", "answered"], q_handed_over: ["转人工", "to a person"], q_expired: ["过时", "expired"], q_blocked: ["拦下", "blocked"], q_ignored: ["略过", "ignored"],
  f_all: ["全部", "All"], f_open: ["待答", "Waiting"], f_hand: ["转人工", "To a person"],
  ask: ["提问", "Ask"], ask_hint: ["以观众身份提问，例：油皮能用吗", "Ask as a viewer"],
  take_over: ["真人接管", "Take over"], say_hint: ["写一句，由主播说出（过审后）", "Write a line for the host to say"], say: ["插播", "Say"], urgent: ["插到最前", "First of all"], said_ok: ["已排入：{t}", "Queued: {t}"],
  sources: ["弹幕来源", "Viewers' messages"], src_push: ["推送正常", "pushes come"], src_none_yet: ["还没有推送", "no push yet"], src_connected: ["已连接", "connected"], src_away: ["未连接 · 重连中", "away, reconnecting"], src_last: ["{n} 条 · {t}", "{n} · {t}"], src_refused: ["拒收 {n}", "{n} refused"],
  src_kind_douyin: ["抖音官方推送", "Douyin push"], src_kind_kuaishou: ["快手官方推送", "Kuaishou push"], src_kind_oba: ["oba-live-tool", "oba-live-tool"], src_kind_barrage_grab: ["DouyinBarrageGrab", "DouyinBarrageGrab"], src_kind_dycast: ["dycast", "dycast"], src_kind_wxlivespy: ["视频号 wxlivespy", "wxlivespy"], src_kind_blive: ["B站开放平台", "Bilibili open platform"], src_kind_generic: ["自己的程序（webhook）", "Plain webhook"],
  outputs: ["推流", "Outputs"], no_outputs: ["还没有推流目的地，开播后只有本机预览", "No destination yet: only the preview here"],
  o_connecting: ["连接中", "connecting"], o_live: ["推流中", "live"], o_retrying: ["断流 · 重连中", "retrying"], o_needs_key: ["需换码", "needs a key"], o_stopped: ["已停", "stopped"], o_off: ["未推", "idle"],
  m_needs_key: ["{p}推流码已失效，请取新码后点【换码】", "The push key of {p} was refused: get a new one and press New key"],
  m_retrying: ["{p}断流，正在自动重连，无需操作", "{p} dropped; it reconnects by itself"],
  new_key: ["换码", "New key"], push_url: ["推流地址", "Push address"], push_key: ["推流码", "Push key"], key_hint: ["从平台直播伴侣复制；保存后不再显示", "From the platform; not shown again"], url_keep: ["不变可留空", "Leave empty to keep"],
  out_name: ["名称（英文）", "Name"], new_output: ["添加推流", "Add a destination"], enabled: ["启用", "Enabled"], key_changed: ["{p} 已换码，正在重连", "{p}: new key, reconnecting"], reconnects: ["重连 {n} 次", "{n} reconnects"], enable: ["启用", "Turn on"], disable: ["停用", "Turn off"],
  products: ["商品", "Products"], link: ["链接", "Link"], pay: ["到手价", "Pays"], stock: ["库存", "Stock"], price: ["直播间价", "Price"], coupon: ["优惠券", "Coupon"], presenting: ["弹讲解", "on now"], sold_out: ["售罄", "sold out"],
  product_saved: ["已改，下一句起生效", "Changed: the next phrase uses it"], coupon_off: ["减", "off"], coupon_from: ["满", "from"], pay_will: ["改后到手价 {p}", "Will pay {p}"],
  sound_on: ["开声音", "Sound on"], sound_off: ["静音", "Mute"], connecting_picture: ["正在接入画面…", "Connecting…"], no_picture: ["没有画面", "No picture"], behind: ["延迟 {s} 秒", "{s} s behind"], live: ["实时", "live"],
  playout_lost: ["播出进程未连接", "playout not linked"], late: ["掉帧 {n}", "{n} late"], ahead: ["备稿 {s} 秒", "{s} s ahead"],
  s_speech: ["说话", "speech"], s_idle: ["待机", "idle"], s_reserve: ["备用话术", "reserve"], s_holding: ["垫播", "holding"],
  shut: ["关闭", "Close"], details: ["详情", "Details"], reason: ["原因：{t}", "Reason: {t}"], room: ["直播间", "Room"], session: ["场次", "Session"], viewer_only: ["当前令牌只能观看", "This token may only watch"], over: ["已恢复：{t}", "Over: {t}"], opens_at: ["排班 {t} 起：{n}", "From {t}: {n}"], edit: ["修改", "Edit"], no_slots: ["还没有排班", "No slots yet"], new_slot: ["添加排班", "Add a slot"], starts: ["开始", "Starts"], hours: ["时长（小时）", "Hours"], n_hours: ["{n} 小时", "{n} h"], days: ["哪些天", "Days"], from_day: ["从哪天起", "From"],
  every_day: ["每天", "Every day"], weekdays: ["工作日", "Weekdays"], weekend: ["周末", "Weekend"], one_day: ["只这一天", "That day only"], calendar: ["导出日历 .ics", "Calendar .ics"], struggling: ["机器吃力，正在掉帧", "The machine struggles: frames are late"],
  models: ["人设与模型", "Personas and models"], adapters: ["适配器", "Adapters"], no_adapters: ["适配器库是空的", "The library is empty"], stage: ["装入", "Stage"], staged_ok: ["{n} 检查无误，已装入", "{n} is sound and resident"],
  switch_now: ["换人 · 换版本", "Switch"], switch_yes: ["确定换上", "Switch"], switch_asked: ["{n}：正在备好，备好后在一句话之间换上", "{n} is being made ready and comes on between two phrases"], as_set: ["按配置", "As configured"], as_timetable: ["按排班/默认", "Timetable or default"],
  v_language: ["语言版本", "Words"], v_visual: ["形象版本", "Looks"], until_next: ["到排班下次换人", "Until the next change"],
  switch_note: ["先备好适配器、形象和开场白，再在一句话之间整个换上；备不好就不换，当前主播继续。选当前主播可以换版本或回退，不说开场白。", "Adapters, look and greeting are made ready first, then all of it changes between two phrases; what fails changes nothing. The host on air may change her version."],
  p_language: ["语言", "words"], p_visual: ["形象", "looks"], p_look: ["造型", "look"], p_greeting: ["开场白", "greeting"], p_consent: ["授权", "consent"],
  x_switch: ["{n} 上不了播：{x}", "{n} cannot come on: {x}"], x_dress: ["{n} 没换齐人设：{x}", "{n} is not fully dressed: {x}"], x_lapsed: ["{n} 的授权到期，适配器已撤下", "{n}: the consent ended and the adapter is off"],
  x_language: ["语言适配器不能用", "the language adapter cannot be used"], x_visual: ["形象适配器不能用", "the visual adapter cannot be used"], x_look: ["造型备不好", "the look cannot be made"], x_greeting: ["开场白备不好", "the greeting cannot be made"], x_unknown: ["没有备好", "not ready"],
  x_engine: ["{e}用不了，由模板代替", "{e} engine cannot be used: templates stand in"], x_engine_down: ["{e}没有运行，正在自动重启", "{e} engine is down; it restarts by itself"],
  d_plain: ["原画 · 模板话术", "posed look, templates"], d_preparing: ["换装准备中", "being dressed"], d_ready: ["备好，下一句换上", "at the next phrase"], d_finishing: ["人设齐备 · 备造型", "dressed, variants coming"], d_dressed: ["人设齐备", "dressed"], d_failed: ["没换上", "not dressed"], d_lapsed: ["授权到期，已撤下", "consent ended"],
  e_language: ["语言引擎", "Language"], e_vision: ["画面引擎", "Vision"], e_off: ["未启用", "off"], e_missing: ["运行不了", "cannot run"], e_down: ["未运行", "down"], e_loading: ["加载中", "loading"], e_ready: ["就绪", "ready"], e_failed: ["出错", "failed"], e_off_note: ["由模板代替", "templates stand in"],
  base_embedded: ["自带", "embedded"], slots: ["{n}/{m} 槽", "{n}/{m} slots"], tokens: ["{n} 词元/秒", "{n} tokens/s"],
  a_stored: ["未装入", "stored"], a_staged: ["检查过", "staged"], a_resident: ["已装入", "resident"], a_live: ["在播", "live"], a_failed: ["不能用", "failed"], a_quarantined: ["已隔离", "quarantined"], a_retired: ["已停用", "retired"],
  promoted: ["正式版", "promoted"], promote: ["定为正式版", "Promote"], promote_ask: ["把 {n} 定为正式版？检查和评估都过关才会生效；在播的直播间会在一句话之间换上，可以回退。", "Promote {n}? It must pass its checks and its evaluation; rooms on air change to it between two phrases, and it can be rolled back."], promoted_ok: ["{n} 已是正式版，备好后换上", "{n} is promoted and comes on once it is ready"],
  roll_back: ["回退到 {n}", "Back to {n}"], roll_back_ask: ["从 {n} 回退到版本 {b}？在播的直播间会在一句话之间换上。", "Go back from {n} to version {b}? Rooms on air change between two phrases."], rolled_back_ok: ["已回退，备好后换上", "Rolled back; it comes on once it is ready"],
  retire: ["停用", "Retire"], retire_ask: ["停用 {n}？以后不再上播，文件不会删除。", "Retire {n}? It is not put on air any more; no file is deleted."], retired_ok: ["{n} 已停用", "{n} is retired"],
  consent_until: ["授权至 {t}", "consent until {t}"], days_left: ["还有 {n} 天", "{n} days left"], c_missing: ["没有授权", "no consent"], c_expired: ["授权已到期", "consent ended"], c_refused: ["授权不覆盖", "consent does not cover it"], c_valid: ["授权有效", "consent valid"], c_expiring: ["授权快到期", "consent ends soon"],
  duty: ["值班", "Duty"], duty_queue: ["等你决定", "Waiting for you"], duty_log: ["处理记录", "Who did what"], duty_log_none: ["还没有人处理过", "Nothing was done yet"],
  duty_calm: ["没有等你决定的", "Nothing waits"], duty_calm_more: ["新的会自己出现，并响一声", "What comes appears here, with a sound"],
  mode_review: ["审核", "Review"], mode_manual: ["人工", "By hand"], answering: ["怎么回答", "How questions are answered"],
  wait_held: ["待审", "to approve"], wait_mode: ["待审", "to approve"], wait_checks: ["待审 · 有疑点", "to approve, doubts"], wait_review: ["有疑点 · 已转人工", "doubts, handed over"], wait_blocked: ["被拦 · 已转人工", "blocked, handed over"], wait_unattended: ["无人时转人工", "handed over while away"], wait_handed_over: ["转人工", "to a person"], wait_accepted: ["待答", "waiting"], wait_no_sound: ["没合成出声音", "no sound"],
  buyer: ["买过", "buyer"], n_more: ["另有 {n} 人同问", "{n} more ask the same"], left_s: ["剩 {s} 秒", "{s} s left"], left_m: ["剩 {t}", "{t} left"],
  approve: ["通过", "Approve"], propose: ["拟一条", "Propose"], edit_answer: ["改写", "Edit"], own_words: ["自己答", "Own words"], hand_over: ["转人工", "Hand over"], reject: ["不答", "Leave it"], mute: ["禁言", "Mute"], unmute: ["解除", "Unmute"],
  own_words_hint: ["写一句，由主播说出（过审后）", "Write it; the host says it"], send_answer: ["由主播说出", "Say it"], send_confirm: ["确认说出", "Say it all the same"], confirm_again: ["审核提醒：再按一次回车就说出", "The review has doubts: press Enter once more to say it"], in_text: ["已用文字回复", "answered in writing"], in_text_why: ["主播不念，只记入记录", "The host says nothing; it is recorded"],
  was_said: ["已对观众说", "Viewers heard"], was_blocked: ["拦下的话", "Blocked"], not_proposed: ["人工模式：按回车先拟一条，或自己答", "By hand: Enter proposes one"], nothing_proposed: ["没有拟好的回答：店里没有这条信息", "Nothing is proposed: the shop's data does not say"], facts_changed: ["商品信息刚变了，通过时会重拟", "The facts changed: it will be written anew"], of_product: ["{l} 号链接 · {n}", "Link {l} · {n}"],
  v_review: ["请判断", "judge"], v_block: ["拦下", "blocked"], mute_ask: ["禁言「{n}」？以后的话不再收，排着的也撤下。", "Mute {n}? No more messages are taken."], m10: ["10 分钟", "10 minutes"], d1: ["1 天", "1 day"], for_ever: ["一直", "until unmuted"], until_t: ["到 {t}", "until {t}"], muted_ok: ["已禁言 {n}", "{n} is muted"], muted_list: ["禁言名单", "Muted viewers"], insert_hint: ["插播一句，马上说", "A line to be said at once"], key_insert: ["给这间插播一句", "a line for this room"], muted_none: ["没有人被禁言", "Nobody is muted"],
  take_room: ["接管", "Take over"], hand_back: ["交还主播", "Hand back"], take_ask: ["接管「{n}」？主播说完这句就停，只说你写的和批准的，交还后接着讲。", "Take over {n}? The host stops after this phrase and says only what you write or approve."], taken_by: ["{n} 已接管", "taken over by {n}"], on_duty: ["在岗：{n}", "On duty: {n}"], alert_on: ["提示音开", "Sound on"], alert_off: ["提示音关", "Sound off"], nobody: ["无人值守 · {p}", "nobody there: {p}"], alone_answer: ["照常回答", "answers as ever"], alone_faq_only: ["只答已批准的", "approved answers only"], alone_script_only: ["只念稿", "script only"],
  keys: ["快捷键", "Keys"], key_move: ["下一条、上一条", "next, previous"], key_approve: ["通过；没有拟答时写一条", "approve; where nothing is proposed, write it"], key_edit: ["改写后说出", "edit"], key_answer: ["用自己的话回答", "own words"], key_reject: ["不答", "leave it"], key_hand: ["转人工", "hand over"], key_mute: ["禁言这位观众", "mute the viewer"], key_take: ["接管或交还这间", "take over, hand back"], key_room: ["只看第几间；0 看全部", "one room; 0 for all"], key_duty: ["从别的页面回到值班", "back to this page"], key_leave: ["不改了", "leave the editor"],
  did_approve: ["通过", "approved"], did_edit: ["改写", "edited"], did_answer: ["自己答", "answered"], did_propose: ["要了拟答", "asked for one"], did_reject: ["不答", "left"], did_hand_over: ["转人工", "handed over"], did_mute: ["禁言", "muted"], did_unmute: ["解除禁言", "unmuted"], did_correct: ["更正", "corrected"], did_complain: ["记下差错", "found fault"], did_attended: ["到岗", "is there"], did_unattended: ["无人值守", "nobody there"],
  keep: ["存问答", "Keep"], keep_ask: ["存进互动问答库", "Keep in the answer book"], asked_so: ["问", "Asked"], approved_so: ["答", "Answer"], keep_again: ["审核提醒：再按一次【保存】就存下", "The review has doubts: press Save once more"], keep_scope: ["用在", "Scope"], keep_product: ["只用于 {n}", "Only {n}"], keep_shop: ["全店", "The whole shop"], kept_ok: ["已存，下次自动这么答", "Kept: it is the answer from now on"], key_keep: ["存进互动问答库，下次自动答", "keep as an answer of the book"],
  correct: ["更正", "Correct"], correct_ask: ["更正这条回答？主播马上说，原来的记为有误。", "Correct this answer? The host says it at once."], correct_hint: ["例：更正一下，到手价是49元", "What is right"], corrected_ok: ["已更正，马上说", "Corrected"], note_it: ["记下", "Note it"], only_note: ["主播不说，只记下哪里不对", "Say nothing: only note what was wrong"], noted_ok: ["已记下，训练时不用这条", "Noted: it is not trained on"], noted_already: ["差错已经记下", "The fault is noted already"],
  q_held: ["待审", "to approve"], q_sent: ["正在答", "being said"],
  begin_hint: ["还没开播。先【彩排】看一遍，再【开播】推流；【彩排】不推到任何平台。", "Not on air. Rehearse first: nothing is pushed. Then go on air."], need_duty: ["需要值班令牌", "Needs a duty token"],
};

const KEPT = "livehost.language";
let chosen = localStorage.getItem(KEPT);

export const language = () => chosen || "zh";

export function preferLanguage(houseLanguage) {
  if (!chosen) chosen = houseLanguage === "en" ? "en" : "zh";
  document.documentElement.lang = chosen === "en" ? "en" : "zh-CN";
}

export function toggleLanguage() {
  chosen = language() === "zh" ? "en" : "zh";
  localStorage.setItem(KEPT, chosen);
}

// The page's half of 「中文 / English」, also inside brackets; where there is one half alone, that.
export function half(text) {
  const inner = String(text ?? "").replace(/（([^（）]*)）/g, (_, held) => `（${picked(held)}）`);
  return picked(inner);
}

function picked(text) {
  const found = /(?: |(?<=[）】。”]))\/ /.exec(text);
  if (!found) return text;
  return language() === "en" ? text.slice(found.index + found[0].length) : text.slice(0, found.index);
}

export function w(key, values = {}) {
  const pair = TABLE[key];
  const text = pair ? pair[language() === "en" ? 1 : 0] : key;
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

const PLATFORMS = [
  [/douyin|抖音|^dy\b/i, "抖音", "Douyin"], [/kuaishou|快手|^ks\b/i, "快手", "Kuaishou"],
  [/shipinhao|weixin|wechat|视频号/i, "视频号", "Channels"], [/taobao|淘宝|^tb\b/i, "淘宝", "Taobao"],
  [/xiaohongshu|xhs|小红书/i, "小红书", "Xiaohongshu"], [/bili/i, "B站", "Bilibili"], [/jd|jingdong|京东/i, "京东", "JD"],
];

export function platform(name) {
  const found = PLATFORMS.find(([pattern]) => pattern.test(name || ""));
  return found ? found[language() === "en" ? 2 : 1] : name;
}

// A persona's name without what follows its dot: 「小棠 · 晨间护肤装」 is 小棠.
export const shortName = (name) => (name || "").split(/\s*·\s*/, 1)[0];

export function clock(value, zone) {
  if (!value) return "";
  return new Date(value).toLocaleTimeString("zh-CN", { hour: "2-digit", minute: "2-digit", hour12: false, timeZone: zone });
}

// How long ago, short.
export function ago(value) {
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(value)) / 1000));
  const [n, zh, en] = seconds < 60 ? [seconds, "秒前", "s ago"] : seconds < 3600 ? [Math.floor(seconds / 60), "分钟前", "min ago"] : [Math.floor(seconds / 3600), "小时前", "h ago"];
  return `${n} ${language() === "en" ? en : zh}`;
}

export const yuan = (amount) => (amount === undefined || amount === null ? "—" : `¥${String(amount).replace(/\.00$/, "")}`);
