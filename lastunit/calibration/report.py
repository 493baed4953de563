"""What `lastunit calibrate` prints of a model: for people, and as one JSON object."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from gateway.presence.calibrate_figures import antenna_figures, macro_recall, warnings, zone_figures
from gateway.presence.model import Model
from wire.site import Site

ANTENNAS_SHOWN = 60
"""A screen full; --json has them all."""

SOURCES_SHOWN = 3


def as_json(model: Model, site: Site) -> dict[str, Any]:
    """Return the figures as an object of plain values."""
    confusion = model.confusion
    return {
        "site": model.site,
        "made_at": model.made_at,
        "made_from": list(model.made_from),
        "items": model.items,
        "windows": model.windows,
        "seconds": model.seconds,
        "quiet_s": model.quiet_s,
        "sensitivity_dbm": model.sensitivity_dbm,
        "read_sd_db": model.read_sd_db,
        "zones": [asdict(figures) for figures in zone_figures(model, site)],
        "antennas": [asdict(figures) for figures in antenna_figures(model, site)],
        "macro_recall": macro_recall(model, site),
        "confusion": None
        if confusion is None
        else {
            "told": list(confusion.told),
            "held_out": confusion.held_out,
            "seconds": {zone.zone: list(row) for zone, row in zip(model.zones, confusion.seconds, strict=True)},
        },
        "warnings": warnings(model, site),
    }


def as_text(model: Model, site: Site) -> str:
    """Return what a person reads: zones, confusion, antennas."""
    parts = [_head(model), _zones(model, site)]
    if model.confusion is not None:
        parts.append(_confusion(model, site))
    parts.append(_antennas(model, site))
    return "\n\n".join(parts)


def _head(model: Model) -> str:
    quiet = f"tags are silent for {model.quiet_s:.0f} s after a read" if model.quiet_s else "tags answer again at once"
    spread = "" if model.read_sd_db is None else f", a still tag's level varies by {model.read_sd_db:.1f} dB"
    weakest = "" if model.sensitivity_dbm is None else f", hardly any read is below {model.sensitivity_dbm:.1f} dBm"
    more = len(model.made_from) - SOURCES_SHOWN
    sources = ", ".join(model.made_from[:SOURCES_SHOWN]) + (f" and {more} more" if more > 0 else "")
    return (
        f"site {model.site}, surveyed with {sources}: {model.items:,} items, "
        f"{model.windows:,} windows with a read, {model.seconds / 60:,.1f} minutes\n{quiet}{spread}{weakest}"
    )


def _zones(model: Model, site: Site) -> str:
    rows: list[tuple[str, ...]] = [("zone", "items", "read", "minutes", "read rate", "own antennas", "strays", "right")]
    for zone in zone_figures(model, site):
        minutes = f"{zone.minutes:,.1f}"
        shares = tuple(map(_percent, (zone.read_rate, zone.own_rate, zone.stray_share, zone.right)))
        rows.append((zone.zone, f"{zone.items:,}", f"{zone.items_read:,}", minutes, *shares))
    return (
        f"{_table(rows)}\n"
        "read rate: item-seconds with a read; own antennas: their looks that gave one; strays: reads by other zones'\n"
        "antennas; right: item-seconds in which the quick filter tells the zone"
    )


def _confusion(model: Model, site: Site) -> str:
    confusion = model.confusion
    if confusion is None:
        return ""
    rows: list[tuple[str, ...]] = [("is in", *confusion.told)]
    for zone, seconds in zip(model.zones, confusion.seconds, strict=True):
        total = sum(seconds)
        if total:
            rows.append((zone.zone, *(_percent(part / total) for part in seconds)))
    how = "each item judged without itself" if confusion.held_out else "judged by the reads that it was made from"
    recall = macro_recall(model, site)
    return f"taken to be in, % of item-seconds ({how}); mean of the zones' right {_percent(recall)}\n{_table(rows)}"


def _antennas(model: Model, site: Site) -> str:
    rows: list[tuple[str, ...]] = [("antenna", "zone", "read rate", "dBm", "next zone", "its rate")]
    figures = sorted(antenna_figures(model, site), key=lambda antenna: (antenna.rate is None, antenna.rate or 0.0))
    for antenna in figures[:ANTENNAS_SHOWN]:
        level = "-" if antenna.rssi_dbm is None else f"{antenna.rssi_dbm:.1f}"
        other = (antenna.other, _percent(antenna.other_rate)) if antenna.other_rate else ("-", "-")
        rows.append((antenna.antenna, antenna.zone, _percent(antenna.rate), level, *other))
    more = len(figures) - ANTENNAS_SHOWN
    return f"antennas, the weakest first\n{_table(rows)}" + (f"\nand {more} more" if more > 0 else "")


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    """Return rows in columns: the first one to the left, the others to the right."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(text.rjust(width) for text, width in zip(row[1:], widths[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
