"""What a simulated reader counts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Counters:
    """Totals since the reader booted.

    Attributes:
        refused: clients that were not let in.
        sightings_ignored: tags seen while no ROSpec ran, on other antennas, or kept silent by an air filter.
        tags_dropped: tag reports lost because the buffer was full.
        errors_out: answers with a status other than success.
    """

    connections: int = 0
    refused: int = 0
    messages_in: int = 0
    messages_out: int = 0
    reports_out: int = 0
    tags_out: int = 0
    sightings_in: int = 0
    sightings_ignored: int = 0
    tags_dropped: int = 0
    keepalives_out: int = 0
    keepalive_acks: int = 0
    errors_out: int = 0
