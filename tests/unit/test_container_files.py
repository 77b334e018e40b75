"""The container's files without a container: what is written to lies in a volume, and commands have the token."""

from __future__ import annotations

import json
import re
import stat
import subprocess
from pathlib import Path

import yaml

from livehost.check import read_settings
from tests.conftest import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
PROGRAM = '#!/bin/sh\necho "token=$LIVEHOST_DUTY_TOKEN args=$*"\n'


def _image_env(name: str) -> str:
    found = re.search(rf"\b{name}=(\S+)", DOCKERFILE)
    assert found is not None
    return found[1]


def test_state_and_adapters_are_volumes_that_the_service_may_write() -> None:
    composed = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    mounted = dict(one.split(":") for one in composed["services"]["livehost"]["volumes"])
    assert mounted == {"state": _image_env("LIVEHOST_STATE"), "adapters": _image_env("LIVEHOST_ADAPTERS")}
    assert mounted.keys() <= composed["volumes"].keys()
    declared = re.search(r"^VOLUME (.+)$", DOCKERFILE, re.MULTILINE)
    assert declared is not None and sorted(json.loads(declared[1])) == sorted(mounted.values())
    for folder in mounted.values():
        assert re.search(
            rf"(?:install -d -o livehost|--chown=livehost).* {folder}$", DOCKERFILE, re.MULTILINE
        )


def test_the_configuration_has_its_library_in_the_volume() -> None:
    env = {
        "LIVEHOST_DUTY_TOKEN": "a-token-of-the-container",
        "LIVEHOST_ADAPTERS": _image_env("LIVEHOST_ADAPTERS"),
    }
    settings = read_settings(ROOT / "configs/compose.yaml", env, review=False)
    assert settings.adapters == Path(_image_env("LIVEHOST_ADAPTERS"))
    assert settings.state_dir == Path(_image_env("LIVEHOST_STATE"))


def test_every_command_in_the_container_has_the_token_of_the_first(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text(PROGRAM, "utf-8")
    program.chmod(0o755)

    def run(*args: str, **env: str) -> str:
        known = {
            "LIVEHOST_STATE": str(tmp_path),
            "LIVEHOST_PROGRAM": str(program),
            "PATH": "/usr/bin:/bin",
            **env,
        }
        done = subprocess.run(
            [ROOT / "docker/livehost", *args], env=known, check=True, capture_output=True, text=True
        )
        return done.stdout

    first = run("serve", "/etc/livehost/compose.yaml")
    token = (tmp_path / "duty-token").read_text("utf-8").strip()
    assert len(token) >= 32 and stat.S_IMODE((tmp_path / "duty-token").stat().st_mode) == 0o600
    assert f"#token={token}\n" in first and f"token={token} args=serve /etc/livehost/compose.yaml" in first
    assert run("adapters", "list") == f"token={token} args=adapters list\n"
    assert run("check", LIVEHOST_DUTY_TOKEN="mine") == "token=mine args=check\n"
