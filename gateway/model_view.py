"""A site's sensor model as it is shown; its figures are made once for each model and description of the site."""

import asyncio
from dataclasses import asdict
from datetime import UTC, datetime

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.clock import Clock, iso
from gateway.fold.site_model import model_for
from gateway.http.survey_rows import AntennaSurvey, ConfusionRow, SiteModel, Survey, ZoneSurvey
from gateway.presence.calibrate_figures import antenna_figures, macro_recall, warnings, zone_figures
from gateway.presence.model import Model
from gateway.storage.schema import site_model
from wire.site import Site


class ModelViews:
    """Loads the models of sites."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._made: dict[str, tuple[str, Site, Survey | None]] = {}

    async def load(self, connection: AsyncConnection, site: Site) -> SiteModel:
        """Return the model of a site; one that does not fit its description is none, as it is for the fold."""
        row = (await connection.execute(select(site_model).where(site_model.c.site == site.id))).one_or_none()
        if row is None:
            return SiteModel(site.id, None)
        hash_, known, survey = self._made.get(site.id, ("", None, None))
        if hash_ != row.config_hash or known != site:
            body, since_us = bytes(row.config), row.updated_us
            survey = await asyncio.to_thread(_survey_of, site, body, since_us)
            self._made[site.id] = (row.config_hash, site, survey)
        return SiteModel(site.id, survey and msgspec.structs.replace(survey, age_s=_age_s(survey, self._clock())))


def _survey_of(site: Site, body: bytes, since_us: int) -> Survey | None:
    model = model_for(site, body)
    if model is None:
        return None
    return Survey(
        made_at=model.made_at,
        age_s=None,
        since=iso(since_us),
        made_from=list(model.made_from),
        items=model.items,
        windows=model.windows,
        seconds=model.seconds,
        quiet_s=model.quiet_s,
        sensitivity_dbm=model.sensitivity_dbm,
        read_sd_db=model.read_sd_db,
        macro_recall=macro_recall(model, site),
        zones=[ZoneSurvey(**asdict(figures)) for figures in zone_figures(model, site)],
        antennas=[AntennaSurvey(**asdict(figures)) for figures in antenna_figures(model, site)],
        confusion=_confusion(model),
        warnings=warnings(model, site),
    )


def _confusion(model: Model) -> ConfusionRow | None:
    confusion = model.confusion
    if confusion is None:
        return None
    seconds = {zone.zone: list(row) for zone, row in zip(model.zones, confusion.seconds, strict=True)}
    return ConfusionRow(list(confusion.told), confusion.held_out, seconds)


def _age_s(survey: Survey, now_us: int) -> int | None:
    """Return how old the survey is; None where its text is no instant, or one to come."""
    try:
        made = datetime.fromisoformat(survey.made_at)
    except ValueError:
        return None
    seconds = now_us // 1_000_000 - int((made if made.tzinfo else made.replace(tzinfo=UTC)).timestamp())
    return seconds if seconds >= 0 else None
