"""The embedded base's tokenizer: a token a Chinese character, a token a known English word, letters otherwise."""

from __future__ import annotations

import string
from collections.abc import Iterable

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

MAX_TOKENS = 77
PAD, BOS, UNK, EOS = "<pad>", "<s>", "<unk>", "</s>"


def common_characters() -> list[str]:
    """The 3755 Chinese characters of GB 2312's first level."""
    found = []
    for high in range(0xB0, 0xD8):
        for low in range(0xA1, 0xFF):
            try:
                found.append(bytes((high, low)).decode("gb2312"))
            except UnicodeDecodeError:
                continue
    return found


def build_tokenizer(words: Iterable[str]) -> PreTrainedTokenizerFast:
    """A tokenizer over the words of captions (English ones whole), all common characters and single letters."""
    marks = [PAD, BOS, UNK, EOS]
    singles = string.ascii_lowercase + string.digits
    tokens = marks + list(singles) + [f"##{one}" for one in singles] + list("，。、；：！？·,.;:!?-'\"()&/#")
    tokens += sorted({word.lower() for word in words if word.isascii()} - set(tokens))
    tokens += common_characters()
    tokens += sorted({c for word in words if not word.isascii() for c in word} - set(tokens))
    vocabulary = {token: index for index, token in enumerate(dict.fromkeys(tokens))}
    core = Tokenizer(models.WordPiece(vocabulary, unk_token=UNK, max_input_chars_per_word=24))
    core.normalizer = normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=True, strip_accents=True, lowercase=True
    )
    core.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    core.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A {EOS}", special_tokens=[(BOS, vocabulary[BOS]), (EOS, vocabulary[EOS])]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token=PAD,
        bos_token=BOS,
        unk_token=UNK,
        eos_token=EOS,
        model_max_length=MAX_TOKENS,
        padding_side="right",
        truncation_side="right",
    )
