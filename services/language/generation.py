"""Batched decoding in which each row has its own adapter.

Rows join and leave a running batch: a newcomer's keys and values are computed beside it and laid
into it, padded on the left; who is done is taken out. A row's keys and values come from its own
adapter's content alone, from its first token to its last. One thread owns a `Decoder`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import torch
from transformers import DynamicCache

from services.language.loading import Base

LEAST_PREFIX = 32  # tokens of a common beginning that are worth keeping
TOP_K = 40

Rows = Callable[[Sequence[str]], AbstractContextManager[object]]


@dataclass(eq=False)
class Row:
    """One answer being written: its prompt, and the tokens so far.

    `prefix` counts the prompt's first tokens that others share (the system's part).
    """

    adapter: str
    prompt: list[int]
    max_tokens: int
    prefix: int = 0
    temperature: float = 0.0
    seed: int = 0
    tokens: list[int] = field(default_factory=list)
    stopped: bool = False
    _dice: torch.Generator | None = None

    @property
    def full(self) -> bool:
        """Whether it has all the tokens it may have."""
        return len(self.tokens) >= self.max_tokens

    def choose(self, logits: torch.Tensor) -> int:
        """The next token from its logits [vocabulary]: the likeliest, or by its own seeded dice."""
        if self.temperature <= 0:
            return int(logits.argmax())
        if self._dice is None:
            self._dice = torch.Generator().manual_seed(self.seed)
        best, where = logits.float().cpu().topk(min(TOP_K, logits.numel()))
        odds = torch.softmax(best / self.temperature, dim=-1)
        return int(where[torch.multinomial(odds, 1, generator=self._dice)])


@dataclass(frozen=True)
class _Kept:
    """Keys and values of some rows: a layer's are [rows, heads, tokens, width]; the mask
    [rows, tokens] is 1 where there is a token, 0 where there is padding."""

    layers: tuple[tuple[torch.Tensor, torch.Tensor], ...]
    mask: torch.Tensor

    @property
    def size_bytes(self) -> int:
        return sum(k.numel() * k.element_size() * 2 for k, _ in self.layers)

    def padded(self, length: int) -> _Kept:
        """The same with padding on the left up to `length` tokens."""
        more = length - self.mask.shape[1]
        if not more:
            return self
        pad = torch.nn.functional.pad
        layers = tuple((pad(k, (0, 0, more, 0)), pad(v, (0, 0, more, 0))) for k, v in self.layers)
        return _Kept(layers, pad(self.mask, (more, 0)))

    def only(self, rows: list[int]) -> _Kept:
        """Some of the rows, without the padding that all of them have."""
        index = torch.tensor(rows, device=self.mask.device)
        mask = self.mask[index]
        first = int(mask.any(0).int().argmax())
        layers = tuple((k[index, :, first:], v[index, :, first:]) for k, v in self.layers)
        return _Kept(layers, mask[:, first:])


def _joined(parts: Sequence[_Kept]) -> _Kept:
    """Rows of several under each other, their last tokens in line."""
    if len(parts) == 1:
        return parts[0]
    length = max(part.mask.shape[1] for part in parts)
    level = [part.padded(length) for part in parts]
    layers = tuple(
        (torch.cat([k for k, _ in each]), torch.cat([v for _, v in each]))
        for each in zip(*(part.layers for part in level), strict=True)
    )
    return _Kept(layers, torch.cat([part.mask for part in level]))


class Decoder:
    """The running batch. `rows` is the bank's binding of rows to adapters for a forward."""

    def __init__(self, base: Base, rows: Rows, *, prefix_bytes: int = 64 << 20) -> None:
        self._base = base
        self._bind = rows
        self._prefixes: OrderedDict[tuple[str, tuple[int, ...]], _Kept] = OrderedDict()
        self._prefix_bytes = prefix_bytes
        self._kept: _Kept | None = None
        self.rows: list[Row] = []

    @torch.inference_mode()
    def admit(self, rows: Sequence[Row]) -> None:
        """Let rows join: each has its first token then."""
        if not rows:
            return
        with_prefix = [row for row in rows if row.prefix >= LEAST_PREFIX]
        others = [row for row in rows if row.prefix < LEAST_PREFIX]
        for group, past in ((others, None), (with_prefix, self._prefix(with_prefix))):
            if not group:
                continue
            prompts = [row.prompt[row.prefix if past else 0 :] for row in group]
            logits, kept = self._forward(prompts, [row.adapter for row in group], past)
            self._kept = kept if self._kept is None else _joined([self._kept, kept])
            self.rows += group
            self._take(group, logits)

    @torch.inference_mode()
    def step(self) -> None:
        """One more token for every row that goes on."""
        assert self._kept is not None
        logits, self._kept = self._forward(
            [row.tokens[-1:] for row in self.rows], [row.adapter for row in self.rows], self._kept
        )
        self._take(self.rows, logits)

    def leave(self, gone: Callable[[Row], bool]) -> list[Row]:
        """Take rows out of the batch; the others go on."""
        out = [row for row in self.rows if gone(row)]
        if not out:
            return out
        stay = [index for index, row in enumerate(self.rows) if row not in out]
        self.rows = [self.rows[index] for index in stay]
        self._kept = self._kept.only(stay) if self._kept is not None and stay else None
        return out

    def clear(self) -> list[Row]:
        """Forget every row, as after a forward that failed."""
        rows, self.rows, self._kept = self.rows, [], None
        self._prefixes.clear()
        return rows

    @torch.inference_mode()
    def logits(self, prompt: list[int], adapter: str) -> torch.Tensor:
        """The next token's logits [vocabulary] after a prompt with an adapter; for trying an adapter."""
        return self._forward([prompt], [adapter], None)[0][0].float().cpu()

    def _take(self, rows: Sequence[Row], logits: torch.Tensor) -> None:
        greedy = logits.argmax(-1).tolist()
        for row, token, own in zip(rows, greedy, logits, strict=True):
            chosen = token if row.temperature <= 0 else row.choose(own)
            row.stopped = chosen in self._base.stops
            if not row.stopped:
                row.tokens.append(chosen)

    def _prefix(self, rows: Sequence[Row]) -> _Kept | None:
        """The kept beginnings of these rows; those never seen with that adapter are computed."""
        if not rows:
            return None
        keys = [(row.adapter, tuple(row.prompt[: row.prefix])) for row in rows]
        found = {key: self._prefixes[key] for key in keys if key in self._prefixes}
        new = [key for key in dict.fromkeys(keys) if key not in found]
        if new:
            _, kept = self._forward([list(tokens) for _, tokens in new], [sha for sha, _ in new], None)
            found |= {key: kept.only([index]) for index, key in enumerate(new)}
        for key, one in found.items():
            self._prefixes[key] = one
            self._prefixes.move_to_end(key)
        while sum(one.size_bytes for one in self._prefixes.values()) > self._prefix_bytes:
            self._prefixes.popitem(last=False)
        return _joined([found[key] for key in keys])

    def _forward(
        self, tokens: list[list[int]], adapters: list[str], past: _Kept | None
    ) -> tuple[torch.Tensor, _Kept]:
        """The last token's logits [rows, vocabulary], and what is kept with these tokens added."""
        device = self._base.device
        length = max(map(len, tokens))
        ids = torch.zeros(len(tokens), length, dtype=torch.long)
        mask = torch.zeros(len(tokens), length, dtype=torch.long)
        for index, own in enumerate(tokens):
            ids[index, length - len(own) :] = torch.tensor(own)
            mask[index, length - len(own) :] = 1
        mask = mask.to(device)
        whole = mask if past is None else torch.cat([past.mask, mask], dim=1)
        positions = (whole.cumsum(1) - 1).clamp(min=0)[:, -length:]
        with self._bind(adapters):
            out = self._base.model(
                input_ids=ids.to(device),
                attention_mask=whole,
                position_ids=positions,
                past_key_values=DynamicCache(past.layers) if past is not None else DynamicCache(),
                use_cache=True,
                logits_to_keep=1,
            )
        layers = tuple((layer.keys, layer.values) for layer in out.past_key_values.layers)
        return out.logits[:, -1], _Kept(layers, whole)
