"""The units that follow a number, and how each is said."""

from __future__ import annotations

import re

UNITS = {
    "ml": "毫升", "mL": "毫升", "ML": "毫升", "Ml": "毫升", "cc": "毫升", "dl": "分升", "L": "升", "l": "升",
    "g": "克", "G": "克", "kg": "千克", "KG": "千克", "Kg": "千克", "mg": "毫克", "MG": "毫克", "ug": "微克",
    "μg": "微克", "mcg": "微克", "t": "吨", "oz": "盎司", "lb": "磅", "lbs": "磅",
    "cm": "厘米", "CM": "厘米", "mm": "毫米", "MM": "毫米", "m": "米", "km": "千米", "KM": "千米",
    "nm": "纳米", "μm": "微米", "um": "微米", "inch": "英寸", "in": "英寸", "ft": "英尺",
    "cm²": "平方厘米", "cm2": "平方厘米", "m²": "平方米", "m2": "平方米", "mm²": "平方毫米",
    "cm³": "立方厘米", "cm3": "立方厘米", "m³": "立方米", "m3": "立方米",
    "kcal": "千卡", "Kcal": "千卡", "cal": "卡", "kJ": "千焦", "KJ": "千焦", "kj": "千焦", "J": "焦",
    "W": "瓦", "kW": "千瓦", "KW": "千瓦", "kw": "千瓦", "kWh": "千瓦时", "V": "伏", "v": "伏",
    "mAh": "毫安时", "mah": "毫安时", "MAH": "毫安时", "Ah": "安时", "mA": "毫安", "A": "安",
    "Hz": "赫兹", "HZ": "赫兹", "hz": "赫兹", "kHz": "千赫兹", "MHz": "兆赫兹", "GHz": "吉赫兹", "M": "兆",
    "dB": "分贝", "db": "分贝",
    "Pa": "帕", "kPa": "千帕", "hPa": "百帕", "MPa": "兆帕", "h": "小时", "H": "小时", "hr": "小时",
    "min": "分钟", "mins": "分钟", "s": "秒", "ms": "毫秒", "sec": "秒",
    "℃": "摄氏度", "°C": "摄氏度", "°c": "摄氏度", "℉": "华氏度", "°F": "华氏度", "°": "度",
    "pcs": "个", "PCS": "个", "w": "万", "W+": "万", "k": "千", "lm": "流明", "km/h": "千米每小时",
    "mg/kg": "毫克每千克", "g/L": "克每升", "mg/L": "毫克每升",
    "m/s": "米每秒", "r/min": "转每分钟", "rpm": "转每分钟",
}  # fmt: skip
_ORDERED = sorted(UNITS, key=len, reverse=True)
UNIT = "(?:" + "|".join(re.escape(unit) for unit in _ORDERED) + r")(?![A-Za-z²³])"

# Letters that stay letters behind certain numbers: 5G networks, 4K, 128G of memory.
_KEEP = {"G": {"2", "3", "4", "5", "6"}}
_MEMORY = re.compile(r"内存|存储|硬盘|运存|流量|显存|U盘|优盘|手机|版|\+|网")


def unit_name(unit: str, value: str, following: str, before: str) -> str | None:
    """How `unit` is said behind `value`, or None when it is not a unit there."""
    if unit == "G" and (
        value in _KEEP["G"] or _MEMORY.match(following) or re.search(r"内存|存储|\+$", before)
    ):
        return None
    if unit == "A" and not re.match(r"快?充|电流|输出|插|接口|直充", following):
        return None
    if unit == "M" and not re.match(r"宽带|带宽|光纤|内存|缓存|流量", following):
        return None
    if unit == "w" and re.match(r"快?充|功率|灯|大功率|吹风|电|无线", following):
        return "瓦"
    if unit == "W" and (
        following[:1] == "+" or re.search(r"(?:卖|售|销量|粉丝?|超|破|销)[了出过]?$", before)
    ):
        return "万"
    if unit == "k" and following[:1] not in tuple("+多元块人粉件单"):
        return None
    return UNITS[unit]
