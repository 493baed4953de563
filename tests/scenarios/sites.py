"""The stores of the scenarios, as their operator would write them, and the goods in them."""

from collections.abc import Iterable
from typing import Final

from wire.epc import encode_sgtin96
from wire.site import Site
from wire.site_file import parse_site

PREFIX: Final = "9506000"
SHIRT_S: Final = "09506000134352"
SHIRT_M: Final = "09506000134369"
SHIRT_L: Final = "09506000134376"
CATALOGUE: Final = f"""gtin,style,colour,size,description,department,min_floor,max_floor
{SHIRT_S},Oxford,white,S,Shirt,Shirts,1,2
{SHIRT_M},Oxford,white,M,Shirt,Shirts,1,2
{SHIRT_L},Oxford,white,L,Shirt,Shirts,1,2
"""

MITTE: Final = "store-mitte"
WEST: Final = "store-west"
POTSDAM: Final = "store-potsdam"
PLACES: Final = {MITTE: (52.5200, 13.4050), WEST: (52.5040, 13.3060), POTSDAM: (52.3989, 13.0657)}
"""Latitude and longitude: West is 7 km from Mitte, Potsdam 27 km."""
BUYER: Final = {"lat": 52.5200, "lon": 13.4100}
"""Who orders lives around the corner of the store in Mitte."""

READER: Final = "R1"
PORTS: Final = range(1, 9)
_DOCK, _BACK, _BACK_FAR, _FLOOR, _FLOOR_FAR, _FIT, _POS, _EXIT = PORTS

SOUNDS: Final[dict[str, tuple[tuple[int, float, int], ...]]] = {
    "DOCK": ((_DOCK, -50.0, 1), (_BACK, -66.0, 5)),
    "BACK": ((_BACK, -52.0, 2), (_BACK_FAR, -62.0, 5), (_FLOOR, -70.0, 17)),
    "FLOOR": ((_FLOOR, -52.0, 2), (_FLOOR_FAR, -61.0, 5), (_BACK, -70.0, 17)),
    "FIT": ((_FIT, -50.0, 2), (_FLOOR, -63.0, 5)),
    "POS": ((_POS, -48.0, 2), (_FLOOR_FAR, -59.0, 4)),
    "EXIT": ((_EXIT, -47.0, 1), (_FLOOR, -63.0, 4), (_FLOOR_FAR, -63.0, 5)),
}
"""What a tag in a zone sounds like: port, RSSI in dBm, and that it is heard there in every so many seconds. Round
figures of an ordinary tag; antennas of the next zone hear it, too."""

_FILE: Final = """
site: {site}
name: {site}
timezone: Europe/Berlin
location: {{lat: {lat}, lon: {lon}}}
company_prefixes: ["{prefix}"]
zones:
  - {{id: DOCK, kind: receiving, outline: [[0, 12], [4, 12], [4, 15], [0, 15]]}}
  - {{id: BACK, kind: back_room, outline: [[0, 8], [12, 8], [12, 12], [0, 12]]}}
  - {{id: FLOOR, kind: sales_floor, department: Shirts, outline: [[0, 0], [12, 0], [12, 8], [0, 8]]}}
  - {{id: FIT, kind: fitting_room, outline: [[0, 6], [2, 6], [2, 8], [0, 8]]}}
  - {{id: POS, kind: checkout, outline: [[9, 4], [12, 4], [12, 6], [9, 6]]}}
  - {{id: EXIT, kind: exit, counts_as: FLOOR, outline: [[5, 0], [7, 0], [7, 1], [5, 1]]}}
passages: [[DOCK, BACK], [BACK, FLOOR], [FLOOR, FIT], [FLOOR, POS], [FLOOR, EXIT]]
walls:
  - {{from: [0, 8], to: [12, 8], loss_db: 12}}
  - {{from: [0, 12], to: [12, 12], loss_db: 12}}
devices:
  - id: R1
    driver: llrp
    address: 10.0.0.11:5084
    edge: box-1
    antennas:
      - {{port: 1, zone: DOCK, x: 2, y: 13.5, z: 3.0}}
      - {{port: 2, zone: BACK, x: 3, y: 10, z: 3.0}}
      - {{port: 3, zone: BACK, x: 9, y: 10, z: 3.0}}
      - {{port: 4, zone: FLOOR, x: 3, y: 3, z: 3.0}}
      - {{port: 5, zone: FLOOR, x: 9, y: 2, z: 3.0}}
      - {{port: 6, zone: FIT, x: 1, y: 7, z: 2.6}}
      - {{port: 7, zone: POS, x: 10.5, y: 5, z: 1.0}}
      - {{port: 8, zone: EXIT, x: 6, y: 0.5, z: 2.5}}
"""


def sites(names: Iterable[str]) -> list[Site]:
    """Return these stores."""
    return [
        parse_site(_FILE.format(site=name, lat=PLACES[name][0], lon=PLACES[name][1], prefix=PREFIX)) for name in names
    ]


def epc(gtin: str, serial: int) -> bytes:
    """Return the tag of an item (SGTIN-96)."""
    return encode_sgtin96(gtin, serial, company_prefix_length=len(PREFIX))


def link(gtin: str, serial: int) -> str:
    """Return an item as a GS1 Digital Link."""
    return f"https://id.gs1.org/01/{gtin}/21/{serial}"
