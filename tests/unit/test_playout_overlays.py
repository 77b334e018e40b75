"""What lies over the picture: the label that never goes, the price that goes in time, the text."""

from __future__ import annotations

import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from services.playout.i420 import Planes, from_rgb, to_rgb
from services.playout.overlays import LabelRefused, Overlays, find_font
from services.playout.sheet import rounded_mask
from services.playout.text import Face, FontMissing
from services.playout.tiles import Artist
from services.wire import SAMPLE_RATE_HZ, Phrase, PhraseKind, ProductCard, QuestionBubble, WordMark

WIDTH, HEIGHT, FRAME = 720, 1280, SAMPLE_RATE_HZ // 25
LABEL = "AI生成 · 数字人主播"
CARD = ProductCard(product="cleanser-01", name="氨基酸洁面乳", link=1, price="68.00", valid_until=2000.0)
ASKED = QuestionBubble(user="小鹿", text="油皮能用吗")


@pytest.fixture(scope="module")
def font() -> Path:
    return find_font("zh")


@pytest.fixture
def overlays(font: Path) -> Overlays:
    return Overlays(WIDTH, HEIGHT, font, LABEL, True, "zh")


def grey(level: int = 110) -> np.ndarray:
    return from_rgb(np.full((HEIGHT, WIDTH, 3), level, np.uint8))


def phrase(text: str = "泡沫特别细密，早晚各一次", **fields: object) -> Phrase:
    length = 2 * SAMPLE_RATE_HZ
    words = tuple(
        WordMark(c, i * length // len(text), (i + 1) * length // len(text)) for i, c in enumerate(text[:200])
    )
    base = {"id": "p", "kind": PhraseKind.SCRIPT, "persona": "m", "look": "m", "pcm": bytes(2 * length)}
    return Phrase(text=text, words=words, **(base | fields))  # type: ignore[arg-type]


def show_card(overlays: Overlays, card: ProductCard | None, position: int = 0) -> None:
    """A phrase brings a card, or takes it off."""
    overlays.apply(overlays.prepare(phrase(product=card or ProductCard(product="", name=""))), position)


def play(overlays: Overlays, base: np.ndarray, first: int, last: int, now: float = 1000.0) -> np.ndarray:
    out = base.copy()
    for n in range(first, last):
        overlays.compose(base, out, n * FRAME, now)
    return out


def label_of(picture: np.ndarray) -> np.ndarray:
    """The white ink of the label: bright pixels in its corner."""
    return Planes.of(picture).y[128:250, 16:290] > 225


def test_label_is_on_every_frame_whatever_happens(overlays: Overlays) -> None:
    base = grey()
    out = base.copy()
    wanted = label_of(play(overlays, base, 0, 1))
    assert wanted.sum() > 3000
    prepared = overlays.prepare(phrase(product=CARD, question=QuestionBubble(user="小鹿", text="油皮能用吗")))
    for n in range(60):
        if n == 5:
            overlays.apply(prepared, n * FRAME)
        if n == 20:
            show_card(overlays, None, n * FRAME)
        if n == 40:
            overlays.clear()
        overlays.compose(base, out, n * FRAME, 1000.0 + n, holding=30 < n < 35)
        assert np.array_equal(label_of(out), wanted)
    assert label_of(overlays.holding_canvas(None, "马上回来")).sum() > 0.9 * wanted.sum()


def _groups(there: np.ndarray, gap: int) -> list[slice]:
    """Runs of what is there, parted by at least `gap`."""
    at = np.flatnonzero(there)
    return [slice(g[0], g[-1] + 1) for g in np.split(at, np.flatnonzero(np.diff(at) > gap) + 1)]


def _glyph_heights(line: np.ndarray) -> list[int]:
    return [int(np.ptp(np.flatnonzero(line[:, g].any(axis=1)))) + 1 for g in _groups(line.any(axis=0), 1)]


@pytest.mark.parametrize(("width", "height"), [(720, 1280), (1080, 1920), (1280, 720), (480, 854)])
def test_label_glyphs_are_five_percent_of_the_short_side(font: Path, width: int, height: int) -> None:
    base = from_rgb(np.full((height, width, 3), 60, np.uint8))
    out = base.copy()
    overlays = Overlays(width, height, font, LABEL, True)
    overlays.compose(base, out, 0, 0.0)
    area = overlays.regions()[0]
    ink = Planes.of(out).y[area.y : area.bottom, area.x : area.right] > 160
    unit = min(width, height) / 720
    ink[:, : round(36 * unit)] = False  # the brass bar at the left
    heights = [h for rows in _groups(ink.any(axis=1), 3) for h in _glyph_heights(ink[rows])]
    need = min(width, height) * 0.05
    assert np.median(heights) >= need
    assert heights[0] >= need - 1  # the A of AI, its threshold's rim aside
    assert area.y + 8 * unit >= 0.1 * height and area.right <= width
    assert area.bottom <= 250 * height / 1280 or width > height


@pytest.mark.parametrize("label", ["", "数字人主播", "AI主播", "生成", "🤖"])
def test_label_without_its_elements_is_refused(font: Path, label: str) -> None:
    with pytest.raises(LabelRefused, match="GB 45438"):
        Overlays(WIDTH, HEIGHT, font, label, True)


def test_long_label_is_broken_and_not_made_smaller(font: Path) -> None:
    short = Artist(WIDTH, HEIGHT, font, "zh").label(LABEL)
    long = Artist(WIDTH, HEIGHT, font, "zh").label("本直播间画面与声音由人工智能生成合成，主播为数字人")
    assert long.rect.right <= WIDTH and long.rect.h >= short.rect.h


def test_price_vanishes_in_the_frame_of_valid_until(overlays: Overlays) -> None:
    base = grey()
    show_card(overlays, CARD)
    out = play(overlays, base, 0, 20, now=1999.9)

    def red() -> int:
        rgb = to_rgb(out).astype(int)
        return int(((rgb[..., 0] > 180) & (rgb[..., 1] < 90)).sum())

    assert red() > 300
    overlays.compose(base, out, 20 * FRAME, 2000.0)
    assert red() == 0


def test_prices_that_a_room_does_not_show_are_never_drawn(font: Path) -> None:
    overlays = Overlays(WIDTH, HEIGHT, font, LABEL, False)
    show_card(overlays, ProductCard(product="a", name="一二三", link=3, price="9.90"))
    rgb = to_rgb(play(overlays, grey(), 0, 20)).astype(int)
    assert not ((rgb[..., 0] > 180) & (rgb[..., 1] < 90)).any()


def test_nothing_covers_the_face(overlays: Overlays) -> None:
    base = grey()
    long = phrase("字" * 200, product=CARD, question=QuestionBubble(user="人" * 50, text="问" * 300))
    overlays.apply(overlays.prepare(long), 0)
    out = play(overlays, base, 0, 20)
    face = Planes.of(out).y[250:604, 200:520]
    assert (face == face[0, 0]).all()


def test_a_waiting_host_keeps_her_face_free(overlays: Overlays) -> None:
    base = grey()
    out = base.copy()
    overlays.set_holding("主播稍候回来")
    overlays.compose(base, out, 0, 0.0, holding=True)
    luma = Planes.of(out).y
    assert (luma[250:700] == luma[300, 300]).all() and (luma[920:1024] > 225).sum() > 1000


def test_question_leaves_some_time_after_its_phrase(overlays: Overlays) -> None:
    base = grey()
    overlays.apply(overlays.prepare(phrase(question=ASKED)), 0)
    out = base.copy()
    covered = []
    for n in range(120):
        overlays.compose(base, out, n * FRAME, 0.0)
        covered.append(any(610 < rect.y < 760 for rect in overlays.regions()))
    assert covered[60] and not covered[-1]


def test_picture_is_clean_again_after_all_has_left(overlays: Overlays) -> None:
    base = grey()
    plain = play(overlays, base, 0, 1)
    overlays.apply(overlays.prepare(phrase(product=CARD, question=QuestionBubble(user="a", text="b"))), 0)
    out = base.copy()
    for n in range(1, 180):
        if n == 60:
            show_card(overlays, None, n * FRAME)
        overlays.compose(base, out, n * FRAME, 0.0)
    assert np.array_equal(out, plain)


def test_a_base_that_changes_shows_through(overlays: Overlays) -> None:
    base, out = grey(40), grey(40)
    overlays.compose(base, out, 0, 0.0)
    base[:] = grey(200)
    out[:] = base
    overlays.compose(base, out, FRAME, 0.0)
    fresh = base.copy()
    overlays.compose(base, fresh, 2 * FRAME, 0.0)
    assert np.array_equal(out, fresh)


def test_rectangles_are_even(font: Path) -> None:
    for width, height in ((720, 1280), (1080, 1920), (540, 962)):
        overlays = Overlays(width, height, font, LABEL, True)
        overlays.apply(
            overlays.prepare(phrase(product=CARD, question=QuestionBubble(user="x", text="问"))), 0
        )
        base = from_rgb(np.zeros((height, width, 3), np.uint8))
        out = base.copy()
        for n in range(30):
            overlays.compose(base, out, n * FRAME, 0.0)
            for rect in overlays.regions():
                assert not (rect.x % 2 or rect.y % 2 or rect.w % 2 or rect.h % 2)
                assert rect.x >= 0 and rect.y >= 0 and rect.right <= width and rect.bottom <= height


def test_caption_is_sung_along_and_fades_after_its_end(overlays: Overlays) -> None:
    base = grey()
    overlays.apply(overlays.prepare(phrase("一二三四五六七八九十")), 0)

    def sung() -> int:
        return int((Planes.of(out).u[440:515] < 108).sum())

    amounts = []
    out = base.copy()
    for n in range(75):
        overlays.compose(base, out, n * FRAME, 0.0)
        amounts.append(sung())
    assert amounts[8] < amounts[20] < amounts[40] and amounts[74] == 0


def test_long_text_is_cut_quickly(overlays: Overlays) -> None:
    text = "很长的问题😀" * 2000
    start = time.perf_counter()
    prepared = overlays.prepare(phrase("好", caption=text, question=QuestionBubble(user=text, text=text)))
    took = time.perf_counter() - start
    assert prepared.caption and prepared.caption.plain.rect.w <= WIDTH
    assert prepared.bubble and prepared.bubble.tile.rect.w <= 440
    assert took < 0.5  # about 20 ms on a quiet machine


def test_emoji_and_missing_glyphs_never_become_boxes(font: Path) -> None:
    face = Face(font, "zh")
    assert face.clean("好用👍🏻❤️👨‍👩‍👧!\u200b\u202e\x00\n\t了 \U0010ffff") == "好用! 了"
    assert face.clean("😀😀", "[表情]") == "[表情]"
    assert face.clean("ก") == ""


def test_lines_break_at_pauses_and_keep_words_whole(font: Path) -> None:
    face = Face(font, "zh")
    assert face.lines("泡沫特别细密，早晚各一次，好冲洗", 34, 480, 2)[0] == "泡沫特别细密，"
    lines = face.lines(
        "每天睡前一小时温水送服两片", 40, 330, 2, keep=("每天", "睡前", "一小时", "温水", "送服")
    )
    assert lines == ("每天睡前一小时", "温水送服两片")
    assert face.lines("x" * 500, 30, 300, 2)[-1].endswith("…")


def test_missing_font_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.playout.text._KNOWN", ())
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(FontMissing, match="fonts-noto-cjk"):
        find_font("zh")


def test_a_card_without_its_picture_is_still_a_card(overlays: Overlays, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"not a picture")
    for image in (str(broken), str(tmp_path / "missing.png"), None):
        show_card(overlays, ProductCard(product=str(image), name="面膜", link=3, image=image))
        play(overlays, grey(), 0, 2)


def test_composing_does_not_grow(overlays: Overlays) -> None:
    base = grey()
    out = base.copy()
    overlays.apply(overlays.prepare(phrase(product=CARD, question=ASKED)), 0)
    for n in range(20):
        overlays.compose(base, out, n * FRAME, 0.0)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for n in range(20, 320):
        overlays.compose(base, out, n * FRAME, 0.0)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 50_000


def test_rounded_mask_covers_its_area() -> None:
    mask, at = rounded_mask(2.0, 4.0, 40.0, 20.0, 10.0)
    assert at == (2, 4) and mask.shape == (20, 40)
    assert mask[0, 0] == 0 and mask[10, 0] > 245 and mask[0, 20] == 255
    assert abs(mask.sum() / 255 - (800 - (4 - np.pi) * 100)) < 6
