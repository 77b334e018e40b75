"""What surrounds a listed word: word boundaries, plain denials, approved functions."""

from __future__ import annotations

import re
import warnings
from functools import cache, lru_cache
from typing import Any

from livehost.compliance.normalise import BARRIER

# Functions that an approved health food may name (保健食品功能目录, old and new wordings).
_FUNCTIONS = (
    "(?:有助于|辅助)?(?:增强|提高)免疫力",
    "(?:有助于)?抗氧化",
    "(?:有助于|辅助)改善记忆(?:力)?",
    "(?:有助于)?缓解视(?:觉)?疲劳",
    "清咽润喉",
    "(?:有助于)?改善睡眠",
    "(?:有助于)?缓解体力疲劳",
    "(?:有助于)?(?:提高)?耐缺氧",
    "有助于控制体内脂肪",
    "(?:有助于)?改善骨密度",
    "增加骨密度",
    "改善缺铁性贫血",
    "有助于改善(?:痤疮|黄褐斑|皮肤水分状况|皮肤水份状况)",
    "(?:有助于)?调节肠道菌群",
    "(?:有助于)?(?:促进)?消化",
    "(?:有助于)?润肠通便",
    "(?:辅助)?保护胃黏?粘?膜(?:有辅助保护功能)?",
    "有助于维持血(?:脂|糖|压)(?:健康水平|的?健康水平)?",
    "辅助降血(?:脂|糖|压)",
    "对?化学性肝损伤有辅助保护(?:作用|功能)",
    "对?电离辐射危害有辅助保护(?:作用|功能)",
    "(?:有助于|促进)排铅",
    "促进泌乳",
    "改善生长发育",
    "祛(?:痤疮|黄褐斑)",
    "改善皮肤水分",
)
APPROVED = re.compile("|".join(_FUNCTIONS))

_NO = (
    r"不能|不可以|不可|不会|不是|并非|并不|没有|没法|没办法|没|无法|不具备|不具有|不代表|别指望|不要指望|别想|不要想|不要|别以为|不要以为|别|"
    r"不用于|不可用于|不宣称|不宣传|不承诺|不保证|不敢说|不敢保证|不说|不算|不等于|谈不上|做不到|不涉及|不含|不敢|不得|不该|不应|不许|不允许|"
    r"不支持|禁止|绝不|从不|从来不|不存在|不属于|拒绝|不搞|不讲|不吹|不玩|不做|不提供|不需要|不追求|称不上|不同于|不写|不夸|不打|不碰|"
    r"勿|请勿|切勿|谨防|警惕|远离|不敢吹|不鼓励|不建议|不推荐|不应该|不适合|不信|别信|不要信|不要相信|别相信"
)
_DENIAL = re.compile(
    rf"(?:{_NO})(?!仅|只|光|单|但|得不|止|不|怕|过|愧|错|少|妨|断|普通|一般|简单|起|分|如|了解|知道|管|料|信邪|用担心|到|够|就是|超过)"
    r"[^，]{0,10}$"
)
_DOUBLE = re.compile(
    r"(?:不得不|不能不|不会不|没有不|没有.{1,8}(?:治不|不好|不能)|难道|岂|谁说|怎么会不|不要错过|别错过|不是普通|不是一般|不愧|没有之一|"
    r"没有比|没有哪|没有什么|(?:不|没)[^，]{0,3}(?:都|也)(?:能|可以|会)|别犹豫|别等|不要犹豫|不需要忌口|胜似|赛过|堪比|媲美|而是|却是|就是要|别担心|不要担心|不用怕|别怕|不要怕|没效果|无效)"
)
_ASKED = re.compile(r"问.{0,10}(?:能不能|是不是|会不会|可不可以|有没有|能|可以|是否)[^，]{0,6}$")
_SAID_NO = re.compile(
    r"(?:不能|不让|不许|不准|不用|不会|不可以|不行|不是|没有|不宣称|不说|没法|做不到|不敢|不承诺)"
)
_AFTER = re.compile(
    r"^(?:的|这种|这类|这件|件|这些|这样|那种|那些|那类|广告|个|之类|功效|效果|作用|功能|疾病|说法|话|事|承诺|宣传|词|字眼|产品|药|这|它|我们|咱们|我|也|可|是|都|真|"
    r"它可|本品|店里|直播间|主播|一律|统统|失眠|吗|能力){0,6}"
    r"(?:没有|不行|做不到|不会|不说|不敢说|不能说|不承诺|不宣称|不存在|谈不上|说不了|不敢保证|不保证|不具备|不允许|不可能|不该说|不能信|别信|"
    r"(?:期间|时候?|部位|皮肤|人群|患者|者|发作){0,3}(?:请|要|就|都)?(?:暂停|停用|停止使用|禁用|慎用|避开|避免|别用|不要用|不宜|不适合|先别|先不)|"
    r"(?:要|得|还得|还是要|还是得|主要|只能|该)(?:靠|看医生|看大夫|去医院|管住嘴)|"
    r"(?:的|朋友|人|姐妹|话){0,4}(?:请|要|得|该|应该|建议|还是)(?:去|先|及时|尽快)?(?:看|找|问|咨询)(?:医生|大夫|医院|皮肤科|专科|正规)|"
    r"不要信|谁信|不让说|都不让|不让讲|不会用|别打|不聊|都是假的|是骗人|不属实|是违规|属于违规|违规|请举报|不是真的|是虚假|不靠谱|不能乱说|不能讲|不讲|不玩|不搞|要不得)"
)

# Complaints that a caution names (湿疹期间先问医生), and what a caution then advises.
_COMPLAINTS = re.compile(
    "药膏|螨虫|真菌|皮炎|湿疹|荨麻疹|牛皮癣|酒糟鼻|妊娠纹|黄褐斑|毛囊炎|脚气|灰指甲|激素脸|真菌|细菌感染|疤痕|去除?疤痕?"
)
_CARE = re.compile(
    r"(?:去|看|找|问|咨询|听|到)(?:过|一下|下|正规|[儿骨内外]科|专业)?(?:的)?(?:医生|大夫|医院|医师|皮肤科|药师|专科)(?!都|推荐|说好|不如|也没|开的)|遵医嘱|"
    r"停用|暂停|慎用|禁用|(?:不要|别|先不|不能|不宜)(?!怕|担心|犹豫|愁|错过|再|忘|忍|人|家|慌)|没做|不适合|不建议|避开|谨慎"
)
# Who is under treatment is warned (正在接受治疗的朋友，先问医生); the goods are not said to treat.
_TREATED = re.compile(r"(?:接受|进行|在做)[^，]{0,4}$")
_IN_TREATMENT = re.compile(r"^(?:期间|过程中|阶段|的(?:朋友|人|姐妹|家人|患者|宝妈|老人))")
_ONLY_NOW = re.compile(r"(?:^|，)(?:如果|要是)?(?:您|你)?(?:正在|还在|目前在|在)?$")
_WHILE = re.compile(r"(?:的)?(?:时候|期间|发作时?)[^，]{0,8}(?=，|$)")
_CLAIMS = re.compile(
    r"[治抗消祛除止]|改善|对付|适合|针对|专门|好了|见效|管用|没了|不用|不必|推荐|都说|[用涂抹敷]它|[用涂抹敷]这|搞定|省得|免得"
)
# The word itself is talked about, drawn or printed, not said of the goods.
_TALKED_OF = re.compile(
    r"^(?:(?:这|那)?(?:一|个|种|些|类|几个|两个|[两四]个|俩)*(?:词语?|字眼|字样|说法|字)(?!典|母)|纹样|纹(?!理|路)|图案|图样|花纹|观念|文化|学说)"
)
# It is somebody's name, or said to be no matter of these goods.
_CALLED = re.compile(r"(?:名字?|外号|狗|猫|反派|主角|画|颜色|色号|歌|书|图案|花色|品种|菜)(?:就|是)?叫做?$")
_ITS_NAME = re.compile(r"^[^，]{0,6}(?:是|，)?[^，]{0,6}(?:起的名|的名字|取的名|起的)")
_ELSEWHERE = re.compile(
    r"^[^，]{0,8}，?(?:跟|和|与)[^，别其他]{1,10}(?:没有?(?:什么|任何)?关系|无关|不搭边|两码事|不沾边)"
    r"|^[^，]{0,10}(?:不是我们家?(?:的|卖的|做的)|(?:我们|这里|本店|店里)(?:这)?(?:没有|不卖|没做|不做)(?=，|的|$))"
)
_MEANT_AFTER_ALL = re.compile(r"就是为|形容|当之无愧|配得上|都不够|给它|送给|属于|写给|非它|就是它")
_BY_LAW = re.compile(r"(?:广告法|平台规定|平台规则|违禁词|敏感词|极限词|禁用词)[^，]{0,14}$")
_RUMOUR = re.compile(
    r"(?:有人|网上|别人|有的主播|传言|谣言|听说|都说)[^，]{0,4}(?:说|讲|吹|传|宣传)?[^，]{0,8}$"
)
_REFUTED = re.compile(
    r"^[^。]{0,6}，?[^，]{0,6}(?:不对|是假|假的|骗|谣|别信|不信|错的|错误|不可能|不是这样|不实|夸张|没有依据|没依据|不敢|不属实|胡说|瞎说)"
)
_VERBS = frozenset("治减瘦消抗祛除杀排降防改调补美")
_OR_ELSE = re.compile(r"^[^，]{0,6}(?:不|就|包|我)?(?:要钱|收钱|收费|给钱|退|找我|赔|关店)")


@cache
def _jieba() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import logging

        import jieba

        jieba.setLogLevel(logging.WARNING)
        for word in ("品鉴", "肤感", "环保", "本色", "肤质", "各处"):
            jieba.add_word(word)
        jieba.del_word("款数")  # 这款|数一数二
        jieba.initialize()
    return jieba


def warm() -> None:
    """Load the word list (about a second), so that no line waits for it."""
    _jieba()


@lru_cache(maxsize=2048)
def tokens(text: str) -> tuple[tuple[int, int], ...]:
    """The words of a text as spans."""
    return tuple((start, end) for _, start, end in _jieba().tokenize(text, HMM=False))


def splits_words(text: str, start: int, end: int) -> bool:
    """Whether a word of the clause reaches into the hit from outside (环保|本色 holds no 保本).

    It does not where what it leaves outside is part of another word there (看一下|去皱).
    """
    left = text.rfind(BARRIER, 0, start) + 1
    right = text.find(BARRIER, end)
    clause = text[left : len(text) if right < 0 else right]
    return begins_inside(clause, start - left) or ends_inside(clause, end - left)


_ALONE = frozenset("吧吗呢啊呀哦哈嘛啦了的地得着过是就都也很真太又再还才只不没有在和跟与这那我你他她它")


_KINDS = frozenset("霜膏")


def begins_inside(clause: str, place: int) -> bool:
    """Whether what begins at a place tears a word apart whose first half is nothing by itself."""
    return any(a < place < b and _nothing(clause[:place], -1) for a, b in tokens(clause))


def ends_inside(clause: str, place: int) -> bool:
    """Whether what ends at a place tears a word apart whose second half is nothing by itself.

    What says of which kind the goods are stands by itself: 祛斑|霜.
    """
    return clause[place : place + 1] not in _KINDS and any(
        a < place < b and _nothing(clause[place:], 0) for a, b in tokens(clause)
    )


def _nothing(rest: str, which: int) -> bool:
    """Whether the first or last word of a text is one character that does not stand alone."""
    start, end = tokens(rest)[which]
    return end - start == 1 and rest[start] not in _ALONE


def is_word(text: str) -> bool:
    """Whether the word list knows this as one word."""
    return bool(_jieba().dt.FREQ.get(text))


@lru_cache(maxsize=8192)
def rare(char: str) -> bool:
    """Whether a character is seldom a word of its own or part of one (蕞, 荃)."""
    return int(_jieba().dt.FREQ.get(char) or 0) < 300


def denied(text: str, start: int, end: int) -> bool:
    """Whether a hit stands in a plain denial of its own clause, or right before one."""
    left = text.rfind(BARRIER, 0, start) + 1
    before = text[left:start]
    right = text.find(BARRIER, end)
    clause = text[left : len(text) if right < 0 else right]
    if _DOUBLE.search(clause) or (clause.endswith(("吗", "么")) and before.startswith(("不是", "这不是"))):
        return False
    if _DENIAL.search(before) or (before.endswith(("不", "没")) and text[start] in "能可会得"):
        return True
    if before.endswith("不") and text[start] in _VERBS and not _OR_ELSE.match(text[end:]):
        return True
    if _RUMOUR.search(before) and _REFUTED.match(text[end:]):
        return True
    after = text[end:].replace(BARRIER, "", 1)
    if _AFTER.match(after):
        return True
    return bool(_ASKED.search(before)) and bool(_SAID_NO.search(text[end:]))


def cautioned(text: str, start: int, end: int) -> bool:
    """Whether a hit names a complaint, and what follows it only advises care."""
    left = text.rfind(BARRIER, 0, start) + 1
    if text[start:end] == "治疗":
        now = _ONLY_NOW.search(text[left:start]) and _IN_TREATMENT.match(text[end:])
        if not (now or _TREATED.search(text[left:start])):
            return False
    elif not _COMPLAINTS.fullmatch(text[start:end]):
        return False
    care = _CARE.search(text[end : end + 24]) or _WHILE.match(text[end : end + 24])
    return care is not None and not _CLAIMS.search(text[left:start] + text[end : end + care.end()])


def mentioned(text: str, start: int, end: int) -> bool:
    """Whether a hit is itself talked about: a word that one may not use, a pattern on the goods."""
    left = text.rfind(BARRIER, 0, start) + 1
    if _CALLED.search(text[left:start]) or _ITS_NAME.match(text[end:]) or _ELSEWHERE.match(text[end:]):
        return not _MEANT_AFTER_ALL.search(text[end : end + 20])
    if _BY_LAW.search(text[left:start]):
        return bool(_SAID_NO.search(text[end : end + 20])) or bool(_SAID_NO.search(text[left:start]))
    return bool(_TALKED_OF.match(text[end:])) and not _MEANT_AFTER_ALL.search(text[end : end + 20])
