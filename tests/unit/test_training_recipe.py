"""Recipes: the brief's file, other trainers' names, defaults, paths, and what names a run."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from services.training.recipe import BaseRecipe, Recipe, RecipeProblems, read_recipe
from services.training.recipe_aliases import ALIASES, NOT_HERE
from services.training.recipe_fields import EMBEDDED_BASES
from tests.conftest import ROOT
from tests.unit.training_recipes import CONSENT, adapter, album, checkpoint, lines, recipe, samples

BRIEF = """train_data_dir: "./data/gufeng_face"
metadata_path: "./data/gufeng_face/metadata.csv"
base_model: "./models/v1-5-pruned.safetensors"
lora_rank: 12
batch_size: 4
epochs: 15
learning_rate: 2e-4
output_dir: "./output/tangzhuang_lora"
"""


def read(path: Path, **changes: str) -> Recipe:
    found = read_recipe(path, changes=changes)
    assert isinstance(found, Recipe)
    return found


@pytest.fixture
def brief(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    album(tmp_path / "data/gufeng_face", metadata=True)
    checkpoint(tmp_path / "models/v1-5-pruned.safetensors")
    (tmp_path / "configs").mkdir()
    return lines(tmp_path / "configs/tangzhuang.yaml", BRIEF)


def test_the_briefs_file_reads_as_it_stands(brief: Path, tmp_path: Path) -> None:
    found = read(brief)
    assert found.kind == "visual"
    assert (found.lora_rank, found.alpha, found.batch_size, found.epochs) == (12, 12.0, 4, 15)
    assert found.learning_rate == 2e-4
    assert found.train_data_dir == tmp_path / "data/gufeng_face"
    assert found.metadata_path == tmp_path / "data/gufeng_face/metadata.csv"
    assert found.base_model == tmp_path / "models/v1-5-pruned.safetensors"
    assert found.output_dir == tmp_path / "output/tangzhuang_lora"
    assert (found.persona, found.version, found.resume) == ("tangzhuang_lora", "1", "auto")
    assert not found.embedded


def test_the_shipped_recipe_is_the_briefs_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    album(tmp_path / "data/gufeng_face", metadata=True)
    checkpoint(tmp_path / "models/v1-5-pruned.safetensors")
    text = (ROOT / "configs/train/tangzhuang.yaml").read_text(encoding="utf-8")
    assert (
        read(lines(tmp_path / "a.yaml", text)).content() == read(lines(tmp_path / "b.yaml", BRIEF)).content()
    )


@pytest.mark.parametrize("file", sorted((ROOT / "configs/train").glob("*.yaml")), ids=lambda one: one.stem)
def test_every_shipped_recipe_names_keys_that_there_are(file: Path) -> None:
    try:
        read_recipe(file)
    except RecipeProblems as found:  # data and real bases are not in the repository
        assert [one for one in found.problems if "不存在" not in one] == []


@pytest.mark.parametrize("written", ["2e-4", "2E-4", "0.0002", "2.0e-4", '"2e-4"', ".0002", "2e-04"])
def test_a_rate_is_a_number_however_it_is_written(brief: Path, written: str) -> None:
    lines(brief, BRIEF.replace("2e-4", written))
    assert read(brief).learning_rate == pytest.approx(2e-4)


def test_a_number_in_powers_of_ten_is_a_number_everywhere(tmp_path: Path) -> None:
    told = "weight_decay: 1e-2\nmax_grad_norm: 1e0\nlora_alpha: 1e1\nwarmup: 1e-1\nsteps: 1e2\nseed: 007"
    found = read(recipe(tmp_path, told))
    assert (found.weight_decay, found.max_grad_norm, found.lora_alpha) == (0.01, 1.0, 10.0)
    assert (found.warmup, found.steps, found.seed) == (0.1, 100, 7)


def test_other_trainers_names_are_understood(tmp_path: Path) -> None:
    album(tmp_path / "pictures")
    found = read(
        lines(
            tmp_path / "r.yaml",
            """
            pretrained-model-name-or-path: embedded
            train_data_dir: pictures
            network_dim: 8
            network_alpha: 4
            Train_Batch_Size: 2
            max_train_epochs: 3
            unet_lr: 1e-3
            lr: 1e-3
            lr_warmup_steps: 10
            optimizer_type: AdamW
            lr_scheduler: Cosine
            mixed_precision: "no"
            save_every_n_epochs: 2
            resolution: "512,768"
            output_dir: out/tang-lady
            """,
        )
    )
    assert (found.lora_rank, found.lora_alpha, found.batch_size, found.epochs) == (8, 4.0, 2, 3)
    assert (found.learning_rate, found.warmup, found.optimizer, found.lr_scheduler) == (
        1e-3,
        10,
        "adamw",
        "cosine",
    )
    assert (found.mixed_precision, found.save_every, found.resolution) == ("no", 2, (512, 768))
    assert found.embedded and found.base_model == EMBEDDED_BASES["visual"]


def test_llama_factorys_names_are_understood(tmp_path: Path) -> None:
    samples(tmp_path / "set/samples.jsonl")
    found = read(
        lines(
            tmp_path / "r.yaml",
            """
            model_name_or_path: embedded
            dataset_dir: set
            per_device_train_batch_size: 2
            gradient_accumulation_steps: 8
            num_train_epochs: 3.0
            warmup_ratio: 0.1
            cutoff_len: 512
            val_size: 0.1
            output_dir: saves/tang-lady
            """,
        )
    )
    assert found.kind == "language"
    assert (found.batch_size, found.gradient_accumulation, found.epochs) == (2, 8, 3)
    assert (found.warmup, found.max_length, found.validation_share) == (0.1, 512, 0.1)
    assert found.train_data == (tmp_path / "set/samples.jsonl",)


def test_an_alias_leads_to_a_key_that_there_is() -> None:
    assert set(ALIASES.values()) <= set(Recipe.model_fields)
    assert not set(ALIASES) & set(Recipe.model_fields)
    assert not set(NOT_HERE) & (set(Recipe.model_fields) | set(ALIASES))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("yes", True),
        ("no", False),
        ("on", True),
        ("off", False),
        ("true", True),
        ("False", False),
        ("1", True),
    ],
)
def test_a_switch_takes_any_usual_word(tmp_path: Path, written: str, meant: bool) -> None:
    found = read(recipe(tmp_path, f"gradient_checkpointing: {written}\nresume: {written}"))
    assert found.gradient_checkpointing is meant
    assert found.resume == meant


def test_an_empty_value_counts_as_left_out(tmp_path: Path) -> None:
    assert read(recipe(tmp_path, "lora_rank:\nsteps: ~\ntrigger_words: null")).lora_rank == 16


def test_one_word_stands_for_a_list_of_one(tmp_path: Path) -> None:
    found = read(recipe(tmp_path, "trigger_words: 唐妆\nexport: kohya\nresolution: 512"))
    assert (found.trigger_words, found.export, found.resolution) == (("唐妆",), ("kohya",), (512, 512))


@pytest.mark.parametrize(
    ("written", "meant"), [("768x512", (768, 512)), ("[512, 768]", (512, 768)), ("640", (640, 640))]
)
def test_a_resolution_may_be_written_in_several_ways(
    tmp_path: Path, written: str, meant: tuple[int, int]
) -> None:
    assert read(recipe(tmp_path, f"resolution: {written}")).resolution == meant


def test_persona_version_and_consent_follow_from_a_place_in_a_library(tmp_path: Path) -> None:
    lines(tmp_path / "adapters/tang-lady/consent.yaml", CONSENT)
    found = read(recipe(tmp_path, output="adapters/tang-lady/visual/1.2"))
    assert (found.persona, found.version) == ("tang-lady", "1.2")
    assert found.consent == tmp_path / "adapters/tang-lady/consent.yaml"


@pytest.mark.parametrize(
    ("folder", "persona"),
    [("Tang Lady!", "tang-lady"), ("唐妆", "persona"), ("x" * 60, "x" * 48), ("--A--", "a")],
)
def test_a_folders_name_gives_a_persona_that_a_card_takes(tmp_path: Path, folder: str, persona: str) -> None:
    assert read(recipe(tmp_path, output=f"out/{folder}")).persona == persona


def test_inputs_are_looked_for_beside_the_recipe_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    album(tmp_path / "here/pictures")
    file = lines(
        tmp_path / "recipes/r.yaml", "train_data_dir: pictures\nbase_model: embedded\noutput_dir: out/a"
    )
    found = read(file)
    assert (found.train_data_dir, found.output_dir) == (tmp_path / "here/pictures", tmp_path / "here/out/a")
    album(tmp_path / "recipes/pictures")
    found = read(file)
    assert (found.train_data_dir, found.output_dir) == (
        tmp_path / "recipes/pictures",
        tmp_path / "recipes/out/a",
    )


def test_a_path_of_the_command_line_starts_where_the_person_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = recipe(tmp_path / "recipes")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert read(file, output_dir="out/b").output_dir == tmp_path / "here/out/b"


def test_the_command_line_takes_the_place_of_a_key_by_any_of_its_names(tmp_path: Path) -> None:
    file = recipe(tmp_path, "network_dim: 8\nlearning_rate: 1e-3\nsteps: 9")
    changes = {"rank": "4", "lr": "2e-4", "resume": "false", "steps": "null", "resolution": "[8, 16]"}
    found = read_recipe(file, changes=changes)
    assert isinstance(found, Recipe)
    assert (found.lora_rank, found.learning_rate, found.steps) == (4, 2e-4, None)
    assert (found.resume, found.resolution) == (False, (8, 16))


def test_a_home_folder_may_be_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    album(tmp_path / "pictures")
    file = lines(
        tmp_path / "r/r.yaml", "train_data_dir: ~/pictures\nbase_model: embedded\noutput_dir: ~/out/a"
    )
    assert read(file).output_dir == tmp_path / "out/a"


def test_captions_alone_say_where_the_pictures_are(tmp_path: Path) -> None:
    album(tmp_path / "set", metadata=True)
    file = lines(
        tmp_path / "r.yaml", "metadata_path: set/metadata.csv\nbase_model: embedded\noutput_dir: out/a"
    )
    found = read(file)
    assert (found.kind, found.train_data_dir) == ("visual", tmp_path / "set")


def test_the_kind_follows_from_the_base(tmp_path: Path) -> None:
    samples(tmp_path / "s.jsonl")
    album(tmp_path / "pictures")
    base = EMBEDDED_BASES["language"]
    told = f"train_data: s.jsonl\nbase_model: {base}\noutput_dir: out/a"
    found = read(lines(tmp_path / "r.yaml", told))
    assert found.kind == "language" and found.embedded
    told = f"train_data_dir: pictures\nbase_model: {EMBEDDED_BASES['visual']}\noutput_dir: out/a"
    assert read(lines(tmp_path / "v.yaml", told)).kind == "visual"


def test_a_prompt_file_gives_a_prompt_for_each_line(tmp_path: Path) -> None:
    lines(tmp_path / "prompts.txt", "# two\n唐妆，微笑 --n 低画质 --w 512\n\n唐妆，侧脸\n")
    assert read(recipe(tmp_path, "sample_prompts: prompts.txt")).sample_prompts == (
        "唐妆，微笑",
        "唐妆，侧脸",
    )
    assert read(recipe(tmp_path, "sample_prompts: 唐妆，微笑")).sample_prompts == ("唐妆，微笑",)


def test_the_parents_rank_and_alpha_hold_where_none_are_told(tmp_path: Path) -> None:
    adapter(tmp_path / "parent", rank=4, alpha=8.0)
    found = read(recipe(tmp_path, "init_from: parent"))
    assert (found.lora_rank, found.lora_alpha) == (4, 8.0)


def test_a_recipe_may_be_in_chinese_encodings(tmp_path: Path) -> None:
    file = recipe(tmp_path, "trigger_words: [唐妆]  # 触发词")
    text = file.read_text(encoding="utf-8")
    for encoding in ("utf-8-sig", "gb18030", "utf-16"):
        file.write_bytes(text.encode(encoding))
        assert read(file).trigger_words == ("唐妆",)


def test_a_card_gets_a_recipe_without_this_machines_paths(tmp_path: Path) -> None:
    told = read(recipe(tmp_path, "device: cpu\nresolution: 512\ntrigger_words: 唐妆")).content()
    text = json.dumps(told, ensure_ascii=False)
    assert str(tmp_path) not in text and os.sep not in text
    assert told["base_model"] == "embedded" and told["train_data_dir"] == "pictures"
    assert (told["resolution"], told["trigger_words"], told["learning_rate"]) == ([512, 512], ["唐妆"], 1e-4)


def test_a_run_is_named_by_what_can_change_its_weights(tmp_path: Path) -> None:
    file = recipe(tmp_path)
    name = read(file).digest
    assert len(name) == 16
    for same in (
        "device=cpu",
        "threads=2",
        "resume=true",
        "sample_every=0",
        "save_every=3",
        "minutes=5",
        "steps=7",
        "epochs=3",
        "output_dir=elsewhere/a",
    ):
        key, _, value = same.partition("=")
        assert read(file, **{key: value}).digest == name, same
    for other in (
        "learning_rate=2e-4",
        "seed=1",
        "batch_size=2",
        "mixed_precision=no",
        "lora_rank=3",
    ):
        key, _, value = other.partition("=")
        assert read(file, **{key: value}).digest != name, other


def test_a_recipe_of_a_shipped_base_keeps_its_own_keys(tmp_path: Path) -> None:
    told = "kind: vision-base\noutput_dir: ../out\nsteps: 10\nlearning_rate: 1e-3\nsizes: {width: 144}"
    found = read_recipe(lines(tmp_path / "train/r.yaml", told))
    assert isinstance(found, BaseRecipe)
    assert (found.output_dir, found.sizes) == (tmp_path / "out", {"width": 144})


def test_pictures_are_only_read(brief: Path, tmp_path: Path) -> None:
    before = {one: one.read_bytes() for one in (tmp_path / "data").rglob("*") if one.is_file()}
    read(brief)
    assert {one: one.read_bytes() for one in (tmp_path / "data").rglob("*") if one.is_file()} == before
    assert not (tmp_path / "output").exists()
