"""Checks of a recipe across its keys, and of the files it names: data, parent, consent. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from services.lora.card import CardProblems, read_card, read_consent
from services.lora.plain import read_plain
from services.training.language_rows import is_rows
from services.training.pictures import check_album
from services.training.recipe_base import SAMPLES, sample_files
from services.training.recipe_fields import Kind, place
from services.training.recipe_paths import exists
from services.training.recipe_problems import Findings
from services.training.recipe_yaml import MAX_BYTES
from services.training.samples import check_samples, text_of

OF_ONE_KIND: dict[str, Kind] = {
    **dict.fromkeys(
        ("metadata_path", "tokenizer", "train_text_encoder", "resolution", "caption_dropout", "min_snr_gamma",
         "noise_offset", "export"),
        "visual",
    ),
    **dict.fromkeys(("train_data", "validation_data", "max_length", "way"), "language"),
}  # fmt: skip
RESERVED_VERSIONS = frozenset(
    {"promoted", "retired"}
)  # the library's own files and settings bear these names
NAMES = {"language": ("语言", "a language"), "visual": ("图像", "a visual")}


def check_keys(kind: Kind, values: Mapping[str, Any], findings: Findings) -> None:
    """Note the keys that say nothing to this kind."""
    for key, owner in OF_ONE_KIND.items():
        if owner != kind and values.get(key) not in (None, [], ()):
            findings.note(
                key,
                f"只用于{NAMES[owner][0]}适配器（kind: {owner}），请删掉这一行",
                f"belongs to {NAMES[owner][1]} adapter (kind: {owner}); take it out",
            )


def with_data(kind: Kind, values: Mapping[str, Any], findings: Findings) -> dict[str, Any]:
    """The keys with the data that a folder stands for, checked; what is wrong is noted."""
    out = dict(values)
    if kind == "visual":
        _pictures(out, findings)
    else:
        _samples(out, findings)
    return out


def with_parent(kind: Kind, values: Mapping[str, Any], findings: Findings) -> dict[str, Any]:
    """The keys with the rank and alpha of the adapter that the run continues from, where it names none."""
    out, folder = dict(values), values.get("init_from")
    if not isinstance(folder, Path) or not exists(folder):
        return out
    if folder.is_file():
        findings.note(
            "init_from", "要写适配器的目录（里面有 adapter.yaml）", "must be an adapter's folder, with its adapter.yaml"
        )  # fmt: skip
        return out
    try:
        card = read_card(folder)
    except CardProblems as error:
        for problem in error.problems:
            findings.note("init_from", "适配器的卡片不能用", problem)
        return out
    if card.kind != kind:
        findings.note(
            "init_from", f"这是 {card.kind} 适配器，本次是 {kind}", f"is a {card.kind} adapter, not {kind}"
        )
        return out
    out.setdefault("lora_alpha", card.alpha)
    if out.setdefault("lora_rank", card.rank) != card.rank:
        findings.note(
            "lora_rank",
            f"init_from 的适配器秩是 {card.rank}，请删掉这一行或改成 {card.rank}",
            f"the adapter of init_from has rank {card.rank}; take the line out or write {card.rank}",
        )
    return out


def with_consent(values: Mapping[str, Any], findings: Findings) -> dict[str, Any]:
    """The keys with the persona's own consent where the output lies in a library that has it; it is read."""
    out, output = dict(values), values.get("output_dir")
    if "consent" not in out and isinstance(output, Path) and output.parent.name in NAMES:
        file = output.parent.parent / "consent.yaml"
        if exists(file):
            out["consent"] = file
    consent = out.get("consent")
    if not isinstance(consent, Path) or not exists(consent):
        return out
    try:
        read_consent(consent)
    except CardProblems as error:
        for problem in error.problems:
            findings.note("consent", "授权文件不能用", problem)
    return out


def with_prompts(values: Mapping[str, Any], findings: Findings) -> dict[str, Any]:
    """The keys with the lines of the text file that `sample_prompts` may name, sd-scripts' options cut off."""
    file = values.get("sample_prompts")
    if not isinstance(file, Path) or not exists(file):
        return dict(values)
    try:
        text = text_of(read_plain(file, max_bytes=MAX_BYTES))
    except (OSError, ValueError) as error:
        told = getattr(error, "strerror", None) or str(error)
        findings.note("sample_prompts", "文件读不了，请检查", f"cannot be read ({told}); check the file")
        return dict(values)
    prompts = [line.split(" --")[0].strip() for line in text.splitlines() if not line.startswith("#")]
    return dict(values) | {"sample_prompts": [one for one in prompts if one]}


def check_output(values: Mapping[str, Any], findings: Findings) -> None:
    """Note a reserved version; an output folder that is a file, or lies in the data, which is never written to."""
    output, data = values.get("output_dir"), values.get("train_data_dir")
    version = values.get("version")
    if version is None and isinstance(output, Path):
        version = place(output)[1]
    if str(version).casefold().removesuffix(".yaml") in RESERVED_VERSIONS:
        findings.note(
            "version" if "version" in findings.given else "output_dir",
            f"{version} 是适配器库自己用的名字，请换一个版本号，例如 2",
            f"{version} is a name that the library keeps for itself; name another version, such as 2",
        )
    if not isinstance(output, Path):
        return
    if exists(output) and not output.is_dir():
        findings.note("output_dir", "这是一个文件，请写新目录", "is a file; name a new folder")
    if isinstance(data, Path) and (output == data or data in output.parents):
        findings.note(
            "output_dir",
            "不能写在训练数据的目录里，请换一个目录",
            "lies in the training data's folder, which is never written to; name another",
        )


def _pictures(out: dict[str, Any], findings: Findings) -> None:
    folder: Path | None = out.get("train_data_dir")
    metadata: Path | None = out.get("metadata_path")
    if folder is None and metadata is None:
        if "train_data_dir" not in findings.given:
            findings.note("train_data_dir", "缺少图片目录，请补上", "is missing; name the pictures' folder")
        return
    if folder is None and metadata is not None:
        folder = out["train_data_dir"] = metadata.parent
    if folder is None or not exists(folder) or (metadata is not None and not exists(metadata)):
        return  # already noted
    if not folder.is_dir():
        findings.note("train_data_dir", "要写图片所在的目录", "must be the pictures' folder")
        return
    words = out.get("trigger_words") or ()
    words = [words] if isinstance(words, str) else words
    if not all(isinstance(word, str) for word in words):
        return  # the fields' own check says it
    for problem in check_album(folder, metadata, tuple(words)):
        findings.say(problem)


def _samples(out: dict[str, Any], findings: Findings) -> None:
    folder = out.get("train_data_dir")
    files: list[Path] = list(out.get("train_data") or ())
    if isinstance(folder, Path) and exists(folder):
        inside = sample_files(folder) if folder.is_dir() else [folder]
        if not inside:
            findings.note(
                "train_data_dir",
                "目录里没有 .jsonl 样本；先用 livehost dataset build 生成",
                "holds no .jsonl samples; make them with `livehost dataset build`",
            )
        files += [one for one in inside if one not in files]
    if not files and "train_data" not in findings.given and "train_data_dir" not in findings.given:
        findings.note("train_data", "缺少样本文件，请补上", "is missing; name the sample files")
    out["train_data"] = files
    for key in ("train_data", "validation_data"):
        good = []
        for file in out.get(key) or ():
            if not exists(file):
                continue  # already noted
            if file.name.endswith(SAMPLES) and file.is_file():
                good += [] if is_rows(file) else [file]  # generated rows are read with their way
                continue
            name = "train_data_dir" if file == folder else key
            findings.note(
                name,
                f"{file.name} 不是 .jsonl 样本；先用 livehost dataset build 生成",
                f"{file.name} is no .jsonl file of samples; make one with `livehost dataset build`",
            )
        for problem in check_samples(good) if good else ():
            findings.say(problem)
