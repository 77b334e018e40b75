"""What portraits are called: attributes drawn at random, and captions for them in Chinese and English.

An attribute that a caption leaves out stays as the template has it. The last phrasing of each list, and a tenth of
the pairs of colours, are never trained on: they measure what the base makes of captions that it never saw.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.training.portraits_colours import ATTRIBUTES, DRAWN_LAYOUTS, TEMPLATES, VALUES, Named

# fmt: off
PHRASES: dict[str, dict[str, tuple[str, ...]]] = {
    "hair": {
        "zh": ("{}头发", "{}长发", "一头{}秀发", "头发是{}", "发色{}", "{}的发丝", "发色为{}", "{}发髻", "{}的头发"),
        "en": (
            "{} hair", "long {} hair", "hair in {}", "her hair is {}", "{} coloured hair", "with {} hair", "{} hair bun",
            "{} long hair",
        ),
    },
    "dress": {
        "zh": (
            "{}连衣裙", "穿{}的衣服", "身着{}长裙", "{}衣裳", "衣服是{}", "穿着{}裙装", "服装{}", "一身{}", "{}汉服",
            "{}旗袍", "{}针织开衫", "{}丝绸长裙", "{}衬衫", "{}襦裙", "穿{}上衣", "衣着为{}", "{}的裙装",
        ),
        "en": (
            "{} dress", "wearing {}", "dressed in {}", "a {} outfit", "{} clothes", "in a {} gown", "{} silk dress",
            "a {} cardigan", "{} blouse", "{} robe", "{} hanfu", "her dress is {}", "a dress in {}",
        ),
    },
    "skin": {
        "zh": ("{}皮肤", "肤色{}", "{}的肌肤", "皮肤{}", "脸色{}", "{}肤色", "肤色为{}", "皮肤是{}"),
        "en": ("{} skin", "skin is {}", "{} complexion", "{} face", "with {} skin", "{} skin tone", "her skin is {}"),
    },
    "set": {
        "zh": ("{}背景", "背景是{}", "{}的布景", "身后是{}", "场景{}", "布景为{}", "{}墙面", "布景{}"),
        "en": (
            "{} background", "a {} set", "background in {}", "{} behind her", "against {}", "{} backdrop", "{} wall",
            "{} as the background",
        ),
    },
    "layout": {
        "zh": ("{}", "背景是{}", "身后是{}", "在{}里", "场景为{}", "背景为{}"),
        "en": ("{}", "a {} behind", "in front of a {}", "against a {}", "a {} as the set", "with a {} behind"),
    },
    "both": {
        "zh": ("{}的{}", "{}{}", "背景是{}的{}", "身后是{}{}", "{}色调的{}", "场景是{}的{}"),
        "en": (
            "{} {}", "a {} {} behind", "against a {} {}", "in front of a {} {}", "a {} {} as the set",
            "a {} {} as the background",
        ),
    },
    "light": {
        "zh": ("{}", "灯光：{}", "用{}", "打{}", "灯光是{}"),
        "en": ("{}", "in {}", "under {}", "lit by {}", "with {}"),
    },
}
OPENERS: dict[str, tuple[str, ...]] = {
    "zh": ("", "", "", "女主播", "一位女主播", "半身像", "直播间", "主持人肖像", "主播", "人像"),
    "en": ("", "", "", "portrait", "a host", "portrait of a woman", "half body portrait", "live stream host", "a woman"),
}
CLOSERS: dict[str, tuple[str, ...]] = {
    "zh": ("", "", "", "高清", "柔焦", "直播画面", "精致", "细节丰富"),
    "en": ("", "", "", "soft focus", "high quality", "detailed", "live stream", "photo"),
}
NEGATIVES = (
    "模糊", "低质量", "变形", "丑", "噪点", "多余的手", "现代", "水印", "文字", "blurry", "low quality", "deformed",
    "ugly", "noise", "extra hands", "watermark", "text", "bad", "worst quality", "lowres",
)
# fmt: on
FREE_SHARE = 0.1  # of a pool: captions without a wish
# Words that say nothing about colour and may still stand in a prompt.
SPARE_WORDS = (
    "the of and with on at for style morning evening tang host silk cotton linen velvet elegant gentle young beautiful "
    "studio product skincare wellness tea traditional chinese fashion cinematic no not very a an her she person she's "
    "character illustration drawing painting picture image shop sale summer winter spring autumn long hair style"
)


@dataclass(frozen=True)
class Portrait:
    """A template and the attributes' numbers (0: as the template has it), in the order of `ATTRIBUTES`."""

    template: int
    values: tuple[int, ...]

    def value(self, attribute: str) -> int:
        """An attribute's number."""
        return self.values[ATTRIBUTES.index(attribute)]


def held_out(values: Mapping[str, int]) -> bool:
    """Whether a pair of these colours is kept from training."""
    hair, dress, ground = values["hair"], values["dress"], values["set"]
    return (hair > 0 and dress > 0 and (hair * 7 + dress * 3) % 10 == 0) or (
        dress > 0 and ground > 0 and (dress * 3 + ground * 7) % 10 == 4
    )


def draw(rng: random.Random, *, unseen: bool = False, full: bool = False) -> Portrait:
    """Attributes at random; `unseen`: only pairs kept from training; `full`: hair, dress, skin and set all named."""
    while True:
        share = 1.0 if full else rng.choice((0.25, 0.6, 0.85, 1.0))
        values = {
            name: rng.randint(1, len(VALUES[name])) if rng.random() < share else 0
            for name in ("hair", "dress", "skin", "set")
        }
        values["layout"] = rng.randint(1, len(VALUES["layout"])) if rng.random() < 0.5 else 0
        values["light"] = rng.randint(1, len(VALUES["light"])) if rng.random() < 0.25 else 0
        if values["layout"] > DRAWN_LAYOUTS and not values["set"]:
            values["set"] = rng.randint(1, len(VALUES["set"]))  # a made-up set has no colour of its own
        if held_out(values) == unseen:
            return Portrait(rng.randrange(len(TEMPLATES)), tuple(values[name] for name in ATTRIBUTES))


def _word(rng: random.Random, one: Named, language: str) -> str:
    return rng.choice(one.zh if language == "zh" else one.en)


def _phrase(rng: random.Random, kind: str, language: str, unseen: bool) -> str:
    choices = PHRASES[kind][language]
    return choices[-1] if unseen else rng.choice(choices[:-1])


def clauses(rng: random.Random, portrait: Portrait, language: str, *, unseen: bool = False) -> list[str]:
    """A clause for each attribute that is named, in any order."""
    out = []
    named = {
        name: VALUES[name][number - 1]
        for name, number in zip(ATTRIBUTES, portrait.values, strict=True)
        if number
    }
    if "set" in named and "layout" in named:
        colour, layout = _word(rng, named.pop("set"), language), _word(rng, named.pop("layout"), language)
        out.append(_phrase(rng, "both", language, unseen).format(colour, layout))
    for name, one in named.items():
        out.append(_phrase(rng, name, language, unseen).format(_word(rng, one, language)))
    rng.shuffle(out)
    return out


def caption(
    rng: random.Random,
    portrait: Portrait,
    *,
    names: Sequence[str] = (),
    unseen: bool = False,
    always_named: bool = False,
) -> str:
    """A caption of a portrait, perhaps (or always) with one of `names`."""
    language = rng.choice(("zh", "zh", "en"))
    parts = clauses(rng, portrait, language, unseen=unseen)
    opener, closer = rng.choice(OPENERS[language]), rng.choice(CLOSERS[language])
    if names and (always_named or rng.random() < 0.35):
        name = rng.choice(names)
        opener = rng.choice(
            (name, f"{name}，{opener}", f"{opener}{name}" if language == "zh" else f"{opener} {name}")
        )
    if rng.random() < 0.1:
        closer = f"{closer} {' '.join(rng.sample(SPARE_WORDS.split(), rng.randint(1, 3)))}"
    parts = [part for part in (opener, *parts, closer) if part]
    if language == "en":
        return rng.choice((", ", ", ", "; ", " and ")).join(parts)
    return rng.choice(("，", "，", "、", "；", " ", ",")).join(parts)


def unconditional(rng: random.Random) -> str:
    """What stands for no wish at all: nothing, or the words of negative prompts."""
    return "" if rng.random() < 0.6 else "，".join(rng.sample(NEGATIVES, rng.randint(1, 5)))


def all_words() -> Iterable[str]:
    """Every word that a caption may hold: what the tokenizer must know whole."""
    texts: list[str] = [*NEGATIVES, SPARE_WORDS]
    by_kind = [*PHRASES.values(), OPENERS, CLOSERS]
    for by_language in by_kind:
        texts += [text for choices in by_language.values() for text in choices]
    texts += [word for named in VALUES.values() for one in named for word in (*one.zh, *one.en)]
    for text in texts:
        yield from re.findall(r"[a-z]+|[^\x00-\x7f]+", text.lower())


@dataclass(frozen=True)
class Pool:
    """Many captions with what they ask for: captions, templates [N], values [N, attributes], wished [N].

    A row that is not `wished` has a caption without a wish; its attributes are what is shown all the same.
    """

    captions: list[str]
    templates: NDArray[np.int64]
    values: NDArray[np.int64]
    wished: NDArray[np.bool_]


def pool(count: int, *, seed: int, names: Sequence[str]) -> Pool:
    """Captions to train on."""
    rng = random.Random(seed)
    captions, portraits, wished = [], [], []
    for _ in range(count):
        free = rng.random() < FREE_SHARE
        portrait = draw(rng, full=free)
        captions.append(unconditional(rng) if free else caption(rng, portrait, names=names))
        portraits.append(portrait)
        wished.append(not free)
    return Pool(
        captions,
        np.array([one.template for one in portraits], np.int64),
        np.array([one.values for one in portraits], np.int64),
        np.array(wished, np.bool_),
    )
