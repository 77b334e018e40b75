"""A crude look, drawn in a moment, that keeps to the layers' contract."""

from __future__ import annotations

from pathlib import Path

import yaml
from PIL import Image, ImageDraw, ImageFilter

SIZE = (720, 1280)
MOUTH_Y, MOUTH_HALF = 531, 41
EYES = {"l": 299, "r": 421}
EYE_Y = 417


def write_look(folder: Path, name: str = "crude", skin: str = "#e8c4a8") -> Path:
    """Draw the layers and `look.yaml` into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    layers: dict[str, dict[str, object]] = {}

    def layer(key: str, paint, *, soft: float = 0.6, opaque: bool = False) -> None:  # type: ignore[no-untyped-def]
        image = Image.new("RGBA", SIZE, (0, 0, 0, 255 if opaque else 0))
        paint(ImageDraw.Draw(image))
        if soft:
            image = image.filter(ImageFilter.GaussianBlur(soft))
        box = (0, 0, *SIZE) if opaque else image.getbbox()
        assert box
        image.crop(box).save(folder / f"{key}.png")
        layers[key] = {"file": f"{key}.png", "at": [box[0], box[1]]}

    def scenery(d: ImageDraw.ImageDraw) -> None:
        for y in range(0, 1280, 8):
            d.rectangle((0, y, 720, y + 8), (90 + y // 16, 120 + y // 20, 130, 255))
        for x in range(40, 720, 120):
            d.rectangle((x, 100, x + 40, 700), (60, 80, 90, 255))

    def body(d: ImageDraw.ImageDraw) -> None:
        d.rectangle((320, 540, 400, 700), "#d8b096")
        d.polygon([(180, 720), (330, 650), (390, 650), (540, 720), (600, 1280), (120, 1280)], "#7090c0")

    layer("set", scenery, opaque=True)
    layer("back_hair", lambda d: d.ellipse((200, 200, 520, 640), "#2a1c18"))
    layer("body", body)
    layer("head", lambda d: (d.ellipse((236, 220, 484, 578), skin), *(
        d.ellipse((x - 29, EYE_Y - 12, x + 29, EYE_Y + 12), "#f8f4f0") for x in EYES.values())))  # fmt: skip
    for side, x in EYES.items():
        opening = (x - 29, EYE_Y - 12, x + 29, EYE_Y + 12)
        layer(f"iris_{side}", lambda d, x=x: d.ellipse((x - 14, EYE_Y - 14, x + 14, EYE_Y + 14), "#402010"))
        layer(f"eye_mask_{side}", lambda d, o=opening: d.ellipse(o, "#ffffff"))
        layer(f"lash_{side}", lambda d, o=opening: d.arc(o, 180, 360, "#201010", 4))
        layer(f"lid_closed_{side}", lambda d, o=opening: (d.ellipse(o, skin), d.arc(o, 0, 180, "#201010", 3)))
        layer(f"brow_{side}", lambda d, x=x: d.rounded_rectangle((x - 36, 374, x + 36, 382), 4, "#3a2418"))
    left, right, y = 360 - MOUTH_HALF, 360 + MOUTH_HALF, MOUTH_Y
    layer("mouth_cavity", lambda d: d.ellipse((left - 6, y - 20, right + 6, y + 46), "#30080c"))
    layer("teeth_upper", lambda d: d.rounded_rectangle((left + 8, y - 6, right - 8, y + 9), 4, "#f4f0ea"))
    layer("teeth_lower", lambda d: d.rounded_rectangle((left + 14, y + 2, right - 14, y + 12), 4, "#e8e2da"))
    layer("tongue", lambda d: d.ellipse((left + 14, y + 4, right - 14, y + 30), "#c05060"))
    bow = [(left, y), (340, y - 9), (352, y - 11), (360, y - 8), (368, y - 11), (380, y - 9), (right, y)]
    layer("lip_upper", lambda d: d.polygon(bow, "#b84850"))
    layer(
        "lip_lower",
        lambda d: d.polygon([(left, y), (336, y + 9), (360, y + 13), (384, y + 9), (right, y)], "#c85860"),
    )
    layer("front_hair", lambda d: d.pieslice((214, 200, 506, 560), 190, 350, "#3a2822"))

    def eye(x: int) -> dict[str, object]:
        up = [[x - 29, EYE_Y], [x - 16, EYE_Y - 10], [x, EYE_Y - 12], [x + 16, EYE_Y - 10], [x + 29, EYE_Y]]
        low = [[x + 16, EYE_Y + 10], [x, EYE_Y + 12], [x - 16, EYE_Y + 10]]
        return {"contour": up + low, "pupil": [x, EYE_Y], "iris_r": 14.0}

    spec = {
        "version": 1, "name": name, "size": list(SIZE), "layers": layers,
        "landmarks": {
            "lip_outer": [*map(list, bow), [384, y + 9], [372, y + 12], [360, y + 13], [348, y + 12],
                          [336, y + 9]],
            "lip_inner": [[left + 3, y], [340, y], [360, y], [380, y],
                          [right - 3, y], [380, y], [360, y], [340, y]],
            "jaw": [[236, 420], [242, 480], [262, 530], [305, 565], [360, 578],
                    [415, 565], [458, 530], [478, 480], [484, 420]],
            "eye_l": eye(EYES["l"]), "eye_r": eye(EYES["r"]), "nose_tip": [360, 489],
            "brow_l": [[263, 380], [299, 376], [335, 380]], "brow_r": [[385, 380], [421, 376], [457, 380]],
            "shoulders": [[200, 720], [520, 720]],
        },
        "pivots": {"head": [360, 420], "neck": [360, 600]},
    }  # fmt: skip
    (folder / "look.yaml").write_text(yaml.safe_dump(spec, allow_unicode=True), encoding="utf-8")
    return folder
