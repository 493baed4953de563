"""Site files for tests of the simulator: from nothing but zones to a chain's flagship with 30 readers."""

from wire.site import Site
from wire.site_file import parse_site

BARE = """
site: bare
zones:
  - {id: BACK, kind: back_room}
  - {id: RECEIVING, kind: receiving}
  - {id: FLOOR_A, kind: sales_floor}
  - {id: FLOOR_B, kind: sales_floor}
  - {id: WINDOW, kind: window}
  - {id: FIT, kind: fitting_room}
  - {id: POS, kind: checkout}
  - {id: EXIT, kind: exit, counts_as: FLOOR_B}
  - {id: SIDE_EXIT, kind: exit, counts_as: FLOOR_A}
passages:
  - [RECEIVING, BACK]
  - [BACK, FLOOR_A]
  - [FLOOR_A, FLOOR_B]
  - [FLOOR_A, FIT]
  - [FLOOR_B, POS]
  - [FLOOR_B, EXIT]
  - [FLOOR_A, SIDE_EXIT]
  - [FLOOR_B, WINDOW]
devices:
  - id: R1
    driver: llrp
    address: "127.0.0.1:0"
    antennas: [{port: 1, zone: BACK}, {port: 2, zone: BACK}, {port: 3, zone: RECEIVING}, {port: 4, zone: FLOOR_A}]
  - id: R2
    driver: llrp
    address: "127.0.0.1:0"
    antennas: [{port: 1, zone: FLOOR_A}, {port: 2, zone: FLOOR_B}, {port: 3, zone: FIT}, {port: 4, zone: POS}]
  - id: R3
    driver: llrp
    address: "127.0.0.1:0"
    antennas: [{port: 1, zone: EXIT}, {port: 2, zone: EXIT}, {port: 3, zone: SIDE_EXIT}, {port: 4, zone: FLOOR_B}]
"""

POSITIONS = """
site: positions
zones:
  - {id: BACK, kind: back_room}
  - {id: FLOOR_A, kind: sales_floor}
  - {id: FLOOR_B, kind: sales_floor}
  - {id: FIT, kind: fitting_room}
  - {id: EXIT, kind: exit, counts_as: FLOOR_B}
passages: [[BACK, FLOOR_A], [FLOOR_A, FLOOR_B], [FLOOR_A, FIT], [FLOOR_B, EXIT]]
devices:
  - id: R1
    driver: llrp
    address: "127.0.0.1:0"
    antennas:
      - {port: 1, zone: BACK, x: 2.0, y: 3.0}
      - {port: 2, zone: BACK, x: 2.0, y: 9.0}
      - {port: 3, zone: FIT, x: 8.0, y: 1.0, z: 2.6}
  - id: R2
    driver: llrp
    address: "127.0.0.1:0"
    antennas:
      - {port: 1, zone: FLOOR_A, x: 8.0, y: 5.0}
      - {port: 2, zone: FLOOR_A, x: 8.0, y: 9.5}
      - {port: 3, zone: FLOOR_B, x: 13.5, y: 3.0}
      - {port: 4, zone: FLOOR_B, x: 13.5, y: 9.0}
  - id: R3
    driver: llrp
    address: "127.0.0.1:0"
    antennas:
      - {port: 1, zone: EXIT, x: 16.4, y: 5.0}
      - {port: 2, zone: EXIT, x: 16.4, y: 7.0}
"""

TWO_LEVELS = """
site: two-levels
zones:
  - {id: BACK, kind: back_room, floor: 1, outline: [[0, 0], [5, 0], [5, 8], [0, 8]]}
  - {id: UPSTAIRS, kind: sales_floor, floor: 1, outline: [[5, 0], [14, 0], [14, 8], [5, 8]]}
  - {id: STREET_LEVEL, kind: sales_floor, outline: [[0, 0], [14, 0], [14, 8], [0, 8]]}
  - {id: EXIT, kind: exit, counts_as: STREET_LEVEL, outline: [[6, 0], [9, 0], [9, 1.5], [6, 1.5]]}
passages: [[BACK, UPSTAIRS], [UPSTAIRS, STREET_LEVEL], [STREET_LEVEL, EXIT]]
devices:
  - id: R1
    driver: llrp
    address: "127.0.0.1:0"
    antennas: [{port: 1, zone: BACK}, {port: 2, zone: UPSTAIRS}, {port: 3, zone: STREET_LEVEL}, {port: 4, zone: EXIT}]
"""

ONE_ZONE = "site: one\nzones: [{id: SHELF, kind: fitting_room}]\n"

WAREHOUSE = """
site: warehouse
zones: [{id: DOCK, kind: receiving}, {id: HALL, kind: back_room}]
devices:
  - {id: R1, driver: llrp, address: "127.0.0.1:0", antennas: [{port: 1, zone: DOCK}, {port: 2, zone: HALL}]}
"""

PLAIN = {
    "bare": BARE,
    "positions": POSITIONS,
    "two_levels": TWO_LEVELS,
    "one_zone": ONE_ZONE,
    "warehouse": WAREHOUSE,
}


def plain_site(name: str) -> Site:
    return parse_site(PLAIN[name], f"{name}.yaml")


def flagship(readers: int = 30) -> Site:
    """A store of 8 departments; its readers have four ports each, exits and counters fewer."""
    zones = ["RECEIVING: receiving", "BACK_1: back_room", "BACK_2: back_room"]
    zones += [f"FLOOR_{k}: sales_floor" for k in range(8)]
    zones += ["FIT_1: fitting_room", "FIT_2: fitting_room", "POS: checkout", "EXIT_1: exit", "EXIT_2: exit"]
    counts_as = {"EXIT_1": "FLOOR_7", "EXIT_2": "FLOOR_4"}
    passages = ["RECEIVING, BACK_1", "BACK_1, BACK_2", "BACK_1, FLOOR_0", "BACK_2, FLOOR_0"]
    passages += [f"FLOOR_{k}, FLOOR_{k + 1}" for k in range(7)]
    passages += ["FLOOR_2, FIT_1", "FLOOR_5, FIT_2", "FLOOR_6, POS", "FLOOR_7, EXIT_1", "FLOOR_4, EXIT_2"]
    covers = [("RECEIVING", 4), ("FIT_1", 4), ("FIT_2", 4), ("POS", 3), ("EXIT_1", 2), ("EXIT_2", 2)]
    covers += [(f"BACK_{k % 2 + 1}", 4) for k in range(6)]
    covers += [(f"FLOOR_{k % 8}", 4) for k in range(readers - len(covers))]
    lines = ["site: flagship", "zones:"]
    for zone in zones:
        name, kind = zone.split(": ")
        extra = f", counts_as: {counts_as[name]}" if name in counts_as else ""
        lines.append(f"  - {{id: {name}, kind: {kind}{extra}}}")
    lines.append("passages: [" + ", ".join(f"[{pair}]" for pair in passages) + "]")
    lines.append("devices:")
    for number, (zone, ports) in enumerate(covers[:readers], 1):
        antennas = ", ".join(f"{{port: {port}, zone: {zone}}}" for port in range(1, ports + 1))
        lines.append(f'  - {{id: R{number}, driver: llrp, address: "127.0.0.1:0", antennas: [{antennas}]}}')
    return parse_site("\n".join(lines) + "\n", "flagship.yaml")
