"""What is shown of a site's sensor model: the same figures that `lastunit calibrate` prints.

Shares are null where there is nothing to divide by. `gateway.presence.calibrate_figures` says what each of them is.
"""

import msgspec


class ZoneSurvey(msgspec.Struct, frozen=True):
    """How a zone was read in the survey.

    `read_rate`: item-seconds with a read; `own_rate`: looks of its own antennas with a read; `stray_share`: reads by
    antennas of other zones; `right`: item-seconds in which the filter tells this zone.
    """

    zone: str
    items: int
    items_read: int
    minutes: float
    read_rate: float | None
    own_rate: float | None
    stray_share: float | None
    right: float | None


class AntennaSurvey(msgspec.Struct, frozen=True):
    """An antenna's read rate and level in its own zone, and the other zone that it reads best."""

    antenna: str
    zone: str
    rate: float | None
    rssi_dbm: float | None
    other: str
    other_rate: float | None


class ConfusionRow(msgspec.Struct, frozen=True):
    """Item-seconds by true zone, in the order of `told`. `held_out`: each item was judged by a model without it."""

    told: list[str]
    held_out: bool
    seconds: dict[str, list[float]]


class Survey(msgspec.Struct, frozen=True, kw_only=True):
    """A sensor model. `since`: when the gateway took it; `age_s`: seconds since it was fitted."""

    made_at: str
    age_s: int | None
    since: str
    made_from: list[str]
    items: int
    windows: int
    seconds: float
    quiet_s: float
    sensitivity_dbm: float | None
    read_sd_db: float | None
    macro_recall: float | None
    zones: list[ZoneSurvey]
    antennas: list[AntennaSurvey]
    confusion: ConfusionRow | None
    warnings: list[str]


class SiteModel(msgspec.Struct, frozen=True):
    """The sensor model that a site's items are placed by; null: none, the engine works with nominal physics."""

    site: str
    model: Survey | None
