"""Mouth shapes: from pinyin, kana and letters; in order, in time, with lips that close."""

from __future__ import annotations

import pytest

from services import wire
from services.speech.pinyin import units
from services.speech.timing import Boundary, by_boundaries, by_estimate, covers
from services.speech.types import Timed, Unit
from services.speech.visemes import final_steps, kana_steps, split, visemes
from services.speech.words import word_marks

RATE = wire.SAMPLE_RATE_HZ


def tags(text: str, language: str = "zh") -> list[str]:
    found = units(text, language)
    return [key.tag for key in visemes(by_estimate(found, 0.0, 3.0), 3.0)]


@pytest.mark.parametrize(
    ("syllable", "parts"),
    [
        ("hao3", ("h", "ao")),
        ("zhi1", ("zh", "i")),
        ("yu3", ("", "v")),
        ("yue4", ("", "ve")),
        ("yuan2", ("", "van")),
        ("you3", ("", "iu")),
        ("ying1", ("", "ing")),
        ("yang4", ("", "iang")),
        ("wu3", ("", "u")),
        ("wei4", ("", "uei")),
        ("ju2", ("j", "v")),
        ("xuan1", ("x", "van")),
        ("lv4", ("l", "v")),
        ("er2", ("", "er")),
        ("xiong1", ("x", "iong")),
        ("n2", ("n", "n")),
    ],
)
def test_initial_and_final(syllable: str, parts: tuple[str, str]) -> None:
    assert split(syllable) == parts


def test_finals_share_their_time() -> None:
    assert final_steps("h", "ao") == (("aa", 0.55), ("O", 0.45))
    assert final_steps("zh", "i") == (("zhi", 1.0),)
    assert final_steps("j", "ia")[0] == ("I", 0.3)
    for initial, final in (("", "uang"), ("j", "iong"), ("", "van"), ("t", "ian"), ("l", "iu"), ("g", "ui")):
        steps = final_steps(initial, final)
        assert len(steps) >= 2 and sum(share for _, share in steps) == pytest.approx(1)


def test_lips_close_on_b_p_m() -> None:
    timed = by_estimate(units("爸妈怕"), 0.0, 0.5)
    closures = [key for key in visemes(timed, 0.5) if key.close == 1]
    assert [key.tag for key in closures] == ["PP"] * 3
    keys = visemes(timed, 0.5)
    for closure in closures:
        after = next(key for key in keys if key.at > closure.at)
        assert after.at - closure.at >= 0.04 * RATE


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("家人们大家好，这款VC精华到手一百六十九元。", "zh"),
        ("……（）「好」～", "zh"),
        ("Hello, everybody", "en"),
        ("きゃりーぱみゅぱみゅ、です。", "ja"),
    ],
)
def test_keys_are_in_order_and_inside(text: str, language: str) -> None:
    duration_s = 3.0
    keys = visemes(by_estimate(units(text, language), 0.0, duration_s), duration_s)
    assert keys[0].tag == keys[-1].tag == "sil" and keys[0].at == 0
    places = [key.at for key in keys]
    assert places == sorted(places) and places[-1] < duration_s * RATE
    for key in keys:
        for value in (key.jaw, key.wide, key.round, key.close, key.teeth, key.tongue):
            assert 0 <= value <= 1


def test_a_pause_shuts_the_mouth() -> None:
    found = tags("好，好")
    assert "sil" in found[1:-1]


def test_kana_and_letters() -> None:
    assert kana_steps("きゃ") == ("kk", (("aa", 1.0),))
    assert kana_steps("ー", "カ")[1] == (("aa", 1.0),)
    assert tags("VC")[1:-1] == ["FF", "I", "SS", "I"]
    assert tags("まい", "ja")[1:-1] == ["PP", "aa", "I"]


def test_unspoken_characters_are_no_units() -> None:
    assert [unit.text for unit in units("「好」（）★吗") if unit.kind != "pause"] == ["好", "吗"]


def test_engine_words_place_the_syllables() -> None:
    found = units("大家好，欢迎来")
    marks = [Boundary("大家好", 0.1, 0.7), Boundary("欢迎来", 1.0, 1.6)]
    timed = by_boundaries(found, marks, 1.7)
    assert [mark.unit.text for mark in timed] == list("大家好欢迎来")
    assert timed[0].start_s == pytest.approx(0.1) and timed[3].start_s == pytest.approx(1.0)
    last, first = timed[2].end_s - timed[2].start_s, timed[0].end_s - timed[0].start_s
    assert last / first == pytest.approx(1.2, rel=0.02)
    assert all(mark.vowel_at_s and mark.vowel_at_s - mark.start_s <= 0.09 for mark in timed)
    assert covers(found, marks) and not covers(found, marks[:1])


def test_words_of_the_engine_that_are_not_ours_still_move_on() -> None:
    found = units("这款VC精华很好")
    timed = by_boundaries(
        found, [Boundary("这款", 0.0, 0.4), Boundary("VC", 0.4, 0.9), Boundary("精华很好", 0.9, 1.7)], 1.7
    )
    assert [mark.unit.text for mark in timed] == ["这", "款", "V", "C", "精", "华", "很", "好"]
    assert timed[4].start_s == pytest.approx(0.9)


def test_word_marks_join_syllables() -> None:
    unit = Unit("好", "syllable", "hao3", word=0)
    again = Unit("看", "syllable", "kan4", word=0)
    (mark,) = word_marks((Timed(unit, 0.0, 0.2), Timed(again, 0.2, 0.4)), RATE)
    assert mark == wire.WordMark("好看", 0, round(0.4 * RATE))


@pytest.mark.parametrize(
    ("text", "sounds"),
    [
        ("你好", "ni2 hao3"),
        ("不是", "bu2 shi4"),
        ("不好", "bu4 hao3"),
        ("一个", "yi2 ge4"),
        ("一天", "yi4 tian1"),
        ("第一步", "di4 yi1 bu4"),
        ("统一下单", "tong3 yi1 xia4 dan1"),
        ("银行行长", "yin2 hang2 hang2 zhang3"),
        ("女孩绿色", "nv3 hai2 lv4 se4"),
        ("长得好看", "zhang3 de5 hao3 kan4"),
        ("喜欢的扣一", "xi3 huan5 de5 kou4 yi1"),
        ("重新调整", "chong2 xin1 tiao2 zheng3"),
        ("便宜", "pian2 yi5"),
        ("两百九十九", "liang2 bai3 jiu3 shi2 jiu3"),
    ],
)
def test_pinyin(text: str, sounds: str) -> None:
    assert " ".join(unit.sound for unit in units(text)) == sounds
