"""The house's import rules, read from the source: who may import what."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

MODELS = {"torch", "diffusers", "transformers", "peft"}
ALLOWED = {
    **dict.fromkeys(MODELS, ("services/lora", "services/language", "services/vision", "services/training")),
    "av": ("services/speech", "services/playout"),
    "cv2": ("services/avatar", "services/playout", "services/vision", "services/training"),
}


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def _sources(*tops: str) -> list[Path]:
    return [path for top in tops for path in sorted((ROOT / top).rglob("*.py"))]


def test_services_never_import_the_show() -> None:
    assert [p for p in _sources("services") if "livehost" in set(_imports(p))] == []


@pytest.mark.parametrize("library", sorted(ALLOWED))
def test_heavy_libraries_stay_where_they_belong(library: str) -> None:
    users = [
        p.relative_to(ROOT).as_posix()
        for p in _sources("livehost", "services")
        if library in set(_imports(p))
    ]
    assert [user for user in users if not user.startswith(ALLOWED[library])] == []


def test_no_file_holds_two_ideas() -> None:
    long = {
        p.name: n for p in _sources("livehost", "services") if (n := len(p.read_text().splitlines())) > 400
    }
    assert long == {}


def test_the_main_loop_is_about_forty_lines() -> None:
    tree = ast.parse((ROOT / "livehost/director.py").read_text())
    loop = next(
        node for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef) and node.name == "run"
    )
    assert loop.end_lineno is not None
    assert loop.end_lineno - loop.lineno < 40


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from livehost.__main__ import app\n"
        "result = CliRunner().invoke(app, ['--help'])\n"
        "assert result.exit_code == 0, result.output\n"
        "heavy = {'fastapi', 'numpy', 'av', 'cv2', 'pydantic', 'jieba', 'torch'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr


def test_the_show_and_its_check_load_no_model_library() -> None:
    code = (
        "import sys\n"
        "from datetime import date\n"
        "from pathlib import Path\n"
        "import livehost.app, livehost.api.app, livehost.serving\n"
        "from livehost.check import SettingsProblems, read_settings\n"
        "from livehost.check_models import model_notes\n"
        "config = Path('configs/demo.yaml')\n"
        "model_notes(read_settings(config, review=False), date.today())\n"
        "try:\n"
        "    read_settings(config, review=False, models=date.today())\n"
        "except SettingsProblems:\n"
        "    pass\n"
        "heavy = {'torch', 'transformers', 'diffusers', 'peft', 'av', 'cv2'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
