"""Catalogue and tags of a simulated store."""

import csv
import io

import numpy as np
import pytest

from simulator.catalogue import HEADER, Catalogue, make_catalogue, write_catalogue
from simulator.errors import CatalogueError
from simulator.tags import make_tags
from wire.epc import CompanyPrefixes, Reject, Sgtin, TagClass, classify, decode_epc, parse_gtin


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("prefixes", [(), ("9506000",), ("4012345", "950600012"), ("4012",), ("950600013435",)])
@pytest.mark.parametrize("items", [1, 7, 900, 5_000])
def test_gtins_are_good_unique_and_ours(prefixes: tuple[str, ...], items: int) -> None:
    catalogue = make_catalogue(items, rng(), prefixes=prefixes)
    gtins = [product.gtin for product in catalogue.products]
    assert [parse_gtin(gtin) for gtin in gtins] == gtins
    assert len(set(gtins)) == len(gtins)
    assert all(gtin[1:].startswith(prefixes or ("9506000",)) for gtin in gtins)
    assert sum(catalogue.pieces) == items
    assert min(catalogue.pieces) >= 1


def test_about_six_pieces_of_a_size() -> None:
    catalogue = make_catalogue(5_000, rng())
    assert 4.5 < np.mean(catalogue.pieces) < 7


def test_style_colour_and_size_name_a_product() -> None:
    catalogue = make_catalogue(20_000, rng())
    keys = [(product.style, product.colour, product.size) for product in catalogue.products]
    assert len(set(keys)) == len(keys)
    assert {product.department for product in catalogue.products} == {"women", "men", "kids", "shoes", "accessories"}
    assert {"XS", "XXL", "38", "43", "32/32"} <= {product.size for product in catalogue.products}


def test_one_fixture_holds_one_colour_of_one_style() -> None:
    catalogue = make_catalogue(900, rng())
    fixtures: dict[int, set[tuple[str, str]]] = {}
    for product in catalogue.products:
        fixtures.setdefault(product.fixture, set()).add((product.style, product.colour))
    assert all(len(styles) == 1 for styles in fixtures.values())
    assert max(fixtures) + 1 == catalogue.fixtures


def test_departments_of_the_site_file_are_used() -> None:
    catalogue = make_catalogue(500, rng(), departments=("Men", "Garden"))
    assert {product.department for product in catalogue.products} == {"Men", "Garden"}


def test_the_same_seed_gives_the_same_catalogue() -> None:
    assert make_catalogue(900, rng(4)) == make_catalogue(900, rng(4))
    assert make_catalogue(900, rng(4)) != make_catalogue(900, rng(5))


def test_a_long_company_prefix_leaves_room_for_few_products() -> None:
    catalogue = make_catalogue(300, rng(), prefixes=("95060001343",))
    assert len(catalogue.products) == 10
    assert sum(catalogue.pieces) == 300


@pytest.mark.parametrize("prefix", ["950", "9506000134352", "95x6", "٩٥٠٦"])
def test_bad_company_prefixes_are_refused(prefix: str) -> None:
    with pytest.raises(CatalogueError, match="company prefix"):
        make_catalogue(10, rng(), prefixes=(prefix,))


def test_no_items_are_refused() -> None:
    with pytest.raises(CatalogueError, match="expected at least 1"):
        make_catalogue(0, rng())


def written(catalogue: Catalogue) -> list[dict[str, str]]:
    stream = io.StringIO()
    write_catalogue(catalogue, stream)
    return list(csv.DictReader(io.StringIO(stream.getvalue())))


def test_the_catalogue_file_reads_back() -> None:
    catalogue = make_catalogue(400, rng())
    rows = written(catalogue)
    assert tuple(rows[0]) == HEADER
    assert [row["gtin"] for row in rows] == [product.gtin for product in catalogue.products]
    for row in rows:
        assert 0 < int(row["min_floor"]) < int(row["max_floor"])
        assert row["price"] == f"{float(row['price']):.2f}"
        assert row["description"].endswith(f"{row['colour']}, {row['size']}")


def test_tags_say_what_the_catalogue_says() -> None:
    catalogue = make_catalogue(400, rng(), prefixes=("9506000", "4012"))
    tags = make_tags(catalogue, 0, rng())
    assert tags.items == len(tags.epcs) == 400
    seen = set()
    for item in range(tags.items):
        epc = decode_epc(tags.epc(item), 96)
        assert isinstance(epc, Sgtin)
        assert epc.gtin == catalogue.products[int(tags.product[item])].gtin
        seen.add(epc.identity)
    assert len(seen) == 400


def test_serials_of_a_size_follow_each_other() -> None:
    catalogue = make_catalogue(200, rng())
    tags = make_tags(catalogue, 0, rng())
    for product in range(len(catalogue.products)):
        serials = []
        for item in np.flatnonzero(tags.product == product):
            epc = decode_epc(tags.epc(int(item)), 96)
            assert isinstance(epc, Sgtin)
            serials.append(int(epc.serial))
        assert serials == list(range(serials[0], serials[0] + len(serials)))


def test_foreign_tags_are_not_ours() -> None:
    tags = make_tags(make_catalogue(10, rng()), 40, rng())
    ours = CompanyPrefixes(["9506000"])
    classes = [classify(decode_epc(tags.epc(tag), 96), ours) for tag in range(10, 50)]
    assert classes.count(TagClass.FOREIGN) == 30
    assert TagClass.OURS not in classes
    assert sum(isinstance(decode_epc(tags.epc(tag), 96), Reject) for tag in range(10, 50)) == 10
    assert len({tags.epc(tag) for tag in range(50)}) == 50
