"""A folder as deploy/secrets.sh makes it, and what compose makes of it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.places import DEPLOY, run, tool


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home for compose.yaml."""
    folder = tmp_path_factory.mktemp("compose") / "home"
    done = run("sh", DEPLOY / "secrets.sh", folder, "broker.example.com")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def composed(home: Path) -> dict[str, Any]:
    """What compose itself makes of our file: checked against its schema, variables filled in."""
    done = run(tool("docker-compose"), "--env-file", home / ".env", "-f", DEPLOY / "compose.yaml", "config")
    assert (done.returncode, done.stderr) == (0, "")
    found: dict[str, Any] = yaml.safe_load(done.stdout)
    return found
