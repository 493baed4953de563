"""A sensor model of the small store, made by hand: every zone is heard best by its own antennas."""

from gateway.presence.model import MOTION_KINDS, Confusion, Model, Reception, SurveyedAntenna, SurveyedZone
from tests.gateway.small_store import SITE
from wire.site import Site

LOOKS = 400


def small_model(site: Site = SITE, own_hits: int = 200, made_at: str = "2026-11-18T09:06:40+00:00") -> Model:
    """Return a model of `site`; in the survey its antennas gave so many reads of their own zones."""
    antennas = site.zone_of_antenna()
    zones = [_zone(zone.id, list(antennas.values()), own_hits) for zone in site.zones]
    told = tuple(dict.fromkeys(zone.counts_as for zone in site.zones))
    counts_as = {zone.id: zone.counts_as for zone in site.zones}
    seconds = tuple(tuple(900.0 if name == counts_as[zone.zone] else 50.0 for name in told) for zone in zones)
    return Model(
        site=site.id,
        made_at=made_at,
        made_from=("survey.csv",),
        items=48,
        windows=4_000,
        seconds=1_000.0,
        quiet_s=0.0,
        sensitivity_dbm=-78.0,
        read_sd_db=2.0,
        antennas=tuple(SurveyedAntenna(device=device, port=port, look_ms=250.0) for device, port in antennas),
        zones=tuple(zones),
        confusion=Confusion(told=told, seconds=seconds, held_out=True),
    )


def _zone(name: str, zone_of_antenna: list[str], own_hits: int) -> SurveyedZone:
    heard = []
    for number, zone in enumerate(zone_of_antenna):
        hits = own_hits if zone == name else 10
        heard.append(Reception(antenna=number, hits=hits, windows=hits, rssi_dbm=-50.0, rssi_sd_db=3.0))
    return SurveyedZone(
        zone=name,
        items=12,
        items_read=12,
        stays=12,
        seconds=1_000.0,
        read_seconds=600.0,
        leaves={},
        motion=(10,) * MOTION_KINDS,
        looks=(LOOKS,) * len(zone_of_antenna),
        heard=tuple(heard),
    )
