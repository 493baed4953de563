import pytest

from gateway.presence.tracker import EvidenceKind
from gateway.replay import Event, ReplayError, Tags
from gateway.replay.events import EventFile, read_events
from gateway.replay.instant import START_US, US, TimeForm, iso_us
from tests.gateway.replay.replayed import FOREIGN, GTIN, epc, shop

A = epc(1)


def read(text: str, form: TimeForm = TimeForm.SECONDS, tags: Tags | None = None) -> EventFile:
    return read_events([text.encode()], Tags(shop()) if tags is None else tags, form)


def test_items_are_named_by_epc_and_sales_by_gtin_too() -> None:
    tags = Tags(shop())
    found = read(
        f"t,kind,epc,gtin,till\n5,sale,{A},{GTIN},1\n6.5,SALE,,9506000134352,1\n7,receipt,{epc(2)},,\n8,return,{A.lower()},,",
        tags=tags,
    )
    assert found.events == [
        Event(START_US + 5 * US, EvidenceKind.SALE, 0, ""),
        Event(START_US + 6_500_000, EvidenceKind.SALE, -1, GTIN),
        Event(START_US + 7 * US, EvidenceKind.RECEIPT, 1, ""),
        Event(START_US + 8 * US, EvidenceKind.RETURN, 0, ""),
    ]
    assert (found.rows, found.bad.count) == (4, 0)
    assert tags.epcs == [A, epc(2)]


def test_times_have_the_form_of_the_reads() -> None:
    found = read(f"t;kind;epc\n2026-11-22T05:00:00Z;sale;{A}\n", TimeForm.ISO)
    assert found.events[0].at_us == iso_us("2026-11-22T05:00:00Z")


def test_other_kinds_and_foreign_tags_are_counted() -> None:
    found = read(f"t,kind,epc\n1,pick,{A}\n2,pick,{A}\n2,left,{A}\n3,sale,{FOREIGN}\n4,sale,{A}\n")
    assert found.other_kinds == {"pick": 2, "left": 1}
    assert (found.foreign, len(found.events), found.bad.count) == (1, 1, 0)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (f"noon,sale,{A},", "line 3: t 'noon': expected seconds from the start"),
        (f"2026-11-22T05:00:00Z,sale,{A},", "the reads have seconds from the start"),
        ("1,sale,xyz,", "line 3: epc 'xyz': expected the EPC in hexadecimal"),
        ("1,sale,,9506000134353", "line 3: gtin '9506000134353': "),
        ("1,sale,,", "line 3: gtin '': "),
        (
            f"1,receipt,,{GTIN}",
            "line 3: epc '': is empty: a receipt names its items; only a sale may name a gtin alone",
        ),
        ("1,return", "line 3: epc '': is empty: a return names its items"),
    ],
)
def test_a_bad_row_costs_itself_only(row: str, told: str) -> None:
    found = read(f"t,kind,epc,gtin\n1,sale,{A},\n{row}\n\n2,sale,{A},\n")
    assert (len(found.events), found.bad.count) == (2, 1)
    assert told in str(found.bad.first[0])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "events is empty"),
        ("t,kind\n", "line 1: no column epc or gtin; expected t,kind,epc,gtin"),
        ("when,what,epc\n", "line 1: no column t, kind"),
        (f"t,kind,epc\nx,sale,{A}\n", "1 of 1 rows are bad; the first:\n  line 2: t 'x'"),
    ],
)
def test_a_file_without_use_says_what_to_mend(text: str, told: str) -> None:
    with pytest.raises(ReplayError, match=told):
        read(text)


def test_a_file_with_a_header_only_has_no_events() -> None:
    assert read("t,kind,epc,gtin\n").events == []
