"""The file that keeps a configuration: whole after a kill at any moment."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge.configuration.file import KeptFile, KeptFileError
from edge.configuration.kept import decode_kept, encode_kept, keeping
from tests.edge.configuration.twin import desired, own_profile
from wire.errors import MessageError

KILLS = 4
WRITER = """
import sys
from pathlib import Path
from edge.configuration.file import KeptFile
from edge.configuration.kept import keeping
from wire.configuration import DesiredDevice, desired_config, table_hash
table = {"padding": "x" * 8_000}
device = DesiredDevice(device="R1", profile="ours", profile_hash=table_hash(table))
file, first = KeptFile(Path(sys.argv[1])), int(sys.argv[2])
for version in range(first, first + 100_000):
    profiles = {device.profile_hash: table}
    asked = desired_config(site="s", edge="e", version=version, at_us=1, devices=[device], profiles=profiles)
    file.write(keeping(asked, asked.devices, {}))
    print(version, flush=True)
"""


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    file = KeptFile(tmp_path / "kept")
    assert file.read() is None
    asked = desired(3, {"R1": own_profile(), "R2": "impinj-r420-shelf"})
    before = desired(2, {"R1": "impinj-r420-portal"})
    kept = keeping(asked, (*before.devices, asked.devices[1]), dict(before.profiles))
    file.write(kept)
    found = file.read()
    assert found is not None
    assert encode_kept(found) == encode_kept(kept)
    assert found.table(before.devices[0].profile_hash) == before.profiles[before.devices[0].profile_hash]
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert file.path.stat().st_mode & 0o777 == 0o600


def test_a_profile_that_is_named_and_not_there_is_damage() -> None:
    asked, other = desired(3, {"R1": own_profile()}), desired(2, {"R1": "impinj-r420-shelf"})
    with pytest.raises(KeyError):
        keeping(asked, other.devices, {})
    data = encode_kept(keeping(asked, other.devices, dict(other.profiles)))
    torn = data.replace(b'"profile_hash":"' + other.devices[0].profile_hash.encode(), b'"profile_hash":"' + b"0" * 16)
    with pytest.raises(MessageError, match="profile '0000000000000000' is not there"):
        decode_kept(torn)


def test_a_profile_that_changed_on_the_disk_is_damage() -> None:
    asked = desired(3, {"R1": own_profile()})
    data = encode_kept(keeping(asked, asked.devices, {}))
    assert data.count(b'"power_dbm":21.5') == 1
    with pytest.raises(MessageError, match="the table's hash is"):
        decode_kept(data.replace(b'"power_dbm":21.5', b'"power_dbm":29.5'))
    beside = encode_kept(keeping(desired(3, {"R1": "impinj-r420-shelf"}), asked.devices, dict(asked.profiles)))
    with pytest.raises(MessageError, match="the table has another hash"):
        decode_kept(beside.replace(b'"power_dbm":21.5', b'"power_dbm":29.5'))


def test_a_file_that_cannot_be_read_is_told_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    with pytest.raises(KeptFileError, match="kept"):
        KeptFile(tmp_path / "kept").read()


def test_a_kill_at_any_moment_leaves_the_old_or_the_new(tmp_path: Path) -> None:
    file = KeptFile(tmp_path / "kept")
    moments, version = random.Random(5), 0
    for _ in range(KILLS):
        child = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(file.path), str(version + 1)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(moments.uniform(0.0, 0.02))
        child.send_signal(signal.SIGKILL)
        said = [int(line) for line in child.stdout.read().split()]
        child.wait()
        child.stdout.close()
        found = file.read()
        assert found is not None
        assert found.desired.version >= max(said, default=version + 1)
        version = found.desired.version
