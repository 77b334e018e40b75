"""The CLIP tokenizer for a checkpoint that carries none, with no hub access.

Found in this order: the recipe's `tokenizer`, a folder `tokenizer/` beside the checkpoint, the byte-pair file that
the installed packages `clip` or `open_clip` carry (read as data; neither package is imported).
"""

from __future__ import annotations

import gzip
import importlib.util
import json
from pathlib import Path

from transformers import CLIPTokenizer

from services.training.faults import TrainingFailed

BPE_FILE = "bpe_simple_vocab_16e6.txt.gz"
PACKAGES = ("clip", "open_clip")
START, END = "<|startoftext|>", "<|endoftext|>"
SINGLES = 256
VOCABULARY = 49408  # single bytes, the same at a word's end, the merges, two marks
MAX_TOKENS = 77


def find_tokenizer(given: Path | None, beside: Path) -> CLIPTokenizer:
    """The CLIP tokenizer for a checkpoint in the folder `beside`.

    Raises:
        TrainingFailed: there is none, or it cannot be read.
    """
    for folder in filter(None, (given, beside / "tokenizer")):
        if folder == given or (folder / "vocab.json").is_file():
            return _from_folder(folder)
    for package in PACKAGES:
        if (file := _packaged(package)) is not None:
            return _from_bpe(file)
    raise TrainingFailed(
        "单文件底模不带 CLIP 分词器，这里也没有找到 / a single checkpoint carries no CLIP tokenizer and none is here",
        "在配方里写 tokenizer: 分词器文件夹（vocab.json 和 merges.txt），或安装 clip-anytorch / name a folder with "
        "vocab.json and merges.txt as `tokenizer` in the recipe, or install clip-anytorch",
    )


def _from_folder(folder: Path) -> CLIPTokenizer:
    """The tokenizer in a folder. transformers makes an empty one where there are no files, so they are looked for."""
    why = "no vocab.json and merges.txt, nor tokenizer.json"
    if (
        all((folder / one).is_file() for one in ("vocab.json", "merges.txt"))
        or (folder / "tokenizer.json").is_file()
    ):
        try:
            made: CLIPTokenizer = CLIPTokenizer.from_pretrained(
                str(folder), local_files_only=True, model_max_length=MAX_TOKENS
            )
            return made
        except Exception as error:  # its Rust part raises bare exceptions
            why = str(error)[:200]
    raise TrainingFailed(
        f"{folder} 里没有可用的 CLIP 分词器 / {folder} holds no CLIP tokenizer ({why})",
        "需要 vocab.json 和 merges.txt / it needs vocab.json and merges.txt",
    )


def _packaged(package: str) -> Path | None:
    """The byte-pair file of an installed package."""
    spec = importlib.util.find_spec(package)
    for place in (spec.submodule_search_locations or ()) if spec else ():
        if (file := Path(place) / BPE_FILE).is_file():
            return file
    return None


def _from_bpe(file: Path) -> CLIPTokenizer:
    """The tokenizer of CLIP's byte-pair file: a comment, then a merge a line, the best first."""
    lines = gzip.decompress(file.read_bytes()).decode("utf-8").splitlines()
    merges = lines[1 : VOCABULARY - 2 * SINGLES - 2 + 1]
    letters = _letters()
    words = [
        *letters,
        *(f"{one}</w>" for one in letters),
        *("".join(one.split()) for one in merges),
        START,
        END,
    ]
    vocabulary = {word: number for number, word in enumerate(words)}
    return CLIPTokenizer(
        vocab=vocabulary, merges=[tuple(one.split()) for one in merges], model_max_length=MAX_TOKENS
    )


def _letters() -> list[str]:
    """GPT-2's printable stand-ins for the 256 bytes: those that print as themselves first, then the rest."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return [chr(one) for one in plain] + [chr(SINGLES + at) for at in range(SINGLES - len(plain))]


def write_tokenizer(tokenizer: CLIPTokenizer, folder: Path) -> None:
    """Writes vocab.json, merges.txt and the settings, as diffusers' directories hold them.

    `save_pretrained` alone writes a single tokenizer.json, which `livehost check` accepts as well; the two plain
    files are what other programs read.
    """
    tokenizer.save_pretrained(str(folder))
    core = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]
    merges = [one if isinstance(one, str) else " ".join(one) for one in core["merges"]]
    (folder / "vocab.json").write_text(json.dumps(core["vocab"], ensure_ascii=False), encoding="utf-8")
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges, ""]), encoding="utf-8")
