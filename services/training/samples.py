"""Samples: what a language adapter is trained and judged on, one JSON object a line.

The format is livehost's own; three chat formats of the field are read too (ChatML `messages`,
alpaca `instruction/input/output`, ShareGPT `conversations`). Prompts are made when they are needed,
from `services.language.prompt`, so that a file outlives a change of the prompt. No torch here.

SampleProblems   the files cannot be used; holds every problem, each with file and line
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from services.language.prompt import answer_prompt, script_prompt

Kind = Literal["answer", "script", "chat"]
Source = Literal["lines", "qa", "journal", "correction"]
Message = tuple[str, str]  # role (system | user | assistant) and content

KINDS: tuple[Kind, ...] = ("answer", "script", "chat")
SOURCES: tuple[Source, ...] = ("lines", "qa", "journal", "correction")
MAX_FILE_BYTES = 1 << 30
MAX_LINE_CHARS = 64_000
MAX_CORE_CHARS = 600  # what `services.language.prompt` puts into a prompt
MAX_TARGET_CHARS = 4_000
MAX_PROBLEMS = 50
_CONTROL = re.compile(
    r"<[|｜][^|｜<>\n]{1,40}[|｜]>|\[/?INST\]|<</?SYS>>|</?s>|<(?:start|end)_of_turn>|</?(?:think|tool_call|tool_response)>"
    r"|^[\s#*]*(?:system|user|assistant|human|系统|用户|助手|答)\s*[:：]|\n\s*问\s*[:：]",
    re.IGNORECASE | re.MULTILINE,
)
_ROLES = {"system": "system", "user": "user", "human": "user", "assistant": "assistant", "gpt": "assistant"}
_KEYS = frozenset({"id", "kind", "question", "core", "target", "facts", "weight", "source", "messages"})


class SampleProblems(Exception):
    """Sample files cannot be used; `problems` has a sentence for each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class SampleFact:
    """A fact that a target rests on: the product's id, the catalogue's field, the value as it is said."""

    product: str
    field: str
    value: str


@dataclass(frozen=True)
class Sample:
    """One thing to say: `core` is what is said in plain words, `target` the same in the persona's way.

    An `answer` has a viewer's question, a `script` none; a `chat` has `messages` up to the answer in
    place of both, and the last user message as its core. `weight` scales its loss.
    """

    id: str
    kind: Kind
    question: str | None
    core: str
    target: str
    facts: tuple[SampleFact, ...] = ()
    weight: float = 1.0
    source: Source = "qa"
    messages: tuple[Message, ...] = ()

    @property
    def prompt(self) -> tuple[Message, ...]:
        """The messages that the model is given: roles and contents, the answer left out."""
        if self.messages:
            return self.messages
        system, user = (
            script_prompt(self.core) if self.question is None else answer_prompt(self.question, self.core)
        )
        return (("system", system), ("user", user)) if system else (("user", user),)

    @property
    def group(self) -> str:
        """What a validation split keeps together: samples of one core, or of one conversation."""
        if self.messages:
            return f"{self.messages[0]}{next((c for r, c in self.messages if r == 'user'), '')}"
        return "".join(c for c in self.core if c.isalnum())


def sample_row(sample: Sample) -> dict[str, Any]:
    """A sample as the JSON object of its line."""
    row: dict[str, Any] = {
        "id": sample.id,
        "kind": sample.kind,
        "question": sample.question,
        "core": sample.core,
        "target": sample.target,
        "facts": [{"product": f.product, "field": f.field, "value": f.value} for f in sample.facts],
        "weight": sample.weight,
        "source": sample.source,
    }
    if sample.messages:
        row["messages"] = [{"role": role, "content": content} for role, content in sample.messages]
    return row


def write_samples(path: Path, samples: Iterable[Sample]) -> int:
    """Write a sample file whole, `.jsonl` or `.jsonl.gz`; returns how many rows it has."""
    lines = [json.dumps(sample_row(sample), ensure_ascii=False) for sample in samples]
    data = "".join(line + "\n" for line in lines).encode("utf-8")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return len(lines)


def control_marks(text: str) -> bool:
    """Whether a text holds marks of a chat template (ChatML, Llama, Gemma) or a line with a role's name."""
    return bool(_CONTROL.search(text))


def check_samples(files: Sequence[Path]) -> list[str]:
    """Everything that is wrong with sample files, each with file and line; at most some fifty sentences."""
    return _read(files)[1]


def read_samples(files: Sequence[Path]) -> list[Sample]:
    """The samples of some files, in their order.

    Raises:
        SampleProblems: with everything that is wrong with them.
    """
    samples, problems = _read(files)
    if problems:
        raise SampleProblems(problems)
    return samples


def samples_sha256(samples: Iterable[Sample]) -> str:
    """A digest of what samples say; the same for the same rows in any file."""
    digest = hashlib.sha256()
    for sample in samples:
        digest.update(json.dumps(sample_row(sample), ensure_ascii=False, sort_keys=True).encode())
    return digest.hexdigest()


def text_of(data: bytes) -> str:
    """A file's bytes as text: UTF-8 with or without a byte-order mark, UTF-16 with one, else GB 18030.

    Raises:
        UnicodeDecodeError: when it is none of them.
    """
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("gb18030")


def _read(files: Sequence[Path]) -> tuple[list[Sample], list[str]]:
    samples: list[Sample] = []
    problems: list[str] = []
    left_out = 0
    for path in files:
        for found in _file(path):
            if isinstance(found, Sample):
                samples.append(found)
            elif len(problems) < MAX_PROBLEMS:
                problems.append(found)
            else:
                left_out += 1
    if left_out:
        problems.append(f"另有 {left_out} 处同类问题未列出 / {left_out} more problems are not listed")
    if not files:
        problems.append("没有样本文件 / no sample files are named; name train_data")
    elif not samples and not problems:
        names = ", ".join(str(path) for path in files)
        problems.append(f"{names}：没有一条样本 / holds no samples; put one JSON object on each line")
    return samples, problems


def _file(path: Path) -> Iterator[Sample | str]:
    """A file's samples and problems, in its order."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            yield f"{path}：文件超过 1 GB，请拆成几个 / is over 1 GB; split it"
            return
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = _unpacked(data)
        text = text_of(data)
    except UnicodeDecodeError:
        yield f"{path}：编码不是 UTF-8 或 GB18030，请另存为 UTF-8 / is neither UTF-8 nor GB 18030; save it as UTF-8"
        return
    except (OSError, EOFError, zlib.error) as error:
        why = getattr(error, "strerror", None) or error
        yield f"{path}：读不了（{why}） / cannot be read ({why}); mend the path or the file"
        return
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            yield from samples_of_line(line, number)
        except ValueError as error:
            yield f"{path}:{number}：{error}"


def _unpacked(data: bytes) -> bytes:
    """Gzip's content, no more than the allowed size (a small file may unpack to terabytes)."""
    unpacker = zlib.decompressobj(wbits=31)
    text = unpacker.decompress(data, MAX_FILE_BYTES)
    if not unpacker.eof:
        raise EOFError("the gzip file is cut off or unpacks to more than 1 GB")
    return text


def samples_of_line(line: str, number: int) -> Iterator[Sample]:
    """The samples of one line; a conversation gives one for each of its answers.

    Raises:
        ValueError: with what is wrong and the mend.
    """
    if len(line) > MAX_LINE_CHARS:
        raise ValueError(
            f"一行有 {len(line)} 个字，最多 {MAX_LINE_CHARS} / "
            f"the line has {len(line)} characters, at most {MAX_LINE_CHARS}; is a line break missing?"
        )
    if "\0" in line or "\\u0000" in line:
        raise ValueError("含有 NUL 字符，文件可能已损坏 / holds NUL characters; the file may be damaged")
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        why = error.msg if isinstance(error, json.JSONDecodeError) else type(error).__name__
        raise ValueError(f"不是 JSON / is not JSON ({why}); put one JSON object on each line") from error
    if not isinstance(row, dict):
        raise ValueError('不是 JSON 对象 / is no JSON object; write {"question": …, "core": …, "target": …}')
    if "core" in row or "target" in row:
        yield _own(row, number)
    elif "messages" in row:
        yield from _chat(_turns(row["messages"], "role", "content"), row, number)
    elif "conversations" in row:
        turns = _turns(row["conversations"], "from", "value")
        if row.get("system"):
            turns = [("system", str(row["system"])), *turns]
        yield from _chat(turns, row, number)
    elif "instruction" in row:
        yield from _chat(_alpaca(row), row, number)
    else:
        raise ValueError(
            "没有 core 和 target，也不是 messages、conversations 或 instruction 格式 / "
            "has neither core and target nor messages, conversations or instruction"
        )


def _own(row: dict[str, Any], number: int) -> Sample:
    unknown = sorted(set(row) - _KEYS)
    if unknown:
        raise ValueError(f"不认识的字段 {', '.join(unknown)} / unknown keys; take them out or correct them")
    question = row.get("question")
    if question is not None and not isinstance(question, str):
        raise ValueError("question 应是文字或 null / question must be text or null")
    question = question.strip() if question else None
    kind = row.get("kind", "answer" if question else "script")
    if kind not in KINDS:
        raise ValueError(f"kind 是 {kind!r}，应是 answer 或 script / kind must be answer or script")
    if (kind == "answer") != bool(question) and kind != "chat":
        raise ValueError(
            "answer 要有 question，script 不能有 / an answer needs a question, a script has none"
        )
    messages = _turns(row["messages"], "role", "content") if kind == "chat" and row.get("messages") else []
    if kind == "chat" and (not messages or messages[-1][0] != "user"):
        raise ValueError("chat 的 messages 要以 user 结尾 / a chat's messages must end with the user's")
    return Sample(
        id=str(row.get("id") or f"r{number}"),
        kind=kind,
        question=question if kind == "answer" else None,
        core=_text(row, "core", MAX_LINE_CHARS if kind == "chat" else MAX_CORE_CHARS),
        target=_text(row, "target", MAX_TARGET_CHARS),
        facts=_facts(row.get("facts") or ()),
        weight=_weight(row.get("weight", 1.0)),
        source=_source(row.get("source", "qa")),
        messages=tuple(messages),
    )


def _text(row: dict[str, Any], key: str, most: int) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{key} 是空的 / {key} is empty; write what is said")
    if len(value) > most:
        raise ValueError(
            f"{key} 有 {len(value)} 个字，最多 {most} / {key} is too long, at most {most}; split it"
        )
    return value.strip()


def _weight(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 100:
        raise ValueError(f"weight 是 {value!r}，应在 0 到 100 之间 / weight must be over 0 and at most 100")
    return float(value)


def _source(value: Any) -> Source:
    if value not in SOURCES:
        raise ValueError(f"source 是 {value!r}，应是 {'、'.join(SOURCES)} 之一 / source must be one of them")
    return cast(Source, value)


def _facts(rows: Any) -> tuple[SampleFact, ...]:
    keys = {"product", "field", "value"}
    if not isinstance(rows, list | tuple) or not all(isinstance(r, dict) and keys <= set(r) for r in rows):
        raise ValueError("facts 应是 {product, field, value} 的列表 / facts must be a list of them")
    return tuple(SampleFact(str(r["product"]), str(r["field"]), str(r["value"])) for r in rows)


def _turns(rows: Any, role_key: str, content_key: str) -> list[Message]:
    if not isinstance(rows, list) or not rows:
        raise ValueError("对话是空的 / the conversation is empty")
    turns = []
    for row in rows:
        role = _ROLES.get(str(row.get(role_key))) if isinstance(row, dict) else None
        content = row.get(content_key) if isinstance(row, dict) else None
        if role is None:
            raise ValueError(
                f"对话里每句要有 {role_key}（{'、'.join(_ROLES)}） / every turn needs a known {role_key}"
            )
        if not isinstance(content, str) or not content.strip():
            raise ValueError(f"对话里有一句是空的 / a turn's {content_key} is empty")
        turns.append((role, content.strip()))
    return turns


def _alpaca(row: dict[str, Any]) -> list[Message]:
    told = [str(row[key]).strip() for key in ("instruction", "input") if row.get(key)]
    turns: list[Message] = [("system", str(row["system"]))] if row.get("system") else []
    for pair in row.get("history") or ():
        if not isinstance(pair, list) or len(pair) != 2:
            raise ValueError("history 应是 [问, 答] 的列表 / history must be a list of [question, answer]")
        turns += [("user", str(pair[0])), ("assistant", str(pair[1]))]
    return [*turns, ("user", "\n".join(told)), ("assistant", str(row.get("output") or ""))]


def _chat(turns: list[Message], row: dict[str, Any], number: int) -> Iterator[Sample]:
    """A sample for each answer of a conversation, what went before it as the prompt."""
    places = [at for at, (role, _) in enumerate(turns) if role == "assistant"]
    if not places:
        raise ValueError("对话里没有 assistant 的回答 / the conversation has no answer")
    for at in places:
        if at == 0 or turns[at - 1][0] != "user":
            raise ValueError("每个回答前要有 user 的话 / every answer must follow the user's words")
        core = turns[at - 1][1]
        target = _text({"target": turns[at][1]}, "target", MAX_TARGET_CHARS)
        if not core.strip():
            raise ValueError("问话是空的 / the user's words are empty")
        name = str(row.get("id") or f"r{number}")
        yield Sample(
            id=name if len(places) == 1 else f"{name}.{places.index(at) + 1}",
            kind="chat",
            question=None,
            core=core,
            target=target,
            weight=_weight(row.get("weight", 1.0)),
            source=_source(row.get("source", "qa")),
            messages=tuple(turns[:at]),
        )
