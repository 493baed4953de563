"""Random bit strings of any length behind any header: a value or a typed reject, never an exception."""

import numpy as np
import pytest

from wire.epc import Epc, Reject, RejectCode, decode_epc, encode_epc
from wire.epc.headers import HEADERS

CHUNK = 50_000
SEED = 7
LENGTHS = np.array([96, 96, 96, 112, 128, 176, 198, 208, 224, 240, 352, 496, 12, 24, 80, 84, 131])


def try_random_inputs(total: int, seed: int) -> dict[str, int]:
    """Decode `total` random inputs; how often each outcome came. Every value without further data is encoded again."""
    rng = np.random.default_rng(seed)
    headers = np.array([*HEADERS, 0x00, 0xE2], np.uint8)
    seen: dict[str, int] = {}
    for start in range(0, total, CHUNK):
        count = min(CHUNK, total - start)
        raw = rng.integers(0, 256, (count, 62), np.uint8)
        known = rng.random(count) < 0.9
        raw[known, 0] = headers[rng.integers(0, len(headers), int(known.sum()))]
        zeroed = rng.random(count) < 0.3  # tails of zeros get through padding rules
        raw[zeroed, 14:] = 0
        digits = rng.random(count) < 0.5  # nibbles of decimal digits get through the keys of `+` schemes
        raw[digits, 2:11] = (raw[digits, 2:11] >> 4) % 10 << 4 | (raw[digits, 2:11] & 15) % 10
        sizes = LENGTHS[rng.integers(0, len(LENGTHS), count)]
        for row, bits in zip(raw, sizes.tolist(), strict=True):
            epc = row[: (bits + 7) // 8].tobytes()
            value = decode_epc(epc, bits)
            if isinstance(value, Reject):
                outcome = str(value.code)
            else:
                assert isinstance(value, Epc)
                outcome = value.scheme
                if not value.data:
                    again = encode_epc(value)
                    assert decode_epc(again, 8 * len(again)) == value
            seen[outcome] = seen.get(outcome, 0) + 1
    return seen


def assert_covers(seen: dict[str, int], total: int) -> None:
    """The inputs reached all that random bits can reach, so that the run says something."""
    assert sum(seen.values()) == total
    rejects = {str(code) for code in RejectCode} - {"iso_afi", "aidc", "hostname"}
    assert rejects <= set(seen), rejects - set(seen)
    assert len(set(seen) & {header.scheme for header in HEADERS.values()}) > 12


def test_random_inputs_give_a_value_or_a_reject() -> None:
    assert_covers(try_random_inputs(300_000, SEED), 300_000)


@pytest.mark.proof
def test_ten_million_random_inputs_give_a_value_or_a_reject() -> None:
    total = 10_000_000
    seen = try_random_inputs(total, SEED + 1)
    print({name: seen[name] for name in sorted(seen)})
    assert_covers(seen, total)
