"""A store that looks like one: enough styles, colours and sizes for a picture. The same each time."""

import random

from tests.gateway.http.memory import MemoryGateway, MemorySite, Sku
from tests.gateway.http.stores import MAIN, OUTLET, gtin
from wire.site import OUT, ZoneKind

LETTERS = ("XS", "S", "M", "L", "XL", "XXL")
SHOES = tuple(str(size) for size in range(36, 46))
JEANS = ("28/32", "30/32", "31/32", "32/32", "33/32", "34/34")

STYLES = (
    ("WO-1000", "Linen shirt", "women", ("white", "sky", "sand"), LETTERS),
    ("WO-1003", "Harbour jacket", "women", ("navy", "olive"), LETTERS),
    ("WO-1006", "Pleated skirt", "women", ("black", "berry"), LETTERS[:-1]),
    ("ME-1001", "Slim jeans", "men", ("indigo", "black"), JEANS),
    ("ME-1004", "Rib knit jumper", "men", ("forest green", "ecru", "navy"), LETTERS),
    ("SH-1002", "Derby shoe", "shoes", ("black", "brown"), SHOES),
    ("SH-1005", "Canvas sneaker", "shoes", ("white", "navy"), SHOES),
)

ZONES = {
    "RECEIVING": ZoneKind.RECEIVING,
    "BACK": ZoneKind.BACK_ROOM,
    "FLOOR_WOMEN": ZoneKind.SALES_FLOOR,
    "FLOOR_MEN": ZoneKind.SALES_FLOOR,
    "FLOOR_SHOES": ZoneKind.SALES_FLOOR,
    "FIT": ZoneKind.FITTING_ROOM,
    "POS": ZoneKind.CHECKOUT,
}


def fashion_store() -> MemoryGateway:
    rng = random.Random(7)
    skus: list[Sku] = []
    for style, description, department, colours, sizes in STYLES:
        for colour in colours:
            for size in sizes:
                number = gtin(1_000 + len(skus))
                skus.append(Sku(number, style, colour, size, f"{description}, {colour}, {size}", department))
    main, outlet = MemorySite(MAIN, "Main Street", ZONES), MemorySite(OUTLET, "Outlet Riverside", ZONES)
    gateway = MemoryGateway(skus, (main, outlet))
    for sku in skus:
        floor = f"FLOOR_{sku.department.upper()}"
        for site in (MAIN, OUTLET):
            on_floor = rng.choice((0, 1, 1, 2, 2, 3, 4, 5))
            in_back = rng.choice((0, 0, 1, 2, 3, 4))
            tried = int(rng.random() < 0.04)
            gateway.stock(site, sku.gtin, {floor: on_floor, "BACK": in_back, "FIT": tried})
    return gateway


def busy(gateway: MemoryGateway, number: int) -> None:
    """The `number`-th thing that happens at Main Street: somebody refills, tries on, or leaves."""
    rng = random.Random(number)
    site = gateway.by_id[MAIN]
    gateway.now_us += 7_000_000
    while True:
        sku = rng.choice(list(gateway.skus.values()))
        floor = f"FLOOR_{sku.department.upper()}"
        a, b = rng.choice(
            (("BACK", floor), ("BACK", floor), (floor, "FIT"), ("FIT", floor), (floor, "POS"), ("POS", OUT))
        )
        if site.units[sku.gtin][a]:
            gateway.move(MAIN, sku.gtin, a, b)
            return
