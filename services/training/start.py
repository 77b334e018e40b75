"""Continuing from an adapter: its weights are put into a run's fresh ones, or it is said why they do not fit.

CannotStart    (services.training.faults) the adapter's base, kind, rank or layers are not this run's
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

from services.lora.card import WEIGHTS_FILE, Card, CardProblems, read_card
from services.training.checkpoint import trainable
from services.training.faults import CannotStart
from services.training.task import Kind, LoraFacts

_NOTHING = "改 init_from，或删掉它从头训练 / name another init_from, or take the line out"


def load_start(model: nn.Module, folder: Path, *, kind: Kind, facts: LoraFacts) -> Card:
    """Put the adapter in a folder into the model's trained parameters; returns its card.

    Where the two scale B·A differently (alpha / rank), B is stored so that the effect stays the same. Layers
    that the run trains and the adapter has not begin as they are: without effect.

    Raises:
        CannotStart: it does not fit; every reason at once.
    """
    from services.lora.formats import FormatProblems, read_loras

    try:
        card = read_card(folder)
    except CardProblems as error:
        raise CannotStart(f"init_from {folder}: {'; '.join(error.problems)}", _NOTHING) from error
    mine = pairs_of(model)
    try:
        tensors = load_file(folder / WEIGHTS_FILE)
        loras = read_loras(tensors, known=set(mine), models=_models(mine))
    except FormatProblems as error:
        told = "; ".join(error.problems[:3])
        raise CannotStart(
            f"init_from {folder}: 层与本次训练不符 / its layers are not this run's: {told}", _NOTHING
        ) from error
    except Exception as error:  # safetensors raises its own kinds for a damaged or a missing file
        raise CannotStart(
            f"init_from {folder / WEIGHTS_FILE}: 读不出 / cannot be read ({error})", _NOTHING
        ) from error
    problems = _misfits(card, kind, facts)
    for module, lora in loras.items():
        wanted = tuple(tuple(one.shape) for one in mine[module])
        if (tuple(lora.a.shape), tuple(lora.b.shape)) != wanted and not problems:
            problems.append(
                f"{module}: 形状是 / is of shape {tuple(lora.a.shape)} {tuple(lora.b.shape)}, 应为 / not {wanted}"
            )
    if problems:
        raise CannotStart(f"init_from {folder}: " + "; ".join(problems), _NOTHING)
    with torch.no_grad():
        for module, lora in loras.items():
            a, b = mine[module]
            a.copy_(lora.a)
            b.copy_(lora.b.float() * (card.scale_of(module) / (facts.alpha / facts.rank)))
    return card


def pairs_of(model: nn.Module) -> dict[str, tuple[nn.Parameter, nn.Parameter]]:
    """A and B of every trained layer, by its module's path."""
    found: dict[str, dict[str, nn.Parameter]] = {}
    for name, parameter in trainable(model).items():
        module, mark, side = name.removeprefix("base_model.model.").partition(".lora_")
        if mark:
            found.setdefault(module, {})[side[0]] = parameter
    return {module: (pair["A"], pair["B"]) for module, pair in found.items() if len(pair) == 2}


def _models(modules: dict[str, tuple[nn.Parameter, nn.Parameter]]) -> tuple[str, ...]:
    """The names of the models that the modules belong to, as the bank has them: "" for a single one."""
    first = {module.partition(".")[0] for module in modules}
    named = [name for name in ("unet", "text_encoder", "text_encoder_2", "transformer") if name in first]
    return tuple(named) or ("",)


def _misfits(card: Card, kind: Kind, facts: LoraFacts) -> list[str]:
    problems = []
    if card.kind != kind:
        problems.append(
            f"它是 {card.kind}，这次训练 {kind} / it is a {card.kind} adapter, this run makes a {kind} one"
        )
    if card.base.sha256 != facts.base_sha256:
        problems.append(
            f"它的基座是 {card.base.name} ({card.base.sha256[:12]}…)，base_model 是 {facts.base_name} "
            f"({facts.base_sha256[:12]}…) / it is of another base"
        )
    if card.rank != facts.rank:
        problems.append(
            f"它的秩是 {card.rank}，lora_rank 是 {facts.rank}：改为 lora_rank: {card.rank} / "
            f"it is of rank {card.rank}; set lora_rank: {card.rank}"
        )
    return problems
