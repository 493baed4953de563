"""From facts to alarms: when a cause is one, and what is said of it."""

from dataclasses import replace

from gateway.exceptions.alarm import NewAlarm, Severity
from gateway.exceptions.detect import departments_of, is_wrong, left_unsold, never_read, unknown_gtin, wrong_department
from gateway.exceptions.facts import Departure, ItemName, LastRead, Look, Misplaced, Nameless, Product, Silence
from gateway.exceptions.limits import EVIDENCE_ITEMS, GRACE_US, LEFT_US, LOOKED_US, MISPLACED_US, SURE, UNREAD_US
from tests.gateway.small_store import SHIRT_M, SHIRT_S
from wire.site_file import parse_site

NOW_US = 1_795_000_000_000_000
SHIRT = Product(SHIRT_S, "Oxford", "navy", "S", "Shirt", "Women", "39.90")
SHOP = parse_site("""
site: store-001
name: Shop
timezone: Europe/Berlin
zones:
  - {id: BACK, kind: back_room}
  - {id: WOMEN, kind: sales_floor, department: Women}
  - {id: MEN, kind: sales_floor, department: Men}
  - {id: MEN-2, kind: sales_floor, department: men, counts_as: MEN}
  - {id: BASICS, kind: sales_floor}
  - {id: STORE, kind: back_room, department: Men}
passages: [[BACK, WOMEN], [WOMEN, MEN], [MEN, MEN-2], [MEN, BASICS], [BACK, STORE]]
devices: []
""")
LIVE = {zone: Look(live=True, since_us=NOW_US - 10 * LOOKED_US) for zone in ("BACK", "WOMEN", "MEN", "BASICS", "STORE")}


def names(alarms: list[NewAlarm]) -> list[str]:
    return [alarm.dedup for alarm in alarms]


def test_a_loss_is_one_after_the_grace_and_for_a_week() -> None:
    gone = Departure(SHIRT, "1", NOW_US - GRACE_US, "WOMEN", "left", 0.97)
    (alarm,) = left_unsold("s", [gone], NOW_US)
    assert (alarm.severity, alarm.gtin, alarm.serial, alarm.zone) == (Severity.CRITICAL, SHIRT_S, "1", "WOMEN")
    assert alarm.text == "Oxford navy S left from WOMEN and was not paid for"
    assert (alarm.evidence["price"], alarm.evidence["cause"]) == ("39.90", "left")
    assert left_unsold("s", [replace(gone, left_us=gone.left_us + 1)], NOW_US) == []
    assert left_unsold("s", [replace(gone, left_us=NOW_US - LEFT_US)], NOW_US) == []
    older = replace(gone, serial="0", left_us=gone.left_us - 1)
    assert names(left_unsold("s", [older, gone], NOW_US)) == [
        f"left_unsold/{SHIRT_S}/1",
        f"left_unsold/{SHIRT_S}/0",
    ], "the newest first"
    (nameless,) = left_unsold("s", [Departure(Product(SHIRT_S), "1", 0 + NOW_US - GRACE_US, "", "", None)], NOW_US)
    assert nameless.text == f"GTIN {SHIRT_S} left from an unknown zone and was not paid for"
    assert nameless.zone is None


def test_whose_department_a_zone_is() -> None:
    departments = departments_of(SHOP)
    assert departments == {"WOMEN": "Women", "MEN": "Men"}, "no back room, and no zone that counts as another"
    assert is_wrong("Women", "MEN", departments)
    assert not is_wrong(" women", "WOMEN", departments)
    assert not is_wrong("Women", "BASICS", departments), "anything may hang there"
    assert not is_wrong("Kids", "MEN", departments), "Kids have no place on this floor"
    assert not is_wrong("", "MEN", departments)


def lying(*items: tuple[str, int, float | None], zone: str = "MEN") -> Misplaced:
    return Misplaced(SHIRT, zone, "Men", items)


def test_what_lies_in_another_department() -> None:
    since_us = NOW_US - MISPLACED_US
    one = lying(("2", since_us, SURE), ("1", since_us - 5, 1.0), ("3", since_us + 1, 1.0), ("4", since_us, SURE - 0.01))
    (alarm,) = wrong_department(SHOP, [one], LIVE, NOW_US)
    assert alarm.dedup == f"wrong_department/{SHIRT_S}/MEN"
    assert alarm.text == "2 units of Oxford navy S (Women) in MEN (Men)"
    assert alarm.evidence["serials"] == ["1", "2"], "those that lie there surely, for half an hour"
    assert alarm.evidence["belongs_in"] == ["WOMEN"]
    unsure = lying(("1", since_us, None))
    blind = {**LIVE, "MEN": Look(live=False, since_us=NOW_US)}
    assert wrong_department(SHOP, [unsure], LIVE, NOW_US) == []
    assert wrong_department(SHOP, [one], blind, NOW_US) == []
    assert wrong_department(SHOP, [one], {}, NOW_US) == []
    assert wrong_department(SHOP, [lying(("1", since_us, 1.0), zone="BASICS")], LIVE, NOW_US) == []
    many = lying(*((f"{n:02}", since_us, 1.0) for n in range(EVIDENCE_ITEMS + 5)))
    (alarm,) = wrong_department(SHOP, [many], LIVE, NOW_US)
    assert (alarm.evidence["units"], len(alarm.evidence["serials"])) == (EVIDENCE_ITEMS + 5, EVIDENCE_ITEMS)


def test_what_no_catalogue_names() -> None:
    few = Nameless(SHIRT_S, 1, (("BACK", 1),), ("7",))
    many = Nameless(SHIRT_M, 5, (("BACK", 2), ("MEN", 3)), ("1", "2"))
    first, second = unknown_gtin("s", [few, many])
    assert (first.gtin, first.zone, second.gtin) == (SHIRT_M, "MEN", SHIRT_S), "that with the most units first"
    assert first.text == f"5 units of GTIN {SHIRT_M}, which no catalogue names"
    assert second.text == f"1 unit of GTIN {SHIRT_S}, which no catalogue names"
    assert first.evidence == {"units": 5, "zones": {"BACK": 2, "MEN": 3}, "serials": ["1", "2"]}


def silence(*silent: LastRead, zones: dict[str, tuple[int, int]] | None = None) -> Silence:
    believed = {(one.name.gtin, one.zone): 14 for one in silent}
    return Silence(NOW_US, zones or {"BACK": (10, 8)}, silent, believed)


def test_what_is_in_the_books_and_never_read() -> None:
    old_us = NOW_US - UNREAD_US
    read = LastRead(ItemName(SHIRT_S, "1"), "BACK", old_us, 0)
    told = LastRead(ItemName(SHIRT_S, "2"), "BACK", 0, old_us - 5)
    (alarm,), unsaid = never_read("s", silence(read, told), LIVE, {SHIRT_S: SHIRT})
    assert (alarm.dedup, alarm.zone, unsaid) == (f"never_read/{SHIRT_S}/BACK", "BACK", frozenset())
    assert alarm.text == "2 of 14 Oxford navy S in BACK: not read for 3 days. Look for them or their tags"
    items = alarm.evidence["items"]
    assert [(item["serial"], item["last_read_at"] is None) for item in items] == [("2", True), ("1", False)]
    just = {"BACK": Look(live=True, since_us=NOW_US - LOOKED_US + 1)}
    dark = {"BACK": Look(live=False, since_us=0)}
    for looks in (just, dark, {}):
        assert never_read("s", silence(read), looks, {}) == ([], frozenset({"BACK"})), "nobody looked long enough"
    badly = silence(read, zones={"BACK": (10, 4)})
    assert never_read("s", badly, LIVE, {}) == ([], frozenset({"BACK"})), "the whole zone is badly read"
    assert len(never_read("s", silence(read, zones={"BACK": (10, 5)}), LIVE, {})[0]) == 1
