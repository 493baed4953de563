"""Two small stores to test with: their catalogue is short enough to know by heart."""

from tests.gateway.http.memory import MemoryGateway, MemorySite, Sku
from wire.gs1 import check_digit
from wire.site import ZoneKind

MAIN, OUTLET = "store-001", "store-002"


def gtin(number: int) -> str:
    body = f"0950600{number:06d}"
    return body + check_digit(body)


JACKET_M, JACKET_L, SHOE_38 = gtin(1), gtin(2), gtin(3)

SKUS = (
    Sku(JACKET_M, "HJ-100", "navy", "M", "Harbour jacket, navy, M", "women"),
    Sku(JACKET_L, "HJ-100", "navy", "L", "Harbour jacket, navy, L", "women"),
    Sku(SHOE_38, "RN-7", "white", "38", "Runner", "shoes"),
)


def two_stores() -> MemoryGateway:
    """store-001 has 4 navy jackets M (2 back, 1 floor, 1 fitting) and one L in the back; store-002 one shoe."""
    main = MemorySite(
        MAIN,
        "Main Street",
        {"BACK": ZoneKind.BACK_ROOM, "FLOOR_A": ZoneKind.SALES_FLOOR, "FIT": ZoneKind.FITTING_ROOM},
    )
    outlet = MemorySite(OUTLET, "Outlet", {"BACK": ZoneKind.BACK_ROOM, "SHOP": ZoneKind.SALES_FLOOR})
    gateway = MemoryGateway(SKUS, (main, outlet))
    gateway.stock(MAIN, JACKET_M, {"BACK": 2, "FLOOR_A": 1, "FIT": 1})
    gateway.stock(MAIN, JACKET_L, {"BACK": 1})
    gateway.stock(OUTLET, SHOE_38, {"SHOP": 1})
    return gateway
