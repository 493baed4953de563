"""Which unit was sold, and when it left: sales by SKU that wait, guesses that are taken back."""

from gateway.presence.tracker import EvidenceKind
from tests.gateway.presence.engine_rig import READERS, Shop, caused, gtin, settled_shop

SALE = EvidenceKind.SALE
PLACES = {0: "BACK", 1: "FLOOR", 2: "FLOOR", 3: "POS"}
TILL_SILENT = {0: "BACK", 1: "FLOOR", 2: "FLOOR"}
RAILS = {0: "BACK", 1: "RAIL", 2: "FLOOR", 4: "RAIL"}


def railed() -> Shop:
    """Items 1 and 4 are of one SKU, on one rail, and now and then silent for some looks."""
    shop = Shop(6, skus=3)
    shop.live(400, RAILS)
    assert shop.zones[1] == shop.zones[4] == "FLOOR"
    return shop


def less(item: int) -> dict[int, str]:
    return {other: place for other, place in RAILS.items() if other != item}


def test_a_sale_by_sku_finds_the_unit_that_fell_silent() -> None:
    shop = railed()
    assert shop.live(60, less(4)) == []
    assert shop.hear(SALE, gtin=gtin(1), quantity=1) == []
    assert caused(shop.live(240, less(4))) == [(4, "OUT", "sold")]


def test_a_sale_by_sku_takes_nothing_that_is_still_read() -> None:
    shop = railed()
    shop.hear(SALE, gtin=gtin(1), quantity=1)
    assert shop.live(900, RAILS) == []


def test_a_guess_that_is_read_again_gives_the_sale_back() -> None:
    shop = railed()
    shop.hear(SALE, gtin=gtin(1), quantity=1)
    both = {0: "BACK", 2: "FLOOR"}
    shop.live(420, both)  # both are behind somebody: the engine has to guess
    guessed, other = (1, 4) if shop.zones[1] == "OUT" else (4, 1)
    assert shop.zones[guessed] == "OUT"
    assert shop.zones[other] == "FLOOR"
    shop.live(120, both | {guessed: "RAIL"})
    assert shop.zones[guessed] == "FLOOR"
    assert shop.zones[other] == "OUT"


def test_goods_that_are_silent_at_the_till_leave_some_time_after_their_sale() -> None:
    shop = settled_shop(150, PLACES, 6)
    shop.live(50, TILL_SILENT)
    assert shop.zones[3] == "POS"
    shop.hear(SALE, 3)
    assert shop.live(20, TILL_SILENT) == []
    assert caused(shop.live(20, TILL_SILENT)) == [(3, "OUT", "sold")]


def test_sold_goods_leave_when_one_of_the_readers_that_heard_them_looks() -> None:
    shop = settled_shop(150, PLACES, 6)
    shop.live(60, PLACES | {3: "DOOR"})
    shop.live(60, PLACES)
    shop.hear(SALE, 3)
    changes = shop.live(120, TILL_SILENT, dead=READERS["R2"])
    assert (3, "OUT", "sold") in caused(changes)
