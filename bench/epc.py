"""EPC decoding beside epcpy, in one run on the same bytes: `python -m bench.epc`.

Distinct EPCs, no cache, single thread. The passes of all paths are interleaved and each figure is the best of its
passes, so that a busy machine slows both sides alike. epcpy is measured by its fastest route to the same result (class
known, GTIN taken out).
"""

import json
import random
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import NamedTuple

import numpy as np
from epcpy.epc_schemes.sgtin import SGTIN

from wire.epc import EpcCache, bulk, decode_epc
from wire.epc.encode import encode_epc
from wire.epc.keys import Gdti, Giai, Grai, Gsrn, Gsrnp, Sgln, Sgtin, Sscc, with_check_digit
from wire.epc.reject import Reject
from wire.epc.value import Epc
from wire.gs1.gtin import Gtin14

ROUNDS = 5
SCALAR = 20_000
ORACLE = 4_000
BULK = 1_000_000
SEED = 1

ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz0123456789/%+"


def _digits(rng: random.Random, count: int) -> str:
    return f"{rng.randrange(10**count):0{count}d}"


def _serial(rng: random.Random) -> str:
    kind = rng.randrange(3)
    if kind == 0:
        return str(rng.randrange(1 << 38))
    if kind == 1:
        return f"{rng.randrange(1 << 40):X}"
    return "".join(rng.choices(ALPHABET, k=rng.randint(4, 12)))


def _sgtin(rng: random.Random) -> Sgtin:
    return Sgtin(Gtin14(with_check_digit(_digits(rng, 13))), str(rng.randrange(1 << 38)))


PLUS: dict[str, Callable[[random.Random], Epc]] = {
    "sgtin+": lambda rng: Sgtin(Gtin14(with_check_digit(_digits(rng, 13))), _serial(rng)),
    "dsgtin+": lambda rng: Sgtin(
        Gtin14(with_check_digit(_digits(rng, 13))), _serial(rng), date=("17", f"{rng.randrange(100):02d}0630")
    ),
    "sscc+": lambda rng: Sscc(with_check_digit(_digits(rng, 17))),
    "sgln+": lambda rng: Sgln(with_check_digit(_digits(rng, 12)), _serial(rng)),
    "grai+": lambda rng: Grai(with_check_digit(_digits(rng, 12)), _serial(rng)),
    "giai+": lambda rng: Giai(_digits(rng, 9) + _serial(rng)),
    "gsrn+": lambda rng: Gsrn(with_check_digit(_digits(rng, 17))),
    "gsrnp+": lambda rng: Gsrnp(with_check_digit(_digits(rng, 17))),
    "gdti+": lambda rng: Gdti(with_check_digit(_digits(rng, 12)), _serial(rng)),
}


class Path(NamedTuple):
    """One thing to measure: a pass of `work` makes so many decodes."""

    name: str
    work: Callable[[], object]
    decodes: int


def best_rates(paths: list[Path]) -> dict[str, float]:
    """Decodes per second of each path, the best of `ROUNDS` interleaved passes."""
    best = dict.fromkeys((path.name for path in paths), 0.0)
    for _ in range(ROUNDS):
        for name, work, decodes in paths:
            start = perf_counter()
            work()
            best[name] = max(best[name], decodes / (perf_counter() - start))
    return best


def _decode_all(epcs: list[tuple[bytes, int]]) -> None:
    for epc, bits in epcs:
        decode_epc(epc, bits)


def _epcpy_all(texts: list[str]) -> None:
    for text in texts:
        SGTIN.from_hex(text).gtin()


def _cached_all(cache: EpcCache, epcs: Iterable[bytes]) -> None:
    for epc in epcs:
        cache.decode(epc, 96)


def _plus_path(scheme: str, make: Callable[[random.Random], Epc], rng: random.Random) -> Path:
    epcs = [encode_epc(make(rng), scheme) for _ in range(SCALAR // 4)]
    sized = [(epc, 8 * len(epc)) for epc in epcs]
    return Path(f"{scheme.replace('+', 'plus')}_per_s", lambda: _decode_all(sized), len(sized))


def run() -> dict[str, float]:
    """Decodes per second of each path, and the ratios that the README states."""
    rng = random.Random(SEED)  # the same EPCs in every run
    tags = [encode_epc(_sgtin(rng), "sgtin-96", company_prefix_length=rng.randint(6, 12)) for _ in range(SCALAR)]
    if len(set(tags)) < SCALAR or any(isinstance(decode_epc(tag, 96), Reject) for tag in tags):
        raise RuntimeError("the benchmark's EPCs are not distinct and valid")
    texts = [tag.hex().upper() for tag in tags[:ORACLE]]
    pairs = [(tag, 96) for tag in tags]
    column = np.frombuffer(b"".join(tags), np.uint8).reshape(-1, bulk.EPC_BYTES)
    block = column[np.random.default_rng(SEED).integers(0, SCALAR, BULK)]
    block[:, -4:] = np.random.default_rng(SEED).integers(0, 256, (BULK, 4), np.uint8)
    cache = EpcCache()
    _cached_all(cache, tags)
    paths = [
        Path("epcpy_sgtin96_per_s", lambda: _epcpy_all(texts), ORACLE),
        Path("scalar_sgtin96_per_s", lambda: _decode_all(pairs), SCALAR),
        Path("cached_sgtin96_per_s", lambda: _cached_all(cache, tags), SCALAR),
        Path("bulk_sgtin96_per_s", lambda: bulk.decode_sgtin96(block), BULK),
        *(_plus_path(scheme, make, rng) for scheme, make in PLUS.items()),
    ]
    figures = best_rates(paths)
    oracle = figures["epcpy_sgtin96_per_s"]
    figures["scalar_times_epcpy"] = figures["scalar_sgtin96_per_s"] / oracle
    figures["bulk_times_epcpy"] = figures["bulk_sgtin96_per_s"] / oracle
    figures["slowest_plus_times_epcpy"] = (
        min(rate for name, rate in figures.items() if name.endswith("plus_per_s")) / oracle
    )
    return figures


if __name__ == "__main__":
    print(json.dumps({name: round(value, 2) for name, value in run().items()}, indent=1))
