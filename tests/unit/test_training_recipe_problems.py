"""What is wrong with a recipe: all of it at once, each with its line, key, value and mend; never a traceback."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.training.recipe import Recipe, RecipeProblems, read_recipe
from services.training.recipe_aliases import ALIASES
from services.training.recipe_yaml import read_value
from tests.conftest import ROOT
from tests.unit.training_recipes import STABLE_DIFFUSION_1, adapter, album, checkpoint, lines, recipe, samples

MODEL_CONFIG = '{"architectures": ["LlamaForCausalLM"]}'


def problems(file: Path, **changes: str) -> list[str]:
    try:
        read_recipe(file, changes=changes)
    except RecipeProblems as found:
        assert found.problems
        for one in found.problems:
            assert one.startswith(str(file)) or one.startswith("--set") or "/" in one
            assert re.search("[一-鿿]", one) and "\n" not in one
        return found.problems
    return []


def only(file: Path, **changes: str) -> str:
    found = problems(file, **changes)
    assert len(found) == 1, found
    return found[0]


def test_every_problem_is_told_at_once_in_the_order_of_lines(tmp_path: Path) -> None:
    file = lines(
        tmp_path / "r.yaml",
        """\
        lora_rnk: 12
        network_dim: 300
        epochs: many
        train_data_dir: ./nope
        base_model: someone/some-model
        warmup: 1.5
        output_dir: out/a
        gradient_checkpointing: maybe
        mixed_precision: fp8
        learning_rate: true
        """,
    )
    found = problems(file)
    told = [one.removeprefix(f"{file}:").partition(":")[0] for one in found]
    assert told == ["1", "2", "3", "4", "5", "6", "8", "9", "10"]
    assert "did you mean lora_rank?" in found[0] and "是不是想写 lora_rank" in found[0]
    assert "network_dim = 300" in found[1] and "at most 128" in found[1]
    assert "epochs = many" in found[2] and "整数" in found[2]
    assert str(tmp_path / "nope") in found[3] and "correct the path" in found[3]
    assert "nothing is downloaded" in found[4]
    assert "share below 1" in found[5]
    assert "true or false" in found[6]
    assert "'bf16'" in found[7]
    assert "2e-4" in found[8]


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    found = problems(lines(tmp_path / "r.yaml", "kind: visual\nseed: 1"))
    assert [one.split(": ")[1] for one in found] == ["train_data_dir", "output_dir", "base_model"]
    assert all("is missing" in one for one in found)


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("lora_rnk", "lora_rank"), ("networkdim", "lora_rank"), ("learning_rat", "learning_rate"),
        ("train_batch_sise", "batch_size"), ("epoch", "epochs"), ("out_dir", "output_dir"),
        ("gradient_checkpoint", "gradient_checkpointing"), ("Base-Modell", "base_model"), ("trigger_wrods", "trigger_words"),
    ],
)  # fmt: skip
def test_a_mistyped_key_gets_a_suggestion(tmp_path: Path, key: str, meant: str) -> None:
    told = only(recipe(tmp_path, f"{key}: 4"))
    assert f"{key} = 4" in told and f"did you mean {meant}?" in told


@pytest.mark.parametrize(
    ("key", "mend"),
    [
        ("cache_latents", "always done"), ("network_module", "base decides"), ("text_encoder_lr", "one learning_rate"),
        ("output_name", "output_dir"), ("bf16", "mixed_precision: bf16"), ("save_model_as", "safetensors"),
        ("xformers", "take the line out"), ("zzz_qqq", "unknown key"),
    ],
)  # fmt: skip
def test_others_keys_without_a_place_here_are_explained(tmp_path: Path, key: str, mend: str) -> None:
    assert mend in only(recipe(tmp_path, f"{key}: true"))


def test_one_key_under_two_names_must_agree(tmp_path: Path) -> None:
    assert "batch_size" in only(recipe(tmp_path, "train_batch_size: 4\nbatch_size: 8"))
    assert problems(recipe(tmp_path, "train_batch_size: 8\nbatch_size: 8")) == []


def test_a_key_that_stands_twice_is_a_problem(tmp_path: Path) -> None:
    assert "stands twice" in only(recipe(tmp_path, "seed: 1\nseed: 2"))


@pytest.mark.parametrize(
    ("told", "mend"),
    [
        ("lora_rank: 0", "at least 1"), ("lora_rank: 2.5", "whole number"), ("batch_size: true", "whole number"),
        ("learning_rate: 0", "above 0"), ("learning_rate: 20", "at most 1"), ("learning_rate: nan", "number"),
        ("lora_alpha: inf", "number"), ("lora_dropout: 1", "below 1"), ("epochs: []", "whole number"),
        ("persona: Tang Lady", "small letters"), ("version: a/b", "such as 1.2"), ("device: tpu", "cuda:0"),
        ("resolution: big", "pixels"), ("resolution: [1, 2, 3]", "pixels"), ("resolution: 4", "pixels"),
        ("warmup: -1", "share below 1"), ("resume: perhaps", "auto"), ("export: ckpt", "kohya"),
        ("trigger_words: [[1]]", "text"), ("optimizer: lion", "adamw"), ("lr_scheduler: step", "cosine"),
        ("seed: -1", "at least 0"), ("cache_dir: 5", "path"), ("init_from: {a: 1}", "path"), ("consent: [a]", "path"),
        ("kind: picture", "visual"), ("max_grad_norm: x", "number"), ("minutes: 0", "above 0"),
    ],
)  # fmt: skip
def test_a_value_of_the_wrong_sort_says_what_is_taken(tmp_path: Path, told: str, mend: str) -> None:
    file = recipe(tmp_path, told)
    found = only(file)
    assert found.startswith(f"{file}:4: {told.partition(':')[0]} = ") and mend in found


@pytest.mark.parametrize(
    ("text", "mend"),
    [
        ("", "configs/train"), ("# nothing", "configs/train"), ("- a\n- b", "configs/train"), ("epochs：15", "ASCII colon"),
        ("a: [1", "indentation"), ("a: 1\n\tb: 2", "spaces, not tabs"), ("a: *x", "aliases"), ("a: 1\nb：2", "ASCII colon"),
        ("a: 1\n---\nb: 2", "indentation"), ("a: \x07", "indentation"), ("{" * 3000, ""), ("[" * 100_000, ""),
        ("? [a]\n: 1\noutput_dir: x", "plain text"), ("seed: !!python/object:os.system x", "cannot be read"),
        ("seed: !!timestamp 2026-99-99", "cannot be read"), ("seed: !!int x", "cannot be read"),
        ("seed: !!bool x", "cannot be read"),
    ],
    ids=lambda one: str(one)[:12],
)  # fmt: skip
def test_what_is_no_recipe_says_so_with_the_line(tmp_path: Path, text: str, mend: str) -> None:
    file = tmp_path / "r.yaml"
    file.write_text(text, encoding="utf-8")
    assert any(mend in one for one in problems(file))


def test_a_file_that_cannot_be_a_recipe_is_named(tmp_path: Path) -> None:
    assert "cannot be read" in only(tmp_path / "absent.yaml")
    assert problems(tmp_path)
    (tmp_path / "picture.yaml").write_bytes(b"\x89PNG\xff\xfe\x00\x81" * 9)
    assert problems(tmp_path / "picture.yaml")
    (tmp_path / "large.yaml").write_bytes(b"# \n" * 400_000)
    assert "over" in only(tmp_path / "large.yaml")


@pytest.mark.parametrize(
    ("names", "mend"),
    [
        (("lora_unet_down.lora_down.weight",), "init_from"),
        (("conditioner.embedders.0.x", "model.diffusion_model.x"), "SDXL"),
        (("cond_stage_model.model.x", "model.diffusion_model.x"), "SD 2.x"),
        (STABLE_DIFFUSION_1[:1], "VAE, CLIP missing"),
        (("model.layers.0.self_attn.q_proj.weight",), "UNet, VAE, CLIP missing"),
    ],
)
def test_a_checkpoint_of_another_sort_is_refused_by_its_header(
    tmp_path: Path, names: tuple[str, ...], mend: str
) -> None:
    checkpoint(tmp_path / "base.safetensors", names)
    assert mend in only(recipe(tmp_path), base_model=str(tmp_path / "base.safetensors"))


def test_a_checkpoint_for_inpainting_is_refused_by_its_header(tmp_path: Path) -> None:
    checkpoint(tmp_path / "base.safetensors", inputs=9)
    told = only(recipe(tmp_path), base_model=str(tmp_path / "base.safetensors"))
    assert "inpainting or editing (9 input channels)" in told


def test_a_base_that_is_no_base_is_named(tmp_path: Path) -> None:
    file = recipe(tmp_path)
    lines(tmp_path / "cut.safetensors", "cut")
    lines(tmp_path / "base.ckpt", "pickle")
    lines(tmp_path / "llm/config.json", MODEL_CONFIG)
    lines(tmp_path / "sd/model_index.json", "{}")
    (tmp_path / "empty").mkdir()
    assert "cut off" in only(file, base_model=str(tmp_path / "cut.safetensors"))
    assert "pickle" in only(file, base_model=str(tmp_path / "base.ckpt"))
    assert "language model" in only(file, base_model=str(tmp_path / "llm"), kind="visual")
    assert "describes no pipeline" in only(file, base_model=str(tmp_path / "sd"))
    assert "model_index.json" in only(file, base_model=str(tmp_path / "empty"))
    told = f"train_data: s.jsonl\noutput_dir: out/a\nbase_model: {tmp_path}/llm"
    samples(tmp_path / "s.jsonl")
    found = problems(lines(tmp_path / "l.yaml", told))
    assert any("tokenizer" in one for one in found) and all("base_model" in one for one in found)
    assert "picture model" in only(tmp_path / "l.yaml", base_model=str(tmp_path / "sd"), kind="language")
    assert "directory" in only(tmp_path / "l.yaml", base_model=str(tmp_path / "base.ckpt"))


def test_a_kind_that_nothing_tells_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    told = only(lines(tmp_path / "r.yaml", "train_data_dir: data\nbase_model: embedded\noutput_dir: out/a"))
    assert "write kind: visual or kind: language" in told


def test_keys_of_the_other_kind_are_not_passed_over(tmp_path: Path) -> None:
    assert "language adapter" in only(recipe(tmp_path, "max_length: 512"))
    samples(tmp_path / "s.jsonl")
    told = "kind: language\ntrain_data: s.jsonl\nbase_model: embedded\noutput_dir: out/b\nresolution: 768\nexport: kohya"
    found = problems(lines(tmp_path / "l.yaml", told))
    assert len(found) == 2 and all("visual adapter" in one for one in found)


def test_bad_pictures_and_captions_are_found_before_any_model(tmp_path: Path) -> None:
    file = recipe(tmp_path, "epochs: x")
    (tmp_path / "pictures/0.png").write_bytes(b"no picture")
    found = problems(file)
    assert len(found) == 2
    assert "epochs" in found[0] and "0.png" in found[1]
    (tmp_path / "empty").mkdir()
    assert problems(recipe(tmp_path), train_data_dir=str(tmp_path / "empty"))
    assert "folder" in only(recipe(tmp_path), train_data_dir=str(file), kind="visual")


def test_bad_sample_rows_are_found_before_any_model(tmp_path: Path) -> None:
    samples(tmp_path / "set/s.jsonl")
    lines(tmp_path / "bad.jsonl", '{"core": "a"}\nnot json\n')
    lines(tmp_path / "raw.txt", "姐妹们好")
    told = "kind: language\nbase_model: embedded\noutput_dir: out/a\ntrain_data: [set/s.jsonl, bad.jsonl, raw.txt, gone.jsonl]"
    found = problems(lines(tmp_path / "r.yaml", told))
    assert sum("bad.jsonl" in one for one in found) >= 2
    assert any("raw.txt" in one and "dataset build" in one for one in found)
    assert any("gone.jsonl" in one and "does not exist" in one for one in found)
    told = "kind: language\nbase_model: embedded\noutput_dir: out/a\n"
    (tmp_path / "none").mkdir()
    assert "dataset build" in only(lines(tmp_path / "n.yaml", told + "train_data_dir: none"))
    assert "name the sample files" in only(lines(tmp_path / "m.yaml", told))


def test_a_parent_that_does_not_fit_is_named(tmp_path: Path) -> None:
    adapter(tmp_path / "visual", rank=4)
    adapter(tmp_path / "words", kind="language")
    (tmp_path / "empty").mkdir()
    file = recipe(tmp_path)
    assert "has rank 4" in only(file, init_from=str(tmp_path / "visual"), lora_rank="8")
    assert "is a language adapter" in only(file, init_from=str(tmp_path / "words"))
    assert "adapter.yaml" in only(file, init_from=str(tmp_path / "empty"))
    assert "folder" in only(file, network_weights=str(tmp_path / "visual/adapter.safetensors"))
    assert "does not exist" in only(file, init_from="nowhere")


def test_a_broken_consent_is_told_before_training(tmp_path: Path) -> None:
    lines(tmp_path / "consent.yaml", "subject: x")
    found = problems(recipe(tmp_path, "consent: consent.yaml"))
    assert len(found) >= 3 and all("consent" in one for one in found)


def test_data_is_never_written_to(tmp_path: Path) -> None:
    assert "never written to" in only(recipe(tmp_path), output_dir=str(tmp_path / "pictures/out"))
    assert "never written to" in only(recipe(tmp_path), output_dir=str(tmp_path / "pictures"))
    assert "is a file" in only(recipe(tmp_path), output_dir=str(tmp_path / "r.yaml"))


def test_the_command_lines_values_are_checked_too(tmp_path: Path) -> None:
    file = recipe(tmp_path)
    assert only(file, lora_rnk="4").startswith("--set: lora_rnk = 4: ")
    assert "cannot be read" in only(file, seed="[1")
    assert "at most 128" in only(file, rank="999")


@pytest.mark.parametrize("name", ["a\\0b", "\\ud800", "x" * 5000, "~nobody-here/x", " "])
def test_a_path_that_no_file_can_have_is_only_a_problem(tmp_path: Path, name: str) -> None:
    for key in ("train_data_dir", "base_model", "init_from", "consent", "tokenizer", "metadata_path"):
        told = problems(lines(tmp_path / "r.yaml", f'{key}: "{name}"\noutput_dir: out/a'))
        assert any(one.startswith(f"{tmp_path}/r.yaml:1: {key}") for one in told)
    file = recipe(tmp_path / "o")
    if not name.startswith("~"):
        assert only(file, output_dir=f'"{name}"').startswith("--set: output_dir")


def test_checking_loads_no_model_library(tmp_path: Path) -> None:
    file = recipe(tmp_path)
    code = (
        "import sys\nfrom pathlib import Path\nfrom services.training.recipe import read_recipe\n"
        f"read_recipe(Path({str(file)!r}))\n"
        "heavy = {'torch', 'transformers', 'diffusers', 'peft', 'cv2', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr


NAMES = st.one_of(
    st.sampled_from(sorted({*Recipe.model_fields, *ALIASES})),
    st.text("abz_- Ä唐\0:#'\"", max_size=9),
    st.text(max_size=6),
)
VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9),
        st.sampled_from(["embedded", "2e-4", "visual", "language", "language-base", "vision-base", "auto", "/", ".", "~"]),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.dictionaries(NAMES, VALUES, max_size=8))
def test_no_recipe_brings_a_traceback(tmp_path: Path, data: dict[str, object]) -> None:
    import yaml

    file = tmp_path / "r.yaml"
    file.write_text(
        yaml.safe_dump(data, allow_unicode=True, width=1 << 20), encoding="utf-8", errors="replace"
    )
    with pytest.raises(RecipeProblems) as found:
        read_recipe(file)
    unknown = [one for one in data if one.isidentifier() and one.isascii() and one.lower() not in
               {*Recipe.model_fields, *ALIASES, "sizes"}]  # fmt: skip
    assert all(any(f": {one}" in told for told in found.value.problems) for one in unknown)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=st.binary(max_size=200) | st.text(max_size=80).map(lambda text: text.encode("utf-8", "replace")))
def test_no_bytes_bring_a_traceback(tmp_path: Path, raw: bytes) -> None:
    file = tmp_path / "r.yaml"
    file.write_bytes(raw)
    with pytest.raises(RecipeProblems):
        read_recipe(file)


@given(text=st.text(max_size=30))
def test_a_value_of_the_command_line_is_read_or_refused(text: str) -> None:
    try:
        read_value(text)
    except ValueError as error:
        assert "\n" not in str(error)


@settings(max_examples=60, deadline=None)
@given(
    key=st.sampled_from(sorted({*Recipe.model_fields, *ALIASES})),
    at=st.integers(0, 30),
    put=st.sampled_from("qzx_"),
)
def test_a_slip_of_one_letter_is_understood(
    tmp_path_factory: pytest.TempPathFactory, key: str, at: int, put: str
) -> None:
    if len(key) < 6:
        return
    slip = key[: at % len(key)] + put + key[at % len(key) + 1 :]
    if slip in Recipe.model_fields or slip in ALIASES:
        return
    file = recipe(tmp_path_factory.mktemp("r"), f"{slip}: 1")
    assert "did you mean" in only(file)


def test_pictures_in_folders_of_their_own_say_the_kind(tmp_path: Path) -> None:
    album(tmp_path / "data/10_tang")
    told = "train_data_dir: data\nbase_model: embedded\noutput_dir: out/a"
    assert not any("kind" in one for one in problems(lines(tmp_path / "r.yaml", told)))


@pytest.mark.parametrize("version", ["promoted", "Retired", "promoted.yaml"])
def test_the_librarys_own_names_are_no_versions(tmp_path: Path, version: str) -> None:
    told = only(recipe(tmp_path), version=version)
    assert "--set: version" in told and "keeps for itself" in told
    told = only(recipe(tmp_path), output_dir=str(tmp_path / "tang" / "visual" / version))
    assert "output_dir" in told and "keeps for itself" in told
