"""What an export did: how many rows, how many left out and why, what personal data was met."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from livehost.training.journal_rows import Seen

# Why something heard or asked is not in the set.
REASONS = {
    "not_heard": "没有完整播完（被打断、丢弃或切断） / not heard to the end",
    "handed_over": "转人工，没有答案 / handed over, without an answer",
    "complained": "被投诉 / complained of",
    "corrected": "已由值班更正，用更正后的 / put right by a person on duty; the correction is taken",
    "blocked": "现行规则下不能说 / may not be said under the rules of today",
    "fixed": "固定话术（亮明身份、婉拒），不该改写 / fixed words, never reworded",
    "no_core": "记录里没有要点原句（旧版本记录） / the record has no plain words (an older version's)",
    "unfounded": "更正里的数字不在要点或商品信息里 / a correction with numbers that no fact holds",
    "personal": "去掉个人信息后不成句 / broken without its personal data",
    "marks": "含有对话模板的控制符、角色行或指令 / marks of a chat template, role lines, or orders to the model",
    "empty": "问题清理后是空的 / nothing is left to ask",
    "too_long": "太长 / too long",
    "duplicate": "重复 / a duplicate",
    "enough": "同一问题的答案已经够多 / enough answers to the same question",
    "plain": "和要点一字不差，超出保留比例 / the plain words themselves, beyond the share that is kept",
    "script_cap": "台词超出上限 / script beyond its cap",
    "other_persona": "其他主播说的 / another persona's",
}
PERSONAL = {
    "viewer": "观众昵称 / viewers' names",
    "name": "姓名 / names",
    "phone": "电话 / telephone numbers",
    "id_card": "身份证 / identity cards",
    "bank_card": "银行卡 / bank cards",
    "number": "其他长号码 / other long numbers",
    "record": "订单、快递单等编号 / order and parcel numbers",
    "email": "邮箱 / e-mail addresses",
    "handle": "微信、QQ 等账号 / WeChat, QQ and other accounts",
    "address": "地址 / addresses",
    "plate": "车牌 / car plates",
    "person": "像姓名的，整条去掉 / what looks like a name; the whole text goes",
    "health": "自己的病情 / somebody's own illness",
    "website": "域名 / web sites",
    "link": "网址 / web addresses",
    "secret": "配置里的密钥 / secrets of the configuration",
}


@dataclass
class ExportReport:
    """The outcome of an export; `text()` is for people, `as_dict()` is what `report.json` holds."""

    out: Path
    persona: str = ""
    rooms: tuple[str, ...] = ()
    span: str = ""
    seen: Seen = field(default_factory=Seen)
    train: Counter[str] = field(default_factory=Counter)  # by kind: answer, script, correction
    held: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    personal: Counter[str] = field(default_factory=Counter)
    questions_held: int = 0
    hot_words: int = 0
    unanswered: int = 0
    seconds: float = 0.0

    @property
    def rows(self) -> int:
        """How many samples were written, held-out ones included."""
        return self.train.total() + self.held.total()

    def as_dict(self) -> dict[str, Any]:
        """Plain data, without the machine's paths."""
        return {
            "persona": self.persona,
            "rooms": list(self.rooms),
            "span": self.span,
            "journal": vars(self.seen),
            "train": dict(self.train),
            "held": dict(self.held),
            "left_out": dict(self.left_out.most_common()),
            "personal": dict(self.personal.most_common()),
            "questions_held": self.questions_held,
            "hot_words": self.hot_words,
            "unanswered": self.unanswered,
        }

    def text(self) -> str:
        """The report in Chinese and English, Markdown."""
        seen = self.seen
        lines = [
            f"# 从播出记录导出的样本 / samples from the journal: {self.persona or '-'}",
            "",
            f"- 直播间 / rooms: {', '.join(self.rooms) or '-'}；时间 / span: {self.span or '全部 / all'}",
            f"- 记录 / journal: {seen.sessions} 场 sessions，{seen.entries} 条 entries"
            f"（{seen.torn} 条损坏 torn，{seen.gaps} 处缺口 gaps，缺 {seen.lost} 条 lost）",
            f"- 训练 / train: {self.train.total()}（{_by_kind(self.train)}）",
            f"- 留出 / held out: {self.held.total()}（{_by_kind(self.held)}）",
            f"- 热词 / hot words: {self.hot_words}；没答上的问题 / unanswered questions: {self.unanswered}",
            "",
            "## 没有采用的 / left out",
            *(_counts(self.left_out, REASONS)),
            "",
            "## 去掉的个人信息 / personal data removed",
            *(_counts(self.personal, PERSONAL)),
        ]
        if not self.train.total():
            lines += [
                "",
                "没有可训练的样本：放宽时间范围，或换一位主播 / nothing to train on: widen the span or name another persona",
            ]
        elif not self.held.total():
            lines += [
                "",
                "留出集是空的：样本太少，或调大 --held-share / nothing is held out: too few rows, or raise --held-share",
            ]
        return "\n".join(lines) + "\n"


def _by_kind(counts: Counter[str]) -> str:
    names = {"answer": "答 answers", "script": "台词 script", "correction": "更正 corrections"}
    return "，".join(f"{names[kind]} {counts[kind]}" for kind in names if counts[kind]) or "-"


def _counts(counts: Counter[str], names: dict[str, str]) -> list[str]:
    return [f"- {names.get(name, name)}: {count}" for name, count in counts.most_common()] or ["- 无 / none"]
