"""What looks personal without a clear end: a text that holds it is left out whole, nothing is cut.

These patterns are wider than those of `privacy_words` and `long_numbers`, whose data can be cut out
exactly. To lose a harmless text costs little, to keep half of a name or a number does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from livehost.training.privacy_words import SURNAMES, is_word

_HAN = r"\u4e00-\u9fff"
_KIN = (
    r"(?:老公|老婆|丈夫|妻子|先生|太太|女儿|儿子|闺女|孩子|宝宝|爸爸?|妈妈?|奶奶|爷爷|外婆|外公|姥姥|姥爷|弟弟?|妹妹?|哥哥?|姐姐?"
    r"|朋友|闺蜜|同事|室友|男友|女友|对象|家人)"
)
_NAMES = tuple(
    re.compile(pattern)
    for pattern in (
        rf"{_KIN}的?(?:名字|姓名)?(?:叫做?|名叫|是)((?:{SURNAMES})[{_HAN}]{{1,2}})",
        rf"我(?:家|的)?{_KIN}((?:{SURNAMES})[{_HAN}]{{2}})",
        rf"(?:给|替|帮)((?:{SURNAMES})[{_HAN}]{{1,2}}?)(?:发|寄|送|买|下单|拍|带|订|代)",
        rf"(?:我是|我叫|这里是|这边是)((?:{SURNAMES})[{_HAN}]{{2}})(?![质肌皮型])",
    )
)
_LATIN_NAME = re.compile(
    r"(?:我叫|我名字是)\s?[A-Za-z]{2,}|(?:(?:收货|收件|联系|订货|下单|付款)人|姓名|户名|我叫|my name is|i am|i'm)[是为叫:\s]*[A-Za-z]{2,}(?:[\s.·]+[A-Za-z]+)+",
    re.IGNORECASE,
)
_NUMERAL = r"[\d〇零一二三四五六七八九十百]"
_PLACES = re.compile(
    rf"[{_HAN}]{{1,4}}(?<![专地景社小校时论])[区县](?!别)[{_HAN}]{{1,10}}?(?:[园里村庄苑城坊庭府居寓厦路街道楼巷镇乡]|[一二三四五六七八九十\d]{{1,2}}[区期])"
    rf"|(?:北京|上海|天津|重庆|广州|深圳|杭州|南京|苏州|成都|武汉|西安|长沙|郑州|青岛|济南|宁波|厦门|福州|合肥|昆明|沈阳|大连)市?[{_HAN}]{{2,8}}?(?:路|街|巷|弄|里|大道)"
    rf"|{_NUMERAL}{{1,4}}号楼(?!上)|{_NUMERAL}{{3,4}}[楼室]|{_NUMERAL}{{1,4}}(?:幢|单元)|[A-Za-z\d]{{1,4}}栋"
)
_ID_MARKED = r"(?=[A-Za-z0-9_.\-#]*[\d_])[A-Za-z0-9_][A-Za-z0-9_.\-#]{4,}"
_GAP = r"[^A-Za-z0-9\u4e00-\u9fff]{0,5}(?:是|叫|为)?\s?"
_SITES = (
    r"dy|ks|xhs|snapchat|snap|discord|instagram|insta|ins|facebook|fb|twitter|line|kakao(?:talk)?|skype|signal|telegram|tg|weibo"
    r"|weixin|wechat|wx|vx|qq|tiktok|whatsapp|messenger"
)
_ACCOUNTS = re.compile(
    rf"[扣抠薇威微徽](?:信|扣|聊)?(?:号|id)?{_GAP}{_ID_MARKED}"
    rf"|(?:抖音|快手|小红书|微博|b站|旺旺|陌陌|探探|知乎|企鹅)(?:号|id)?{_GAP}{_ID_MARKED}"
    rf"|(?<![A-Za-z])(?:{_SITES})(?:\s?(?:号|id|账号))?{_GAP}{_ID_MARKED}"
    rf"|(?<![A-Za-z])(?:{_SITES})\s?(?:号|id|账号|:)[\s是叫为:]*[A-Za-z0-9_.\-#]{{4,}}",
    re.IGNORECASE,
)
_NUMBERS = re.compile(
    r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])"
    r"|\+\s?\d{1,3}[\s\-().]{0,2}\d(?:[\s\-().]{0,2}\d){6,}"
    r"|(?:订单|单号|运单|快递|流水|退款|售后|包裹|卡号|账号|编号)[^\d\s]{0,4}\s?\d(?:[\s\-_.]{0,2}\d){7,}"
    r"|(?<!\d)1[3-9]\d[\s\-_.]?\d{4}[\s\-_.]?[一二两三四五六七八九\d]千"
    r"|(?=[^幺洞]{0,8}[幺洞])(?:[幺洞拐勾两〇零一二三四五六七八九\d][\s\-]?){7,}"
    r"|-?\d{1,3}\.\d{3,}\s?[°度]?[NSEW]?\s?[,，/\s]\s?-?\d{1,3}\.\d{3,}|[东西]经\s?\d|(?:经纬度|坐标|定位)[是为:\s]*-?\d|[\da-f]{1,4}(?::[\da-f]{0,4}){2,7}:[\da-f]{1,4}|[南北]纬\s?\d"
    r"|(?:邮编|邮政编码|postcode|zip(?:\s?code)?)[是为:\s]*[A-Za-z\d]{3,}"
    r"|(?:生日|出生日期|出生|生于)[是在为:\s]*\d{1,4}\s?[年月.\-/]|(?<!\d)\d{1,2}\s?月\s?\d{1,2}\s?[日号]?(?:的?生日|出生|生的)"
    r"|(?<!\d)(?:19|20)\d\d\s?[年.\-/]\s?\d{1,2}\s?[月.\-/]\s?\d{1,2}\s?[日号]?(?:出生|生)",
    re.IGNORECASE,
)
_DOMAIN = re.compile(
    r"(?<![A-Za-z0-9])[A-Za-z0-9][A-Za-z0-9\-]*\.(?:com|cn|net|org|io|cc|vip|top|xyz|me|shop|club|info|co|app|link|site|ly|tv)(?![A-Za-z0-9])",
    re.IGNORECASE,
)
_ILL = (
    r"(?:乙肝|丙肝|甲肝|肝炎|肝硬化|艾滋|hiv|梅毒|淋病|性病|尖锐湿疣|疱疹|hpv|[肺胃肝肠乳]{1,2}腺?癌|癌|肿瘤|白血病|糖尿病|抑郁|焦虑症|双相|精神分裂|躁郁"
    r"|癫痫|结核|红斑狼疮|尿毒症|肾衰|心脏病|冠心病|脑梗|中风|帕金森|多囊|甲亢|甲减|不孕|阳痿|早泄)"
)
_HEALTH = re.compile(
    rf"(?:我|俺|本人|{_KIN})[^,，。!！?？\s]{{0,5}}?(?:得了?|得过|患了?|患有|患过|有|确诊|查出|感染|是)?(?:了|过|点|轻度|重度|中度|早期|晚期)?"
    rf"[^,，。!！?？\s]{{0,3}}?{_ILL}",
    re.IGNORECASE,
)
_KIN_NAMED = re.compile(
    rf"我(?:家|的)?{_KIN}的?(?:名字|姓名)?(?:叫做?|名叫)(?!我|你|他|她|它|什么|啥|了|不|客服|人|来|大家|买)[{_HAN}A-Za-z]{{2,4}}"
)
# A number that other signs interrupt: neither marks of lists (those have rules of their own) nor units.
_BROKEN = re.compile(r"(?<![\d.])\d(?:[^\d,，。、/:：+\-—~～%]{0,3}\d){6,}")
_UNITS = re.compile(
    r"[元块毛角钱号款件瓶片盒袋包支条粒颗克斤两米码色年月日天点分时秒折个送到和或减买第人次度升价岁代季还]|(?<![A-Za-z])(?:ml|l|g|kg|mg|cm|mm|m|x|w|k|spf|pa|v|h)(?![A-Za-z])",
    re.IGNORECASE,
)


def suspects(plain: str) -> Iterator[tuple[int, int, str]]:
    """The places of such words in a text in its plain form (`word_search.flat`), each with its kind."""
    for pattern in _NAMES:
        for match in pattern.finditer(plain):
            if not is_word(match[1]):
                yield (*match.span(), "person")
    for kind, pattern in (
        ("person", _LATIN_NAME), ("person", _KIN_NAMED), ("address", _PLACES), ("handle", _ACCOUNTS), ("number", _NUMBERS),
        ("health", _HEALTH), ("website", _DOMAIN),
    ):  # fmt: skip
        yield from ((*match.span(), kind) for match in pattern.finditer(plain))
    for match in _BROKEN.finditer(plain):
        between = re.sub(r"\d+", "|", match[0])
        if re.sub(r"[|\s.]", "", between) and not _UNITS.search(between):
            yield (*match.span(), "number")
