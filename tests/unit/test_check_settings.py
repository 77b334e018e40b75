"""The report on a configuration: everything at once, in plain words, at the right line."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from livehost.check import Problem, SettingsProblems, read_settings, settings_hash
from livehost.settings import Settings

CATALOG: dict[str, Any] = {
    "products": [
        {"id": "soap-01", "link": 1, "name": "香皂", "category": "cosmetics", "price": "9.90", "stock": 5}
    ],
    "shop": {"name": "小铺"},
}
PERSONA = {
    "id": "tang",
    "name": "棠",
    "look": "builtin:morning",
    "voice": {"chain": [{"kind": "espeak", "voice": "f2"}]},
    "style": {"self_name": "小棠"},
    "greeting": ["大家好，我是{self}。"],
    "farewell": ["下次见。"],
    "bridges": ["稍等。"],
    "resumes": ["我们继续。"],
    "reserve": ["欢迎来到{shop}。", "想了解什么就打在公屏上。"],
    "disclosure": ["我是AI数字人主播，内容由人工智能生成。"],
}


def plain() -> dict[str, Any]:
    """A small configuration without a problem."""
    return {
        "state_dir": "state",
        "catalog": "catalog.yaml",
        "rooms": [
            {
                "id": "demo",
                "default_persona": "tang",
                "slots": [
                    {
                        "id": "day",
                        "persona": "tang",
                        "rundown": "talk",
                        "first": "2026-01-01",
                        "at": "12:00",
                        "duration": "PT6H",
                        "rrule": "FREQ=DAILY",
                    }
                ],
            }
        ],
        "personas": [copy.deepcopy(PERSONA)],
        "rundowns": [
            {
                "id": "talk",
                "segments": [{"id": "one", "product": "soap-01", "wordings": ["{name}来了。"]}],
            }
        ],
    }


def change(data: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    """The configuration with one key set, as rooms.0.zone; a value of ... takes it away."""
    at: Any = data
    *steps, last = key.split(".")
    for step in steps:
        at = at[int(step)] if isinstance(at, list) else at.setdefault(step, {})
    if value is ...:
        del at[last]
    elif isinstance(at, list):
        at[int(last) : int(last) + 1] = [value]
    else:
        at[last] = value
    return data


def write(folder: Path, data: Any) -> Path:
    file = folder / "house.yaml"
    file.write_text(
        data if isinstance(data, str) else yaml.safe_dump(data, allow_unicode=True), encoding="utf-8"
    )
    (folder / "catalog.yaml").write_text(yaml.safe_dump(CATALOG, allow_unicode=True), encoding="utf-8")
    return file


def problems(folder: Path, data: Any, env: dict[str, str] | None = None, tongue: Any = "zh") -> list[Problem]:
    """What is wrong with it; there must be something."""
    with pytest.raises(SettingsProblems) as found:
        read_settings(write(folder, data), env or {}, tongue)
    return list(found.value.problems)


def read(folder: Path, data: Any, env: dict[str, str] | None = None) -> Settings:
    return read_settings(write(folder, data), env or {})


@pytest.mark.parametrize(
    "text", [f"state_dir: {'9' * 6000}", "rooms: " + "[" * 5000, 'include: ["\\0"]', "[" * 50_000]
)
def test_what_a_reader_of_yaml_chokes_on_is_a_problem(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, text)


def test_a_good_configuration_is_read_with_absolute_paths(tmp_path: Path) -> None:
    settings = read(tmp_path, plain())
    assert settings.state_dir == tmp_path / "state"
    assert settings.catalog == tmp_path / "catalog.yaml"
    assert settings.rooms[0].slots[0].at.hour == 12


@pytest.mark.parametrize(
    ("key", "value", "where", "what"),
    [
        ("rooms.0.zone", "Asia/Beijing", "rooms.demo.zone", "不是时区名"),
        ("rooms.0.canvas", {"fps": 24}, "rooms.demo.canvas.fps", "不能整除"),
        ("rooms.0.canvas", {"width": 721}, "rooms.demo.canvas.width", "倍数"),
        ("rooms.0.default_persona", "tnag", "rooms.demo.default_persona", "没有叫 'tnag' 的主播"),
        ("rooms.0.default_rundown", "walk", "rooms.demo.default_rundown", "没有叫 'walk' 的话术"),
        ("rooms.0.slots.0.persona", "other", "rooms.demo.slots.day.persona", "没有叫 'other' 的主播"),
        ("rooms.0.slots.0.rundown", "tlak", "rooms.demo.slots.day.rundown", "没有叫"),
        ("rooms.0.slots.0.rrule", "FREQ=HOURLY", "rooms.demo.slots.day.rrule", "最短是 DAILY"),
        ("rooms.0.slots.0.at", "25:00", "rooms.demo.slots.day.at", "时间"),
        ("rooms.0.slots.0.duration", "6小时", "rooms.demo.slots.day.duration", "时长"),
        ("rooms.0.slots.0.first", "明天", "rooms.demo.slots.day.first", "日期，例如"),
        ("rooms.0.slots.0.duration", "P8D", "rooms.demo.slots.day.duration", "不能大于"),
        ("rooms.0.outputs", [{"name": "a", "url": "http://x/y"}], "rooms.demo.outputs.a.url", "rtmp://"),
        ("rooms.0.outputs", [{"name": "a", "url": "rtmp://"}], "rooms.demo.outputs.a.url", "rtmp://"),
        (
            "rooms.0.outputs",
            [{"name": "a", "url": "rtmp://x/l", "key": "a b"}],
            "rooms.demo.outputs.a.key",
            "空格",
        ),
        ("rooms.0.id", "Demo Room", "rooms.Demo Room.id", "小写字母"),
        ("rooms.0.persona", "tang", "rooms.demo.persona", "不认识的配置项"),
        ("rooms", [], "rooms", "至少要有 1 项"),
        ("personas.0.look", "looks/none", "personas.tang.look", "形象文件夹不存在"),
        ("personas.0.look", "builtin:mourning", "personas.tang.look", "自带形象"),
        ("personas.0.voice.chain.0.kind", "openai", "personas.tang.voice.chain.openai.url", "要写 url"),
        ("personas.0.voice.chain.0.kind", "edgy", "personas.tang.voice.chain.edgy.kind", "允许的范围"),
        ("personas.0.voice.chain.0.other_voice", True, "personas.tang.voice", "说不出话"),
        ("personas.0.greeting", ..., "personas.tang.greeting", "缺少必填项"),
        ("personas.0.greeting.0", "我是{me}", "personas.tang.greeting.0", "不认识的占位符"),
        ("personas.0.greeting.0", "我是{self", "personas.tang.greeting.0", "花括号"),
        ("personas.0.greeting.0", "  ", "personas.tang.greeting.0", "空的"),
        ("personas.0.reserve.1", "今天只要三十九元", "personas.tang.reserve.1", "备用台词"),
        ("personas.0.reserve.1", "一共 3 款", "personas.tang.reserve.1", "备用台词"),
        ("personas.0.reserve.1", "现货都在购物车里", "personas.tang.reserve.1", "备用台词"),
        ("personas.0.disclosure.0", "我是小棠", "personas.tang.disclosure.0", "没有说明自己是AI"),
        ("personas.0.bridges.0", "这是全网第一品牌", "personas.tang.bridges.0", "合规"),
        ("rundowns.0.segments.0.product", "soup-01", "rundowns.talk.segments.one.product", "soap-01"),
        ("rundowns.0.segments.0.product", None, "rundowns.talk.segments.one.wordings.0", "没有指定商品"),
        ("rundowns.0.segments.0.wordings.0", "{prise}", "rundowns.talk.segments.one.wordings.0", "占位符"),
        ("rundowns.0.segments.0.wordings.0", "{price!r}", "rundowns.talk.segments.one.wordings.0", "占位符"),
        (
            "rundowns.0.segments.0.wordings.0",
            "{name}能根治湿疹",
            "rundowns.talk.segments.one.wordings.0",
            "合规",
        ),
        ("api.red_button_port", 8080, "api.red_button_port", "同一个端口"),
        ("api.port", "很多", "api.port", "整数"),
        ("api.host", "0.0.0.0", "api.host", "令牌"),
        ("api.tokens", [{"role": "duty", "token": "short"}], "api.tokens.0.token", "太短"),
        ("redis_url", "127.0.0.1:6379", "redis_url", "redis://"),
        ("alarms", [{"url": "open.feishu.cn/x"}], "alarms.0.url", "报警地址"),
        ("ai_label", "数字人主播", "ai_label", "GB 45438"),
        ("font", "none.ttf", "font", "字体文件不存在"),
        ("state_dir", "house.yaml/x", "state_dir", "不是文件夹"),
        ("catalog", "none.yaml", "-", "商品目录"),
        ("include", "x.yaml", "include", "列表"),
        ("include", ["none.yaml"], "", "读不了"),
    ],
)
def test_one_mistake_is_one_problem_at_its_key(
    tmp_path: Path, key: str, value: Any, where: str, what: str
) -> None:
    found = problems(tmp_path, change(plain(), key, value))
    assert [(one.key, what in one.message + one.mend) for one in found] == [(where, True)], found
    assert found[0].mend and found[0].file in ("house.yaml", "catalog.yaml", "none.yaml")


def test_all_mistakes_are_reported_at_once(tmp_path: Path) -> None:
    data = change(plain(), "rooms.0.zone", "Nowhere")
    change(data, "personas.0.look", "none")
    change(data, "rundowns.0.segments.0.product", "none")
    change(data, "api.red_button_port", 8080)
    assert len(problems(tmp_path, data)) == 4
    change(data, "rooms.0.canvas", {"fps": 24, "hight": 1})
    change(data, "rooms.0.slots.0.first", "2026-13-01")
    change(data, "personas.0.name", 5)
    change(data, "rooms.0.outputs", [{"name": "a", "url": "http://x"}])
    keys = {one.key for one in problems(tmp_path, data)}
    assert keys == {
        "rooms.demo.zone",
        "rooms.demo.canvas.hight",
        "rooms.demo.slots.day.first",
        "rooms.demo.outputs.a.url",
        "personas.tang.name",
        "rundowns.talk.segments.one.product",
        "api.red_button_port",
    }
    shapes = change(change(plain(), "rooms.0.fps", 25), "personas.0.name", 5)
    assert {one.key for one in problems(tmp_path, shapes)} == {"rooms.demo.fps", "personas.tang.name"}


def test_duplicate_ids_are_named(tmp_path: Path) -> None:
    data = plain()
    for key in ("rooms", "personas", "rundowns"):
        data[key].append(data[key][0])
    data["rundowns"][0]["segments"] *= 2
    messages = [one.message for one in problems(tmp_path, data)]
    for what in ("直播间 id 'demo'", "主播 id 'tang'", "话术 id 'talk'", "段落 id 'one'"):
        assert any(what in message for message in messages), what


def test_two_pushes_to_one_destination_are_refused(tmp_path: Path) -> None:
    outputs = [{"name": name, "url": "rtmp://x.example/live", "key": "secret-key-1"} for name in "ab"]
    (found,) = problems(tmp_path, change(plain(), "rooms.0.outputs", outputs))
    assert "同一个地址" in found.message
    outputs[1]["key"] = "another"
    read(tmp_path, change(plain(), "rooms.0.outputs", outputs))


def test_secrets_are_never_printed(tmp_path: Path) -> None:
    secret = "hunter2-hunter2"
    outputs = [{"name": "a", "url": f"http://x/{secret}", "key": f"{secret} {secret}"}] * 2
    data = change(plain(), "rooms.0.outputs", outputs)
    change(data, "api.tokens", [{"role": "king", "token": secret}, {"role": "duty", "token": [secret]}])
    shown = str(SettingsProblems(problems(tmp_path, data)))
    assert secret not in shown
    change(data, "api.tokens", [{"role": "duty", "token": secret}] * 2)
    assert secret not in str(SettingsProblems(problems(tmp_path, data)))


def test_a_missing_product_picture_is_named(tmp_path: Path) -> None:
    products = [{**CATALOG["products"][0], "image": "soap.png"}]
    (tmp_path / "other.yaml").write_text(yaml.safe_dump({"products": products}), encoding="utf-8")
    data = change(plain(), "catalog", "other.yaml")
    (found,) = problems(tmp_path, data)
    assert (found.file, found.key) == ("other.yaml", "products.soap-01.image")
    (tmp_path / "images").mkdir()
    (tmp_path / "images/soap.png").touch()
    assert read(tmp_path, data)


# ---- YAML


def test_a_syntax_error_names_its_line(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, "state_dir: x\nrooms:\n  - id: [demo\ncatalog: y\n")
    assert found.line == 4 and "YAML" in found.message


@pytest.mark.parametrize("text", ["", "# nothing\n", "- a\n", "just words", "a: &x [*x]\n", "\x00"])
def test_what_is_no_configuration_is_a_problem(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, text)


def test_a_missing_file_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(SettingsProblems, match="读不了"):
        read_settings(tmp_path / "none.yaml", {})


def test_a_key_that_stands_twice_is_a_problem(tmp_path: Path) -> None:
    text = yaml.safe_dump(plain(), allow_unicode=True) + "catalog: other.yaml\n"
    found = problems(tmp_path, text)
    assert any("catalog 写了两次" in one.message for one in found)


def test_lines_are_those_of_the_key(tmp_path: Path) -> None:
    text = yaml.safe_dump(change(plain(), "rooms.0.zone", "Nowhere"), allow_unicode=True)
    wanted = next(number for number, line in enumerate(text.splitlines(), 1) if "zone:" in line)
    assert problems(tmp_path, text)[0].line == wanted


def test_times_and_words_are_not_numbers(tmp_path: Path) -> None:
    text = (
        yaml.safe_dump(plain(), allow_unicode=True)
        .replace("'12:00'", "12:00")
        .replace("name: 棠", "name: off")
    )
    settings = read(tmp_path, text)
    assert settings.rooms[0].slots[0].at.isoformat() == "12:00:00"
    assert settings.personas[0].name == "off"


# ---- variables and includes


def test_variables_are_filled_in(tmp_path: Path) -> None:
    data = change(plain(), "rooms.0.outputs", [{"name": "a", "url": "rtmp://x/l", "key": "${KEY}"}])
    change(data, "api.port", "${PORT:-9000}")
    change(data, "rooms.0.title", "$${literal} ${EMPTY:-还没有}")
    settings = read(tmp_path, data, {"KEY": "k1", "EMPTY": ""})
    assert settings.rooms[0].outputs[0].key.get_secret_value() == "k1"
    assert settings.api.port == 9000
    assert settings.rooms[0].title == "${literal} 还没有"
    (found,) = problems(tmp_path, data, {})
    assert "KEY" in found.message and found.key == "rooms.demo.outputs.a.key"


def test_redis_is_taken_from_the_environment(tmp_path: Path) -> None:
    env = {"LIVEHOST_REDIS_URL": "redis://127.0.0.1:6379/3"}
    url = read(tmp_path, plain(), env).redis_url
    assert url is not None and url.get_secret_value().endswith("/3")
    assert read(tmp_path, plain()).redis_url is None
    assert read(tmp_path, change(plain(), "redis_url", "${LIVEHOST_REDIS_URL:-}")).redis_url is None


def test_included_lists_are_appended_and_their_problems_name_their_file(tmp_path: Path) -> None:
    data = plain()
    part = {"personas": [{**PERSONA, "id": "second", "look": "none"}], "state_dir": "elsewhere"}
    data["include"] = ["sub/more.yaml"]
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/more.yaml").write_text(yaml.safe_dump(part, allow_unicode=True), encoding="utf-8")
    found = problems(tmp_path, data)
    assert {(one.file, one.key) for one in found} == {
        ("more.yaml", "personas.second.look"),
        ("more.yaml", "state_dir"),
    }
    del part["state_dir"]
    look = tmp_path / "sub/look"
    look.mkdir()
    (look / "look.yaml").write_text("version: 1\n")
    part["personas"] = [{**PERSONA, "id": "second", "look": "look"}]
    (tmp_path / "sub/more.yaml").write_text(yaml.safe_dump(part, allow_unicode=True), encoding="utf-8")
    assert read(tmp_path, data).personas[1].look == str(look)


# ---- tongue and hash


def test_messages_are_chinese_unless_english_is_asked_for(tmp_path: Path) -> None:
    data = change(plain(), "rooms.0.canvas", {"fps": 24})
    assert "帧率" in problems(tmp_path, data, tongue=None)[0].message
    assert "divide" in problems(tmp_path, data, {"LANG": "en_US.UTF-8"}, tongue=None)[0].message
    assert "divide" in problems(tmp_path, data, tongue="en")[0].message


def test_the_hash_changes_with_content_and_not_with_secrets(tmp_path: Path) -> None:
    data = change(plain(), "rooms.0.outputs", [{"name": "a", "url": "rtmp://x/l", "key": "${KEY}"}])
    first, second = (read(tmp_path, data, {"KEY": key}) for key in ("k1", "k2"))
    assert settings_hash(first) == settings_hash(second)
    assert settings_hash(first) != settings_hash(
        read(tmp_path, change(data, "rooms.0.title", "新"), {"KEY": "k1"})
    )


def test_lines_are_reviewed_unless_told_not_to(tmp_path: Path) -> None:
    data = change(plain(), "personas.0.bridges.0", "这是全网第一品牌")
    assert read_settings(write(tmp_path, data), {}, review=False)


def test_the_demo_has_no_problem(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root / "configs", tmp_path / "configs")
    settings = read_settings(tmp_path / "configs/demo.yaml", {})
    assert {one.id for one in settings.personas} == {"tang-morning", "tang-evening", "tang-lady"}
    assert all(len(one.reserve) >= 6 for one in settings.personas)
    assert all(len(one.segments) >= 10 for one in settings.rundowns)
    assert all(len(segment.wordings) >= 3 for one in settings.rundowns for segment in one.segments)
