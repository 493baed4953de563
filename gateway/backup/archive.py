"""The file of a backup: a tar whose first member is the manifest, then each part that it names.

Written beside its place under another name, synced, and put into place by one rename: what has the name is whole. It
holds customers' references and hashes of keys, so only its owner may read it. Read member by member: nothing that a
manifest does not name is taken out, and no path of the file is ever used.
"""

import hashlib
import io
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from gateway.backup.errors import BackupError
from gateway.backup.manifest import MAX_BYTES, NAME, Manifest, Part, decode_manifest, encode_manifest

CHUNK_BYTES: Final = 1 << 20
Progress = Callable[[str, float], None]
"""Told what is done and how far it is, 0 to 1."""


def silent(_what: str, _share: float) -> None:
    """Tell nobody."""


def part_of(file: Path, name: str) -> Part:
    """Return what the manifest says of a file. Raises `OSError`."""
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    return Part(name=name, size_bytes=file.stat().st_size, sha256=digest)


def write_archive(target: Path, manifest: Manifest, files: dict[str, Path]) -> None:
    """Write the file; it replaces one of that name only when it is whole. Raises `OSError`."""
    unfinished = target.with_name(f".{target.name}.unfinished")
    try:
        handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as out:
            os.fchmod(out.fileno(), 0o600)
            with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
                _add(tar, NAME, io.BytesIO(encode_manifest(manifest)), len(encode_manifest(manifest)), manifest)
                for part in manifest.parts:
                    with files[part.name].open("rb") as opened:
                        _add(tar, part.name, opened, part.size_bytes, manifest)
            out.flush()
            os.fsync(out.fileno())
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """Let the names in a folder outlive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _add(tar: tarfile.TarFile, name: str, data: IO[bytes], size: int, manifest: Manifest) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = size, 0o600, manifest.made_us // 1_000_000
    tar.addfile(member, data)


@contextmanager
def _opened(file: Path) -> Iterator[tuple[tarfile.TarFile, Manifest]]:
    """Open a backup, its manifest read. Raises `BackupError` and `OSError`."""
    try:
        with tarfile.open(file, mode="r:") as tar:
            first = tar.next()
            if first is None or first.name != NAME or not first.isfile() or first.size > MAX_BYTES:
                raise BackupError(f"{file}: not a backup of Last Unit: it does not begin with {NAME}")
            yield tar, decode_manifest(_stream(tar, first).read(), str(file))
    except (tarfile.TarError, EOFError) as error:
        raise BackupError(f"{file}: not a whole backup: {error}") from error


def read_manifest(file: Path) -> Manifest:
    """Return what a backup says of itself; its parts are not looked at. Raises `BackupError` and `OSError`."""
    with _opened(file) as (_, manifest):
        return manifest


def take_out(file: Path, folder: Path, progress: Progress = silent) -> Manifest:
    """Write the parts of a backup into `folder`, each held against its hash. Raises `BackupError` and `OSError`."""
    with _opened(file) as (tar, manifest):
        for number, part in enumerate(manifest.parts):
            progress(f"taking out {part.name}", number / len(manifest.parts))
            member = tar.next()
            if member is None or member.name != part.name or not member.isfile() or member.size != part.size_bytes:
                found = "the end" if member is None else f"{member.name} of {member.size:,} bytes"
                raise BackupError(f"{file}: expected {part.name} of {part.size_bytes:,} bytes, found {found}")
            place = folder / part.name
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("wb") as out:
                shutil.copyfileobj(_stream(tar, member), out, CHUNK_BYTES)
            found_part = part_of(place, part.name)
            if found_part != part:
                raise BackupError(f"{file}: {part.name} is damaged: its hash is not that of the manifest")
        return manifest


def _stream(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    stream = tar.extractfile(member)
    assert stream is not None, "a regular file has content"
    return stream
