"""The same switches by diffusers, transformers and peft, and their forwards: the reference."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from diffusers import StableDiffusionPipeline
from diffusers.utils import logging as diffusers_logging
from peft import PeftModel
from peft.utils.hotswap import hotswap_adapter, hotswap_adapter_from_state_dict
from safetensors.torch import load_file
from torch import nn

from bench.swap_subjects import Subject

Timed = Callable[[str, Callable[[], object]], None]


def run(
    subject: Subject, model: nn.Module, folders: list[Path], *, rounds: int, inputs: int, timed: Timed
) -> list[torch.Tensor]:
    """Time the libraries' switches on the model; return each adapter's outputs by peft."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        diffusers_logging.set_verbosity_error()
        outputs = _diffusers if subject.name == "unet" else _peft
        return list(outputs(subject, model, folders, rounds, inputs, timed))


def _diffusers(
    subject: Subject, model: nn.Module, folders: list[Path], rounds: int, inputs: int, timed: Timed
) -> Iterator[torch.Tensor]:
    pipeline = StableDiffusionPipeline(
        vae=None, text_encoder=None, tokenizer=None, unet=model, scheduler=None, safety_checker=None,
        feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip

    def load(number: int, name: str, *, hotswap: bool = False) -> None:
        pipeline.load_lora_weights(
            str(folders[number]), weight_name="adapter.safetensors", adapter_name=name, hotswap=hotswap
        )

    for number in range(len(folders)):
        timed("load_lora_weights, one more", lambda number=number: load(number, f"p{number}"))
    outputs: dict[int, torch.Tensor] = {}
    for round in range(max(rounds, len(folders))):  # a forward after each, as after ours
        number = round % len(folders)
        name = f"p{number}"
        timed("set_adapters", lambda name=name: pipeline.set_adapters(name))
        outputs[number] = subject.proof(model, inputs)
        timed("set_adapters on the UNet", lambda name=name: model.set_adapters(name))
        subject.check(model, 1)
        timed("set_adapter (peft)", lambda name=name: model.set_adapter(name))
        subject.check(model, 1)
    yield from (outputs[number] for number in range(len(folders)))
    model.delete_adapters([f"p{number}" for number in range(1, len(folders))])
    pipeline.set_adapters("p0")
    dicts = [
        {
            k.removeprefix("base_model.model.").replace(".weight", ".p0.weight"): v
            for k, v in load_file(folder / "adapter_model.safetensors").items()
        }
        for folder in folders
    ]
    for round in range(rounds):
        number = (round + 1) % len(folders)
        timed("load_lora_weights(hotswap=True)", lambda number=number: load(number, "p0", hotswap=True))
        timed("hotswap_adapter_from_state_dict", lambda number=number: _hotswap_dict(model, dicts[number]))


def _peft(
    subject: Subject, model: nn.Module, folders: list[Path], rounds: int, inputs: int, timed: Timed
) -> Iterator[torch.Tensor]:
    made = PeftModel.from_pretrained(model, str(folders[0]), adapter_name="p0", autocast_adapter_dtype=False)
    made.eval()
    for number in range(1, len(folders)):

        def load(number: int = number) -> None:
            made.load_adapter(str(folders[number]), adapter_name=f"p{number}", autocast_adapter_dtype=False)

        timed("load_adapter, one more", load)
    outputs: dict[int, torch.Tensor] = {}
    for round in range(max(rounds, len(folders))):  # a forward after each, as after ours
        number = round % len(folders)
        timed("set_adapter (peft)", lambda number=number: made.set_adapter(f"p{number}"))
        outputs[number] = subject.proof(made, inputs)
    yield from (outputs[number] for number in range(len(folders)))
    made.set_adapter("p0")
    for round in range(rounds):
        number = (round + 1) % len(folders)
        timed("hotswap_adapter", lambda number=number: _hotswap(made, folders[number], "p0"))


def _hotswap_dict(model: nn.Module, tensors: dict[str, torch.Tensor]) -> None:
    hotswap_adapter_from_state_dict(model, tensors, adapter_name="p0", config=model.peft_config["p0"])


def _hotswap(model: nn.Module, folder: Path, name: str) -> None:
    device = str(next(model.parameters()).device)
    hotswap_adapter(model, str(folder), adapter_name=name, torch_device=device)
