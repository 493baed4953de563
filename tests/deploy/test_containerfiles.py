"""The images' files: judged by hadolint, and held against what they copy. No image was built on our test machines."""

import fnmatch
import re
import tomllib
from pathlib import Path

import pytest

from tests.deploy.places import CONTAINERFILES, DEPLOY, ROOT, run, tool

EXTRAS = {"gateway": ("gateway", "postgres", "influx"), "edge": ("edge",)}


def steps(file: Path) -> list[tuple[str, str]]:
    """Return the instructions with their arguments; lines that go on are joined."""
    text = re.sub(r"^\s*#.*\n", "", file.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [(line.split()[0], line.partition(" ")[2].strip()) for line in text.splitlines() if line.strip()]


def project() -> dict[str, object]:
    found: dict[str, object] = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return found


def test_there_is_one_for_each_program() -> None:
    assert [file.name for file in CONTAINERFILES] == ["edge.Containerfile", "gateway.Containerfile"]


@pytest.mark.parametrize("file", CONTAINERFILES, ids=lambda file: file.name)
def test_hadolint_finds_nothing(file: Path, tmp_path: Path) -> None:
    done = run(tool("hadolint"), "--no-color", file)
    assert (done.returncode, done.stdout) == (0, "")
    (tmp_path / "bad").write_text("FROM debian:latest\nRUN cd /tmp && sudo apt-get install curl\n")
    assert run(tool("hadolint"), "--no-color", tmp_path / "bad").returncode != 0, "a linter that finds nothing is none"


@pytest.mark.parametrize("file", CONTAINERFILES, ids=lambda file: file.name)
def test_an_image_is_small_locked_and_nobody(file: Path) -> None:
    found = steps(file)
    images = [value for word, value in found if word == "FROM"]
    assert images == ["${PYTHON} AS build", "${PYTHON}"]
    pinned = next(value for word, value in found if word == "ARG")
    assert re.fullmatch(r"PYTHON=python:3\.1[1-9]\.\d+-slim-bookworm", pinned)
    users = [value for word, value in found if word == "USER"]
    assert users == ["10001:10001"]
    last = found[[word for word, _ in found].index("USER") :]
    assert not [word for word, _ in last if word in {"RUN", "COPY", "ADD"}], "nothing is done after the user is nobody"
    installs = [value for word, value in found if word == "RUN" and "pip install" in value]
    assert len(installs) == 2
    assert "--require-hashes --only-binary :all:" in installs[0]
    assert "--no-deps --no-build-isolation ." in installs[1]
    from_build = [value for word, value in found if word == "COPY" and value.startswith("--from=build")]
    assert from_build == ["--from=build /opt/lastunit /opt/lastunit"]
    assert not [value for word, value in found if word == "ADD"]


@pytest.mark.parametrize("file", CONTAINERFILES, ids=lambda file: file.name)
def test_what_is_copied_exists_and_the_builder_gets_it(file: Path) -> None:
    sources = [
        source
        for word, value in steps(file)
        if word == "COPY" and not value.startswith("--from")
        for source in value.split()[:-1]
    ]
    rules = file.with_name(f"{file.name}.dockerignore").read_text().splitlines()
    let_in = {rule[1:] for rule in rules if rule.startswith("!")}
    assert rules.index("*") < min(rules.index(f"!{name}") for name in let_in)
    for source in sources:
        assert (ROOT / source).exists(), f"{file.name} copies {source}"
        assert source.partition("/")[0] in let_in, f"{source} is kept from the builder"
    build = project()["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]  # type: ignore[index]
    assert {source for source in sources if (ROOT / source).is_dir()} == set(build)
    for name in ("tests/x.py", "gateway/secret.key", "lastunit.db", "deploy/secrets.sh", ".env"):
        assert not passes(rules, name), f"{name} would go to the builder"


def passes(rules: list[str], path: str) -> bool:
    """Whether a path reaches the builder: the last rule that fits decides."""
    ok = True
    for rule in rules:
        if not rule or rule.startswith("#"):
            continue
        pattern = rule.removeprefix("!")
        fits = (
            path == pattern
            or path.startswith(f"{pattern}/")
            or pattern == "*"
            or (pattern.startswith("**/") and fnmatch.fnmatch(path.rpartition("/")[2], pattern[3:]))
        )
        if fits:
            ok = rule.startswith("!")
    return ok


@pytest.mark.parametrize("name", sorted(EXTRAS))
def test_the_set_of_an_image_is_locked_with_hashes_and_whole(name: str) -> None:
    file = ROOT / "requirements" / f"{name}.txt"
    blocks = re.split(r"\n(?=[a-z0-9])", file.read_text().strip())
    assert len(blocks) > 20
    assert [block.partition("\n")[0] for block in blocks if "--hash=sha256:" not in block] == []
    locked = {re.split(r"[=\[;< ]", block, maxsplit=1)[0] for block in blocks}
    optional = project()["project"]["optional-dependencies"]  # type: ignore[index]
    wanted = [*project()["project"]["dependencies"], *(line for extra in EXTRAS[name] for line in optional[extra])]  # type: ignore[index]
    names = {re.split(r"[\[<>=; ]", line, maxsplit=1)[0].lower() for line in wanted}
    assert names <= locked
    assert {"hatchling", "editables"} <= locked, "the project itself is built with the lock, without the network"
    assert not locked & {"pytest", "mypy", "ruff", "sllurp", "playwright"}


def test_the_client_programs_are_of_the_servers_release() -> None:
    file = (DEPLOY / "gateway.Containerfile").read_text()
    client = re.search(r"postgresql-client-(\d+)", file)
    server = re.search(r"image: postgres:(\d+)\.", (DEPLOY / "compose.yaml").read_text())
    assert client
    assert server
    assert client[1] == server[1]
