"""Listed words in their innocent senses pass; the same words in their claims, and claims by family, are blocked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livehost.compliance import review


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("视频里的特效是剪辑加的", "cosmetics"),
        ("电影特效做得很真，模型也还原", "other"),
        ("订单信息都脱敏了，客服看不到您电话", "cosmetics"),
        ("脱敏的地址看不全", "cosmetics"),
        ("这只小猫的眼神太治愈了", "home"),
        ("绘本里的故事特别治愈", "other"),
        ("这张海报的配色治愈又耐看", "home"),
        ("最佳拍摄角度是侧面", "other"),
        ("最佳煮法是冷水下锅", "food"),
        ("最佳冲泡顺序是先茶后水", "food"),
        ("主播不收私下转账，请走平台", "other"),
        ("不加微信，就在平台下单", "other"),
        ("任何人让您私下转账都不要理", "other"),
        ("备注里留个电话，师傅好联系", "home"),
        ("我们不拉群，也不留联系方式", "other"),
        ("国家级生态示范区产的茶", "food"),
        ("薇菜炖肉很香，加薇菜更香", "food"),
        ("狮子是顶级猎食者", "other"),
        ("瓷碗拿珍珠棉包过两层", "home"),
        ("这个双肩包过安检方便", "other"),
        ("师傅上门前会打电话，请留意", "home"),
        ("派送时会给您打电话", "home"),
        ("近视眼镜不合适可以退回来", "other"),
        ("骨刺少的鱼，孩子好挑", "food"),
        ("这款地垫吸收水分快", "home"),
        ("考试多拿两支笔备用", "other"),
        ("医院的号可以在网上挂", "other"),
        ("收到有斑点不新鲜，退你", "food"),
    ],
)
def test_an_innocent_sense_passes(text: str, category: str) -> None:
    found = review(text, category=category)
    assert found.verdict == "pass", found.hits


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("这是特效配方", "cosmetics"),
        ("特效祛斑", "cosmetics"),
        ("脱敏精华", "cosmetics"),
        ("好治愈湿疹", "cosmetics"),
        ("最佳美白方法就是它", "cosmetics"),
        ("最佳减肥办法就是喝它", "food"),
        ("我们不加微信你就亏了", "other"),
        ("不加微信，直播间拿不到这个价", "other"),
        ("加薇领券", "other"),
        ("国家级品质", "other"),
        ("一次包过", "other"),
        ("快递到了打我电话13800138000", "other"),
        # Nobody dares to be the first beside us.
        ("这茶要排第二，没有谁能排第一", "food"),
        ("我们家洗面奶敢称第二，谁敢称第一", "cosmetics"),
        # Money back where no effect is seen.
        ("痘没消，我赔你钱", "cosmetics"),
        ("喝一周肚子还在，全额退", "food"),
        ("涂两周还没变化，钱退你", "cosmetics"),
        ("白不了，一分不少退你", "cosmetics"),
        ("毛孔没小，原价退", "cosmetics"),
        ("不见效一分钱不要", "cosmetics"),
        # Marks, wits, figures of a check-up, growths, eyes, no doctor.
        ("喝了它单科提三十分", "food"),
        ("数学成绩提高二十分", "food"),
        ("智商提高十个点", "food"),
        ("期末直接提到前十", "other"),
        ("喝两周脑子转得快", "food"),
        ("化验单上的箭头都没了", "health_food"),
        ("喝它两个月，指标回落", "health_food"),
        ("吃半年肌瘤缩小了", "food"),
        ("让息肉萎缩", "health_food"),
        ("囊肿自己吸收了", "food"),
        ("戴一个月近视度数退回去五十度", "other"),
        ("挂好的号都取消了", "health_food"),
        ("皮肤科的号直接退掉", "cosmetics"),
        ("〇副作用", "cosmetics"),
        ("○副作用", "cosmetics"),
        ("◯副作用", "cosmetics"),
        # A number to call, and a group by its number.
        ("打一八六零零一二三四五六七找我", "other"),
        ("我手机 幺伍零 七七八八 九九零零", "other"),
        ("电话一伞八，零零幺三八，零零零零", "other"),
        ("叩叩裙一二三四五六", "other"),
        ("加裙八八六六四四二", "other"),
        ("进我的裙，有福利", "other"),
        ("来qun里", "other"),
        ("qun里有福利", "other"),
    ],
)
def test_a_claim_of_the_family_is_blocked(text: str, category: str) -> None:
    assert review(text, category=category).verdict == "block"


_SAID = (
    "零灵洞〇0",
    "一幺衣妖1",
    "二两耳2",
    "三伞叁3",
    "四肆4",
    "五舞伍5",
    "六流陆6",
    "七拐柒7",
    "八巴捌8",
    "九勾玖9",
)


@given(number=st.text("0123456789", min_size=9, max_size=9), data=st.data())
def test_a_number_to_call_is_heard_in_figures_and_by_sound(number: str, data: st.DataObject) -> None:
    spoken = "".join(data.draw(st.sampled_from(_SAID[int(digit)])) for digit in "13" + number)
    assert review(f"要的打{spoken}，我给你配").verdict == "block"
