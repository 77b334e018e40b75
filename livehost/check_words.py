"""What will be said: the catalogue, the personas' lines and the scripts, each reviewed beforehand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from string import Formatter

from livehost.catalog import Catalog, CatalogProblems, Product
from livehost.config_parts import Parts
from livehost.problems import Findings, KeyPath, Said, meant
from livehost.rundown import PLACEHOLDERS, fill
from livehost.settings import Persona, Segment

WORDS = ("self", "address", "shop")
LINES = ("greeting", "farewell", "bridges", "resumes", "reserve", "disclosure")
MAX_SHOWN = 20
_VOLATILE = re.compile(
    r"[0-9０-９]|[一二两三四五六七八九十百千万半几]+(?:元|块|毛|折|件|单|号|支|瓶|盒|袋|分钱)"
    r"|价|元|块钱|库存|现货|补货|优惠|折扣|打折|券|满减|包邮|yen|price|stock|coupon|discount|\$|￥|¥|円|在庫|価格"
)
_SAYS_AI = re.compile(r"AI|ＡＩ|人工智能|人工知能|artificial intelligence", re.IGNORECASE)
_SAYS_MADE = re.compile(r"生成|合成|generated", re.IGNORECASE)


@dataclass(frozen=True)
class _Line:
    """A line as it would be said, by whom it may be, and where it is written."""

    text: str
    product: Product | None
    place: KeyPath
    speakers: tuple[Persona, ...]
    on_air: str | None = None  # the product that is shown as it is said


def check_words(parts: Parts, findings: Findings, *, review: bool) -> Catalog | None:
    """Note every line that cannot be said, and every problem of the catalogue; returns the catalogue."""
    named = parts.text("catalog")
    catalog = None if named is None else _catalog(Path(named), findings)
    label = parts.text("ai_label")
    if label is not None and not (_SAYS_AI.search(label) and _SAYS_MADE.search(label)):
        said = Said(
            "画面标识要同时写明 AI（或人工智能）和 生成（或合成），GB 45438-2025 这样要求",
            "例如 ai_label: AI生成 · 数字人主播",
            "the label on the picture says AI and that it is generated (GB 45438-2025)",
            "as ai_label: AI生成 · 数字人主播",
        )
        findings.add(("ai_label",), said)
    lines: list[_Line] = []
    personas = tuple(parts.each(Persona, "personas"))
    for at, persona in personas:
        lines += _persona(persona, at, catalog, findings)
    from livehost.progress import product_shown

    speakers = tuple(persona for _, persona in personas)
    for index in range(parts.count("rundowns")):
        ids = parts.ids("rundowns", index, "segments")
        segments = tuple(parts.each(Segment, "rundowns", index, "segments"))
        for number, (at, segment) in enumerate(segments):
            if segment.id in ids[: int(at[-1])]:
                said = Said(
                    f"段落 id {segment.id!r} 重复了",
                    "改掉一个",
                    f"segment id {segment.id!r} is there twice",
                    "rename one",
                )
                findings.add((*at, "id"), said)
            shown = product_shown([one for _, one in segments], number)
            written = _segment(segment, at, catalog, findings)
            lines += [replace(one, speakers=speakers, on_air=shown) for one in written]
    if review and _rules_stand(findings):
        for line in lines:
            _review(line, catalog, findings)
        if named is not None and catalog is not None:
            _review_catalog(Path(named), catalog, findings)
    return catalog


def _catalog(file: Path, findings: Findings) -> Catalog | None:
    """The catalogue, or None with its problems noted."""
    try:
        catalog = Catalog.load(file)
    except CatalogProblems as found:
        for problem in found.problems:
            said = replace(problem.said, zh=f"商品目录：{problem.said.zh}")
            findings.note(file, problem.line, problem.field, said)
        return None
    folders = (file.parent, file.parent / "images")
    for product in catalog.products:
        if product.image and not any((folder / product.image).is_file() for folder in folders):
            said = Said(
                f"商品图片 {product.image} 不存在",
                "把图片放进目录文件旁边的 images 文件夹，或者删掉 image 这一行",
                f"the picture {product.image} is missing",
                "put it into the folder images beside the catalogue, or drop the line",
            )
            findings.note(file, None, f"products.{product.id}.image", said)
    return catalog


def _persona(persona: Persona, at: KeyPath, catalog: Catalog | None, findings: Findings) -> list[_Line]:
    """Note what is wrong with a persona's lines; returns those that can be said."""
    found: list[_Line] = []
    words = {
        "self": persona.style.self_name,
        "address": persona.style.address[0] if persona.style.address else "",
        "shop": (catalog.shop.name if catalog else "") or "",
    }
    for name in LINES:
        lines: tuple[str, ...] = getattr(persona, name)
        for index, line in enumerate(lines):
            place = (*at, name, index)
            if not line.strip():
                findings.add(
                    place,
                    Said("这一句是空的", "写上内容，或者删掉", "the line is empty", "write it, or drop it"),
                )
            if not _braces(line, WORDS, place, findings):
                continue
            found.append(_Line(line.format(**words), None, place, (persona,)))
            if name == "reserve" and (volatile := _VOLATILE.search(line)):
                findings.add(place, _volatile(volatile.group()))
            if name == "disclosure" and not _SAYS_AI.search(line):
                findings.add(
                    place,
                    Said(
                        "这一句没有说明自己是AI",
                        "写明“我是AI数字人主播”或“内容由人工智能生成”",
                        "the line does not say that the host is AI",
                        "say that the host is AI, or that this is generated by AI",
                    ),
                )
    return found


def _volatile(word: str) -> Said:
    return Said(
        f"备用台词里有 {word!r}：断线时没人能核对价格、数字和库存",
        "改成什么时候说都对的话",
        f"a reserve line holds {word!r}: nobody checks prices, numbers or stock while the show is away",
        "write what is true at any time",
    )


def _segment(segment: Segment, at: KeyPath, catalog: Catalog | None, findings: Findings) -> list[_Line]:
    """Note what is wrong with a segment; returns the wordings that can be said."""
    found: list[_Line] = []
    product = None
    if segment.product is not None and catalog is not None:
        product = catalog.get(segment.product)
        if product is None:
            known = [one.id for one in catalog.products]
            guess = meant(segment.product, known)
            said = Said(
                f"商品目录里没有 {segment.product!r}",
                f"是不是 {guess!r}？" if guess else f"可用的有：{'、'.join(known[:MAX_SHOWN])}",
                f"the catalogue has no product {segment.product!r}",
                f"did you mean {guess!r}?" if guess else f"known: {', '.join(known[:MAX_SHOWN])}",
            )
            findings.add((*at, "product"), said)
    allowed = (*WORDS, *PLACEHOLDERS) if segment.product is not None else WORDS
    for index, wording in enumerate(segment.wordings):
        place = (*at, "wordings", index)
        if not wording.strip():
            findings.add(
                place,
                Said("这一句是空的", "写上内容，或者删掉", "the wording is empty", "write it, or drop it"),
            )
        if _braces(wording, allowed, place, findings):
            found.append(_Line(_said(wording, product, catalog), product, place, ()))
    return found


def _braces(line: str, allowed: tuple[str, ...], place: KeyPath, findings: Findings) -> bool:
    """Whether every `{…}` of the line is one that will be filled in."""
    try:
        fields = [
            (name, bool(form or conversion))
            for _, name, form, conversion in Formatter().parse(line)
            if name is not None
        ]
    except ValueError:
        findings.add(
            place,
            Said("花括号没有成对", "写成 {price} 这样", "a brace has no partner", "write it as {price}"),
        )
        return False
    good = True
    for name, formatted in fields:
        if name in allowed and not formatted:
            continue
        good = False
        guess = meant(name, allowed)
        if name in PLACEHOLDERS and name not in allowed:
            said = Said(
                f"{{{name}}} 是商品信息，这里没有指定商品",
                "给这一段加上 product，或者去掉它",
                f"{{{name}}} is a fact of a product, and none is named here",
                "name the segment's product, or leave it out",
            )
        else:
            said = Said(
                f"不认识的占位符 {{{name}}}",
                f"是不是 {{{guess}}}？" if guess else f"可用的有：{'、'.join(allowed)}",
                f"unknown placeholder {{{name}}}",
                f"did you mean {{{guess}}}?" if guess else f"known: {', '.join(allowed)}",
            )
        findings.add(place, said)
    return good


def _said(wording: str, product: Product | None, catalog: Catalog | None) -> str:
    """The wording as it would be said now, or without its facts where they are not known now."""
    words: Mapping[str, str] = {"self": "", "address": "", "shop": ""}
    if catalog is not None:
        filled = fill(wording, product, catalog, datetime.now(UTC), words=words)
        if filled is not None:
            return filled.text
    return wording.format(**dict.fromkeys((*WORDS, *PLACEHOLDERS), ""))


def _rules_stand(findings: Findings) -> bool:
    """Whether the phrase rules can be read; what is wrong with them is noted."""
    from livehost.compliance.phrases import PhraseProblems, packaged

    try:
        packaged()
    except PhraseProblems as error:
        said = Said(
            f"合规词库不能用：{error}",
            "按文件开头的说明改好",
            f"the phrase rules cannot be used: {error}",
            "mend the file as its head says",
        )
        findings.note(Path("phrases.yaml"), None, "", said)
        return False
    return True


def _review(line: _Line, catalog: Catalog | None, findings: Findings) -> None:
    """Note a line that would be refused on air, whoever of its speakers says it."""
    from livehost.clearance import judged
    from livehost.compliance import review
    from livehost.compliance.saved import Blocked
    from livehost.lines import Draft
    from services.speech.phrases import split_phrases

    now = datetime.now(UTC)
    found, said = None, line.text
    if catalog is None:
        found = review(said, product=line.product, now=now)
    else:
        for persona in line.speakers or (None,):
            texts = split_phrases(line.text, persona.language if persona is not None else "zh")
            draft = Draft(texts=texts, product=line.product.id if line.product is not None else None)
            result = judged(draft, catalog, now, persona, strict=False, on_air=line.on_air)
            if result.verdict != "block":
                return
            found, said = found or result, said if found is not None else "".join(texts)
    if found is not None and found.blocking:
        caught = Blocked("", said, found.blocking)
        findings.add(line.place, _blocked(caught.words, caught.why, line.text))


def _review_catalog(file: Path, catalog: Catalog, findings: Findings) -> None:
    """Note every text of the catalogue that the host would say and may not."""
    from livehost.compliance.saved import blocked_texts

    for product in catalog.products:
        for one in blocked_texts(product, datetime.now(UTC)):
            findings.note(file, None, f"products.{product.id}.{one.field}", _blocked(one.words, one.why))


def _blocked(caught: str, why: str, line: str = "") -> Said:
    why = f"（{why}）" if why else ""
    zh, en = (f"：“{line}”", f' in "{line}"') if line else ("", "")
    return Said(
        f"合规规则不允许这样说：{caught}{why}{zh}",
        "换一种说法；价格、赠品、包邮这些要和商品目录写的一样，价格可以写成 {price}",
        f"the rules do not let this be said: {caught} {why}{en}",
        "say it another way; prices, gifts and terms must be what the catalogue says, a price can be {price}",
    )
