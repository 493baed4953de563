"""Barcode parsing beside biip alone, in one run on the same texts: `python -m bench.gs1`.

biip is asked as its documentation says (`biip.parse`). Ours gives the same result with check digits tested, missing
separators found and a typed reject instead of fields with errors. Passes are interleaved, the best of each counts.
"""

import json
import random
from functools import partial

import biip

from bench.epc import Path, best_rates
from wire.gs1.barcode import Barcode, parse_barcode
from wire.gs1.check_digit import check_digit
from wire.gs1.element_string import GS

SCANS = 1_000
SEED = 2


def _gtin(rng: random.Random, digits: int) -> str:
    body = "4" + "".join(rng.choices("0123456789", k=digits - 2))
    return body + check_digit(body)


def _texts(rng: random.Random) -> dict[str, list[str]]:
    gtins = [_gtin(rng, 13) for _ in range(SCANS)]
    serials = [f"{rng.randrange(1 << 38):X}" for _ in range(SCANS)]
    pairs = list(zip(gtins, serials, strict=True))
    return {
        "ean13": [f"]E0{gtin}" for gtin in gtins],
        "gs1_128": [f"]C1010{gtin}10LOT7{GS}21{serial}" for gtin, serial in pairs],
        "datamatrix": [f"]d2010{gtin}1726063021{serial}" for gtin, serial in pairs],
        "digital_link": [f"]Q1https://id.gs1.org/01/0{gtin}/21/{serial}" for gtin, serial in pairs],
    }


def _biip_all(texts: list[str]) -> None:
    for text in texts:
        biip.parse(text)


def _ours_all(texts: list[str]) -> None:
    for text in texts:
        parse_barcode(text)


def run() -> dict[str, float]:
    """Parses per second of each kind by both, and ours as a share of biip's."""
    kinds = _texts(random.Random(SEED))
    bad = [text for texts in kinds.values() for text in texts if not isinstance(parse_barcode(text), Barcode)]
    if bad:
        raise RuntimeError(f"the benchmark's scans are not valid: {bad[0]!r}")
    paths = [
        path
        for kind, texts in kinds.items()
        for path in (
            Path(f"{kind}_biip_per_s", partial(_biip_all, texts), SCANS),
            Path(f"{kind}_per_s", partial(_ours_all, texts), SCANS),
        )
    ]
    figures = best_rates(paths)
    for kind in kinds:
        figures[f"{kind}_times_biip"] = figures[f"{kind}_per_s"] / figures[f"{kind}_biip_per_s"]
    return figures


if __name__ == "__main__":
    print(json.dumps({name: round(value, 2) for name, value in run().items()}, indent=1))
