"""The three built-in hosts: their faces, skins, hair and light."""

from __future__ import annotations

from services.avatar.drawing.canvas import rgb
from services.avatar.drawing.light import Light
from services.avatar.drawing.spec import Face, Host, Skin

# fmt: off
MORNING = Host(
    name="morning",
    seed=11,
    title="morning skincare host: white and mint, window light",
    face=Face(
        outline=(
            (-90, 196), (-60, 178), (-35, 149), (-15, 130), (0, 123), (15, 120), (30, 121), (45, 126),
            (60, 137), (75, 151), (90, 159),
        ),
        chin_y=566, eye_w=66, eye_h=29.5, eye_tilt=0.5, eye_peak=0.49, iris_r=15.4, crease=6.0, nose_y=479,
        nose_w=13.2, bridge=10.5, tip=17.5, mouth_y=521, mouth_w=39, upper_lip=8.8, lower_lip=12.5, brow_y=375,
        brow_arch=2.5, brow_thick=11.5, brow_colour="#664638", cheek=8.5, cheek_y=462, cupid=2.8,
    ),
    skin=Skin(
        base=rgb("#f9dac8"), warm=rgb("#f6cfb6"), blush=rgb("#f2938a"), shade=rgb("#bd7a66"), lid=rgb("#d9a08f"),
        lip=rgb("#ea8482"), lip_deep=rgb("#c45560"),
    ),
    light=Light(rim_power=0.42, fill_power=0.46),
    hair=(rgb("#120c0b"), rgb("#271a16"), rgb("#4b3329")),
    hair_gleam=rgb("#c4a48e"),
    lid_colour=rgb("#d99a8a"),
    lid_strength=0.3,
    palette={"cloth": "#f4f7f4", "accent": "#8fc9b4", "skin": "#f6d8c6"},
)

EVENING = Host(
    name="evening",
    seed=23,
    title="evening wellness host: amber lamp light, wine silk",
    face=Face(
        outline=(
            (-90, 194), (-60, 178), (-35, 150), (-15, 132), (0, 122), (15, 117), (30, 116), (45, 123),
            (60, 137), (75, 156), (90, 169),
        ),
        chin_y=575, eye_w=64, eye_h=24.0, eye_tilt=6.5, eye_peak=0.5, crease=7.5, eye_x=62.5, iris_r=14.6,
        brow_y=377, brow_arch=9.5, brow_drop=-2, brow_thick=8.5, brow_colour="#4d352c", brow_in=25, brow_out=95,
        nose_y=486, nose_w=14.6, bridge=14.0, tip=18.5, mouth_y=529, mouth_w=45, upper_lip=10.4, lower_lip=15.0,
        cupid=3.4, smile=7.0, cheek=8.0, iris=("#140a06", "#3d2414", "#7a4f2a"), liner=2.6, wing=7, lash=8.5,
    ),
    skin=Skin(
        base=rgb("#f7dac6"), warm=rgb("#f1cbad"), blush=rgb("#e08a74"), shade=rgb("#a8634c"), lid=rgb("#b9765c"),
        lip=rgb("#cf6561"), lip_deep=rgb("#9a3840"),
    ),
    light=Light(
        key_colour=(1.0, 0.91, 0.79), fill_colour=(0.98, 0.89, 0.85), rim_colour=(0.8, 0.86, 1.0), key_power=0.78,
        fill_power=0.38, bounce_colour=(1.0, 0.8, 0.66),
    ),
    hair=(rgb("#0f0908"), rgb("#271712"), rgb("#4f3122")),
    hair_gleam=rgb("#cf9a6c"),
    lid_colour=rgb("#9c5a48"),
    lid_strength=0.5,
    palette={"cloth": "#6d2232", "accent": "#c98a4b", "skin": "#f0cdb2"},
)

TANGZHUANG = Host(
    name="tangzhuang",
    seed=37,
    title="lady of the Tang court: vermilion and gold, hairpin and flowers",
    face=Face(
        outline=(
            (-90, 192), (-60, 177), (-35, 150), (-15, 133), (0, 130), (15, 129), (30, 131), (45, 136),
            (60, 143), (75, 152), (90, 158),
        ),
        chin_y=565, eye_w=66, eye_h=21.5, eye_tilt=9.0, eye_peak=0.42, crease=5.5, eye_x=62.5, iris_r=14.2,
        brow_y=374, brow_arch=8, brow_in=24, brow_out=92, brow_drop=3, brow_thick=7.0, brow_colour="#3a2b2c",
        nose_y=484, nose_w=13.6, tip=16.5, mouth_w=33, upper_lip=10.5, lower_lip=13.5, cupid=4.0, smile=6.0,
        mouth_y=525, cheek=8.5, cheek_y=464, iris=("#0f0807", "#331a12", "#6e4326"), liner=2.8, wing=11, lash=7.5,
    ),
    skin=Skin(
        base=rgb("#f9e0d4"), warm=rgb("#f6d4bf"), blush=rgb("#f0887e"), shade=rgb("#c27a6a"), lid=rgb("#e08a7c"),
        lip=rgb("#d2332e"), lip_deep=rgb("#94161c"),
    ),
    light=Light(key_colour=(1.0, 0.94, 0.84), fill_colour=(1.0, 0.93, 0.9)),
    hair=(rgb("#0d0a0c"), rgb("#221a1b"), rgb("#4c3a36")),
    hair_gleam=rgb("#9a8078"),
    lid_colour=rgb("#e0574a"),
    lid_strength=0.5,
    blush_strength=0.75,
    palette={"cloth": "#c23a25", "accent": "#d9a441", "skin": "#f9e0d4"},
)
# fmt: on

HOSTS = {h.name: h for h in (MORNING, EVENING, TANGZHUANG)}
