"""deploy/install-edge.sh, below a scratch root: what it makes, that it may run again, and what it refuses."""

import stat
from pathlib import Path

import pytest

from tests.deploy.places import DEPLOY, SCRIPTS, UNITS, run, tool

SCRIPT = DEPLOY / "install-edge.sh"
PARTS = ("lastunit-edge.service", "lastunit-renew.service", "lastunit-renew.timer")


def tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_shellcheck_finds_nothing(script: Path) -> None:
    done = run(tool("shellcheck"), script)
    assert (done.returncode, done.stdout) == (0, "")


def test_shellcheck_would_find_something(tmp_path: Path) -> None:
    (tmp_path / "bad.sh").write_text("#!/bin/sh\nrm -rf $1/*\n")
    assert run(tool("shellcheck"), tmp_path / "bad.sh").returncode != 0


def test_below_a_root_it_makes_folders_and_units_and_touches_nothing_else(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    done = run("sh", SCRIPT, "--root", root, "--without-packages")
    assert done.returncode == 0, done.stderr
    assert tree(root) == {f"etc/systemd/system/{name}": (UNITS / name).read_bytes() for name in PARTS}
    for name in ("lastunit", "lastunit-edge"):
        assert stat.S_IMODE((root / "var/lib" / name).stat().st_mode) == 0o700
    assert stat.S_IMODE((root / "etc/lastunit").stat().st_mode) == 0o750
    for hint in ("site.yaml", "lastunit ca code", "lastunit enroll", "systemctl start lastunit-edge"):
        assert hint in done.stderr


def test_again_it_keeps_what_is_the_boxs_own_and_renews_units(tmp_path: Path) -> None:
    root = tmp_path / "root"
    assert run("sh", SCRIPT, "--root", root, "--without-packages").returncode == 0
    own = {
        "etc/lastunit/site.yaml": "site: mine\n",
        "etc/lastunit/edge.env": "LASTUNIT_EDGE_OPTIONS=--log-level debug\n",
        "var/lib/lastunit-edge/outbox.db": "rows",
        "var/lib/lastunit/identity/edge.pem": "key",
    }
    for name, text in own.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    unit = root / "etc/systemd/system/lastunit-edge.service"
    unit.write_text("of an older release")
    done = run("sh", SCRIPT, "--root", root, "--without-packages")
    assert done.returncode == 0
    assert unit.read_bytes() == (UNITS / "lastunit-edge.service").read_bytes()
    for name, text in own.items():
        assert (root / name).read_text() == text
    assert "lastunit enroll" not in done.stderr, "what is done is not asked for again"


def test_a_dry_run_says_it_and_does_nothing(tmp_path: Path) -> None:
    done = run("sh", SCRIPT, "--dry-run", "--root", tmp_path / "root", "--without-packages")
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "root").exists()
    assert done.stdout.count("would run: install -m 0644") == len(PARTS)
    here = run("sh", SCRIPT, "--dry-run", "--without-packages")
    assert "would run: systemctl enable lastunit-edge.service lastunit-renew.timer" in here.stdout
    assert "useradd --system" in here.stdout or run("getent", "passwd", "lastunit").returncode == 0


@pytest.mark.parametrize("words", [("--rot", "/x"), ("--root",), ("/x",)])
def test_a_call_that_cannot_be_meant_is_refused(words: tuple[str, ...]) -> None:
    assert run("sh", SCRIPT, *words).returncode == 2


def test_a_python_that_is_too_old_is_told_before_anything_is_made(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = -V ] && echo "Python 3.9.2" && exit 0\nexit 1\n')
    old.chmod(0o755)
    done = run("sh", SCRIPT, "--root", tmp_path / "root", "--python", old)
    assert done.returncode == 1
    assert "Python 3.9.2, and 3.11 or newer is needed" in done.stderr or "is missing" in done.stderr
    assert not (tmp_path / "root").exists()


@pytest.mark.proof
@pytest.mark.timeout(900)
def test_the_whole_installation_below_a_root(tmp_path: Path) -> None:
    """With the packages, from the machine's own index: a minute and the network."""
    root = tmp_path / "root"
    for _ in range(2):  # the second replaces the first
        done = run("sh", SCRIPT, "--root", root)
        assert done.returncode == 0, done.stderr
    program = root / "opt/lastunit/bin/lastunit"
    assert program.read_text().startswith("#!/opt/lastunit/bin/python")
    helped = run(root / "opt/lastunit/bin/python", "-m", "lastunit", "edge", "--help")
    assert helped.returncode == 0, helped.stderr
    assert sorted(path.name for path in (root / "opt").iterdir()) == ["lastunit", "lastunit.old"]
