"""Every published row that carries a tag binary decodes as stated and encodes back, or stands here with its reason."""

import csv
import json

import pytest

from tests.wire.epc.rows import DATA, Row, bits_of, rows, tag_rows
from wire.epc import Reject, decode_epc, encode_epc
from wire.epc.elements import digital_link_of, parse_epc_link
from wire.epc.headers import HEADERS
from wire.epc.partition import GCP_BITS, GCP_DIGITS
from wire.epc.uri import KEYS, parse_tag_uri, parse_urn, tag_uri_of, urn_of
from wire.gs1.errors import IdentifierError

WRONG = {
    "other-libraries-tag-0051": (
        "valid by its source, but the reference of partition 0 has no digits and its spare bit is 1: TDS 14.4.3"
        " allows 0 only (the source's own row 0052 is the right encoding of the same SGLN)"
    ),
}
"""Rows that say a tag is valid which is not."""

NOT_HEX = {"other-libraries-tag-0074": "holds the letter G"}

OTHER_LINK = dict.fromkeys(
    ("tdt22-SGLN-96-p1-0", "tdt22-SGLN-96-p3-0", "tdt22-SGLN-96-p4-0"),
    "the source prints /254/0, but extension 0 names the GLN itself and has no AI 254 (TDS 7.5)",
)

OTHER_KEY = {"epcpy-0187": "refused by its source as a GSRN only; it is a valid GSRNP"}


def test_there_are_as_many_rows_as_the_sources_say() -> None:
    assert len(tag_rows()) == 677


@pytest.mark.parametrize("row", [r for r in tag_rows() if r["id"] not in NOT_HEX], ids=lambda r: r["id"])
def test_a_row_decodes_as_stated_and_encodes_back(row: Row) -> None:
    epc, bits = bits_of(row)
    value = decode_epc(epc, bits)
    if not row["valid"] or row["id"] in WRONG:
        assert isinstance(value, Reject)
        return
    assert not isinstance(value, Reject), value
    _check_scheme(row, value.scheme)
    if row.get("filter"):
        assert value.filter == int(row["filter"])
    if row.get("gcp_len"):
        assert value.company_prefix_length == row["gcp_len"]
    again = encode_epc(value)
    # a source may leave out the padding to a whole word
    assert again[: len(epc)] == epc
    assert not any(again[len(epc) :])


def _check_scheme(row: Row, scheme: str) -> None:
    stated = row.get("scheme", "").lower()
    assert stated in {scheme, scheme.partition("-")[0], ""}, (stated, scheme)


@pytest.mark.parametrize(
    "row", [r for r in tag_rows() if r["valid"] and r["id"] not in WRONG and r.get("tag_uri")], ids=lambda r: r["id"]
)
def test_a_row_has_the_uris_that_it_states(row: Row) -> None:
    value = decode_epc(*bits_of(row))
    assert not isinstance(value, Reject)
    assert tag_uri_of(value) == row["tag_uri"]
    back = parse_tag_uri(row["tag_uri"])
    assert (back, back.scheme, back.filter) == (value, value.scheme, value.filter)
    if "epc_uri" in row:
        assert urn_of(value) == row["epc_uri"]
        assert parse_urn(row["epc_uri"]) == value


@pytest.mark.parametrize("row", [r for r in tag_rows() if r["valid"] and r.get("digital_link")], ids=lambda r: r["id"])
def test_a_row_has_the_digital_link_that_it_states(row: Row) -> None:
    value = decode_epc(*bits_of(row))
    assert not isinstance(value, Reject)
    assert (digital_link_of(value) == row["digital_link"]) is (row["id"] not in OTHER_LINK)
    assert parse_epc_link(row["digital_link"]) == value


@pytest.mark.parametrize("row", [r for r in tag_rows() if r["valid"] and "hostname=" in r.get("reason", "")])
def test_the_host_name_of_a_row_is_read(row: Row) -> None:
    value = decode_epc(*bits_of(row))
    assert not isinstance(value, Reject)
    assert value.hostname == row["reason"].rpartition("hostname=")[2]


@pytest.mark.parametrize(
    "row",
    [
        r
        for r in rows("epcpy")
        if r["kind"] in {"epcpy-init", "epcpy-parser"} and r.get("epc_uri", "").split(":")[3:4] in [[k] for k in KEYS]
    ],
    ids=lambda r: r["id"],
)
def test_a_pure_identity_uri_is_taken_or_refused_as_stated(row: Row) -> None:
    valid = row["valid"] or row["id"] in OTHER_KEY
    if valid:
        assert urn_of(parse_urn(row["epc_uri"])) == row["epc_uri"]
    else:
        with pytest.raises(IdentifierError):
            parse_urn(row["epc_uri"])


def test_headers_are_those_of_the_standard() -> None:
    with (DATA / "epc-headers.csv").open() as file:
        stated = {int(line["header_hex"], 16): line for line in csv.DictReader(file)}
    assert {byte: header.scheme for byte, header in HEADERS.items()} == {
        byte: line["scheme"].lower() for byte, line in stated.items()
    }
    assert {byte: header.bits for byte, header in HEADERS.items() if header.bits} == {
        byte: int(line["bits"]) for byte, line in stated.items() if line["bits"] != "variable"
    }


def test_partition_tables_are_those_of_the_standard() -> None:
    from wire.epc.classic import CLASSIC

    tables = json.loads((DATA / "partition-tables.json").read_text())
    for name, table in tables.items():
        for row in table:
            partition, (gcp, reference, *_) = row["partition"], row["fields"]
            assert (gcp["bits"], gcp["digits"]) == (GCP_BITS[partition], GCP_DIGITS[partition])
            spec = CLASSIC.get(name.lower())
            if spec is None or reference["compaction"]:
                continue
            ours = spec.rows[partition]
            assert (ours.ref_bits, ours.ref_limit - 1) == (reference["bits"], int(reference["max"])), name
            assert spec.rows[partition].ref_digits == (reference["digits"] or 0), name
