"""Samples as token numbers: the prompt as the engine renders it, the answer with its end mark.

Prompt and answer are tokenised apart, because the engine starts to generate from the prompt's own
tokens; a text tokenised as a whole may join characters across that border. Only the template writes
control tokens: where a sample's own words spell one, it is tokenised character by character.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from services.language.loading import Base
from services.training.faults import TrainingFailed
from services.training.samples import Message, Sample

_OPEN, _CLOSE = "\ue0f0", "\ue0f1"  # of private use: around a control token that is only spelled out
_SPELLED = re.compile(f"{_OPEN}([0-9]+){_CLOSE}")


@dataclass(frozen=True)
class Tokens:
    """A sample's token numbers; those from `start` on are the answer's, which alone are learned."""

    ids: tuple[int, ...]
    start: int
    weight: float

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def answer(self) -> int:
        """How many tokens are learned."""
        return len(self.ids) - self.start


def prompt_tokens(base: Base, messages: Sequence[Message]) -> list[int]:
    """The tokens from which an answer is generated.

    Raises:
        TrainingFailed: the base's chat template does not take these messages.
    """
    return _numbers(base, _rendered(base, messages, answer=None))


def tokenised(base: Base, sample: Sample) -> Tokens:
    """A sample's tokens: the prompt, the answer, and the first mark after it that ends an answer.

    Raises:
        TrainingFailed: the base's chat template does not take the sample.
    """
    before = _rendered(base, sample.prompt, answer=None)
    whole = _rendered(base, sample.prompt, answer=sample.target)
    # A template may write an earlier answer otherwise than the last; then the words stand alone.
    after = whole[len(before) :] if whole.startswith(before) else _spelled(base, sample.target)
    prompt, answer = _numbers(base, before), _numbers(base, after)
    ends = [at for at, number in enumerate(answer) if number in base.stops]
    answer = answer[: ends[0] + 1] if ends else [*answer, _end(base)]
    return Tokens((*prompt, *answer), len(prompt), sample.weight)


def _rendered(base: Base, messages: Sequence[Message], *, answer: str | None) -> str:
    turns = [{"role": role, "content": _spelled(base, content)} for role, content in messages]
    if answer is not None:
        turns.append({"role": "assistant", "content": _spelled(base, answer)})
    try:
        return str(
            base.tokenizer.apply_chat_template(
                turns, tokenize=False, add_generation_prompt=answer is None, enable_thinking=False
            )
        )
    except Exception as error:  # a template is a program of the base's maker and raises what it likes
        raise TrainingFailed(
            f"底座的对话模板不接受这些消息（{error}） / the base's chat template refuses the messages ({error})",
            "换一个支持 system 和 user 角色的指令底座 / use an instruct base that takes system and user roles",
        ) from error


def _numbers(base: Base, text: str) -> list[int]:
    numbers: list[int] = []
    for at, piece in enumerate(_SPELLED.split(text)):  # every other piece names a control token
        parts = _controls(base)[int(piece)] if at % 2 else [piece] if piece else []
        for part in parts:
            numbers += base.tokenizer(part, add_special_tokens=False)["input_ids"]
    return numbers


def _spelled(base: Base, text: str) -> str:
    """A sample's words, with each control token that they spell put as its place in the list of them."""
    text = text.replace(_OPEN, "").replace(_CLOSE, "")
    controls = _controls(base)
    places = {token: at for at, token in enumerate(controls)}
    found = re.compile("|".join(re.escape(token) for token in sorted(controls, key=len, reverse=True)))
    return found.sub(lambda match: f"{_OPEN}{places[match[0]]}{_CLOSE}", text) if controls else text


def _controls(base: Base) -> list[str]:
    """Every text that the tokenizer takes for one control token."""
    added = {str(token.content) for token in base.tokenizer.added_tokens_decoder.values()}
    return sorted(token for token in added | set(base.tokenizer.all_special_tokens) if len(token) > 1)


def _end(base: Base) -> int:
    if not base.stops:
        raise TrainingFailed(
            "底座没有结束符 / the base names no token that ends an answer",
            "在 generation_config.json 写明 eos_token_id / name eos_token_id in generation_config.json",
        )
    return min(base.stops)
