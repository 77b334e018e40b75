"""The loss of a micro-batch: cross entropy of the answers' tokens alone.

Rows are padded on the right, where causal attention never looks, so no mask is needed. Logits are
made only where an answer is. What all rows of a batch begin with (the system's part of a prompt) is
computed once and its keys and values shared: the same numbers, for fewer tokens.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from services.training.language_tokens import Tokens

LEAST_SHARED = 32  # tokens of a common beginning that are worth a forward of their own


def answer_losses(model: Any, rows: Sequence[Tokens], *, device: torch.device, share: bool) -> Tensor:
    """The summed cross entropy of each row's answer [rows], with its graph.

    `model` is the causal model; `share` lets rows share their common beginning.
    """
    width = max(map(len, rows))
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    for at, row in enumerate(rows):
        ids[at, : len(row)] = torch.tensor(row.ids)
    ids = ids.to(device)
    common = _common(rows) if share and len(rows) > 1 and can_share(model) else 0
    if common < LEAST_SHARED:
        common = 0
    # The token at place p is told by the logits at p - 1.
    first = min(row.start for row in rows) - 1
    kept = torch.arange(first - common, width - 1 - common, device=device)
    told: dict[str, Any] = {"use_cache": False}
    if common:
        told = {"use_cache": True, "past_key_values": _shared(model, ids[:1, :common], len(rows))}
    if "logits_to_keep" in inspect.signature(model.forward).parameters:
        logits = model(input_ids=ids[:, common:-1], logits_to_keep=kept, **told).logits
    else:
        logits = model(input_ids=ids[:, common:-1], **told).logits[:, kept]
    places = torch.arange(first + 1, width, device=device)[None]
    starts = torch.tensor([row.start for row in rows], device=device)[:, None]
    ends = torch.tensor([len(row) for row in rows], device=device)[:, None]
    wanted = (places >= starts) & (places < ends)
    losses = functional.cross_entropy(logits[wanted].float(), ids[:, first + 1 :][wanted], reduction="none")
    owner = torch.arange(len(rows), device=device)[:, None].expand_as(wanted)[wanted]
    return torch.zeros(len(rows), device=device).index_add(0, owner, losses)


def can_share(model: Any) -> bool:
    """Whether a beginning's keys and values may be shared: every layer attends to all that went before."""
    config = model.config.get_text_config()
    kinds = getattr(config, "layer_types", None) or ["full_attention"]
    return set(kinds) == {"full_attention"}


def _common(rows: Sequence[Tokens]) -> int:
    """How many first tokens all rows have in common, the last token of a prompt left out."""
    most = min(row.start for row in rows) - 1
    first = rows[0].ids
    for at in range(most):
        if any(row.ids[at] != first[at] for row in rows):
            return at
    return most


def _shared(model: Any, ids: Tensor, rows: int) -> Any:
    """Keys and values of a beginning [1, tokens], for every row of a batch."""
    from transformers import DynamicCache

    cache = DynamicCache()
    model.get_decoder()(input_ids=ids, past_key_values=cache, use_cache=True)
    return DynamicCache(
        tuple((k.keys.expand(rows, -1, -1, -1), k.values.expand(rows, -1, -1, -1)) for k in cache.layers)
    )
