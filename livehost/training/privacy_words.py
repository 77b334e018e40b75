"""How personal data other than long numbers is written: patterns over a text in its plain form."""

from __future__ import annotations

import re
from collections.abc import Iterator

_HAN = r"\u4e00-\u9fff\u3400-\u4dbf"
_NUM = r"[\d〇零一二三四五六七八九十百]"
_ID = r"[A-Za-z][A-Za-z0-9_\-]{4,24}|\d{5,11}|(?:[A-Za-z0-9_][ .·]){5,}[A-Za-z0-9_]"
_APPS = (
    r"[微薇威徽维卫v][\s❤♥💗💕+·.\ufe0f]{0,2}[信❤♥x]|卫星|we?i?xin|wechat|(?<![A-Za-z])(?:vx|wx|vvx|v信|wx号)|v信|绿泡泡|"
    r"企鹅号?|扣扣|抠抠|(?<![A-Za-z])q{1,2}|抖音|快手|小红书|支付宝|telegram|(?<![A-Za-z])(?:tg|ins|line)(?![A-Za-z])|whatsapp"
)
_OF = r"(?:号码|号|id|账号|帐号|名|昵称)?(?:[\s是为叫:：=,，➕+]|加我|我的|的)*"

EMAIL = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._+\-]*\s?(?:@|\(at\)|\[at\]|#|\sat\s|艾特)\s?[A-Za-z0-9\-]+"
    r"(?:\s?(?:[.。·]|\(dot\)|\[dot\]|\sdot\s|点)\s?(?:com|cn|net|org|edu|gov|me|io|cc|vip|hk|tw|jp))+(?![A-Za-z])"
    r"|\d{5,11}\s?(?:qq|QQ)(?:邮箱|[.点]com)|邮箱(?:号|地址)?[是为:：\s]*[A-Za-z0-9][A-Za-z0-9._+\-]{3,}",
    re.IGNORECASE,
)
HANDLES = re.compile(
    rf"(?:{_APPS}){_OF}(?:{_ID})(?![A-Za-z0-9_])"
    rf"|(?:加个?|[➕+])\s?(?:v|V|q|Q|微|薇|威|我|卫)[\s是:：]*(?:{_ID})(?![A-Za-z0-9_])"
    rf"|(?<![A-Za-z])v(?:我|号|[\s]*[:：])\s*(?:{_ID})(?![A-Za-z0-9_])"
    rf"|(?<![A-Za-z0-9_])(?:[A-Za-z][A-Za-z0-9_\-]{{5,24}}|\d{{5,11}})[\s,，]*(?:这?就?是)?我?的?(?:{_APPS})(?![A-Za-z])"
    r"|(?<![A-Za-z0-9])wxid_\w+"
    r"|(?:账号|帐号|会员号|会员名|用户名|用户id|我的id|uid|昵称)[是为叫:：\s]*[A-Za-z0-9_\-]{4,32}",
    re.IGNORECASE,
)
RECORD_NUMBERS = re.compile(
    r"(?:订单|单号|运单|快递单|物流单?|流水|交易|退款单?|售后单?|包裹|发票)(?:编?号码?|尾号)?[是为:：\s#]*(?=[A-Za-z0-9\-]*\d)[A-Za-z0-9\-]{6,34}"
    r"|(?:取件码|验证码|提货码|券码|兑换码|密码)[是为:：\s]*(?=[A-Za-z\-]*\d)[A-Za-z0-9\-]{4,20}"
    r"|(?:护照|通行证|驾驶证|驾照|社保|医保|学号|工号)(?:卡|证)?(?:号码|号)?[是为:：\s]*(?=[A-Za-z]*\d)[A-Za-z0-9]{5,18}"
    r"|(?<![A-Za-z0-9])(?:SF|YT|JDVA?|JT|ZTO|STO|EMS)\d{8,}",
    re.IGNORECASE,
)
LINK = re.compile(r"(?:https?://|www\.)[^\s\u4e00-\u9fff]+", re.IGNORECASE)
PLATE = re.compile(
    r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼]\s?[A-HJ-NP-Za-hj-np-z]"
    r"[\s·•.\-_]?[A-HJ-NP-Za-hj-np-z0-9]{5,6}(?![A-Za-z0-9])"
)
# What the authorities number (备案, 注册, 许可): a product's, never a person's.
REGISTERED = re.compile(
    r"[\u4e00-\u9fff]?[A-Z]?妆网备[字进]\w{6,14}|国妆[特网]?[字备进]{1,3}[A-Z]?\d{6,14}|卫妆\w{1,3}字?\d{6,14}"
    r"|(?:国?食健[备注字][A-Z]?)\d{8,14}|(?<![A-Za-z])SC\d{14}|(?:GB|QB|GB/T|QB/T)\s?\d{4,6}[.\d\-]*"
)

_ROAD = rf"[{_HAN}A-Za-z0-9]{{1,8}}?(?:路|大道|大街|街道?|巷|弄|胡同|里弄|公路|国道)"
_NO = rf"(?:{_NUM}{{1,5}}(?:[\-之]{_NUM}{{1,4}})?(?:号院?|弄|#)(?!链接|色|线|款|色号)(?:附?{_NUM}{{1,4}}号)?)"
_UNIT = rf"(?:[A-Za-z]?{_NUM}{{1,4}}[A-Za-z]?(?:栋|幢|座|号楼|单元|室|层|楼|门|房|户|组|队|社)|[A-Za-z](?:栋|幢|座)|(?<=[栋幢座楼元]){_NUM}{{2,4}}(?!{_NUM}))"
_PLACE = rf"[{_HAN}A-Za-z0-9]{{2,12}}?(?:小区|花园|家园|公寓|佳苑|雅苑|苑|大厦|广场|宿舍|校区|大学|学院|中学|小学|新村|村|庄园|山庄|名城|新城|城|府|湾|工业园|产业园|科技园|家属院|大院|中心|医院|写字楼|驿站)"
_WITHIN = r"(?:[东南西北中]区|[一二三四五六七八九十\d]{1,2}[期区]|[东南西北]门)?"
ADDRESSES = tuple(
    re.compile(pattern)
    for pattern in (
        rf"{_ROAD}{_NO}(?:[{_HAN}A-Za-z]{{0,10}}?{_UNIT})*",
        rf"{_PLACE}{_WITHIN}[\s,，]?{_UNIT}(?:[\s\-]?{_UNIT})*",
        rf"{_UNIT}[\s\-]?{_UNIT}(?:[\s\-]?{_UNIT})*",
        rf"[{_HAN}]{{1,5}}?(?:镇|乡)[{_HAN}]{{1,6}}?(?:村|社区)(?:{_UNIT})*",
        rf"(?:[{_HAN}]{{2,4}}?(?:省|自治区))?[{_HAN}]{{2,5}}?市[{_HAN}]{{1,5}}?(?:区|县|市)[{_HAN}]{{1,6}}?(?:街道|镇|乡|路|村|{_PLACE})",
        rf"[{_HAN}]{{2,4}}?(?:省|自治区)[{_HAN}]{{2,5}}?市[{_HAN}]{{1,5}}?(?:区|县|市)",
        rf"(?:地址|住址|家住|住在|寄到|寄给|送到|发到|邮到)[是为在:：\s]*[{_HAN}A-Za-z0-9\-]{{2,24}}?(?:小区|花园|公寓|大厦|新村|宿舍|{_NUM}号楼|栋|单元|室|街道|村|胡同)",
        rf"[{_HAN}]{{2,8}}(?:路|街|大道)(?:与|和)[{_HAN}]{{2,8}}(?:路|街|大道)(?:交叉口|路口|交汇处)?",
    )
)

_DOUBLE = "欧阳|司马|上官|诸葛|皇甫|尉迟|公孙|慕容|司徒|令狐|端木|东方|南宫"
_TWO_CHARACTER = re.compile(_DOUBLE)
SURNAMES = (
    f"{_DOUBLE}|"
    "[王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石"
    "廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤温康施文牛樊葛邢安齐易乔伍庞颜倪庄聂章鲁岳翟殷詹申欧耿关兰焦俞左柳甘祝包宁尚符舒阮柯纪梅童凌毕单季裴霍涂成苗谷盛曲翁冉骆蓝路游辛靳管柴蒙鲍华喻祁蒲房滕屈饶解牟艾尤阳时穆农司卓古吉缪简车项连芦麦褚娄窦戚岑景党宫费卜冷晏席卫米柏宗瞿桂全佟应臧闵苟邬边卞姬师和仇栾隋商刁沙荣巫寇桑郎甄丛仲虞敖巩明佘池查麻苑迟邝]"
)
_NAME = rf"(?:{SURNAMES})[{_HAN}]{{1,2}}?"
_END = r"(?=[\s,，.。:：;；!！?？、~()（）]|$|的(?:手机|电话|订单|快递|号码|微信)|[,，]?(?:电话|手机|收|先生|女士|小姐|来了|呀|啊|呢|哦|吖)|\d)"
_TITLED = re.compile(
    rf"(?:{SURNAMES})(?:[{_HAN}]{{1,2}})?(?:先生|女士|小姐|太太|阿姨|大爷|大妈|同学|师傅|经理|总)(?![{_HAN}]?姐)"
)
_CALLED = re.compile(
    r"(?:我叫做?|我名字(?:是|叫)|本人|(?:收货|收件|联系|订货|下单|付款)人(?:姓名|名字)?|姓名|户名|名字(?:是|叫)|真名|网名|昵称)"
    rf"[是为叫:：\s]*([{_HAN}·]{{2,6}}?|[A-Za-z][A-Za-z ]{{1,20}}){_END}"
)
_I_AM = re.compile(rf"(?:我是|我姓名|这里是|这边是|是我[,，]?)\s*({_NAME}){_END}")
_FOR_A_NAME = re.compile(
    r"我叫(?!做?(?:你|他|她|它|客服|人|了|不|号|过|什么|啥))|我名字|(?:收货|收件|联系|订货|下单|付款)人|姓名|户名|名字|真名|网名|昵称"
)
# What follows 收货人 or 姓名 where no name is given.
_NO_NAMES = (
        "写错", "填错", "怎么", "可以", "能不", "不对", "不能", "改成", "换成", "是谁", "什么", "错了", "哪里", "必须", "信息", "地址",
        "电话", "要写", "要不", "不填", "不写", "有误", "没填", "填写", "是不", "真名", "保密", "手机",
)  # fmt: skip


def names_given(plain: str) -> Iterator[tuple[int, int]]:
    """Where people say their name: after 我叫 and the like any, after 我是 one with a surname."""
    for match in _CALLED.finditer(plain):
        name = match[1]
        if _FOR_A_NAME.match(plain, match.start()) or match[0].startswith("本人"):
            unlikely = name.startswith(_NO_NAMES)
            if match[0].startswith("本人") and not re.fullmatch(_NAME, name):
                unlikely = True
            if not unlikely and not (match[0].startswith("我叫") and name[0] in "你他她它了过"):
                yield match.span()
    for match in _I_AM.finditer(plain):
        if not is_word(match[1]):
            yield match.span()
    for match in _TITLED.finditer(plain):
        if not is_word(match[0]) and not is_word(match[0][:2]):
            yield match.span()


def is_word(text: str) -> bool:
    """Whether the text begins with an ordinary word: 高血压, 黄皮肤, 江苏; a name is none."""
    from livehost.training.viewer_names import ordinary

    least = 3 if _TWO_CHARACTER.match(text) else 2
    return any(ordinary(text[:size]) for size in range(least, len(text) + 1))
