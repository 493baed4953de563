"""What a person is told of a body that does not decode: the place, the value, and what may stand there."""

from typing import Any

import msgspec
import pytest

from gateway.http.body_fault import Fault, fault_of
from gateway.http.reservation_rows import ReservationBody
from gateway.http.trade_bodies import AdjustmentBody, ReceiptBody, SaleBody

LINE = {"gtin": "9506000134352", "quantity": 1, "site": "store-001"}
HOLD = {"lines": [LINE], "mode": "pickup"}
SALE = {"source_event_id": "till-4/1", "at": "2026-01-05T10:00:00Z", "site": "store-001", "lines": [{}]}


def told(kind: Any, body: object) -> Fault:
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    with pytest.raises(msgspec.DecodeError) as caught:
        msgspec.json.decode(raw, type=kind)
    return fault_of(raw, kind, caught.value)


@pytest.mark.parametrize(
    ("kind", "body", "detail", "place"),
    [
        (
            ReservationBody,
            HOLD | {"mode": "collect"},
            "mode is 'collect', expected one of pickup, ship, ship_from_store",
            "mode",
        ),
        (AdjustmentBody, {"mode": "remove"}, "mode is 'remove', expected one of delta, set, totals", "mode"),
        (
            ReservationBody,
            HOLD | {"lines": [LINE, {"gtin": "1", "qty": 1}]},
            "lines[1].qty is not known; there are gtin, quantity, site",
            "lines[1].qty",
        ),
        (ReservationBody, {"mode": "ship"}, "lines is missing", "lines"),
        (ReservationBody, HOLD | {"lines": [{"gtin": "1"}]}, "lines[0].quantity is missing", "lines[0].quantity"),
        (
            ReservationBody,
            HOLD | {"lines": [LINE | {"quantity": 0}]},
            "lines[0].quantity is 0, expected int >= 1",
            "lines[0].quantity",
        ),
        (
            SaleBody,
            SALE | {"source_event_id": "till 4"},
            "source_event_id is 'till 4', expected printable ASCII characters without blanks",
            "source_event_id",
        ),
        (
            ReceiptBody,
            SALE | {"shipment": "a/b"},
            "shipment is 'a/b', expected printable ASCII characters without blanks and slashes",
            "shipment",
        ),
        (SaleBody, SALE | {"lines": []}, "lines is [], expected array of length >= 1", "lines"),
        (SaleBody, SALE | {"lines": [{"gtin": 5}]}, "lines[0].gtin is 5, expected str | null", "lines[0].gtin"),
        (ReservationBody, b'{"mode":"collect",,', "mode, expected one of pickup, ship, ship_from_store", "mode"),
        (ReservationBody, b'{"lines":[{"gtin":5}],"lines":7}', "lines[0].gtin, expected str", "lines[0].gtin"),
        (ReservationBody, [], "Expected `object`, got `array`", ""),
        (ReservationBody, b'{"lines":[', "Input data was truncated", ""),
    ],
)
def test_a_mistake_is_told_with_its_place_and_its_mend(kind: Any, body: object, detail: str, place: str) -> None:
    fault = told(kind, body)
    assert (fault.detail, fault.place) == (f"body: {detail}", place)


def test_what_was_sent_is_told_in_part_when_it_is_long() -> None:
    assert len(told(ReservationBody, HOLD | {"mode": "x" * 5_000}).detail) < 300
    assert len(told(ReservationBody, HOLD | {"x" * 5_000: 1}).detail) < 300


def test_words_are_told_for_programs_too() -> None:
    assert told(AdjustmentBody, {"mode": "remove"}).expected == "one of delta, set, totals"
