"""`make bench`: every figure beside its peer, in one run. `python -m bench NAME ...` runs some of them."""

import importlib
import platform
import sys
from pathlib import Path

NAMES = sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py"))


def _shown(value: float | None) -> str:
    """Ratios with three digits, rates as whole numbers."""
    if value is None:
        return "not measured"
    return f"{value:.3g}" if abs(value) < 1_000 else f"{value:,.0f}"


def main(wanted: list[str]) -> int:
    unknown = set(wanted) - set(NAMES)
    if unknown:
        print(f"no bench {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}", file=sys.stderr)
        return 2
    print(f"# {platform.machine()}, Python {platform.python_version()}, one core; compare rows, not runs")
    for name in wanted or NAMES:
        figures = importlib.import_module(f"bench.{name}").run()
        for key, value in figures.items():
            print(f"{name:<12} {key:<40} {_shown(value):>14}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
