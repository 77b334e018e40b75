"""The embedded base's tokenizer: one token a character, bytes for any other character.

Sales talk is full of names that no text has seen; a character a token lets a small model copy them.
The vocabulary: marks (`<|user|>`, …), the 256 bytes, ASCII, the punctuation and units of shop talk
and the characters of GB 2312. Anything else is written as its UTF-8 bytes, so nothing is lost.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

PAD, END, USER, ASSISTANT = "<|pad|>", "<|end|>", "<|user|>", "<|assistant|>"
MARKS = (PAD, END, USER, ASSISTANT)
MAX_LENGTH = 1024
_PUNCTUATION = (
    "\n 、。，．：；？！…—～·“”‘’（）《》〈〉【】「」『』〔〕￥¥％℃×÷±≤≥≈°′″①②③④⑤⑥⑦⑧⑨⑩→←↑↓★☆●○■□◆"
    "０１２３４５６７８９ＡＢＣ＋－＝／＃＆＠αβγδμΩ㎡㎝㎏™®©–•々"
)
_MORE = "呐嘞咯哒嗯喔噢欸诶囤镊膻霾啫喱苷羧酰烯酮醛醚酯唑嘌呤蔘昇喆堃淼垚囧怼瞅甭嘚瑟嗨飚"
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'user' %}<|user|>{{ message['content'] }}"
    "{% elif message['role'] == 'assistant' %}<|assistant|>{{ message['content'] }}<|end|>{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


@cache
def vocabulary() -> dict[str, int]:
    """Every token with its number; the same on every machine."""
    characters = [chr(c) for c in range(0x20, 0x7F)] + list(_PUNCTUATION)
    for row in range(0xB0, 0xF8):
        for cell in range(0xA1, 0xFF):
            try:
                characters.append(bytes((row, cell)).decode("gb2312"))
            except UnicodeDecodeError:
                continue
    characters += list(_MORE)
    tokens = [*MARKS, *(f"<0x{b:02X}>" for b in range(256)), *characters]
    return {token: number for number, token in enumerate(dict.fromkeys(tokens))}


def encode(text: str) -> list[int]:
    """The numbers of a plain text's tokens, as the saved tokenizer gives them."""
    table = vocabulary()
    out: list[int] = []
    for char in text:
        number = table.get(char)
        if number is not None:
            out.append(number)
        else:
            out += [table[f"<0x{b:02X}>"] for b in char.encode("utf-8", "replace")]
    return out


def encode_prompt(user: str) -> list[int]:
    """The numbers of a prompt with its marks, as the chat template renders it."""
    table = vocabulary()
    return [table[USER], *encode(user), table[ASSISTANT]]


def write_tokenizer(folder: Path) -> None:
    """Write `tokenizer.json` and its settings into a model's folder."""
    from tokenizers import AddedToken, Tokenizer, decoders, models

    tokenizer = Tokenizer(models.BPE(vocab=vocabulary(), merges=[], byte_fallback=True, fuse_unk=False))
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.add_special_tokens([AddedToken(mark, special=True, normalized=False) for mark in MARKS])
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": MAX_LENGTH,
        "pad_token": PAD,
        "eos_token": END,
        "padding_side": "left",
        "clean_up_tokenization_spaces": False,
        "model_input_names": ["input_ids", "attention_mask"],
        "chat_template": CHAT_TEMPLATE,
    }
    (folder / "tokenizer_config.json").write_text(
        json.dumps(settings, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
    )
