"""The adapter's card: read whole, every fault with its file, field and mend."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
import yaml

from services.lora import Card, CardProblems, base_sha256, read_card, read_consent, write_card
from services.lora.card import CARD_FILE, consent_problems, fits
from tests.conftest import ROOT

GOOD = {
    "kind": "visual", "persona": "lan", "version": "1", "base": {"name": "small", "sha256": "b" * 64},
    "rank": 4, "alpha": 8, "target_modules": ["to_q"], "sha256": "0" * 64, "trigger_words": ["lanlook"],
    "parent": "0.9", "recipe": {"steps": 100}, "evaluation": {"delta_e": 3.2},
    "created": "2026-05-01T12:00:00+08:00",
    "consent": {"subject": "a drawn character", "scope": ["face"], "document": "note 1",
                "valid_from": "2026-01-01", "valid_until": "2026-12-31"},
}  # fmt: skip


def _put(folder: Path, data: object) -> Path:
    (folder / "adapter.yaml").write_text(
        data if isinstance(data, str) else yaml.safe_dump(data), encoding="utf-8"
    )
    return folder


def test_a_card_is_read_and_written_without_loss(tmp_path: Path) -> None:
    card = read_card(_put(tmp_path, GOOD))
    assert card.id == "lan.visual.1"
    assert card.created.isoformat() == "2026-05-01T12:00:00+08:00"
    write_card(tmp_path / "again", card)
    assert read_card(tmp_path / "again") == card
    assert [f.name for f in (tmp_path / "again").iterdir()] == ["adapter.yaml"]


@pytest.mark.parametrize("fails", ["write_text", "replace"])
def test_a_card_that_the_disk_does_not_take_leaves_the_one_before_and_nothing_else(
    fails: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = read_card(_put(tmp_path, GOOD))
    before = (tmp_path / CARD_FILE).read_bytes()
    write_text = Path.write_text

    def full(part: Path, *_: object, **__: object) -> None:
        write_text(part, "kind: vis", encoding="utf-8")  # so much had room
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(part))

    monkeypatch.setattr(Path, fails, full)
    with pytest.raises(OSError, match="No space left"):
        write_card(tmp_path, card.model_copy(update={"rank": 3}))
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [(CARD_FILE, before)]


def test_a_version_may_be_written_as_a_number(tmp_path: Path) -> None:
    assert read_card(_put(tmp_path, GOOD | {"version": 2, "parent": 1.5})).parent == "1.5"
    assert read_card(tmp_path).version == "2"


def test_every_fault_is_told_with_file_field_and_mend(tmp_path: Path) -> None:
    bad = GOOD | {"rank": 0, "kind": "voice", "sha256": "xyz", "ranks": 3, "alpha": float("nan")}
    del bad["persona"]
    with pytest.raises(CardProblems) as failure:
        read_card(_put(tmp_path, bad))
    for field in ("rank", "kind", "sha256", "ranks", "alpha", "persona"):
        [problem] = [p for p in failure.value.problems if f": {field}: " in p]
        assert problem.startswith(str(tmp_path / "adapter.yaml"))
        assert ";" in problem


@pytest.mark.parametrize(
    "text", ["", "- a\n", "a: [", "\x00", "kind: !!python/object/apply:os.system ['true']"]
)
def test_what_is_no_card_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(CardProblems):
        read_card(_put(tmp_path, text))


def test_a_card_that_is_missing_or_endless_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CardProblems, match="cannot be read"):
        read_card(tmp_path)
    with pytest.raises(CardProblems, match="bytes"):
        read_card(_put(tmp_path, "a" * 300_000))


HOSTILE = {
    "month 99": "created: 9999-99-99",
    "6000 digits": f"rank: {'9' * 6000}",
    "a hexadecimal of a page": f"alpha: 0x{'f' * 6000}",
    "a version of a page": f"version: 0x{'f' * 6000}",
    "a sexagesimal": f"alpha: 1{':59' * 2000}.0",
    "no number": "rank: !!int ''",
    "no truth": "use_rslora: !!bool x",
    "no time": "created: !!timestamp x",
    "half a character": '"\\ud800": 1',
    "many keys": "\n".join(f"k{n}: 1" for n in range(5000)),
    "an alias": "recipe: {a: &a [1], b: *a}",
    "an anchor": "rank: &a 4",
    "merges": "recipe: &a {x: 1}\nevaluation: {<<: [" + "*a, " * 5000 + "]}",
    "nested lists": "recipe: {a: " + "[" * 30_000,
    "nested blocks": "recipe:\n  " + "- " * 30_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_what_a_card_may_spring_on_a_reader_is_a_fault_that_is_named(text: str, tmp_path: Path) -> None:
    file = _put(tmp_path, text) / "adapter.yaml"
    for read in (lambda: read_card(tmp_path), lambda: read_consent(file)):
        with pytest.raises(CardProblems) as failure:
            read()
        assert all(one.startswith(f"{file}: ") and ";" in one for one in failure.value.problems)
        assert len(failure.value.problems) < 60
        str(failure.value).encode()


@pytest.mark.parametrize("what", ["pipe", "folder", "socket", "device"])
def test_what_is_no_plain_file_is_refused_at_once(what: str, tmp_path: Path) -> None:
    file = tmp_path / "adapter.yaml"
    with socket.socket(socket.AF_UNIX) as bound:
        match what:
            case "pipe":
                os.mkfifo(file)
            case "folder":
                file.mkdir()
            case "socket":
                bound.bind(str(file))
            case _:
                file.symlink_to("/dev/zero")
        with pytest.raises(CardProblems, match=r"no plain file|cannot be read"):
            read_card(tmp_path)


def _card(**consent: object) -> Card:
    return Card.model_validate(GOOD | {"consent": GOOD["consent"] | consent})


@pytest.mark.parametrize(
    ("day", "fault"),
    [
        (date(2025, 12, 31), "valid_from"),
        (date(2026, 1, 1), ""),
        (date(2026, 12, 31), ""),
        (date(2027, 1, 1), "valid_until"),
    ],
)
def test_consent_holds_from_its_first_day_to_its_last(day: date, fault: str) -> None:
    found = consent_problems(_card(), today=day, file=Path("adapter.yaml"))
    assert len(found) == bool(fault)
    assert fault in "".join(found)


def test_consent_must_be_there_and_cover_what_is_shown() -> None:
    day, file = date(2026, 6, 1), Path("adapter.yaml")
    assert (
        "is missing"
        in consent_problems(Card.model_validate(GOOD | {"consent": None}), today=day, file=file)[0]
    )
    assert (
        "does not cover the face"
        in consent_problems(_card(scope=["words", "voice"]), today=day, file=file)[0]
    )
    words = Card.model_validate(GOOD | {"kind": "language"})
    assert "does not cover the words" in consent_problems(words, today=day, file=file)[0]


def test_a_consent_of_its_own_file_is_read_with_its_faults(tmp_path: Path) -> None:
    file = tmp_path / "consent.yaml"
    file.write_text(yaml.safe_dump(GOOD["consent"]), encoding="utf-8")
    assert read_consent(file).document == "note 1"
    file.write_text(yaml.safe_dump(GOOD["consent"] | {"valid_until": "2025-01-01"}), encoding="utf-8")
    with pytest.raises(CardProblems, match="before valid_from"):
        read_consent(file)


@pytest.mark.parametrize(
    ("key", "module", "fit"),
    [
        ("to_q", "a.b.to_q", True), ("to_q", "to_q", True), ("to_q", "a.add_to_q", False),
        ("attn1.to_q", "b.attn1.to_q", True), ("attn1.to_q", "b.attn11.to_q", False),
        ("^a.b", "a.b", True), ("^a.b", "x.a.b", False), ("b", "a.b.c", False),
    ],
)  # fmt: skip
def test_a_pattern_names_whole_steps_of_a_path(key: str, module: str, fit: bool) -> None:
    assert fits(key, module) is fit


def test_a_bases_hash_hangs_on_its_weights_alone(tmp_path: Path) -> None:
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet" / "a.safetensors").write_bytes(b"one")
    before = base_sha256(tmp_path)
    (tmp_path / "README.md").write_text("a note")
    assert base_sha256(tmp_path) == before
    (tmp_path / "unet" / "a.safetensors").write_bytes(b"two")
    assert base_sha256(tmp_path) != before
    assert base_sha256(tmp_path / "unet" / "a.safetensors") != before
    with pytest.raises(FileNotFoundError, match="name the base model's folder"):
        base_sha256(tmp_path / "nowhere")


def test_reading_a_card_loads_no_torch() -> None:
    code = "import sys; from services.lora import read_card, base_sha256; assert 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
