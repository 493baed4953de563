"""A small shop for tests of the replay: its site file, tags, and a file of reads as bytes."""

from collections.abc import Iterable

from gateway.replay import Antennas, Reads, Tags
from gateway.replay.reads import ReadsParser, join
from wire.epc import encode_sgtin96
from wire.site import Site
from wire.site_file import parse_site

SITE_YAML = """
site: shop
company_prefixes: ["9506000"]
zones:
  - {id: BACK, kind: back_room}
  - {id: FLOOR, kind: sales_floor}
  - {id: FIT, kind: fitting_room}
  - {id: EXIT, kind: exit, counts_as: FLOOR}
passages: [[BACK, FLOOR], [FLOOR, FIT], [FLOOR, EXIT]]
devices:
  - {id: R1, driver: llrp, address: a, antennas: [{port: 1, zone: BACK}, {port: 2, zone: FLOOR}, {port: 3, zone: FIT}]}
  - {id: R2, driver: llrp, address: b, antennas: [{port: 1, zone: EXIT}, {port: 2, zone: EXIT}]}
"""
GTIN = "09506000134352"
OTHER_GTIN = "09506000134369"
HEADER = "t,reader,antenna,epc,rssi_dbm\n"
FOREIGN = "3034257BF7194E4000001A85"


def shop(prefixes: str = '["9506000"]') -> Site:
    return parse_site(SITE_YAML.replace('["9506000"]', prefixes))


def epc(serial: int, gtin: str = GTIN) -> str:
    return encode_sgtin96(gtin, serial, company_prefix_length=7).hex().upper()


def parser(site: Site | None = None) -> ReadsParser:
    site = site or shop()
    return ReadsParser(Tags(site), Antennas(site))


def parsed(text: str | bytes, taking: ReadsParser | None = None, block: int = 1 << 20) -> Reads:
    """All reads of a file that comes in blocks of `block` bytes."""
    data = text.encode() if isinstance(text, str) else text
    blocks = [data[low : low + block] for low in range(0, len(data), block)]
    return join(list((taking or parser()).parse(blocks)))


def rows(reads: Reads) -> list[tuple[int, int, int, int]]:
    return list(
        zip(reads.at_us.tolist(), reads.antenna.tolist(), reads.tag.tolist(), reads.rssi_cdbm.tolist(), strict=True)
    )


def file_of(lines: Iterable[tuple[float, str, int, str, float]]) -> str:
    return HEADER + "".join(f"{t:.3f},{reader},{port},{code},{rssi:.1f}\n" for t, reader, port, code, rssi in lines)
