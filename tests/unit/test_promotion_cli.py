"""`livehost adapters`, on copies of the repository's adapters: what it prints, and what it refuses."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from livehost.adapters_cli import app
from livehost.promoted import read_promotion
from services.lora.card import read_card, write_card
from tests.conftest import ROOT
from tests.e2e import adapters
from tests.evaluations import evaluate
from tests.unit.test_check_settings import CATALOG, plain

HERS = "tang-lady.language"
Run = Callable[..., Result]


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A copy of the library with another sound version of one adapter."""
    copy = adapters.copied(ROOT, tmp_path / "adapters")
    adapters.version(copy, "tang-lady", "language", "2", adapters.weaker, parent="1")
    return copy


@pytest.fixture
def run(library: Path) -> Run:
    def run(*words: str) -> Result:
        return CliRunner().invoke(app, [*words, "--library", str(library)], env={"COLUMNS": "60"})

    return run


def test_list_is_a_table_and_json(run: Run, library: Path) -> None:
    listed = run("list", "--persona", "tang-lady")
    lines = listed.stdout.splitlines()
    assert listed.exit_code == 0 and len(lines) == 4
    assert "正式 promoted" in lines[1] and "1.36 MB" in lines[1] and "2099-12-31" in lines[1]
    assert lines[2].split() == [f"{HERS}.2", "1", "有效", "valid", "→", "2099-12-31", "—", "1.36", "MB"]
    run("promote", f"{HERS}.2", "--without-evaluation", "a try", "--by", "anna")
    run("retire", f"{HERS}.1", "--why", "thin", "--by", "anna")
    rows = {one["id"]: one for one in json.loads(run("list", "--json").stdout)}
    assert len(rows) == 7
    assert rows[f"{HERS}.2"]["promoted"] and rows[f"{HERS}.2"]["parent"] == "1"
    assert rows[f"{HERS}.1"]["retired"] and not rows[f"{HERS}.1"]["promoted"]
    assert rows["tang-lady.visual.1"]["consent"] == {"state": "valid", "valid_until": "2099-12-31"}
    assert rows["tang-lady.visual.1"]["bytes"] > 700_000


def test_promote_retire_and_roll_back(run: Run, library: Path) -> None:
    refused = run("promote", f"{HERS}.2")
    assert refused.exit_code == 1 and "livehost adapters evaluate tang-lady.language.2" in refused.stderr
    promoted = run("promote", "tang-lady/language/2", "--without-evaluation", "a try", "--by", "anna")
    assert promoted.exit_code == 0 and "之前是 1" in promoted.stdout
    kept = read_promotion(library / "tang-lady" / "language")
    assert kept is not None and (kept.version, kept.by) == ("2", "anna")
    assert run("retire", f"{HERS}.2").exit_code == 1
    back = run("rollback", HERS)
    assert back.exit_code == 0 and f"rolled back to {HERS}.1" in back.stdout
    assert run("rollback", HERS).exit_code == 1
    assert run("retire", f"{HERS}.2", "--why", "thin").exit_code == 0
    assert "was retired" in run("promote", f"{HERS}.2", "--without-evaluation", "again").stderr


def test_verify_finds_everything_without_a_model(run: Run, library: Path) -> None:
    assert run("verify").exit_code == 0
    adapters.version(library, "tang-lady", "language", "short", adapters.wrong_shape)
    adapters.corrupted(adapters.version(library, "tang-lady", "visual", "corrupt"))
    foreign = adapters.version(library, "tang-evening", "visual", "foreign")
    card = read_card(foreign)
    write_card(foreign, card.model_copy(update={"base": card.base.model_copy(update={"sha256": "0" * 64})}))
    write_card(
        adapters.version(library, "tang-evening", "visual", "rank"),
        read_card(library / "tang-evening/visual/rank").model_copy(update={"rank": 4}),
    )
    pickled = adapters.version(library, "tang-evening", "language", "pickled") / "adapter.safetensors"
    pickled.write_bytes(b"\x80\x04" + bytes(64))
    found = run("verify")
    assert found.exit_code == 1 and "5 个不能用" in found.stderr
    for told in (
        "does not fit the base's", "not the card's", "is of rank 8, the card says 4", "layers more",
        "it was trained on livehost-vision-base (000000000000…)", "is a pickle",
    ):  # fmt: skip
        assert told in found.stdout
    assert run("verify", f"{HERS}.1").stdout == f"{HERS}.1: 可用 / sound\n"
    wrong = run("verify", f"{HERS}.1", "--base", str(ROOT / "services" / "vision" / "base"))
    assert wrong.exit_code == 1 and "name its base" in wrong.stdout


def test_a_report_stands_on_the_kept_evaluations(run: Run, library: Path) -> None:
    versions = library / "tang-lady" / "language"
    assert "还没有评估过" in run("report", f"{HERS}.1", f"{HERS}.2").stderr
    evaluate(versions / "1", 12)
    evaluate(versions / "2", 20)
    told = run("report", f"{HERS}.1", f"{HERS}.2")
    assert told.exit_code == 0 and "变好 8" in told.stdout
    assert json.loads(run("report", f"{HERS}.1", f"{HERS}.2", "--json").stdout)["new"] == "2"
    assert (
        "facts_copied 0.833 compliant 1 style_distance 0 (24)" in run("list", "--persona", "tang-lady").stdout
    )
    assert run("promote", f"{HERS}.2").exit_code == 0
    assert "was evaluated on other rows" not in run("promote", f"{HERS}.1").stderr
    assert "事实照抄率变差" in run("promote", f"{HERS}.1").stderr
    failed = run("evaluate", f"{HERS}.1", "--data", str(library / "nowhere.jsonl"))
    assert failed.exit_code == 1 and "nowhere.jsonl" in failed.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("promote", "nonsense"), "is no adapter's name"),
        (("promote", "tang-lady.sound.1"), "is no adapter's name"),
        (("promote", "../../etc.visual.1"), "is no adapter's name"),
        (("promote", f"{HERS}.9"), "versions: 1, 2"),
        (("retire", "nobody.visual.1"), "versions: —"),
        (("rollback", "nobody.visual"), "holds no nobody.visual"),
        (("verify", f"{HERS}.9"), "versions: 1, 2"),
    ],
)
def test_a_mistake_is_one_clear_sentence(run: Run, words: tuple[str, ...], told: str) -> None:
    done = run(*words)
    assert done.exit_code == 1 and told in done.stderr and done.stdout == ""


def test_no_library_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["list"])
    assert done.exit_code == 1 and "--library" in done.stderr


def test_a_configuration_names_the_library_and_what_is_in_use(library: Path) -> None:
    (library.parent / "catalog.yaml").write_text(yaml.safe_dump(CATALOG, allow_unicode=True), "utf-8")
    data = plain()
    data["adapters"] = "adapters"
    data["personas"][0] |= {"id": "tang-lady", "adapters": {"language": "2"}}
    for room in data["rooms"]:
        room.update(default_persona="tang-lady", slots=[])
    config = library.parent / "config.yaml"
    config.write_text(yaml.safe_dump(data, allow_unicode=True), "utf-8")
    run = CliRunner()
    assert f"{HERS}.2" in run.invoke(app, ["list", "--config", str(config)]).stdout
    used = run.invoke(app, ["retire", f"{HERS}.2", "--config", str(config)])
    assert used.exit_code == 1 and "personas.tang-lady.adapters.language" in used.stderr
    config.write_text("rooms: 3", "utf-8")
    assert run.invoke(app, ["list", "--config", str(config)]).exit_code == 1


def test_listing_and_promoting_load_no_torch() -> None:
    import subprocess

    code = (
        "import sys; from livehost.adapters_cli import app\n"
        "app(['verify', '--library', 'adapters'], standalone_mode=False)\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)
