"""The catalogue of time series: consistent, bounded, and no place for an item in it."""

import ast
import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.accuracy.figures import NAMES
from gateway.replenishment.gaps import GapKind, SizeState
from gateway.tasks.life import Kind
from wire import measurements as m
from wire.epc import encode_sgtin96
from wire.measurement import INTERVAL_S, Cadence, Field, FieldType, How, Measurement, Tag, Unit, wrong_tag

ALL = tuple(m.CATALOGUE.values())
WHOLE = Field("units", FieldType.INTEGER, Unit.UNITS, How.GAUGE, "units")


def made(*fields: Field, tags: tuple[Tag, ...] = (Tag.SITE,)) -> Measurement:
    return Measurement("x", "x", tags, fields, Cadence.LIVE, 1, "one")


def test_every_constant_is_in_the_catalogue() -> None:
    constants = [value for value in vars(m).values() if isinstance(value, Measurement)]
    assert sorted(one.name for one in constants) == sorted(m.CATALOGUE)
    assert all(m.CATALOGUE[one.name] is one for one in constants)


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.name)
def test_each_measurement_is_whole(one: Measurement) -> None:
    assert one.name == one.name.lower()
    assert len(one.name) <= 32
    assert one.fields
    assert one.meaning.rstrip("`").endswith((".", ")"))
    assert one.series_max >= 1
    assert one.series_why
    assert one.cadence in INTERVAL_S
    assert (Tag.SITE in one.tags) != (Tag.GATEWAY in one.tags)
    assert one.tags[0] in {Tag.SITE, Tag.GATEWAY}
    for field in one.fields:
        assert field.meaning
        assert (field.unit is Unit.STATE) == bool(field.words), field.name
        assert (field.how is How.NOTE) == (field.type is FieldType.TEXT), field.name
        assert field.unit is not Unit.STATE or field.type is FieldType.INTEGER
        assert field.how is not How.DELTA or field.type in {FieldType.INTEGER, FieldType.FLOAT}
        assert one.field(field.name) is field


def test_a_site_has_a_bounded_number_of_series() -> None:
    per_site = sum(one.series_max for one in ALL if one.of_site and Tag.GTIN not in one.tags)
    assert per_site < 20_000
    assert m.STOCK_SKU.series_max == m.SKUS_MAX


def test_no_tag_is_for_an_item() -> None:
    assert not {"epc", "serial", "sgtin", "item", "tid", "tag"} & {tag.value for tag in Tag}


@given(st.integers(0, 2**38 - 1))
def test_an_epc_is_no_value_of_any_tag(serial: int) -> None:
    epc = encode_sgtin96("09506000134352", serial, company_prefix_length=7).hex()
    for text in (
        epc,
        epc.upper(),
        f"urn:epc:id:sgtin:9506000.013435.{serial}",
        f"https://x/01/09506000134352/21/{serial}",
    ):
        for tag in set(Tag) - {Tag.ROUTE}:
            assert wrong_tag(tag, text), (tag, text)
        assert wrong_tag(Tag.STYLE, f"Oxford {text}")


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        (Tag.GTIN, "9506000134352"),
        (Tag.PORT, "one"),
        (Tag.STATUS, "200"),
        (Tag.SITE, "a b"),
        (Tag.CAUSE, "left by the exit"),
        (Tag.STYLE, ""),
        (Tag.DEPARTMENT, "x" * 129),
        (Tag.METHOD, "get"),
    ],
)
def test_a_value_that_does_not_fit_its_tag(tag: Tag, value: str) -> None:
    assert str(tag) in wrong_tag(tag, value)


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        (Tag.GTIN, "09506000134352"),
        (Tag.STYLE, "Oxford shirt, slim = 1/2"),
        (Tag.ROUTE, "/01/{gtin}/21/{serial}"),
        (Tag.SITE, "store-001"),
        (Tag.COLOUR, "DEADBEEF"),
        (Tag.CAME_FROM, "OUT"),
    ],
)
def test_a_value_that_fits_its_tag(tag: Tag, value: str) -> None:
    assert not wrong_tag(tag, value)


def test_a_name_that_stands_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="a field or tag stands twice"):
        made(WHOLE, WHOLE)
    with pytest.raises(ValueError, match="a field or tag stands twice"):
        made(WHOLE, tags=(Tag.SITE, Tag.SITE))
    with pytest.raises(ValueError, match="a field has the name of a tag"):
        made(dataclasses.replace(WHOLE, name="site"))
    with pytest.raises(KeyError, match=r"x\.unit: it has units"):
        made(WHOLE).field("unit")


def test_the_words_are_those_of_the_product() -> None:
    assert set(m.STOCK_SKU.field("shown").words.values()) - {"not_carried"} == {state.value for state in SizeState}
    assert set(m.ACCURACY.by_name) == set(NAMES)
    assert all(kind.value in m.SIZE_GAP.meaning for kind in GapKind)
    assert all(kind.value in m.BACKLOG.meaning for kind in Kind)
    assert list(m.DEVICE.field("up").words.values()) == list(m.DEVICE_STATES)


def test_every_measurement_is_documented() -> None:
    text = (Path(__file__).parents[2] / "docs" / "series.md").read_text(encoding="utf-8")
    for one in ALL:
        row = next((line for line in text.splitlines() if line.startswith(f"| `{one.name}` |")), "")
        tags = ", ".join(f"`{tag}`" for tag in one.tags)
        assert tags in row, one.name
        for field in one.fields:
            assert f"`{field.name}`" in row, (one.name, field.name)


def test_the_catalogue_is_data() -> None:
    """No function decides anything in it but those that shorten a row."""
    tree = ast.parse(Path(m.__file__).read_text(encoding="utf-8"))
    functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    assert functions == {"_whole", "_real", "_delta", "_state"}
