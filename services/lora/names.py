"""Whose tensor a key is: peft's, diffusers' and kohya's names, told apart and resolved against a base.

Only keys are looked at here, so a header is enough. Every key that is not part of a plain LoRA is
refused by the name of what it is.
"""

from __future__ import annotations

import enum
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from services.lora.sgm import sgm_aliases


class Format(enum.Enum):
    """How a file names its tensors."""

    PEFT = "peft"  # base_model.model.<path>.lora_A.weight
    DIFFUSERS = "diffusers"  # unet.<path>.lora_A.weight, or .lora.down.weight
    KOHYA = "kohya"  # lora_unet_<path with _ for .>.lora_down.weight, with .alpha


@dataclass(frozen=True)
class PairKeys:
    """A layer's keys in the file; `alpha` is None where the file leaves it to the card."""

    module: str
    a: str
    b: str
    alpha: str | None = None


@dataclass(frozen=True)
class Parsed:
    """What the keys of a file mean, and every fault found in them."""

    format: Format | None
    pairs: tuple[PairKeys, ...]
    problems: tuple[str, ...]


MODELS = ("unet", "text_encoder", "text_encoder_2", "text_encoder_3", "transformer")
_KOHYA_MODELS = {"unet": "unet", "te": "text_encoder", "te1": "text_encoder", "te2": "text_encoder_2"}

_REFUSED = (
    (r"lora_magnitude_vector|dora_scale", "DoRA"),
    (r"\bhada_", "LoHa"),
    (r"\blokr_", "LoKr"),
    (r"\blora_mid\b", "LoCon in Tucker form"),
    (r"lora_embedding_[AB]", "LoRA on an embedding"),
    (r"\.(oft|boft|ia3|vera|glora)_\w+|\.diff$", "another method than LoRA"),
    (r"modules_to_save", "a saved module"),
    (r"\.bias$|\.diff_b$", "a bias"),
)
_PEFT = re.compile(r"^(base_model\.model\.)?(?P<path>.+)\.lora_(?P<side>[AB])(\.[^.]+)?\.weight$")
_OLD = re.compile(r"^(?P<path>.+)\.lora(_linear_layer)?\.(?P<side>down|up)\.weight$")
_PROCESSOR = re.compile(r"^(?P<path>.+)\.processor\.(?P<name>to_\w+?)_lora\.(?P<side>down|up)\.weight$")
_KOHYA = re.compile(r"^lora_(?P<model>unet|te1|te2|te)_(?P<path>[^.]+)\.lora_(?P<side>down|up)\.weight$")
_ALPHA = re.compile(r"^(?P<path>.+?)(\.lora(_linear_layer)?)?\.alpha$")
_KOHYA_ALPHA = re.compile(r"^lora_(?P<model>unet|te1|te2|te)_(?P<path>[^.]+)\.alpha$")
_SIDES = {"A": "a", "down": "a", "B": "b", "up": "b"}


def parse(keys: Iterable[str], *, known: Collection[str], models: Sequence[str]) -> Parsed:
    """Tell a file's keys apart and name the layers of the base that they belong to.

    `known` are the full paths of the base's layers, `models` its models' names ("" for a single one).
    """
    names = _Names(known, models)
    found: dict[str, dict[str, str]] = defaultdict(dict)
    formats: Counter[Format] = Counter()
    refused: dict[str, list[str]] = defaultdict(list)
    problems: list[str] = []
    for key in sorted(keys):
        kind = next((what for pattern, what in _REFUSED if re.search(pattern, key)), "")
        part = None if kind else _read(key)
        if part is None:
            refused[kind or ("a saved module" if key.endswith(".weight") else "unknown")].append(key)
            continue
        format, model, path, side = part
        modules = names.resolve(format, model, path)
        if not modules:
            refused["for a layer that the base does not have"].append(key)
        elif len(modules) > 1:
            problems.append(f"{key}: fits {' and '.join(sorted(modules))}; rename it so that it fits one")
        elif side in found[modules[0]]:
            problems.append(f"{key}: {modules[0]} already has {found[modules[0]][side]}; keep one of them")
        else:
            found[modules[0]][side] = key
            formats[format] += side != "alpha"
    problems += [_refusal(kind, keys) for kind, keys in refused.items()]
    formats = +formats
    if len(formats) > 1:
        both = " and ".join(sorted(one.value for one in formats))
        problems.append(f"the file mixes the formats {both}; export it in one of them")
    pairs = []
    for module, sides in found.items():
        for side, key in (("a", "A (down)"), ("b", "B (up)")):
            if side not in sides:
                problems.append(f"{module}: its {key} is missing; export the whole adapter")
        if "a" in sides and "b" in sides:
            pairs.append(PairKeys(module, sides["a"], sides["b"], sides.get("alpha")))
    if not found and not problems:
        problems.append("the file holds no LoRA; export the adapter again")
    return Parsed(next(iter(formats), None), tuple(pairs), tuple(problems))


def _read(key: str) -> tuple[Format, str, str, str] | None:
    """A key's format, model, path and side (a, b or alpha); None for what is no LoRA."""
    if match := _KOHYA.match(key):
        return Format.KOHYA, _KOHYA_MODELS[match["model"]], match["path"], _SIDES[match["side"]]
    if match := _KOHYA_ALPHA.match(key):
        return Format.KOHYA, _KOHYA_MODELS[match["model"]], match["path"], "alpha"
    if match := _PROCESSOR.match(key):
        name = match["name"] + (".0" if match["name"] == "to_out" else "")
        return Format.DIFFUSERS, *_split(f"{match['path']}.{name}"), _SIDES[match["side"]]
    if match := _PEFT.match(key):
        model, path = _split(match["path"])
        is_diffusers = bool(model) and not key.startswith("base_model.")
        return Format.DIFFUSERS if is_diffusers else Format.PEFT, model, path, _SIDES[match["side"]]
    if match := _OLD.match(key):
        return Format.DIFFUSERS, *_split(match["path"]), _SIDES[match["side"]]
    if match := _ALPHA.match(key):
        path = match["path"].removeprefix("base_model.model.")
        return Format.DIFFUSERS, *_split(path), "alpha"
    return None


def _split(path: str) -> tuple[str, str]:
    model, _, rest = path.partition(".")
    return (model, rest) if model in MODELS and rest else ("", path)


def _refusal(kind: str, keys: list[str]) -> str:
    first = f"{len(keys)} key{'s' * (len(keys) > 1)} (first: {keys[0][:160]})"
    if kind.startswith("for a layer"):
        return f"{first}: {kind}; train the adapter on this base"
    if kind == "unknown":
        return f"{first}: unknown; only the A and B matrices of LoRA can be used"
    return f"{first}: {kind}, which is refused; train a plain LoRA of A and B matrices alone"


class _Names:
    """The base's layers, found by what a file may call them."""

    def __init__(self, known: Collection[str], models: Sequence[str]) -> None:
        self._known = frozenset(known)
        self._models = tuple(models)
        self._flat: dict[str, set[str]] = defaultdict(set)
        for alias, name in (*((name, name) for name in known), *sgm_aliases(known).items()):
            self._flat[alias.replace(".", "_")].add(name)

    def resolve(self, format: Format, model: str, path: str) -> list[str]:
        """The full paths that a name may mean: none, one, or several when it is ambiguous."""
        paths = (path, path.removeprefix("text_model."), f"text_model.{path}")
        if format is Format.KOHYA:
            paths = (path, path.removeprefix("text_model_"), f"text_model_{path}")
        for one in paths:
            full = self._full(model, one, "_" if format is Format.KOHYA else ".")
            found = {n for f in full for n in (self._flat.get(f, ()) if format is Format.KOHYA else (f,))}
            if found := found & self._known:
                return sorted(found)
        return []

    def _full(self, model: str, path: str, dot: str) -> list[str]:
        if "" in self._models:
            return [path, f"{model}{dot}{path}"] if model else [path]
        if model:
            return [f"{model}{dot}{path}"] if model in self._models else []
        return [path, *(f"{name}{dot}{path}" for name in self._models)]
