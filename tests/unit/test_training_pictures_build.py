"""Building a picture data set: what is left out, what is warned of, and that nothing of the user's changes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from PIL import Image, ImageEnhance

from services.training import visual_build
from services.training.album import AlbumProblems
from services.training.draw_album import NoColours, draw_album, poses, read_colours
from services.training.draw_album import main as draw_an_album
from services.training.faults import DiskFull
from services.training.picture_checks import NoDetector, blur, duplicates, face_counter, measure
from services.training.pictures import check_album, read_album
from services.training.visual_build import build_visual
from services.vision.regions import at_rest
from tests.conftest import ROOT
from tests.unit.picture_makers import picture, save, tree

WORD = ("棠晨",)
SMALL: dict[str, Any] = {"trigger_words": WORD, "resolution": (128, 128)}
COLOURS = {
    "template": "morning", "layout": "window",
    "hair": "#5a3a2a", "dress": "#7fcbb3", "skin": "#f8e0d4", "set": "#c4e6da",
}  # fmt: skip


@pytest.fixture(scope="module")
def portraits() -> list[Image.Image]:
    """The drawn templates at the size that is trained on."""
    looks = ROOT / "services" / "avatar" / "looks"
    plates = [at_rest(looks / name) for name in ("morning", "evening", "tangzhuang")]
    return [Image.fromarray((one * 255).astype(np.uint8)).resize((384, 682)) for one in plates]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small drawn album."""
    folder = tmp_path_factory.mktemp("album")
    recipe = folder / "recipe.yaml"
    recipe.write_text(yaml.safe_dump({"trigger_words": ["棠晨"], "sizes": {"colours": COLOURS}}))
    draw_album(read_colours(recipe), folder / "set", 12, height_px=384)
    return folder / "set"


@pytest.mark.parametrize("sigma", [1.0, 1.5, 2.0, 3.0, 4.0])
def test_blur_is_the_width_of_edges(portraits: list[Image.Image], sigma: float) -> None:
    for one in portraits:
        grey = cv2.GaussianBlur(np.asarray(one.convert("L")), (0, 0), sigma)
        assert blur(grey) == pytest.approx(sigma, rel=0.25)
        assert blur(np.asarray(one.convert("L"))) < 0.8
        dim = (grey * 0.3).astype(np.uint8)
        assert blur(dim) == pytest.approx(sigma, rel=0.3)


def test_a_blank_picture_is_blurred_without_end() -> None:
    assert blur(np.full((80, 90), 128, np.uint8)) == float("inf")


def test_copies_are_alike_and_other_dresses_are_not(portraits: list[Image.Image]) -> None:
    one = portraits[0]
    soft = Image.fromarray(cv2.GaussianBlur(np.asarray(one), (0, 0), 1.5))
    lab = cv2.cvtColor(np.asarray(one), cv2.COLOR_RGB2LAB)
    lab[300:, :, 1] = np.clip(lab[300:, :, 1].astype(int) + 40, 0, 255)
    other = Image.fromarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB))
    shown = [
        one,
        portraits[1],
        one.resize((192, 341)),
        soft,
        portraits[2],
        ImageEnhance.Brightness(one).enhance(1.03),
    ]
    measured = [measure(each, area_px=1 << 18) for each in [*shown, other]]
    assert duplicates(measured) == [[0, 2, 3, 5]]
    assert duplicates([]) == []


def test_a_build_says_what_it_left_out_and_leaves_the_pictures_alone(tmp_path: Path) -> None:
    source, out = tmp_path / "我的 照片", tmp_path / "out"
    for seed in range(4):
        save(source / f"{seed}.jpg", seed, (400, 500))
    save(source / "small.jpg", 9, (64, 64))
    picture(0, (400, 500)).resize((200, 250)).save(source / "copy.png")
    soft = cv2.GaussianBlur(np.asarray(picture(8, (400, 500))), (0, 0), 14)
    Image.fromarray(soft).save(source / "soft.png")
    (source / "cut.jpg").write_bytes((source / "1.jpg").read_bytes()[:900])
    (source / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(30))
    (source / "1.txt").write_text("美女", encoding="utf-8")
    (source / "2.txt").write_text("黑色长发，旗袍，微笑，窗边，柔光", encoding="utf-8")
    before = tree(source)
    report = build_visual(source, out, min_side_px=100, **SMALL)
    assert tree(source) == before
    assert report.kept == 4 and report.seen == 8
    assert report.dropped[visual_build.TOO_SMALL] == 1
    assert report.dropped[visual_build.DUPLICATE] == 1
    assert report.dropped[visual_build.BLURRED] == 1
    assert report.dropped[visual_build.UNREADABLE] == 1
    text = "\n".join(report.lines())
    for word in (
        "HEIC",
        "1.jpg “棠晨，美女”：没写发型、衣着",
        "says nothing of hair, clothes",
        "只有 4 张",
        "cut.jpg",
    ):
        assert word in text
    assert "2.jpg “" not in text
    written = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert written["kept"] == 4 and written["duplicates"] == [["../我的 照片/0.jpg", "../我的 照片/copy.png"]]
    assert sorted(path.name for path in out.iterdir()) == ["metadata.csv", "report.json"]
    for folder in (source, out):
        album = read_album(folder, out / "metadata.csv", WORD)
        assert [one.path.name for one in album.pictures] == ["0.jpg", "1.jpg", "2.jpg", "3.jpg"]
    assert build_visual(source, out, min_side_px=100, **SMALL).kept == 4


def test_faces_are_counted_where_someone_counts(tmp_path: Path) -> None:
    shapes = ((160, 200), (180, 180), (200, 160))
    for seed, size in enumerate(shapes):
        save(tmp_path / "set" / f"{seed}.png", seed, size)

    def counted(seen: np.ndarray) -> int:
        """None in the upright picture, one in the square one, two in the wide one."""
        return 1 + (seen.shape[1] > seen.shape[0]) - (seen.shape[1] < seen.shape[0])

    report = build_visual(tmp_path / "set", tmp_path / "out", faces=counted, **SMALL)
    assert report.dropped == {visual_build.SEVERAL_FACES: 1}
    assert any("没有检测到脸" in one and "0.png" in one for one in report.warnings)


def test_a_detector_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoDetector, match="不存在"):
        face_counter(tmp_path / "yunet.onnx")
    (tmp_path / "yunet.onnx").write_bytes(b"no model")
    with pytest.raises(NoDetector, match="YuNet"):
        face_counter(tmp_path / "yunet.onnx")


def test_a_build_never_writes_into_the_pictures_or_over_others_files(tmp_path: Path) -> None:
    save(tmp_path / "set" / "a.jpg")
    before = tree(tmp_path / "set")
    for out in (tmp_path / "set", tmp_path / "set" / "out"):
        with pytest.raises(AlbumProblems, match="never changed"):
            build_visual(tmp_path / "set", out, **SMALL)
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "metadata.csv").write_text("mine")
    with pytest.raises(AlbumProblems, match="不会覆盖"):
        build_visual(tmp_path / "set", tmp_path / "own", **SMALL)
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskFull):
        build_visual(tmp_path / "set", tmp_path / "file" / "out", **SMALL)
    assert tree(tmp_path / "set") == before and (tmp_path / "own" / "metadata.csv").read_text() == "mine"


def test_nothing_to_build_from_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(AlbumProblems, match="不存在"):
        build_visual(tmp_path / "gone", tmp_path / "out", **SMALL)
    save(tmp_path / "set" / "a.jpg", 1, (64, 64))
    with pytest.raises(AlbumProblems, match="没有一张"):
        build_visual(tmp_path / "set", tmp_path / "out", trigger_words=WORD)
    with pytest.raises(AlbumProblems, match="512×512"):
        build_visual(tmp_path / "set", tmp_path / "out", resolution=(500, 500))
    assert not (tmp_path / "out").exists()


def test_a_drawn_album_can_be_trained_on(drawn: Path, tmp_path: Path) -> None:
    assert check_album(drawn, None, WORD) == []
    album = read_album(drawn, None, WORD)
    assert len(album.pictures) == 12 and album.notes == ()
    assert all("棠晨" in one.caption for one in album.pictures)
    report = build_visual(drawn, tmp_path / "out", min_side_px=64, **SMALL)
    assert report.kept == 12 and not any("笼统" in one for one in report.warnings)


def test_a_recipe_without_colours_is_named() -> None:
    recipe = ROOT / "build" / "none.yaml"
    with pytest.raises(NoColours, match="读不了"):
        read_colours(recipe)
    with pytest.raises(NoColours, match=r"sizes\.colours"):
        read_colours(ROOT / "configs" / "train" / "language-base.yaml")


def test_poses_are_the_same_for_a_seed_and_differ_within(tmp_path: Path) -> None:
    recipe = tmp_path / "r.yaml"
    recipe.write_text(yaml.safe_dump({"persona": "棠晨", "sizes": {"colours": COLOURS}}), encoding="utf-8")
    colours = read_colours(recipe)
    one, two = poses(colours, 150, seed=3), poses(colours, 150, seed=3)
    assert one == two != poses(colours, 150, seed=4)
    assert len({pose.caption for pose in one}) > 140
    assert {pose.template for pose in one} == {"morning", "evening", "tangzhuang"}
    assert len({pose.shot for pose in one}) == 3


def test_an_album_to_judge_by_shares_no_picture_with_the_one_to_train_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("pictures", "again", "pictures-held"):
        out = ["--out", str(tmp_path / name), *(["--held"] if "held" in name else [])]
        told = ["x", "--persona", "tang-evening", "--count", "2", "--height", "192", *out]
        monkeypatch.setattr(sys, "argv", told)
        assert draw_an_album() == 0
    seen, again, held = (
        {one.sha256 for one in read_album(tmp_path / name).pictures}
        for name in ("pictures", "again", "pictures-held")
    )
    assert seen == again and len(held) == 2 and not seen & held
