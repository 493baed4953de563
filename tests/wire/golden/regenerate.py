"""Writes the golden files. A change of one is a change of the contract: edges and gateways in the field disagree.

python -m tests.wire.golden.regenerate --overwrite
"""

import sys
from pathlib import Path

from tests.wire.golden.messages import DURABLE, HEADER, PLAIN
from wire.frame import encode_frame, encode_json_frame
from wire.messages import encode_durable, encode_durable_json, encode_json

FOLDER = Path(__file__).parent


def golden_files() -> dict[str, bytes]:
    """Return every golden file's name and content as this code would write it."""
    files: dict[str, bytes] = {}
    for name, message in DURABLE.items():
        body, text = encode_durable(message), encode_durable_json(message)
        files[f"{name}.msgpack"] = body
        files[f"{name}.json"] = text
        files[f"{name}.frame"] = encode_frame(HEADER, body)
        files[f"{name}.frame.json"] = encode_json_frame(HEADER, text)
    for name, plain in PLAIN.items():
        files[f"{name}.json"] = encode_json(plain)
    return files


def main() -> int:
    """Write the files, only when told to."""
    if sys.argv[1:] != ["--overwrite"]:
        print(__doc__)
        return 2
    for name, content in golden_files().items():
        (FOLDER / name).write_bytes(content)
    print(f"{len(golden_files())} files written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
