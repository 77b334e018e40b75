"""What the settings say of models and adapters, held against themselves and against this disk.

`check_models` finds what can never run. `check_model_files` looks into directories, cards and consents:
what it finds is for `livehost check` to refuse, while a service that starts says it and goes on with
what it has, for a consent that ran out last night may not keep a stream off the air.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

from livehost.check_rooms import address
from livehost.config_parts import Parts
from livehost.engine_children import EMBEDDED, base_of
from livehost.library import KINDS, Kind, Library, Shelved
from livehost.problems import Findings, KeyPath, Said, unknown_word
from livehost.settings import LanguageModel, Models, Persona, Portrait, Settings, VisionModel
from livehost.wardrobe import Role, runs_here
from services.lora.card import WEIGHTS_FILE, Card
from services.lora.plain import open_plain

ROLE_OF: dict[Kind, Role] = {"language": "language", "visual": "vision"}
KIND_OF: dict[Role, Kind] = {"language": "language", "vision": "visual"}
ROLE_ZH: dict[Role, str] = {"language": "语言", "vision": "画面"}
MEGA = 1e6
ITEM_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2, "auto": 4}  # auto: at most, where it is float32


def check_models(parts: Parts, findings: Findings, products: Sequence[str] | None = None) -> None:
    """Note what does not fit together, whatever is on the disk."""
    models = parts.one(Models, "models")
    if models is not None:
        language, vision = models.language, models.vision
        if language.engine == "transformers" and language.base is None:
            findings.add(("models", "language", "base"), _needs_base("transformers"))
        if vision.engine == "diffusers" and vision.base is None:
            findings.add(("models", "vision", "base"), _needs_base("diffusers"))
        scheme, host = address(language.url)
        if language.engine == "openai" and (scheme not in ("http", "https") or not host):
            said = Said(
                "openai 类语言引擎要写 url",
                "例如 url: http://127.0.0.1:8000/v1",
                "a language engine of kind openai needs a url",
                "as url: http://127.0.0.1:8000/v1",
            )
            findings.add(("models", "language", "url"), said)
        if language.engine == "openai" and not language.model:
            said = Said(
                "openai 类语言引擎要写 model",
                "写服务器上基座模型的名字",
                "a language engine of kind openai needs a model",
                "write the base's name on that server",
            )
            findings.add(("models", "language", "model"), said)
    for at, persona in parts.each(Persona, "personas"):
        _portrait(persona, at, findings, products)
        named = persona.adapters.language or persona.adapters.visual
        if named and models is not None and _any_on(models) and parts.text("adapters") is None:
            said = Said(
                "写了适配器版本，但没有写适配器库在哪里",
                "在最外层加一行 adapters: 适配器库的文件夹",
                "adapters are named, but no library is",
                "add adapters: with the library's folder at the top level",
            )
            findings.add((*at, "adapters"), said)


def check_model_files(settings: Settings, findings: Findings, today: date) -> None:
    """Note what is wrong on the disk: bases, library, cards, consents."""
    from services.model_directory import check_language_base, check_vision_base

    models = settings.models
    hashes: dict[Role, str] = {}
    for role, model in _on(models):
        base = base_of(role, model)
        if base is None:
            continue
        problems = (check_language_base if role == "language" else check_vision_base)(base)
        where = "base" if model.base is not None else "engine"
        for problem in problems:
            findings.add(("models", role, where), _of_base(role, problem, embedded=base == EMBEDDED[role]))
        if not problems:
            hashes[role] = _hash(base)
    if settings.adapters is not None and not settings.adapters.is_dir():
        if any(_named(settings)):
            said = Said(
                f"适配器库不存在：{settings.adapters}",
                "检查路径；每个适配器放在 <主播>/<language|visual>/<版本>/ 下",
                f"there is no adapter library at {settings.adapters}",
                "check the path; an adapter lies in <persona>/<language|visual>/<version>/",
            )
            findings.add(("adapters",), said)
        return
    library = Library(settings.adapters)
    running = {role for role, _ in _on(models)}
    for at, index, kind, version in _named(settings):
        if ROLE_OF[kind] not in running or settings.adapters is None:
            continue
        persona = settings.personas[index]
        card = _adapter(library, persona, kind, version, hashes.get(ROLE_OF[kind]), at, findings, today)
        if kind == "visual" and persona.portrait is not None and card is not None:
            _trigger(persona.portrait, card.trigger_words, ("personas", index), findings)


def model_notes(settings: Settings, today: date) -> list[str]:
    """What is worth knowing of models and adapters that are sound: slots' bytes, consents that end soon."""
    from services.model_directory import slot_bytes, weights_bytes

    notes: list[str] = []
    for role, model in _on(settings.models):
        base = base_of(role, model)
        if not runs_here(model.engine):
            notes.append(
                f"{ROLE_ZH[role]}引擎运行不了：没有安装 PyTorch，由模板代替 / the {role} engine cannot run: "
                "PyTorch is missing, templates stand in; pip install 'livehost[models]'"
            )
        if base is None:
            notes.append(f"{ROLE_ZH[role]}引擎在别的服务器上 / the {role} base is on another server")
            continue
        try:
            slot = slot_bytes(base, model.max_rank, item_bytes=ITEM_BYTES[model.dtype])
        except (ValueError, OSError):
            continue  # said among the problems
        notes.append(
            f"{ROLE_ZH[role]}基座 / {role} base: {weights_bytes(base) / MEGA:.1f} MB；适配器库 / bank: "
            f"{model.slots} × {slot / MEGA:.2f} MB（{slot:,} B，rank ≤ {model.max_rank}）"
            f" = {model.slots * slot / MEGA:.1f} MB"
        )
        wearing = sum(getattr(persona.adapters, KIND_OF[role]) is not None for persona in settings.personas)
        needed = 1 + min(wearing, 3 * len(settings.rooms))
        if model.slots < needed:
            notes.append(
                f"{ROLE_ZH[role]}引擎的槽位偏少，换人会慢一些 / few slots: {model.slots}; rooms may keep "
                f"{needed} at once (on air, before, next, and the bare base)"
            )
    library = Library(settings.adapters)
    for persona in settings.personas:
        for kind in KINDS:
            version: str | None = getattr(persona.adapters, kind)
            card = library.find(persona.id, kind, version).card if version is not None else None
            if card is not None and card.consent is not None:
                left = (card.consent.valid_until - today).days
                if 0 <= left <= 30:
                    notes.append(
                        f"授权将在 {left} 天后到期 / the consent of {card.id} ends on "
                        f"{card.consent.valid_until}: 请续签 / renew it"
                    )
    return notes


def _named(settings: Settings) -> Iterator[tuple[KeyPath, int, Kind, str]]:
    """Every adapter version that a persona or a slot names: its place, whose it is, kind and version."""
    indices = {persona.id: index for index, persona in enumerate(settings.personas)}
    for index, persona in enumerate(settings.personas):
        for kind, version in persona.adapters.named():
            yield ("personas", index, "adapters", kind), index, kind, version
    for number, room in enumerate(settings.rooms):
        for place, slot in enumerate(room.slots):
            if slot.adapters is not None and slot.persona in indices:
                for kind, version in slot.adapters.named():
                    at = ("rooms", number, "slots", place, "adapters", kind)
                    yield at, indices[slot.persona], kind, version


def _adapter(
    library: Library,
    persona: Persona,
    kind: Kind,
    version: str,
    base_sha256: str | None,
    at: KeyPath,
    findings: Findings,
    today: date,
) -> Card | None:
    """Note what is wrong with an adapter that is named; its card, where it can be read."""
    shelved = library.find(persona.id, kind, version)
    if not shelved.folder.is_dir():
        known = library.versions(persona.id, kind)
        if known:
            findings.add(at, unknown_word(("适配器版本", "adapter version"), shelved.version, known))
            return None
        said = Said(
            f"适配器 {shelved.id} 不存在：{shelved.folder}",
            "把适配器放到那里，或者删掉这一行",
            f"there is no adapter {shelved.id} at {shelved.folder}",
            "put it there, or remove this line",
        )
        findings.add(at, said)
        return None
    for problem in shelved.problems(today):
        findings.add(at, _of_adapter(shelved, problem))
    weights = shelved.folder / WEIGHTS_FILE
    sha256 = ""
    try:
        sha256 = _sha256(weights)
    except (OSError, ValueError) as error:
        if not shelved.errors:
            findings.add(at, _of_adapter(shelved, f"{weights} cannot be read ({error}); mend the file"))
    if shelved.card is not None and sha256 and sha256 != shelved.card.sha256:
        said = Said(
            f"适配器 {shelved.id} 的权重和卡片上的 SHA-256 对不上：{weights}",
            "文件损坏或被换过，重新拷贝一份",
            f"the weights of the adapter {shelved.id} are not those of its card: {weights}",
            "the file is damaged or another one; copy it again",
        )
        findings.add(at, said)
    if shelved.card is not None and base_sha256 and shelved.card.base.sha256 != base_sha256:
        told = f"{shelved.card.base.name} ({shelved.card.base.sha256[:12]}…)"
        said = Said(
            f"适配器 {shelved.id} 是给另一个基座训练的：{told}，配置的基座是 {base_sha256[:12]}…",
            "用现在的基座重新训练，或者换回原来的基座",
            f"the adapter {shelved.id} was trained on another base: {told}, not {base_sha256[:12]}…",
            "train it on this base, or configure that one",
        )
        findings.add(at, said)
    return shelved.card


def _trigger(portrait: Portrait, words: Sequence[str], at: KeyPath, findings: Findings) -> None:
    """Note a prompt without any of the words that the visual adapter was trained to answer to."""
    prompts: list[tuple[KeyPath, str]] = [((*at, "portrait", "prompt"), portrait.prompt)]
    for index, variant in enumerate(portrait.variants):
        prompts.append(((*at, "portrait", "variants", index, "prompt"), variant.prompt))
    for place, prompt in prompts:
        if words and not any(word in prompt for word in words):
            said = Said(
                f"提示词里没有形象适配器的触发词（{'、'.join(words)}），适配器不会起作用",
                "把触发词写进提示词",
                f"the prompt holds no trigger word of the visual adapter ({', '.join(words)})",
                "write it into the prompt",
            )
            findings.add(place, said)


def _sha256(file: Path) -> str:
    with open_plain(file) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _portrait(persona: Persona, at: KeyPath, findings: Findings, products: Sequence[str] | None) -> None:
    seen: list[str] = []
    for index, variant in enumerate(persona.portrait.variants if persona.portrait else ()):
        place = (*at, "portrait", "variants", index)
        if variant.id in seen:
            said = Said(
                f"造型 {variant.id!r} 重复了",
                "改掉一个",
                f"the variant {variant.id!r} is there twice",
                "rename one",
            )
            findings.add((*place, "id"), said)
        seen.append(variant.id)
        for number, product in enumerate(variant.products if products is not None else ()):
            if products is not None and product not in products:
                findings.add(
                    (*place, "products", number), unknown_word(("商品", "product"), product, products)
                )


def _on(models: Models) -> list[tuple[Role, LanguageModel | VisionModel]]:
    both: list[tuple[Role, LanguageModel | VisionModel]] = [
        ("language", models.language),
        ("vision", models.vision),
    ]
    return [(role, model) for role, model in both if model.engine != "off"]


def _any_on(models: Models) -> bool:
    return bool(_on(models))


def _hash(base: Path) -> str:
    from services.lora import base_sha256

    return base_sha256(base)


def _needs_base(engine: str) -> Said:
    return Said(
        f"{engine} 引擎要写 base：模型在本机上的目录",
        "例如 base: /models/…；怎么下载见 docs/models.md",
        f"an engine of kind {engine} needs base: the model's directory on this disk",
        "as base: /models/…; docs/models.md says what to download",
    )


def _of_base(role: Role, problem: str, *, embedded: bool) -> Said:
    mend_zh = "重新安装 livehost（模型文件不完整）" if embedded else "按提示补全目录；见 docs/models.md"
    return Said(
        f"{ROLE_ZH[role]}基座不能用：{problem}",
        mend_zh,
        f"the {role} base cannot be used: {problem}",
        "install livehost again" if embedded else "mend the directory; see docs/models.md",
    )


def _of_adapter(shelved: Shelved, problem: str) -> Said:
    return Said(
        f"适配器 {shelved.id} 不能用：{problem}",
        "按提示改好再查一遍",
        f"the adapter {shelved.id} cannot be used: {problem}",
        "mend it and check again",
    )
