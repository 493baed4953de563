"""Scripts that are run a second time by somebody else, and on a machine that hides new files."""

import os
import stat
from pathlib import Path

import pytest

from tests.deploy.places import DEPLOY, run


def settings(home: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in (home / ".env").read_text().splitlines())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to another user")
def test_run_again_by_root_the_folders_stay_those_of_the_user_in_the_settings(tmp_path: Path) -> None:
    """Containers run as that user: another owner of the closed folders stops all of them."""
    home = tmp_path / "srv"
    script = DEPLOY / "secrets.sh"
    assert run("sh", script, home, "broker.example", LASTUNIT_UID="2345", LASTUNIT_GID="2346").returncode == 0
    assert (settings(home)["LASTUNIT_UID"], settings(home)["LASTUNIT_GID"]) == ("2345", "2346")
    assert run("sh", script, home, "broker.example").returncode == 0
    for name in ("", "ca", "postgres", "secrets", ".env", "gateway.yaml"):
        found = (home / name).stat()
        assert (found.st_uid, found.st_gid) == (2345, 2346), name


def test_folders_of_the_system_are_open_although_root_hides_its_own_files(tmp_path: Path) -> None:
    """A umask of 077 is usual for root on a hardened machine; the daemon is another user."""
    done = run("sh", "-c", f"umask 077; sh {DEPLOY / 'install-edge.sh'} --root {tmp_path / 'root'} --without-packages")
    assert done.returncode == 0, done.stderr
    for name in ("etc", "etc/systemd", "etc/systemd/system", "var", "var/lib"):
        assert stat.S_IMODE((tmp_path / "root" / name).stat().st_mode) == 0o755, name
