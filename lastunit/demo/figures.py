"""What the demo measured, as one value: printed for people, or as one line of JSON."""

from typing import Final

import msgspec

from lastunit.demo.latency import LatencyMeter, percentile


class DemoFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The demo's summary. Times in milliseconds, None when nothing was measured.

    `lost` = observations that the edges' outboxes accepted, minus those in the gateway's input log, after the drain.
    `cell_exact` = share of non-empty (SKU, zone) cells that equal the simulator's truth at the end. `visible_ms` = from
    the first tag report in a new zone until a client of the HTTP event stream has it; `decision_ms` = the tracker's
    own part of that, `pipeline_ms` = the rest.
    """

    seconds: float
    reads: int
    observations: int
    batches_sent: int
    batches_acked: int
    lost: int
    items_seen: int
    items_in_stores: int
    movements: int
    cell_exact: float
    visible_ms_p50: float | None
    visible_ms_p99: float | None
    decision_ms_p99: float | None
    pipeline_ms_p99: float | None
    visible_samples: int


def latency_figures(meter: LatencyMeter) -> dict[str, float | int | None]:
    """Return the latency part of the figures."""
    visible = [sample.visible_ms for sample in meter.samples]
    decision = [sample.decision_ms for sample in meter.samples]
    pipeline = [sample.visible_ms - sample.decision_ms for sample in meter.samples]
    return {
        "visible_ms_p50": _rounded(percentile(visible, 0.5)),
        "visible_ms_p99": _rounded(percentile(visible, 0.99)),
        "decision_ms_p99": _rounded(percentile(decision, 0.99)),
        "pipeline_ms_p99": _rounded(percentile(pipeline, 0.99)),
        "visible_samples": len(meter.samples),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


_NOTHING: Final = "nothing measured"


def _ms(value: float | None) -> str:
    return _NOTHING if value is None else f"{value:,.0f} ms"


def as_text(figures: DemoFigures) -> str:
    """Return the summary for a person."""
    shown = f"{_ms(figures.visible_ms_p50)} median, {_ms(figures.visible_ms_p99)} p99"
    rows = (
        ("ran", f"{figures.seconds:.0f} s"),
        ("tag reads", f"{figures.reads:,}"),
        ("observations", f"{figures.observations:,}   (one for each tag and antenna in a second)"),
        ("batches", f"{figures.batches_sent:,} sent, {figures.batches_acked:,} acked"),
        ("lost", f"{figures.lost:,}" + ("" if figures.lost == 0 else "   (this must be 0: please report it)")),
        ("garments seen", f"{figures.items_seen:,} since the start; {figures.items_in_stores:,} are in the stores now"),
        ("movements", f"{figures.movements:,}"),
        ("exact cells", f"{figures.cell_exact:.1%} of (SKU, zone) counts equal the truth"),
        ("visible after", f"{shown}   (of {figures.visible_samples:,} stays in a new zone)"),
        ("", f"{_ms(figures.decision_ms_p99)} p99 until it is decided, {_ms(figures.pipeline_ms_p99)} p99 from there"),
    )
    return "\n".join(f"  {name:<14} {text}" for name, text in rows)
