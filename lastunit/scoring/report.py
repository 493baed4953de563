"""The figures as a small table for people and as one object for programs."""

from dataclasses import asdict, dataclass
from typing import Any, Final

from lastunit.scoring.figures import MEANINGS, Figures
from lastunit.scoring.promises import SCOPES, STATES, Kept, PromiseFigures, ScopeFigures

DIGITS: Final = 6
SECONDS: Final = frozenset({"delay_med", "delay_p90"})
SCOPE_MEANINGS: Final = dict(zip(SCOPES, ("in all sellable zones together", "in one zone"), strict=True))


@dataclass(frozen=True, slots=True)
class Scored:
    """What was scored. `left_out`: estimates of EPCs that the case does not have."""

    seconds: int
    items: int
    skus: int
    left_out: int
    figures: Figures
    promises: PromiseFigures | None


def as_object(scored: Scored) -> dict[str, Any]:
    """Return the figures as one flat object; promises, if any, stand in an object of their own."""
    found: dict[str, Any] = {
        "seconds": scored.seconds,
        "items": scored.items,
        "skus": scored.skus,
        "estimates_left_out": scored.left_out,
        **{name: _rounded(value) for name, value in asdict(scored.figures).items()},
    }
    if scored.promises is not None:
        found["promises"] = {
            **{scope.scope: _scope_object(scope) for scope in scored.promises.scopes},
            "out_of_time": scored.promises.out_of_time,
            "of_nothing": scored.promises.of_nothing,
        }
    return found


def _scope_object(scope: ScopeFigures) -> dict[str, Any]:
    return {
        "all": _kept_object(scope.all),
        **{name: _kept_object(kept) for name, kept in scope.by.items()},
        "promised_share": _rounded(scope.promised_share),
    }


def _kept_object(kept: Kept) -> dict[str, Any]:
    return {"answers": kept.answers, "true": _rounded(kept.true)}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)


def as_text(scored: Scored) -> str:
    """Return the figures as a table, each with its meaning."""
    lines = [f"{scored.items:,} items of {scored.skus:,} SKUs over {scored.seconds:,} s"]
    lines += [
        f"{name:<15} {_shown(name, value):>8}  {MEANINGS[name]}" for name, value in asdict(scored.figures).items()
    ]
    if scored.promises is not None:
        lines += _promise_lines(scored.promises)
    return "\n".join(lines)


def _shown(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    if name in SECONDS:
        return f"{value:.0f} s"
    return f"{value:.1f}" if name == "false_left_12h" else f"{value:.4f}"


def _promise_lines(found: PromiseFigures) -> list[str]:
    lines = []
    for scope in found.scopes:
        lines += [
            "",
            f'promises "at least q are here", {SCOPE_MEANINGS[scope.scope]}: the share that was true',
            f"{'':<12}{'all':>18}{STATES[0]:>18}{STATES[1]:>18}",
            _promise_line("every q", scope.all, *(scope.by[state] for state in STATES)),
        ]
        lines += [
            _promise_line(f"q = {q}", scope.by[q], *(scope.by[f"{q} {state}"] for state in STATES))
            for q in ("1", "2", "3+")
        ]
        share = "-" if scope.promised_share is None else f"{scope.promised_share:.4f}"
        lines.append(f"promised_share {share:>8}  share of the stock that was there and was promised")
    left_out = (
        f"{found.of_nothing:,} answers that promise nothing, {found.out_of_time:,} in the warm-up or after the end"
    )
    return [*lines, f"left out: {left_out}"]


def _promise_line(name: str, *kept: Kept) -> str:
    cells = "".join(
        f"{'-' if each.true is None else f'{each.true:.4f}':>8} {f'of {each.answers:,}':>9}" for each in kept
    )
    return f"{name:<12}{cells}"
