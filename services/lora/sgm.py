"""The names that SDXL's first code (sgm) gave a UNet's layers, which kohya's files for SDXL still use."""

from __future__ import annotations

import re
from collections.abc import Iterable

_RESNET = {
    "conv1": "in_layers.2",
    "conv2": "out_layers.3",
    "time_emb_proj": "emb_layers.1",
    "conv_shortcut": "skip_connection",
}
_ENDS = {
    "conv_in": "input_blocks.0.0",
    "conv_out": "out.2",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
}
_BLOCK = re.compile(
    r"(?P<side>down|up)_blocks\.(?P<block>\d+)\.(?P<part>resnets|attentions|downsamplers|upsamplers)"
    r"\.(?P<layer>\d+)\.(?P<rest>.+)"
)
_MIDDLE = re.compile(r"mid_block\.(?P<part>resnets|attentions)\.(?P<layer>\d+)\.(?P<rest>.+)")


def sgm_aliases(known: Iterable[str]) -> dict[str, str]:
    """sgm's name for each layer of a diffusers UNet that it has a name for, to the layer's full path."""
    names = tuple(known)
    unet = [(n, n.removeprefix("unet.")) for n in names if n.startswith("unet.") or "_block" in n]
    resnets = {
        m["layer"] for _, path in unet if (m := re.match(r"down_blocks\.0\.resnets\.(?P<layer>\d+)", path))
    }
    attended = {
        int(m["block"]) for _, path in unet if (m := _BLOCK.match(path)) and path.startswith("up_blocks")
        and m["part"] == "attentions"
    }  # fmt: skip
    aliases = {}
    for name, path in unet:
        if alias := _alias(path, layers=len(resnets), attended=attended):
            aliases[name.removesuffix(path) + alias] = name
    return aliases


def _alias(path: str, *, layers: int, attended: set[int]) -> str:
    """sgm's name of a layer, or nothing. `attended` are the up blocks that have attention."""
    if path in _ENDS:
        return _ENDS[path]
    if match := _MIDDLE.match(path):
        layer = int(match["layer"])
        at = 1 if match["part"] == "attentions" else 2 * layer
        return f"middle_block.{at}.{_inner(match['part'], match['rest'])}"
    if not (match := _BLOCK.match(path)):
        return ""
    side, block, part, layer = match["side"], int(match["block"]), match["part"], int(match["layer"])
    inner = _inner(part, match["rest"])
    if part == "downsamplers":
        return f"input_blocks.{(block + 1) * (layers + 1)}.0.op"
    if part == "upsamplers":
        at = 2 if block in attended else 1
        return f"output_blocks.{block * (layers + 1) + layers}.{at}.conv"
    first = block * (layers + 1) + layer + (1 if side == "down" else 0)
    blocks = "input_blocks" if side == "down" else "output_blocks"
    return f"{blocks}.{first}.{0 if part == 'resnets' else 1}.{inner}"


def _inner(part: str, rest: str) -> str:
    return _RESNET.get(rest, rest) if part == "resnets" else rest
