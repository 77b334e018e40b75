"""What is wrong with a recipe: every problem with its line, key, value and mend, Chinese first.

RecipeProblems   the recipe cannot be used; `problems` has a sentence for each
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from services.lora.plain import printable

MAX_TOLD = 100
MAX_VALUE_CHARS = 60

# What a key takes, where its type alone does not say it.
WANTED = {
    "persona": (
        "只用小写字母、数字、- 和 _，最多 48 个",
        "use small letters, digits, - and _, at most 48",
    ),
    "version": ("只用字母、数字、.、- 和 _，例如 1.2", "use letters, digits, ., - and _, such as 1.2"),
    "device": ("写 auto、cpu、cuda 或 cuda:0", "write auto, cpu, cuda or cuda:0"),
    "warmup": ("写步数（整数），或小于 1 的比例", "write a number of steps, or a share below 1"),
    "resume": ("写 auto、true 或 false", "write auto, true or false"),
    "resolution": (
        "写像素数，例如 768 或 [512, 768]，每边 8 到 4096",
        "write pixels such as 768 or [512, 768], 8 to 4096 a side",
    ),
}


class RecipeProblems(Exception):
    """A recipe cannot be used; `problems` has a sentence for each."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = [printable(problem) for problem in problems]
        super().__init__("; ".join(self.problems))


@dataclass
class Findings:
    """What has been found in one recipe so far, and where its keys stand."""

    file: Path
    places: Mapping[str, str] = field(default_factory=dict)
    given: Mapping[str, Any] = field(default_factory=dict)
    written: Mapping[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def note(self, key: str, zh: str, en: str) -> None:
        """One problem of a key, with the place, the name and the value that the recipe gives it."""
        name = self.written.get(key, key)
        value = f" = {shown(self.given[key])}" if key in self.given else ""
        self.say(f"{self.place(key)}: {name[:MAX_VALUE_CHARS]}{value}: {zh} / {en}")

    def say(self, sentence: str) -> None:
        """One problem as a whole sentence; the same is kept once."""
        if sentence not in self.problems:
            self.problems.append(sentence)

    def place(self, key: str) -> str:
        """`recipe.yaml:5`, `--set`, or the file alone where the key stands nowhere."""
        return self.places.get(key, str(self.file))

    def _line(self, sentence: str) -> float:
        """The line of the recipe that a sentence begins with; what has none comes last."""
        number = sentence.removeprefix(f"{self.file}:").partition(":")[0]
        return int(number) if number.isdigit() else math.inf

    def raise_any(self) -> None:
        """Raises RecipeProblems when anything was found; more than a hundred are counted, not told."""
        if not self.problems:
            return
        told = sorted(self.problems, key=self._line)[:MAX_TOLD]
        if more := len(self.problems) - MAX_TOLD:
            told += [f"{self.file}: 还有 {more} 处 / {more} more"] if more > 0 else []
        raise RecipeProblems(told)


def shown(value: Any) -> str:
    """A value as the recipe may have it, short."""
    text = value if isinstance(value, str) else str(value) if isinstance(value, Path) else repr(value)
    text = " ".join(text.split())
    return text if len(text) <= MAX_VALUE_CHARS else text[: MAX_VALUE_CHARS - 1] + "…"


def note_invalid(findings: Findings, error: ValidationError) -> None:
    """One problem for each key that a model refused."""
    for detail in error.errors(include_url=False, include_input=False):
        key = str(detail["loc"][0]) if detail["loc"] else ""
        if detail["type"] == "default_factory_not_called":
            continue  # what it would follow from is noted
        if detail["type"] == "missing" and key in findings.given:
            continue  # it was given, and noted as no such value
        if key in WANTED and detail["type"] != "missing":
            findings.note(key, *WANTED[key])
        else:
            findings.note(key, *_sentence(detail["type"], detail.get("ctx", {}), detail["msg"]))


def _sentence(kind: str, context: Mapping[str, Any], message: str) -> tuple[str, str]:
    match kind:
        case "missing":
            return "缺少这一项，请补上", "is missing; add it"
        case "int_parsing" | "int_type" | "int_from_float" | "int_parsing_size":
            return "要写整数", "must be a whole number"
        case "float_parsing" | "float_type" | "finite_number":
            return "要写数字，例如 2e-4", "must be a number, such as 2e-4"
        case "bool_parsing" | "bool_type":
            return "要写 true 或 false", "must be true or false"
        case "greater_than":
            return f"要大于 {context['gt']:g}", f"must be above {context['gt']:g}"
        case "greater_than_equal":
            return f"不能小于 {context['ge']:g}", f"must be at least {context['ge']:g}"
        case "less_than":
            return f"要小于 {context['lt']:g}", f"must be below {context['lt']:g}"
        case "less_than_equal":
            return f"不能大于 {context['le']:g}", f"must be at most {context['le']:g}"
        case "literal_error":
            wanted = str(context["expected"])
            return (
                f"只能是 {wanted.replace(' or ', '、').replace(', ', '、')}",
                f"must be {wanted}",
            )
        case "path_type" | "string_type":
            return "要写文字", "must be text"
        case _:
            return "不能这样写，请按说明改正", f"{message}; correct it"
