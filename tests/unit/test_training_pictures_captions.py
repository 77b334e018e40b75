"""Captions' files in the forms that they come in, trigger words, and what vague captions leave unsaid."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.training.captions import holds, least_tokens, tidy, unsaid, vague, with_triggers
from services.training.metadata import find_metadata, read_rows
from services.training.pictures import check_album, read_album
from tests.unit.picture_makers import save

ROWS = [("a.jpg", "棠晨，微笑"), ("b c.png", "站在窗边, 柔光")]


def write(folder: Path, name: str, text: str, encoding: str = "utf-8") -> Path:
    file = folder / name
    file.write_bytes(text.encode(encoding))
    return file


def rows(file: Path) -> list[tuple[str, str]]:
    found, problems = read_rows(file)
    assert problems == []
    return [(one.name, one.caption) for one in found]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
@pytest.mark.parametrize(
    "header", ["file_name,text", "image,caption", "Filename , Prompt", "path,text", "图片,描述"]
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_tables_in_every_encoding(tmp_path: Path, encoding: str, header: str, newline: str) -> None:
    lines = [header, 'a.jpg,"棠晨，微笑"', "", 'b c.png,"站在窗边, 柔光"', ""]
    assert rows(write(tmp_path, "metadata.csv", newline.join(lines), encoding)) == ROWS


def test_other_tables(tmp_path: Path) -> None:
    assert rows(write(tmp_path, "m.csv", "text;file_name\n棠晨，微笑;a.jpg\n站在窗边, 柔光;b c.png")) == ROWS
    assert (
        rows(write(tmp_path, "m.tsv", "file_name\ttext\na.jpg\t棠晨，微笑\nb c.png\t站在窗边, 柔光")) == ROWS
    )
    # Nobody quotes commas: the last column takes what is left of the line.
    assert rows(write(tmp_path, "m.csv", "file_name,text\na.jpg,棠晨，微笑\nb c.png,站在窗边, 柔光")) == ROWS
    assert rows(write(tmp_path, "m.csv", "id,file_name\n1,a.jpg")) == [("a.jpg", "")]


def test_json_in_three_forms(tmp_path: Path) -> None:
    objects = [{"file_name": name, "text": text} for name, text in ROWS]
    lines = "\n".join(json.dumps(one) for one in objects)
    assert rows(write(tmp_path, "metadata.jsonl", lines)) == ROWS
    assert rows(write(tmp_path, "metadata.json", json.dumps(objects))) == ROWS
    kohya = {"a": {"caption": "棠晨", "tags": "微笑"}, "b c": {"tags": "站着"}}
    assert rows(write(tmp_path, "meta.json", json.dumps(kohya))) == [("a", "棠晨, 微笑"), ("b c", "站着")]
    for name in ("a.jpg", "b c.png"):
        save(tmp_path / "set" / name)
    album = read_album(tmp_path / "set", tmp_path / "meta.json")
    assert [one.path.name for one in album.pictures] == ["a.jpg", "b c.png"]


@pytest.mark.parametrize(
    ("name", "data", "word"),
    [
        ("m.csv", b"", "没有一行"),
        ("m.csv", b"file_name,text\n", "没有一行"),
        ("m.csv", b"a.jpg,smile\n", "没有 file_name 列"),
        ("m.csv", b"text,file_name\na, b, c.jpg\n", "加英文引号"),
        ("m.csv", b"file_name,text\n,smile\n", "没有写图片"),
        ("m.csv", b'file_name,text\na.jpg,"' + b"open\n" * 30_000, "引号"),
        ("m.csv", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\xff\xff\xff\xff", ""),
        ("m.csv", b"file_name,text\na.jpg,a\0b\n", "NUL"),
        ("m.jsonl", b'{"file_name": "a.jpg"\n', "不是 JSON"),
        ("m.jsonl", b"[1]\n", "不是 JSON"),
        ("m.jsonl", b'{"text": "smile"}\n', "没有写图片"),
        ("m.json", b"{", "不是 JSON"),
        ("m.json", b"3", "不是对象的列表"),
    ],
)
def test_a_captions_file_that_is_wrong_says_how(tmp_path: Path, name: str, data: bytes, word: str) -> None:
    (tmp_path / name).write_bytes(data)
    _, problems = read_rows(tmp_path / name)
    assert len(problems) == 1 and word in problems[0] and "/ " in problems[0]


@given(st.binary(max_size=300), st.sampled_from(["m.csv", "m.jsonl", "m.json"]))
def test_any_bytes_are_rows_or_sentences(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, name: str
) -> None:
    file = tmp_path_factory.getbasetemp() / name
    file.write_bytes(data)
    found, problems = read_rows(file)
    assert found or problems


def test_text_files_beside_pictures(tmp_path: Path) -> None:
    save(tmp_path / "10_tang" / "a.jpg", 1)
    save(tmp_path / "10_tang" / "b.jpg", 2)
    save(tmp_path / "10_tang" / "c.jpg", 3)
    write(tmp_path / "10_tang", "a.txt", " 微笑，\n窗边，", "gb18030")
    write(tmp_path / "10_tang", "b.caption", "a smile")
    album = read_album(tmp_path, None, ("棠晨",))
    assert [one.caption for one in album.pictures] == ["棠晨，微笑， 窗边", "棠晨, a smile", "棠晨"]
    assert any("epochs" in note for note in album.notes)
    (problem,) = check_album(tmp_path)
    assert "c.jpg" in problem and "trigger_words" in problem
    (tmp_path / "10_tang" / "a.txt").write_bytes(b"\0" * 70_000)
    assert "a.txt" in check_album(tmp_path, None, ("棠晨",))[0]


def test_a_usual_name_in_the_folder_is_found(tmp_path: Path) -> None:
    assert find_metadata(tmp_path) is None
    write(tmp_path, "metadata.jsonl", "{}")
    assert find_metadata(tmp_path) == tmp_path / "metadata.jsonl"


def test_trigger_words_are_added_once() -> None:
    assert with_triggers("微笑", ("棠晨",)) == "棠晨，微笑"
    assert with_triggers("主播棠晨微笑", ("棠晨",)) == "主播棠晨微笑"
    assert with_triggers("a smile", ("tangchen", "host")) == "tangchen, host, a smile"
    assert with_triggers("hosting a show", ("host",)) == "host, hosting a show"
    assert with_triggers("", ("棠晨", "唐妆")) == "棠晨，唐妆"
    assert with_triggers("", ()) == ""


@given(st.text(max_size=40), st.lists(st.text("棠晨唐妆abAB ", min_size=1, max_size=6), max_size=3))
def test_adding_trigger_words_again_changes_nothing(caption: str, words: list[str]) -> None:
    once = with_triggers(tidy(caption), words)
    assert with_triggers(once, words) == once
    assert all(holds(once, word.strip()) for word in words if word.strip())


@pytest.mark.parametrize(
    "caption", ["美女", "1girl", "1girl, solo, masterpiece", "棠晨", "好看的小姐姐，高清", "a woman"]
)
def test_vague_captions_miss_all(caption: str) -> None:
    assert len(vague(caption, ("棠晨",))) == 5


@pytest.mark.parametrize(
    ("caption", "missing"),
    [
        ("棠晨，深棕长发，薄荷绿旗袍，侧身微笑，窗边，柔和晨光", []),
        ("long black hair, mint qipao, smiling, by a window, soft light", []),
        ("a woman in red dresses sitting in a room", ["hair", "light"]),
        ("黑发女子穿汉服站立", ["setting", "light"]),
        ("黑色长发的美女", ["clothes", "pose or expression", "setting", "light"]),
        ("哑光妆容，发光", ["hair", "clothes", "pose or expression", "setting"]),
    ],
)
def test_what_a_caption_leaves_unsaid(caption: str, missing: list[str]) -> None:
    assert [one.en for one in unsaid(caption)] == missing


def test_a_name_says_nothing_of_clothes() -> None:
    assert len(vague("唐装娘", ("唐装娘",))) == 5


def test_long_captions_are_noted(tmp_path: Path) -> None:
    save(tmp_path / "a.jpg")
    text = "微笑着站在窗边，" * 12
    assert least_tokens(text) > 75
    write(tmp_path, "a.txt", text)
    assert "a.jpg" in read_album(tmp_path).notes[0]
