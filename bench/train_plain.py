"""The yardstick of the training bench: LoRA as peft's, diffusers' and transformers' documentation shows it.

Pictures are read, encoded and noised in every step; captions are encoded in every step; texts are padded
to the batch's longest, in random order, and every token's odds are computed. Nothing is cached.
"""

from __future__ import annotations

import csv
import json
import random
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

from services.language.prompt import answer_prompt


def visual(told: dict[str, Any]) -> dict[str, float]:
    """LoRA on a UNet; gives samples, seconds of stepping and steps."""
    from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
    from peft import LoraConfig
    from transformers import CLIPTextModel, CLIPTokenizer

    base, device, dtype = Path(told["base"]), told["device"], getattr(torch, told["dtype"])
    torch.manual_seed(0)
    tokenizer = CLIPTokenizer.from_pretrained(base / "tokenizer")
    noises = DDPMScheduler.from_pretrained(base / "scheduler")
    text = CLIPTextModel.from_pretrained(base / "text_encoder", dtype=dtype).to(device).requires_grad_(False)
    vae = AutoencoderKL.from_pretrained(base / "vae", torch_dtype=dtype).to(device).requires_grad_(False)
    unet = (
        UNet2DConditionModel.from_pretrained(base / "unet", torch_dtype=dtype)
        .to(device)
        .requires_grad_(False)
    )
    config = LoraConfig(
        r=told["rank"], lora_alpha=told["rank"], init_lora_weights="gaussian", target_modules=told["targets"]
    )
    unet.add_adapter(config)
    if told["checkpointing"]:
        unet.enable_gradient_checkpointing()
    weights = [one for one in unet.parameters() if one.requires_grad]
    for one in weights:
        one.data = one.data.float()
    optimizer = torch.optim.AdamW(weights, lr=1e-4)
    with (Path(told["data"]) / "metadata.csv").open(encoding="utf-8") as file:
        rows = [(Path(told["data"]) / row["file_name"], row["text"]) for row in csv.DictReader(file)]
    unet.train()
    samples, begun = 0, time.perf_counter()
    for _ in range(told["epochs"]):
        random.shuffle(rows)
        for at in range(0, len(rows), told["batch"]):
            batch = rows[at : at + told["batch"]]
            pixels = torch.stack([_picture(file, told["side_px"]) for file, _ in batch]).to(device, dtype)
            tokens = tokenizer(
                [caption for _, caption in batch], max_length=tokenizer.model_max_length, padding="max_length",
                truncation=True, return_tensors="pt",
            ).input_ids  # fmt: skip
            latents = vae.encode(pixels).latent_dist.sample() * vae.config.scaling_factor
            noise = torch.randn_like(latents)
            times = torch.randint(0, noises.config.num_train_timesteps, (len(batch),), device=device).long()
            noisy = noises.add_noise(latents, noise, times)
            words = text(tokens.to(device), return_dict=False)[0]
            with torch.autocast(torch.device(device).type, dtype, enabled=dtype is not torch.float32):
                predicted = unet(noisy, times, words, return_dict=False)[0]
            loss = F.mse_loss(predicted.float(), noise.float())
            loss.backward()
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimizer.step()
            optimizer.zero_grad()
            float(loss)  # a curve needs it
            samples += len(batch)
    return {"samples": samples, "seconds": time.perf_counter() - begun}


def language(told: dict[str, Any]) -> dict[str, float]:
    """LoRA on a causal LM, the loss on answers only; gives samples and seconds of stepping."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    device, dtype = told["device"], getattr(torch, told["dtype"])
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(told["base"])
    base = AutoModelForCausalLM.from_pretrained(told["base"], dtype=dtype).to(device)
    config = LoraConfig(
        r=told["rank"], lora_alpha=told["rank"], target_modules=told["targets"], task_type="CAUSAL_LM"
    )
    model = get_peft_model(base, config)
    if told["checkpointing"]:
        base.gradient_checkpointing_enable()
        base.enable_input_require_grads()
    optimizer = torch.optim.AdamW([one for one in model.parameters() if one.requires_grad], lr=1e-4)
    rows = [json.loads(line) for line in Path(told["data"]).read_text(encoding="utf-8").splitlines()]
    model.train()
    samples, begun = 0, time.perf_counter()
    for _ in range(told["epochs"]):
        random.shuffle(rows)
        for at in range(0, len(rows), told["batch"]):
            ids, labels = _collated(tokenizer, rows[at : at + told["batch"]], device)
            with torch.autocast(torch.device(device).type, dtype, enabled=dtype is not torch.float32):
                loss = model(
                    input_ids=ids, attention_mask=(ids != tokenizer.pad_token_id).long(), labels=labels
                ).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            float(loss)
            samples += len(ids)
    return {"samples": samples, "seconds": time.perf_counter() - begun}


def _picture(file: Path, side_px: int) -> torch.Tensor:
    """A picture as [3, side, side], -1..1: the shorter side scaled, the centre cut out."""
    with Image.open(file) as opened:
        picture = opened.convert("RGB").resize((side_px, side_px), Image.Resampling.BILINEAR)
    return torch.from_numpy(np.asarray(picture, np.float32)).permute(2, 0, 1) / 127.5 - 1


def _collated(tokenizer: Any, rows: list[dict[str, Any]], device: str) -> tuple[torch.Tensor, torch.Tensor]:
    """A batch's tokens and labels [rows, longest]; what is no answer is labelled -100."""
    ids, labels = [], []
    for row in rows:
        system, user = answer_prompt(row["question"], row["core"])
        said = [{"role": "system", "content": system}, {"role": "user", "content": user}]
        asked = tokenizer.apply_chat_template(said, add_generation_prompt=True, tokenize=False)
        prompt = tokenizer(asked, add_special_tokens=False).input_ids
        answer = tokenizer(row["target"], add_special_tokens=False).input_ids + [tokenizer.eos_token_id]
        ids.append(prompt + answer)
        labels.append([-100] * len(prompt) + answer)
    longest = max(map(len, ids))
    pad = tokenizer.pad_token_id
    return (
        torch.tensor([one + [pad] * (longest - len(one)) for one in ids], device=device),
        torch.tensor([one + [-100] * (longest - len(one)) for one in labels], device=device),
    )
