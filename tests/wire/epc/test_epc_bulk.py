"""The column path gives what the scalar one gives, row by row."""

import numpy as np
import pytest
from numpy.typing import NDArray

from wire.epc import Sgtin, bulk, decode_epc
from wire.epc.partition import GCP_BITS, GCP_DIGITS

ROWS = 1_000_000
SEED = 20_260_101


def random_rows(rng: np.random.Generator, rows: int) -> NDArray[np.uint8]:
    """Random bytes; nine in ten with the right header, half of these cut to values that decimal digits can hold."""
    epcs = rng.integers(0, 256, (rows, bulk.EPC_BYTES), np.uint8)
    epcs[: rows * 9 // 10, 0] = 0x30
    likely = slice(0, rows * 45 // 100)
    epcs[likely, 1] &= 0xFB  # partition below 6: most company prefixes keep their digits
    rng.shuffle(epcs)
    return epcs


def adversarial_rows() -> NDArray[np.uint8]:
    """Every partition with both fields at, one below and one above each of their limits, in bits and in digits."""
    numbers = []
    for partition, (gcp_bits, gcp_digits) in enumerate(zip((*GCP_BITS, 20), (*GCP_DIGITS, 6), strict=True)):
        item_bits, item_digits = 44 - gcp_bits, 13 - gcp_digits
        gcps = {0, 1, 10**gcp_digits - 1, 10**gcp_digits, 10**gcp_digits + 1, (1 << gcp_bits) - 1}
        tail = 10 ** (item_digits - 1)
        items = {0, 1, tail - 1, tail, 9 * tail, 10 * tail - 1, 10 * tail, (1 << item_bits) - 1}
        for gcp in gcps:
            for item in items:
                for serial in (0, 1, 10**11, (1 << 38) - 1, 1 << 37, (1 << 32) - 1, 1 << 32):
                    for filter_value in (0, 1, 7):
                        key = (gcp & ((1 << gcp_bits) - 1)) << item_bits | item & ((1 << item_bits) - 1)
                        head = ((0x30 << 3 | filter_value) << 3 | partition) << 44 | key
                        numbers.append(head << 38 | serial)
    return np.frombuffer(b"".join(n.to_bytes(12, "big") for n in numbers), np.uint8).reshape(-1, 12)


def assert_same(epcs: NDArray[np.uint8]) -> int:
    """Compare both paths over all rows; how many are valid."""
    columns = bulk.decode_sgtin96(epcs)
    gtins, serials, filters, oks = (column.tolist() for column in columns)
    for row, gtin, serial, filter_value, ok in zip(epcs, gtins, serials, filters, oks, strict=True):
        value = decode_epc(row.tobytes(), 96)
        if isinstance(value, Sgtin) and value.scheme == "sgtin-96":
            assert (ok, f"{gtin:014d}", str(serial), filter_value) == (True, value.gtin, value.serial, value.filter)
        else:
            assert (ok, gtin, serial, filter_value) == (False, 0, 0, 0)
    return int(columns.ok.sum())


def test_a_million_random_rows_agree_with_the_scalar_decoder() -> None:
    valid = assert_same(random_rows(np.random.default_rng(SEED), ROWS))
    assert ROWS // 10 < valid < ROWS  # the comparison is about something


def test_rows_at_every_limit_agree_with_the_scalar_decoder() -> None:
    rows = adversarial_rows()
    assert 0 < assert_same(rows) < len(rows)


@pytest.mark.parametrize("rows", [0, 1, bulk.BLOCK_ROWS - 1, bulk.BLOCK_ROWS, bulk.BLOCK_ROWS + 1])
def test_blocks_end_where_the_rows_end(rows: int) -> None:
    epcs = np.tile(np.frombuffer(bytes.fromhex("3066C4409047E140075BCD15"), np.uint8), (rows, 1))
    columns = bulk.decode_sgtin96(epcs)
    assert all(len(column) == rows for column in columns)
    assert columns.ok.all()
    assert (columns.gtin == 9_506_000_134_352).all()
    assert (columns.serial == 123_456_789).all()


def test_a_strided_view_is_read_as_it_stands() -> None:
    wide = np.zeros((4, 16), np.uint8)
    wide[:, 2:14] = np.frombuffer(bytes.fromhex("3066C4409047E140075BCD15"), np.uint8)
    assert bulk.decode_sgtin96(wide[::2, 2:14]).serial.tolist() == [123_456_789, 123_456_789]


def test_the_input_is_not_changed() -> None:
    epcs = np.frombuffer(bytes.fromhex("3066C4409047E140075BCD15"), np.uint8).reshape(1, 12)
    assert not epcs.flags.writeable
    assert bulk.decode_sgtin96(epcs).ok.all()


@pytest.mark.parametrize(
    "epcs",
    [np.zeros((2, 11), np.uint8), np.zeros(12, np.uint8), np.zeros((2, 12), np.int16)],
)
def test_another_shape_is_the_callers_mistake(epcs: NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match=r"expected uint8 of shape \(n, 12\)"):
        bulk.decode_sgtin96(epcs)


def test_a_gtin_column_prints_with_its_leading_zeros() -> None:
    assert bulk.gtin_text(9_506_000_134_352) == "09506000134352"
