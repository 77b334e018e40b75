"""The colours, layouts and lights that portraits vary in, with the words for them in Chinese and English."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Named:
    """A value of an attribute: its key, its colour (empty for a layout or a light) and the words for it."""

    key: str
    colour: str
    zh: tuple[str, ...]
    en: tuple[str, ...]


def _named(key: str, colour: str, zh: str, en: str) -> Named:
    return Named(key, colour, tuple(zh.split("|")), tuple(en.split("|")))


# fmt: off
CLOTHS = (
    _named("white", "#f4f4f0", "白色|纯白|雪白", "white|pure white|snow white"),
    _named("ivory", "#f0e6d2", "米白|象牙白|奶油色", "ivory|cream|off-white"),
    _named("mint", "#a6d8c4", "薄荷绿|薄荷色|浅绿", "mint|mint green|pale green"),
    _named("sage", "#9fb08a", "豆绿|灰绿|鼠尾草绿", "sage|sage green|grey green"),
    _named("jade", "#2f9e77", "翠绿|玉绿|绿色", "jade|jade green|green"),
    _named("forest", "#25503c", "墨绿|深绿|松绿", "forest green|dark green|pine green"),
    _named("teal", "#2a8c94", "青色|孔雀蓝|湖蓝", "teal|peacock blue|turquoise"),
    _named("sky", "#8fc1ea", "天蓝|浅蓝|粉蓝", "sky blue|light blue|pale blue"),
    _named("royal", "#2b56b8", "宝蓝|蓝色|宝石蓝", "royal blue|blue|sapphire"),
    _named("navy", "#1f2c52", "藏青|深蓝|海军蓝", "navy|navy blue|dark blue"),
    _named("lavender", "#bfa9de", "丁香紫|浅紫|薰衣草色", "lavender|lilac|light purple"),
    _named("purple", "#6c3a93", "紫色|葡萄紫|深紫", "purple|violet|grape"),
    _named("pink", "#f2b3c2", "粉色|浅粉|樱花粉", "pink|light pink|cherry pink"),
    _named("rose", "#cf3f74", "玫红|玫瑰色|桃红", "rose|magenta|hot pink"),
    _named("vermilion", "#d04428", "朱红|朱砂色|丹红", "vermilion|cinnabar|vermilion red"),
    _named("red", "#b51d24", "大红|正红|红色", "red|bright red|scarlet"),
    _named("wine", "#6d2232", "酒红|枣红|绛红", "wine|wine red|burgundy"),
    _named("orange", "#e8853a", "橙色|橘色|橘红", "orange|tangerine|bright orange"),
    _named("apricot", "#f3c79c", "杏色|蜜桃色|杏黄", "apricot|peach|peachy"),
    _named("yellow", "#f2d56b", "鹅黄|浅黄|黄色", "yellow|pale yellow|primrose"),
    _named("gold", "#c9a04a", "金色|金黄|香槟金", "gold|golden|champagne gold"),
    _named("amber", "#b9702e", "琥珀色|琥珀|暖橙", "amber|warm amber|amber orange"),
    _named("camel", "#b98d62", "驼色|卡其色|浅驼", "camel|khaki|camel brown"),
    _named("brown", "#6b4730", "咖啡色|棕色|褐色", "brown|coffee|coffee brown"),
    _named("grey", "#9a9a9c", "灰色|浅灰|银灰", "grey|light grey|silver grey"),
    _named("charcoal", "#45464c", "深灰|炭灰|铁灰", "charcoal|dark grey|slate"),
    _named("black", "#1b1a1d", "黑色|纯黑|墨黑", "black|pure black|jet black"),
)
HAIRS = (
    _named("black", "#1b1718", "黑色|乌黑|墨黑", "black|jet black|raven"),
    _named("dark_brown", "#38261f", "深棕|深褐|深棕色", "dark brown|deep brown|espresso"),
    _named("chestnut", "#5f3a28", "栗色|栗棕|板栗色", "chestnut|chestnut brown|chestnut coloured"),
    _named("brown", "#7a5238", "棕色|咖啡棕|浅褐", "brown|coffee brown|light brown"),
    _named("caramel", "#9c6b43", "焦糖色|蜜茶色|蜜糖棕", "caramel|honey brown|honey tea"),
    _named("flaxen", "#b89a74", "亚麻色|亚麻|亚麻棕", "flaxen|linen|ash blonde"),
    _named("blonde", "#d9bd84", "金色|浅金|金黄", "blonde|golden|light golden"),
    _named("auburn", "#7c3524", "红棕|赤褐|红棕色", "auburn|red brown|copper"),
    _named("wine", "#5a1f2d", "酒红|酒红色|深酒红", "wine|burgundy|wine red"),
    _named("red", "#a52f2a", "红色|火红|大红", "red|fiery red|bright red"),
    _named("pink", "#d991a3", "粉色|樱花粉|粉红", "pink|cherry pink|rose pink"),
    _named("silver", "#b9bcc2", "银灰|银白|银色", "silver|silver grey|platinum"),
    _named("blue", "#2c3e70", "雾蓝|蓝色|深蓝", "blue|misty blue|dark blue"),
    _named("purple", "#553a70", "紫色|葡萄紫|深紫", "purple|violet|grape"),
    _named("green", "#2f5546", "墨绿|绿色|深绿", "green|dark green|forest green"),
)
SKINS = (
    _named("porcelain", "#fae6dc", "瓷白|冷白|雪白", "porcelain|very fair|snow white"),
    _named("fair", "#f6d9c8", "白皙|浅色|白净", "fair|light|pale"),
    _named("rosy", "#f2c4b8", "粉嫩|红润|粉白", "rosy|pinkish|rosy fair"),
    _named("natural", "#e9c3a4", "自然|自然色|中性", "natural|medium|neutral"),
    _named("warm", "#e2b48a", "暖黄|暖调|暖色", "warm|warm yellow|warm toned"),
    _named("honey", "#d2a07a", "蜜色|蜂蜜色|蜜糖色", "honey|honey toned|golden honey"),
    _named("wheat", "#bf8d64", "小麦色|小麦|麦色", "wheat|wheat coloured|sun-kissed"),
    _named("tan", "#a37048", "古铜色|古铜|晒黑的", "tanned|bronze|tan"),
    _named("deep", "#7a5036", "深棕|深色|黝黑", "deep|dark|deep brown"),
)
LAYOUTS = (
    _named("window", "", "纱帘窗景|窗边|明亮的窗前|晨光房间", "window room|room by a window|curtained window|bright room"),
    _named("shelf", "", "书架客厅|暖灯书房|台灯房间|夜晚书房", "study with a lamp|lamp lit room|room with bookshelves|evening study"),
    _named("lattice", "", "红窗棂|月洞窗|中式窗格|灯笼厅堂", "lattice window|moon window|chinese lattice|hall with lanterns"),
    _named("gradient", "", "渐变背景|纯色背景|渐变墙面", "gradient backdrop|plain backdrop|seamless backdrop"),
    _named("bokeh", "", "光斑背景|朦胧光斑|点点灯光", "bokeh backdrop|blurred lights|bokeh lights"),
    _named("curtain", "", "幕布背景|布帘背景|垂帘", "curtain backdrop|drapes|hanging curtain"),
    _named("glow", "", "聚光背景|光晕背景|柔和光晕", "spotlight backdrop|glowing backdrop|soft halo"),
)
LIGHTS = (
    _named("warm", "", "暖光|暖色灯光|温暖的光", "warm light|warm lighting|golden light"),
    _named("cool", "", "冷光|冷色灯光|清冷的光", "cool light|cool lighting|bluish light"),
    _named("bright", "", "明亮|高亮灯光|光线明亮", "bright light|bright lighting|high key"),
    _named("dim", "", "昏暗|低光|光线柔暗", "dim light|dim lighting|low key"),
    _named("side", "", "侧光|左侧光|窗光从左边来", "side light|light from the left|left side light"),
)
# fmt: on

# How many of `LAYOUTS` are the sets of the drawn templates, in the templates' order; the rest are made up.
DRAWN_LAYOUTS = 3
TEMPLATES = ("morning", "evening", "tangzhuang")

VALUES: dict[str, tuple[Named, ...]] = {
    "hair": HAIRS, "dress": CLOTHS, "skin": SKINS, "set": CLOTHS, "layout": LAYOUTS, "light": LIGHTS,
}  # fmt: skip
ATTRIBUTES = tuple(VALUES)


def index(attribute: str, key: str) -> int:
    """An attribute's number of a value: 1 and up; 0 (the empty key) leaves it as the template has it.

    Raises:
        ValueError: the attribute has no such value.
    """
    if not key:
        return 0
    keys = [one.key for one in VALUES[attribute]]
    if key not in keys:
        raise ValueError(f"{attribute} has no {key!r}; use one of {', '.join(keys)}")
    return keys.index(key) + 1
