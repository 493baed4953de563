"""Items as paths of a Digital Link: there and back, the same as the whole grammar says, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.errors import MessageError
from wire.gs1.digital_link import format_digital_link
from wire.item_path import item_path, parse_item_path
from wire.limits import ITEM_PATH_MAX_CHARS
from wire.messages import ForgetSold, SoldItem, decode_command, encode_json

GTIN = "09506000134352"
AI_82 = "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"


@given(serial=st.text(AI_82, min_size=1, max_size=20))
def test_there_and_back(serial: str) -> None:
    path = item_path(GTIN, serial)
    assert parse_item_path(path) == (GTIN, serial)
    assert format_digital_link((("01", GTIN), ("21", serial))) == f"https://id.gs1.org{path}"
    assert len(path) <= ITEM_PATH_MAX_CHARS
    command = ForgetSold(epcs=(), items=(SoldItem(path, 5),))
    assert decode_command(encode_json(command)) == command


@given(text=st.text(alphabet="/0121%9A\u0664", max_size=40))
def test_any_text_gives_an_item_or_a_typed_error(text: str) -> None:
    try:
        gtin, serial = parse_item_path(text)
    except MessageError:
        return
    assert len(gtin) == 14
    assert 1 <= len(serial) <= 20


@pytest.mark.parametrize(
    "path",
    [
        "",
        GTIN,
        f"/01/{GTIN}",
        f"01/{GTIN}/21/1",
        f"/01/{GTIN}/21/",
        f"/01/{GTIN}/21/1/",
        f"/01/{GTIN}/10/1",
        f"/00/{GTIN}/21/1",
        f"/01/{GTIN[1:]}/21/1",
        f"/01/{GTIN[:-1]}\u0664/21/1",
        f"/01/{GTIN}/21/{'1' * 21}",
    ],
)
def test_what_is_no_item_is_refused(path: str) -> None:
    with pytest.raises(MessageError, match="expected /01/<GTIN of 14 digits>/21/"):
        parse_item_path(path)


def test_edges_of_before_items_read_the_command_as_an_empty_one() -> None:
    """They know `epcs`, which they ask for, and `grace_s`; what they do not know they pass over."""
    assert b'"epcs":[]' in encode_json(ForgetSold(epcs=(), items=(SoldItem(item_path(GTIN, "1")),), anew=True))
    assert decode_command(b'{"cmd":"forget_sold","epcs":["00"],"grace_s":60}') == ForgetSold(epcs=("00",), grace_s=60)
    assert decode_command(b'{"cmd":"forget_sold","epcs":[]}') == ForgetSold(epcs=())
