"""A viewer's line as it was meant: names and emoji stripped, spellings and slang brought home."""

from __future__ import annotations

import re
from functools import cache

from livehost.chinese import folded, pinyin

_AT_NAME = re.compile(r"@[^\s,，。!?！？:：@]{1,24}(?:[\s:：,，]+|$)")
_AT_SIGN = re.compile(r"@(?:主播|小编|客服|老板|店家)?")
_URL = re.compile(r"https?://\S+|www\.\S+")
_PICTURES = re.compile("[\u2190-\u2bff\u3030\ufe0f\u200d\U0001f000-\U0001faff\U000e0020-\U000e007f]+")
_BRACKETED = re.compile(r"\[[\u4e00-\u9fffa-z]{1,6}\]")

# Slang, dialect and typing habits, in order.
_SLANG = tuple(
    (re.compile(pattern), meant)
    for pattern, meant in (
        (r"多少(?:米|马内|马尼|刀|软妹币|大洋|银子|票子|rmb|r(?![a-z])|元|块钱?|毛)(?!长|宽|高)", "多少钱"),
        (r"(?:几多|好多|多)钱|几米(?!长|宽|高|的)|几钱|多少(?=一[瓶盒支件包袋个套只双])", "多少钱"),
        (r"几(?:块|元)钱?", "多少钱"),
        (r"包(?:u|you|油|由|游|邮费|y)(?![a-z])", "包邮"),
        (r"(?<![a-z])by(?:吗|么|不|嘛|\?|$)", "包邮吗"),
        (r"肿么|咋个|咋着?|怎莫|怎木|zenme|怎嘛|点样|怎样子?", "怎么"),
        (r"怎么(?:整|弄|办|搞)", "怎么办"),
        (r"(?:什麽|啥子|啥|神马|撒子|嘛玩意|甚么|乜嘢|什莫)", "什么"),
        (r"木有|莫得|么得|冇|没得", "没有"),
        (r"介个|这个个|辣个|内个|酱个|呢个", "这个"),
        (r"4不4|是不4|系唔系|系咪|4不是", "是不是"),
        (r"(?<=[\u4e00-\u9fff])(?<![第号])8(?=$|[?？!！。，,\s])", "不"),
        (r"(?<=[\u4e00-\u9fff])(?:伐|啵|波|麽|咩|米有|喔|捏|呐|呗)(?=$|[?？!！。，,\s])", "吗"),
        (r"妹有|每有", "没有"),
        (r"酒精没(?!有)", "酒精没有"),
        (r"成份", "成分"),
        (r"牌子货", "正品"),
        (r"运费(?:线|先|现|显|陷|鲜|仙)|运费保险|退货险", "运费险"),
        (r"[求要上]?(?:练接|连接|链结|链街|恋接|莲接|连结|联接|联结|怜姐|恋姐|链姐|莲姐)", "链接"),
        (r"(?:诱惑|有活|友货|又货|有或|油货|有火)(?=吗|么|不|没|嘛|$|[?？!！。，,\s])", "有货"),
        (r"什么时侯|什么时間|何时|几时|啥时|什么时间|什么时(?!候)|多咱", "什么时候"),
        (r"亲亲?(?=$|[,，!！?？\s])|^亲亲?(?=[\u4e00-\u9fff])", ""),
        (r"旗舰店正品", "正品"),
        (r"7\s*天|七天", "7天"),
        (r"(?<=\d)\s*(?:克)", "g"),
        (r"(?<=\d)\s*(?:毫升)", "ml"),
        (r"(?<=\d)\s*(?:公斤|千克)", "kg"),
        (r"肌肤", "皮肤"),
        (r"大油田|油田皮|大油皮|油性(?:皮肤|肌肤|肌|皮)?|油头|油痘肌?(?=能|可|用|适)|出油多|爱出油", "油皮"),
        (r"大干皮|沙漠皮|干性(?:皮肤|肌肤|肌|皮)?|干燥皮肤?|沙漠肌|干皮肤", "干皮"),
        (r"(?:混油|混干|混合性?)(?:皮肤|肌肤|皮|肌)?", "混合皮"),
        (r"(?:敏感|敏)(?:性)?(?:皮肤|肌肤|皮|肌|脸)|烂脸期?|红血丝皮?|薄皮", "敏感肌"),
        (r"(?:中性|正常)(?:皮肤|肌肤|皮|肌)", "中性皮"),
        (r"痘痘?(?:肌|皮)|长痘的?皮肤?|闷痘肌", "痘肌"),
        (r"(?:怀孕|怀了|有孕|备孕|孕期|孕妈妈?|怀着|孕早期|孕晚期|大肚子|准妈妈?|孕妇|怀宝宝|有宝宝了|二胎期)(?:的?人|期|的|妈妈)?", "孕妇"),
        (r"(?:哺乳|喂奶|母乳|奶娃|喂母乳|乳母|奶孩子|哺乳期)(?:的?人|期|期间|妈妈|的|妈)?", "哺乳期"),
    )
)

# What viewers write in pinyin or with characters that sound the same, and what they mean.
_WORDS = (
    "多少钱 有货 没货 链接 包邮 运费险 优惠券 正品 真人 怎么用 怎么买 怎么拍 几号 保质期 发货 什么时候 哪里 产地 孕妇 哺乳期 敏感肌 油皮 干皮 "
    "成分 酒精 香精 顺丰 快递 退货 发票 赠品 库存 补货 规格 效果 微信 加微信 客服 机器人 主播 价格 可以用吗 能用吗 能吃吗 有券吗 便宜 多久 面膜 "
    "精华 洁面 防晒 生产日期 备案 优惠 多大 尺码 颜色 几天到 在吗 是正品吗 有吗 到手价 到手 怎么卖 质量 新疆 西藏 好用吗 怎么吃 怎么喝 怎么洗"
).split()
_SOUND_ONLY = ("链接", "运费险", "优惠券", "保质期", "敏感肌", "正品", "包邮", "顺丰", "成分", "生产日期", "多少钱", "补货", "赠品", "发票", "退货")
_OWN_WORDS = frozenset(("爆油", "曝油", "保有", "补活", "赠拼", "推货"))


@cache
def _by_letters() -> dict[str, str]:
    return {"".join(pinyin(w)): w for w in sorted(_WORDS, key=len)}


@cache
def _by_sound() -> dict[tuple[str, ...], str]:
    return {pinyin(w): w for w in _SOUND_ONLY}


def clean(text: str) -> str:
    """The line folded, without names, links and emoji, with slang and misspellings mended."""
    text = _URL.sub(" ", text)
    text = _PICTURES.sub(" ", folded(text))
    text = _BRACKETED.sub(" ", text)
    text = _AT_SIGN.sub(" ", _AT_NAME.sub(" ", text))
    text = re.sub(r"[a-z]{4,}", lambda m: _letters(m[0]), text)
    text = _sounds(text)
    for pattern, meant in _SLANG:
        text = pattern.sub(meant, text)
    return re.sub(r"\s+", " ", text).strip(" ~,，。!！?？…-_:：;；")


def _letters(run: str) -> str:
    """A run of letters as the words that it spells in pinyin; itself when it spells none."""
    words = _by_letters()
    out, at = [], 0
    while at < len(run):
        end = next((e for e in range(len(run), at + 2, -1) if run[at:e] in words), None)
        if end is None:
            if run[at:] in ("ma", "ne", "bu", "a", "ya") and out:
                out.append({"ma": "吗", "bu": "不"}.get(run[at:], ""))
                break
            return run
        out.append(words[run[at:end]])
        at = end
    return "".join(out)


def _sounds(text: str) -> str:
    """Words of the trade written with characters that only sound the same."""
    syllables = pinyin(text)
    table = _by_sound()
    out, at = [], 0
    while at < len(text):
        for size in (4, 3, 2):
            meant = table.get(syllables[at : at + size])
            piece = text[at : at + size]
            if meant and len(piece) == size and not piece.isascii() and piece not in _OWN_WORDS \
                    and sum(a == b for a, b in zip(piece, meant, strict=True)) >= size - 1:
                out.append(meant)
                at += size
                break
        else:
            out.append(text[at])
            at += 1
    return "".join(out)


def squeezed(text: str) -> str:
    """The cleaned line without any space or mark, repeats of whole words folded."""
    text = re.sub(r"[\W_]+", "", text)
    return re.sub(r"(.{2,}?)\1{1,}", r"\1", text)
