"""What tasks of both kinds say of the adapter that peft has put on their base, and how the bank tries it on."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from torch import Tensor, nn

from services.lora import CardProblems, Layout, StagingFailed, read_card, stage_folder
from services.lora.card import CARD_FILE, consent_problems
from services.training.recipe_fields import Recipe
from services.training.task import Kind, LoraFacts


def state_of(model: nn.Module) -> dict[str, Tensor]:
    """The adapter's tensors by peft's keys."""
    from peft import get_peft_model_state_dict

    return dict(get_peft_model_state_dict(model))


def facts_of(
    model: nn.Module,
    recipe: Recipe,
    *,
    targets: tuple[str, ...],
    total: int,
    base_name: str,
    base_sha256: str,
    data_sha256: str,
    rows: int,
    held_rows: int,
) -> LoraFacts:
    """What an adapter is, for the card; see `LoraFacts` for what each part means."""
    return LoraFacts(
        rank=recipe.lora_rank,
        alpha=recipe.alpha,
        target_modules=targets,
        base_name=base_name,
        base_sha256=base_sha256,
        data_sha256=data_sha256,
        trainable=sum(one.numel() for one in model.parameters() if one.requires_grad),
        total=total,
        rows=rows,
        held_rows=held_rows,
        trigger_words=recipe.trigger_words,
    )


def stage_but_consent(folder: Path, layout: Layout, *, base_sha256: str, kind: Kind) -> None:
    """Have the bank's staging check a finished folder; a card without any consent is no fault of it.

    That is added before the adapter goes on air; one that is there must hold.

    Raises:
        StagingFailed: the bank would not take it.
    """
    try:
        stage_folder(folder, layout, base_sha256=base_sha256, kind=kind)
    except StagingFailed as error:
        missing = _without_consent(folder)
        if left := tuple(one for one in error.errors if one not in missing):
            raise StagingFailed(left) from error


def _without_consent(folder: Path) -> list[str]:
    """What staging says of a card that has no consent at all."""
    try:
        card = read_card(folder)
    except CardProblems:
        return []
    if card.consent is not None:
        return []
    return consent_problems(card, today=date.today(), file=folder / CARD_FILE)
