"""The two demo sites are good site files of unlike stores."""

import pytest

from simulator.errors import StoreError
from simulator.sites import demo_sites, read_demo_site
from wire.site import Driver, Site, ZoneKind

SITES = [read_demo_site(name) for name in demo_sites()]
by_site = pytest.mark.parametrize("site", SITES, ids=lambda site: site.id)


@by_site
def test_readers_take_any_free_port_of_this_machine(site: Site) -> None:
    for device in site.devices:
        assert device.driver is Driver.LLRP
        assert device.host_port(5084) == ("127.0.0.1", 0)
        assert device.profile
        assert all(None not in (a.x, a.y, a.z) for a in device.antennas)


@by_site
def test_every_exit_counts_as_a_sales_floor(site: Site) -> None:
    exits = [zone for zone in site.zones if zone.kind is ZoneKind.EXIT]
    assert exits
    assert all(site.zone(zone.counts_as).kind is ZoneKind.SALES_FLOOR for zone in exits)


@by_site
def test_every_zone_is_watched_and_can_be_reached(site: Site) -> None:
    watched = set(site.zone_of_antenna().values())
    reached = {site.zones[0].id}
    for _ in site.zones:
        reached |= {name for here in reached for name in site.touching(here)}
    assert watched == reached == {zone.id for zone in site.zones}


def test_they_are_unlike() -> None:
    main_street, outlet = SITES
    assert (main_street.id, outlet.id) == ("store-001", "store-002")
    assert len(main_street.devices) == 5
    assert len(outlet.devices) == 6
    assert {zone.kind for zone in outlet.zones} == set(ZoneKind)
    assert sum(zone.kind is ZoneKind.EXIT for zone in outlet.zones) == 2
    assert main_street.company_prefixes == outlet.company_prefixes == ("9506000",)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(StoreError, match="'moon': expected one of main-street, outlet"):
        read_demo_site("moon")
