"""Albums: what is found, what is refused and why, and the crops in the cache."""

from __future__ import annotations

import os
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from services.training.album import Album, AlbumProblems
from services.training.buckets import Bucket, make_buckets, nearest
from services.training.faults import DiskFull
from services.training.picture_files import PictureUnusable, load, quiet, read_header
from services.training.pictures import check_album, crop_box, prepare, read_album
from tests.unit.picture_makers import bomb, picture, save, tree

SQUARE = (Bucket(64, 64),)
WORD = ("棠晨",)


def says(folder: Path, name: str) -> str:
    """What is wrong with one picture; empty when nothing is."""
    found = [one for one in check_album(folder, None, WORD) if name in one]
    return found[0].partition("：")[2] if found else ""


# — what pictures come as ———————————————————————————————————————————————


def cut(path: Path, share: float = 0.5) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp", ".tif"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.97])
def test_a_picture_that_is_cut_off_is_named(tmp_path: Path, suffix: str, share: float) -> None:
    cut(save(tmp_path / f"a{suffix}"), share)
    save(tmp_path / "good.jpg", 1)
    assert "不" in says(tmp_path, f"a{suffix}")
    assert len(check_album(tmp_path, None, WORD)) == 1


def test_a_thumbnail_inside_does_not_hide_that_the_picture_is_cut_off(tmp_path: Path) -> None:
    save(tmp_path / "a.jpg")
    data = (tmp_path / "a.jpg").read_bytes()
    exif = b"Exif\0\0" + b"\xff\xd8 thumbnail \xff\xd9"
    whole = data[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + data[2:]
    (tmp_path / "a.jpg").write_bytes(whole)
    assert check_album(tmp_path, None, WORD) == []
    (tmp_path / "a.jpg").write_bytes(whole[: len(whole) // 2])
    assert "已损坏" in says(tmp_path, "a.jpg")


def test_what_is_no_picture_is_named_with_its_mend(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "text.jpg").write_text("这是一段文字", encoding="utf-8")
    (tmp_path / "noise.jpg").write_bytes(random.Random(1).randbytes(4000))
    heic = b"\0\0\0\x18ftypheic" + bytes(60)
    (tmp_path / "phone.heic").write_bytes(heic)
    (tmp_path / "renamed.jpg").write_bytes(heic)
    (tmp_path / "camera.cr2").write_bytes(b"II*\0")
    (tmp_path / "gone.jpg").symlink_to("nowhere.jpg")
    picture(size=(1, 1)).save(tmp_path / "one.png")
    bomb(tmp_path / "bomb.png")
    frames = {"save_all": True, "append_images": [picture(2)]}
    for suffix in ("gif", "webp", "png"):
        picture(1).save(tmp_path / f"moving.{suffix}", **frames)
    for name, word in {
        "empty.jpg": "0 字节", "text.jpg": "文本文件", "noise.jpg": "不是能读的图片", "phone.heic": "HEIC",
        "renamed.jpg": "HEIC", "camera.cr2": "JPEG", "gone.jpg": "链接", "one.png": "1×1", "bomb.png": "万像素",
        "moving.gif": "2 帧", "moving.webp": "2 帧", "moving.png": "2 帧",
    }.items():  # fmt: skip
        assert word in says(tmp_path, name), name
    with pytest.raises(AlbumProblems) as raised:
        read_album(tmp_path, None, WORD)
    assert raised.value.problems == check_album(tmp_path, None, WORD) and len(raised.value.problems) == 12


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    save(tmp_path / "a.jpg")
    assert len(check_album(tmp_path, None, WORD)) == 1


def close(one: Image.Image, other: Image.Image, within: float) -> bool:
    return float(np.abs(np.asarray(one, float) - np.asarray(other, float)).mean()) < within


def test_every_colour_mode_comes_out_as_srgb(tmp_path: Path) -> None:
    whole = picture(3)
    whole.convert("CMYK").save(tmp_path / "cmyk.jpg", quality=98)
    assert close(load(tmp_path / "cmyk.jpg"), whole, 6)
    grey = np.linspace(0, 65535, 160 * 200).reshape(200, 160).astype(np.uint16)
    Image.fromarray(grey).save(tmp_path / "deep.png")
    assert np.abs(np.asarray(load(tmp_path / "deep.png"))[..., 0] - grey / 257.0).max() <= 1
    palette = whole.quantize(16)
    palette.save(tmp_path / "palette.png", transparency=palette.getpixel((0, 0)))
    assert load(tmp_path / "palette.png").getpixel((0, 0)) == (255, 255, 255)
    seen = whole.copy()
    seen.putalpha(Image.new("L", seen.size, 0))
    seen.save(tmp_path / "clear.png")
    assert load(tmp_path / "clear.png").getextrema() == ((255, 255),) * 3
    assert read_header(tmp_path / "clear.png").transparent
    whole.convert("1").save(tmp_path / "bits.png")
    assert load(tmp_path / "bits.png").mode == "RGB"


def test_a_files_own_profile_is_used_and_a_damaged_one_is_not(tmp_path: Path) -> None:
    whole = picture(4)
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    whole.save(tmp_path / "wrong.png", icc_profile=lab)
    whole.save(tmp_path / "broken.png", icc_profile=b"not a profile")
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    whole.save(tmp_path / "srgb.png", icc_profile=srgb)
    for name in ("wrong.png", "broken.png", "srgb.png"):
        assert close(load(tmp_path / name), whole, 1.5), name


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_seen_upright(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture(5).save(tmp_path / "a.jpg", exif=exif, quality=95)
    header = read_header(tmp_path / "a.jpg")
    assert (header.width, header.height) == load(tmp_path / "a.jpg").size
    assert header.width == (200 if orientation >= 5 else 160)
    small = load(tmp_path / "a.jpg", at_least=(header.width // 2, header.height // 2))
    assert small.size == (header.width // 2, header.height // 2)


@given(st.binary(max_size=400), st.integers(0, 300), st.sampled_from(["jpg", "png", "webp", "gif", "tif"]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damage_anywhere_is_a_sentence_or_a_picture(
    tmp_path: Path, damage: bytes, at: int, suffix: str
) -> None:
    file = save(tmp_path / f"x.{suffix}", size=(64, 64))
    data = bytearray(file.read_bytes())
    data[at : at + len(damage)] = damage
    file.write_bytes(data)
    try:
        read_header(file)
        with quiet():
            load(file)
    except PictureUnusable as error:
        assert " / " in str(error) or "/ " in str(error)


# — what is found ———————————————————————————————————————————————————————


def test_folders_links_spaces_and_chinese_names(tmp_path: Path) -> None:
    save(tmp_path / "set" / "夏 天" / "唐 装.JPG", 1)
    save(tmp_path / "elsewhere" / "b.png", 2)
    (tmp_path / "set" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "set" / "夏 天" / "loop").symlink_to(tmp_path / "set")
    save(tmp_path / "set" / "__MACOSX" / "c.jpg", 3)
    (tmp_path / "set" / "._d.jpg").write_bytes(b"resource fork")
    gbk = os.fsencode(tmp_path / "set") + "/古风.jpg".encode("gb18030")
    Path(os.fsdecode(gbk)).write_bytes(save(tmp_path / "e.jpg", 4).read_bytes())
    album = read_album(tmp_path / "set", None, WORD)
    names = {os.fsencode(one.path.name) for one in album.pictures}
    assert names == {"唐 装.JPG".encode(), b"b.png", "古风.jpg".encode("gb18030")}
    assert {one.caption for one in album.pictures} == {"棠晨"}
    (tmp_path / "set" / "metadata.csv").write_text("file_name,text\n古风.jpg,微笑\n", encoding="gb18030")
    assert [one.caption for one in read_album(tmp_path / "set", None, WORD).pictures] == ["棠晨，微笑"]


def test_case_and_slashes_are_forgiven_when_one_file_fits(tmp_path: Path) -> None:
    save(tmp_path / "Sub" / "IMG_1.JPG", 1)
    rows = tmp_path / "metadata.csv"
    rows.write_text("file_name,text\nsub\\img_1.jpg,微笑\n", encoding="utf-8")
    assert len(read_album(tmp_path).pictures) == 1
    save(tmp_path / "Sub" / "img_1.JPG", 2)
    assert "对应多个文件" in check_album(tmp_path)[0]
    rows.write_text("file_name,text\nSub/IMG_2.JPG,微笑\n", encoding="utf-8")
    assert "did you mean Sub/" in check_album(tmp_path)[0]


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    save(tmp_path / "a.jpg", 1)
    save(tmp_path / "b.jpg", 2)
    save(tmp_path / "idle.jpg", 3)
    cut(save(tmp_path / "c.png", 4))
    (tmp_path / "metadata.csv").write_text(
        f"file_name,text\na.jpg,微笑\na.jpg,大笑\nb.jpg,\nnowhere.jpg,站着\nc.png,坐着\n,空\nidle.jpg,{'很' * 2001}\n",
        encoding="utf-8",
    )
    problems = "\n".join(check_album(tmp_path))
    for word in ("metadata.csv:3", "metadata.csv:4", "nowhere.jpg", "c.png", "metadata.csv:7", "2001"):
        assert word in problems
    assert len(problems.splitlines()) == 6


def test_notes_say_what_is_odd_but_trainable(tmp_path: Path) -> None:
    save(tmp_path / "a.jpg", 1)
    (tmp_path / "copy.jpg").write_bytes((tmp_path / "a.jpg").read_bytes())
    save(tmp_path / "idle.jpg", 3)
    (tmp_path / "metadata.csv").write_text(
        "file_name,text\na.jpg,微笑\na.jpg,微笑 \ncopy.jpg,\n", encoding="utf-8"
    )
    album = read_album(tmp_path, None, WORD)
    notes = "\n".join(album.notes)
    assert len(album.pictures) == 2
    for word in ("重复", "idle.jpg", "只用触发词", "完全相同"):
        assert word in notes


@pytest.mark.parametrize("make", [lambda p: None, lambda p: p.mkdir(), lambda p: p.write_text("x")])
def test_a_folder_without_pictures_is_one_sentence(tmp_path: Path, make: object) -> None:
    assert callable(make)
    make(tmp_path / "set")
    assert len(check_album(tmp_path / "set", None, WORD)) == 1
    assert len(check_album(tmp_path, tmp_path / "gone.csv", WORD)) == 1


def test_a_long_list_of_one_problem_is_cut_short(tmp_path: Path) -> None:
    save(tmp_path / "a.jpg")
    lines = "".join(f"n{number}.jpg,x\n" for number in range(500))
    (tmp_path / "metadata.csv").write_text(f"file_name,text\na.jpg,y\n{lines}", encoding="utf-8")
    problems = check_album(tmp_path)
    assert len(problems) == 21 and "480" in problems[-1]


def test_the_albums_hash_is_of_what_is_trained_on(tmp_path: Path) -> None:
    for where in ("one", "two"):
        save(tmp_path / where / "a.jpg", 1)
        save(tmp_path / where / "b.jpg", 2)
    (tmp_path / "two" / "a.jpg").rename(tmp_path / "two" / "z.jpg")
    one, two = (read_album(tmp_path / where, None, WORD).sha256 for where in ("one", "two"))
    assert one == two != read_album(tmp_path / "one", None, ("唐妆",)).sha256


# — crops ———————————————————————————————————————————————————————————————


@given(st.integers(64, 5000), st.integers(64, 5000), st.sampled_from(make_buckets(512, 768)))
def test_a_crop_lies_inside_has_the_buckets_shape_and_keeps_the_top(w: int, h: int, bucket: Bucket) -> None:
    left, top, right, bottom = crop_box(w, h, bucket)
    assert left >= 0 and top >= 0 and right <= w + 1e-6 and bottom <= h + 1e-6
    assert (right - left) / (bottom - top) == pytest.approx(bucket.width / bucket.height, rel=1e-6)
    assert right - left == pytest.approx(w) or bottom - top == pytest.approx(h)
    assert top <= h - bottom + 1e-6


@given(
    st.sampled_from([(512, 512, 64), (512, 768, 64), (768, 768, 64), (1024, 1024, 64), (144, 256, 8)]),
    st.integers(64, 4000),
    st.integers(64, 4000),
)
def test_buckets_are_near_the_area_and_the_nearest_shape_is_taken(
    target: tuple[int, int, int], w: int, h: int
) -> None:
    width, height, step = target
    buckets = make_buckets(width, height, step=step)
    assert (width, height) in buckets and len(set(buckets)) == len(buckets)
    for one in buckets:
        assert one.width % step == 0 and one.height % step == 0
        assert 0.75 * width * height <= one.width * one.height <= width * height
    chosen = nearest(buckets, w, h)
    off = abs(np.log(chosen.width / chosen.height) - np.log(w / h))
    assert all(off <= abs(np.log(one.width / one.height) - np.log(w / h)) + 1e-6 for one in buckets)


def test_a_resolution_that_is_no_multiple_names_the_nearest() -> None:
    with pytest.raises(ValueError, match="512×512"):
        make_buckets(500, 500)


def test_the_users_folder_is_untouched_even_when_it_is_read_only(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    save(folder / "a.jpg", 1)
    save(folder / "sub" / "b.png", 2, (300, 200))
    for path in (folder / "sub", folder):
        path.chmod(0o555)
    before = tree(folder)
    try:
        album = read_album(folder, None, WORD)
        prepared = prepare(album, make_buckets(128, 128), tmp_path / "cache")
        assert [one.pixels().shape for one in prepared.pictures] == [
            (one.bucket.height, one.bucket.width, 3) for one in prepared.pictures
        ]
        assert tree(folder) == before
    finally:
        for path in (folder, folder / "sub"):
            path.chmod(0o755)


def test_crops_are_kept_by_content_and_made_again_when_damaged(tmp_path: Path) -> None:
    save(tmp_path / "set" / "a.jpg", 1, (640, 400))
    album = read_album(tmp_path / "set", None, WORD)
    (one,) = prepare(album, SQUARE, tmp_path / "cache").pictures
    first, made = one.pixels(), one.file.stat().st_mtime_ns
    (tmp_path / "set" / "a.jpg").rename(tmp_path / "set" / "b.jpg")
    (again,) = prepare(read_album(tmp_path / "set", None, WORD), SQUARE, tmp_path / "cache").pictures
    assert again.file == one.file and again.file.stat().st_mtime_ns == made
    whole = one.file.read_bytes()
    other = Image.fromarray(255 - first)
    for damage in (b"", whole[:300], b"text", whole[:-40] + bytes(40)):
        one.file.write_bytes(damage)
        assert np.array_equal(again.pixels(), first) and one.file.read_bytes() == whole
    other.save(one.file)
    assert np.array_equal(again.pixels(), first)
    assert [path.name for path in one.file.parent.iterdir()] == [one.file.name]
    (bigger,) = prepare(album_of(tmp_path), (Bucket(128, 64),), tmp_path / "cache").pictures
    assert bigger.key != one.key and bigger.pixels().shape == (64, 128, 3)


def album_of(tmp_path: Path) -> Album:
    return read_album(tmp_path / "set", None, WORD)


def test_a_picture_that_changes_or_goes_meanwhile_is_named(tmp_path: Path) -> None:
    save(tmp_path / "set" / "a.jpg", 1)
    save(tmp_path / "set" / "b.jpg", 2)
    album = album_of(tmp_path)
    save(tmp_path / "set" / "a.jpg", 3)
    (tmp_path / "set" / "b.jpg").unlink()
    with pytest.raises(AlbumProblems) as raised:
        prepare(album, SQUARE, tmp_path / "cache")
    assert "变了" in raised.value.problems[0] and "b.jpg" in raised.value.problems[1]


def test_a_cache_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    save(tmp_path / "set" / "a.jpg", 1)
    (tmp_path / "cache").write_text("a file in its place")
    with pytest.raises(DiskFull, match="cache_dir"):
        prepare(album_of(tmp_path), SQUARE, tmp_path / "cache")


def test_notes_of_shapes(tmp_path: Path) -> None:
    save(tmp_path / "set" / "small.png", 1, (64, 64))
    save(tmp_path / "set" / "wide.png", 2, (900, 150))
    prepared = prepare(album_of(tmp_path), make_buckets(128, 128), tmp_path / "cache")
    assert "small.png" in prepared.notes[0] and "wide.png" in prepared.notes[1]
