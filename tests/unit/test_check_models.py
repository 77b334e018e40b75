"""What `livehost check` says of models and adapters: bases, library, cards, consents, slots' bytes."""

from __future__ import annotations

import json
import os
import struct
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from livehost.__main__ import app
from livehost.check import SettingsProblems, read_settings
from livehost.check_models import model_notes
from services.lora import base_sha256
from services.lora.card import read_card, write_card
from tests.scripted_engines import TODAY, shelve
from tests.unit.test_check_settings import CATALOG, plain

HIDDEN, INNER = 8, 16


def a_language_base(folder: Path) -> Path:
    """A directory of the right form with one layer's weights of zeros."""
    folder.mkdir(parents=True)
    shapes = {
        "model.layers.0.self_attn.q_proj.weight": (HIDDEN, HIDDEN),
        "model.layers.0.mlp.up_proj.weight": (INNER, HIDDEN),
        "model.norm.weight": (HIDDEN,),
    }
    header: dict[str, Any] = {}
    at = 0
    for name, sides in shapes.items():
        size = 4 * sides[0] * (sides[1] if len(sides) > 1 else 1)
        header[name] = {"dtype": "F32", "shape": list(sides), "data_offsets": [at, at + size]}
        at += size
    told = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(told)) + told + bytes(at))
    (folder / "config.json").write_text(json.dumps({"architectures": ["Qwen3ForCausalLM"]}))
    (folder / "tokenizer.json").write_text("{}")
    return folder


class Place:
    """A configuration with a language base and a library, to be spoilt by a test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.base = a_language_base(folder / "base")
        self.adapter = shelve(folder / "library", "tang", "language")
        self.card(base={"name": "tiny", "sha256": base_sha256(self.base)})
        self.data = plain()
        self.data["adapters"] = "library"
        self.data["models"] = {"language": {"engine": "transformers", "base": "base", "max_rank": 4}}
        self.data["personas"][0]["adapters"] = {"language": "1"}

    def card(self, **fields: Any) -> None:
        """Change the adapter's card."""
        data = read_card(self.adapter).model_dump(mode="json") | fields
        (self.adapter / "adapter.yaml").write_text(yaml.safe_dump(data), encoding="utf-8")

    def write(self) -> Path:
        (self.folder / "catalog.yaml").write_text(yaml.safe_dump(CATALOG, allow_unicode=True), "utf-8")
        path = self.folder / "config.yaml"
        path.write_text(yaml.safe_dump(self.data, allow_unicode=True), "utf-8")
        return path

    def problems(self, *, files: bool = True) -> list[tuple[str, str]]:
        """Key and message of each problem, in English."""
        try:
            read_settings(self.write(), {}, "en", review=False, models=TODAY if files else None)
        except SettingsProblems as found:
            return [(problem.key, problem.message) for problem in found.problems]
        return []


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_sound_configuration_has_no_problem_and_tells_the_bytes_of_a_slot(place: Place) -> None:
    assert place.problems() == []
    settings = read_settings(place.write(), {}, review=False)
    notes = model_notes(settings, TODAY)
    slot = 4 * 4 * ((HIDDEN + HIDDEN) + (INNER + HIDDEN))
    assert any(f"{slot:,} B" in note for note in notes)
    done = CliRunner().invoke(app, ["check", str(place.write())])
    assert done.exit_code == 0 and f"{slot:,} B" in done.output


def test_a_consent_that_ends_soon_is_a_note_and_no_problem(place: Place) -> None:
    shelved = read_card(place.adapter)
    assert shelved.consent is not None
    soon = shelved.consent.model_copy(update={"valid_until": date(2026, 12, 9)})
    write_card(place.adapter, shelved.model_copy(update={"consent": soon}))
    assert place.problems() == []
    settings = read_settings(place.write(), {}, review=False)
    assert any("8 天" in note and "tang.language.1" in note for note in model_notes(settings, TODAY))


def spoil_card(**fields: Any) -> Any:
    return lambda place: place.card(**fields)


@pytest.mark.parametrize(
    ("spoil", "key", "message"),
    [
        (lambda p: p.data.update(adapters="nowhere"), "adapters", "no adapter library"),
        (
            lambda p: p.data["personas"][0].update(adapters={"language": "7"}),
            "personas.tang.adapters.language",
            "no adapter version '7'",
        ),
        (
            lambda p: p.data["personas"][0].update(adapters={"language": "1", "visual": "1"})
            or p.data["models"].update(vision={"engine": "diffusers", "base": "nowhere"}),
            "personas.tang.adapters.visual",
            "there is no adapter tang.visual.1",
        ),
        (
            lambda p: (p.adapter / "adapter.yaml").unlink(),
            "personas.tang.adapters.language",
            "every adapter needs one",
        ),
        (
            lambda p: (p.adapter / "adapter.safetensors").unlink(),
            "personas.tang.adapters.language",
            "is missing; copy the weights there",
        ),
        (spoil_card(persona="other"), "personas.tang.adapters.language", "persona: says other"),
        (spoil_card(kind="visual"), "personas.tang.adapters.language", "kind: says visual"),
        (
            spoil_card(base={"name": "elsewhere", "sha256": "0" * 64}),
            "personas.tang.adapters.language",
            "trained on another base: elsewhere",
        ),
        (spoil_card(consent=None), "personas.tang.adapters.language", "consent: is missing"),
        (
            lambda p: shelve(p.folder / "library", "tang", "language", until=date(2026, 11, 30)),
            "personas.tang.adapters.language",
            "ran out on 2026-11-30",
        ),
        (
            lambda p: p.data["models"]["language"].update(base="nowhere"),
            "models.language.base",
            "does not exist",
        ),
        (
            lambda p: (p.base / "tokenizer.json").unlink(),
            "models.language.base",
            "no tokenizer",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_on_the_disk_is_named(place: Place, spoil: Any, key: str, message: str) -> None:
    spoil(place)
    found = place.problems()
    assert any(at == key and message in told for at, told in found), found
    assert place.problems(files=False) == []  # a service that starts does not look


@pytest.mark.parametrize(
    ("language", "key"),
    [
        ({"engine": "transformers"}, "models.language.base"),
        ({"engine": "openai", "model": "qwen"}, "models.language.url"),
        ({"engine": "openai", "model": "qwen", "url": "http://"}, "models.language.url"),
        ({"engine": "openai", "model": "qwen", "url": "http://[::1"}, "models.language.url"),
        ({"engine": "openai", "model": "qwen", "url": "http://a:99999/v1"}, "models.language.url"),
        ({"engine": "transformers", "base": "/tmp/\0x"}, "models.language.base"),
        ({"engine": "openai", "url": "http://127.0.0.1:1/v1"}, "models.language.model"),
        ({"engine": "transformer"}, "models.language.engine"),
        ({"engine": "embedded", "device": "gpu"}, "models.language.device"),
    ],
)
def test_settings_that_can_never_run_are_refused_at_once(
    place: Place, language: dict[str, str], key: str
) -> None:
    place.data["models"] = {"language": language}
    assert key in [at for at, _ in place.problems(files=False)]


def test_a_promoted_version_is_looked_into_and_a_missing_pointer_is_named(place: Place) -> None:
    place.data["personas"][0]["adapters"] = {"language": "promoted"}
    (problem,) = place.problems()
    assert (
        problem[0] == "personas.tang.adapters.language"
        and "no version of tang.language is promoted" in problem[1]
    )
    pointer = place.adapter.parent / "promoted.yaml"
    pointer.write_text("version: '1'\n")
    assert place.problems() == []
    pointer.write_text("version: '7'\n")
    assert "no adapter version '7'" in place.problems()[0][1]
    pointer.write_text("version: [\n")
    assert "promoted.yaml: is not YAML" in place.problems()[0][1]


def test_a_slot_may_name_other_versions_and_they_are_looked_into(place: Place) -> None:
    slot = {
        "id": "late", "persona": "tang", "first": "2026-01-01", "at": "20:00", "duration": "PT1H",
        "adapters": {"language": "9"},
    }  # fmt: skip
    place.data["rooms"][0]["slots"] = [slot]
    (problem,) = place.problems()
    assert problem[0].endswith("slots.late.adapters.language") and "'9'" in problem[1]
    slot["adapters"] = {"language": "1"}
    assert place.problems() == []


def test_a_library_must_be_named_where_adapters_are(place: Place) -> None:
    del place.data["adapters"]
    assert [at for at, _ in place.problems(files=False)] == ["personas.tang.adapters"]
    del place.data["models"]
    assert place.problems(files=False) == []  # nothing asks for them


def test_a_variant_is_worn_for_products_that_are_there(place: Place) -> None:
    portrait = {
        "prompt": "tang",
        "variants": [{"id": "red", "prompt": "tang in red", "products": ["soap-02"]}],
    }
    place.data["personas"][0]["portrait"] = portrait
    ((key, message),) = place.problems(files=False)
    assert key == "personas.tang.portrait.variants.red.products.0" and "soap-02" in message
    portrait["variants"] = [{"id": "red", "prompt": "x", "products": ["soap-01"]}] * 2  # type: ignore[assignment]
    assert "is there twice" in place.problems(files=False)[0][1]


@pytest.mark.parametrize("path", ["/tmp/\0", "~nobody-of-that-name/x", "x" * 5000, "\ud800"])
def test_a_path_that_no_disk_can_have_is_a_problem(place: Place, path: str) -> None:
    config = place.write()
    text = config.read_text("utf-8")
    config.write_text(text.replace("adapters: library", f"adapters: {json.dumps(path)}"), "utf-8")
    with pytest.raises(SettingsProblems) as found:
        read_settings(config, {}, "en", review=False, models=TODAY)
    [problem] = [one for one in found.value.problems if "cannot be used (" in one.message]
    assert problem.key == "adapters"
    str(problem).encode()


def test_a_pipe_in_an_adapters_folder_is_a_problem_and_nobody_waits(place: Place) -> None:
    for name in ("adapter.yaml", "adapter.safetensors"):
        (place.adapter / name).unlink()
        os.mkfifo(place.adapter / name)
        assert any(at == "personas.tang.adapters.language" for at, _ in place.problems())
