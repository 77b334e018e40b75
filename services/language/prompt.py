"""What a language base is told: the contract between training, the engine and the show.

A prompt is a pair (system, user). The user part holds what the model words anew: a viewer's
question with `core`, the catalogue's facts as the deterministic path says them, or a script's
wording alone. A persona's style is nowhere in it: that is the adapter's. A chat template renders
the pair; the embedded base's template leaves the system part out, a real base reads it.
"""

from __future__ import annotations

import re

Prompt = tuple[str, str]

SYSTEM = (
    "你是直播间的主播，正在对着镜头说话。用户给你【要点】，它是已经核对过的事实；"
    "请把要点换成自然、亲切的中文口语说出来，只输出要说的话。\n"
    "规矩：\n"
    "1. 只说要点里有的事，不补充任何功效、承诺、比较、催促或新的信息。\n"
    "2. 商品名、人名、数字、价格、日期、编号、地名、成分照抄，一个字都不改，也不换成别的写法。\n"
    "3. 要点里的“不”“没有”“别”等否定，一个都不能丢，也不能多。\n"
    "4. 要点说要请客服确认的，就照样说请客服确认，不要自己下结论。\n"
    "5. 一到三个短句，不用列表、表情、括号说明或称呼观众的名字。"
)

_BLANK = re.compile(r"\s+")
_ENDS = "。.，,；; "


def answer_prompt(question: str, core: str) -> Prompt:
    """The prompt for an answer: a viewer's question as written, and the facts that answer it."""
    return SYSTEM, f"【问】{_line(question, at_most=80)}\n【要点】{_line(core)}"


def script_prompt(core: str) -> Prompt:
    """The prompt for a wording of the script: what it says, its facts already in place."""
    return SYSTEM, f"【台词】\n【要点】{_line(core)}"


def _line(text: str, *, at_most: int = 600) -> str:
    """The text on one line, without what would read as a part of the prompt, no end mark."""
    plain = text.replace("【", "[").replace("】", "]").replace("<|", "<").replace("|>", ">")
    return _BLANK.sub(" ", plain).strip()[:at_most].rstrip(_ENDS)
