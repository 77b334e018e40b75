"""The names that other trainers give to a recipe's keys, and those of theirs that have no place here."""

from __future__ import annotations

# sd-scripts and lora-scripts, then LLaMA-Factory, then what people write.
ALIASES = {
    "pretrained_model_name_or_path": "base_model",
    "network_dim": "lora_rank",
    "network_alpha": "lora_alpha",
    "network_dropout": "lora_dropout",
    "network_weights": "init_from",
    "train_batch_size": "batch_size",
    "max_train_epochs": "epochs",
    "max_train_steps": "steps",
    "unet_lr": "learning_rate",
    "optimizer_type": "optimizer",
    "lr_warmup_steps": "warmup",
    "gradient_accumulation_steps": "gradient_accumulation",
    "caption_dropout_rate": "caption_dropout",
    "sample_every_n_epochs": "sample_every",
    "save_every_n_epochs": "save_every",
    "save_every_n_steps": "save_every_steps",
    "max_data_loader_n_workers": "workers",
    "in_json": "metadata_path",
    "model_name_or_path": "base_model",
    "adapter_name_or_path": "init_from",
    "per_device_train_batch_size": "batch_size",
    "num_train_epochs": "epochs",
    "max_steps": "steps",
    "lr_scheduler_type": "lr_scheduler",
    "warmup_steps": "warmup",
    "warmup_ratio": "warmup",
    "cutoff_len": "max_length",
    "max_seq_length": "max_length",
    "val_size": "validation_share",
    "dataset": "train_data",
    "eval_dataset": "validation_data",
    "dataset_dir": "train_data_dir",
    "resume_from_checkpoint": "resume",
    "save_steps": "save_every_steps",
    "dataloader_num_workers": "workers",
    "preprocessing_num_workers": "workers",
    "rank": "lora_rank",
    "lora_r": "lora_rank",
    "r": "lora_rank",
    "alpha": "lora_alpha",
    "dropout": "lora_dropout",
    "lr": "learning_rate",
    "scheduler": "lr_scheduler",
    "base": "base_model",
    "model": "base_model",
    "data_dir": "train_data_dir",
    "train_dir": "train_data_dir",
    "metadata": "metadata_path",
    "captions": "metadata_path",
    "output": "output_dir",
    "batch": "batch_size",
    "num_epochs": "epochs",
    "max_epochs": "epochs",
    "trigger_word": "trigger_words",
    "trigger": "trigger_words",
    "clip_grad_norm": "max_grad_norm",
    "num_workers": "workers",
}

_ALWAYS = ("这里总是这样做，请删掉这一行", "is always done here; take the line out")
_NO_USE = ("这里没有这个选项，请删掉这一行", "is no choice here; take the line out")
_FIXED = (
    "训练哪些层由底座决定，请删掉这一行",
    "the base decides which layers are trained; take the line out",
)

NOT_HERE = {
    **dict.fromkeys(
        ("cache_latents", "cache_latents_to_disk", "cache_text_encoder_outputs", "enable_bucket", "plot_loss",
         "group_by_length"),
        _ALWAYS,
    ),
    **dict.fromkeys(
        ("model_train_type", "xformers", "sdpa", "mem_eff_attn", "lowram", "persistent_data_loader_workers",
         "logging_dir", "log_prefix", "log_with", "log_tracker_name", "logging_steps", "overwrite_output_dir",
         "overwrite_cache", "do_train", "stage", "finetuning_type", "prior_loss_weight", "reg_data_dir",
         "min_bucket_reso", "max_bucket_reso", "bucket_reso_steps", "bucket_no_upscale", "caption_extension",
         "keep_tokens", "shuffle_caption", "clip_skip", "flip_aug", "color_aug", "random_crop", "report_to",
         "ddp_timeout", "template", "max_samples", "sample_sampler", "save_state", "v2", "v_parameterization",
         "full_fp16", "full_bf16", "max_token_length", "lr_scheduler_num_cycles", "quantization_bit"),
        _NO_USE,
    ),
    **dict.fromkeys(
        ("network_module", "network_args", "lora_target", "target_modules", "network_train_unet_only",
         "network_train_text_encoder_only", "conv_dim", "conv_alpha"),
        _FIXED,
    ),
    "text_encoder_lr": ("这里只有一个 learning_rate，请删掉这一行", "there is one learning_rate here; take the line out"),
    "output_name": ("名字由 output_dir、persona 和 version 定", "name it by output_dir, persona and version"),
    "save_model_as": ("总是 .safetensors，别的格式写 export", "is always .safetensors; name others in export"),
    "save_precision": ("总是半精度，请删掉这一行", "is always half precision; take the line out"),
    "bf16": ("请写成 mixed_precision: bf16", "write mixed_precision: bf16"),
    "fp16": ("请写成 mixed_precision: fp16", "write mixed_precision: fp16"),
}  # fmt: skip


def plain_name(key: str) -> str:
    """A key with its dashes and capitals made plain: `Lora-Rank` is `lora_rank`."""
    return key.strip().lower().replace("-", "_")
