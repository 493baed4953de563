"""Rows of a reads file to columns: CSV or NDJSON with `t, reader, antenna, epc, rssi_dbm`.

Each row stands for itself: a bad one is counted and told with its line, value and what was expected, and nothing else
is lost. The columns of a block are taken as a whole: texts that repeat (antennas, EPCs, RSSI) are looked at once each,
then they are one look into a dictionary.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gateway.replay.bad_rows import BadRow, BadRows
from gateway.replay.cells import CellReader, Cells
from gateway.replay.errors import ReplayError
from gateway.replay.instant import NO_TIME, US, TimeForm, column_us, form_of, instant_us
from gateway.replay.limits import GAP_MAX_S, UNKNOWN_ANTENNAS_KEPT
from gateway.replay.lines import lines_of
from gateway.replay.tags import BAD, EPC_EXPECTED, UNKNOWN, Antennas, Tags
from wire.limits import RSSI_MAX_CDBM, RSSI_MIN_CDBM

NO_RSSI: Final = np.iinfo(np.int32).min
_RSSI_EXPECTED: Final = f"expected dBm from {RSSI_MIN_CDBM // 100} to {RSSI_MAX_CDBM // 100}, such as -54.5"
_PORT_EXPECTED: Final = "expected the number of an antenna port, and a reader"
_RSSI_KEPT: Final = 100_000


@dataclass(frozen=True, slots=True, eq=False)
class Reads:
    """Some reads, shape [n] each: UTC microseconds, antenna (`Antennas`) and tag (`Tags`) numbers, RSSI in 0.01 dBm.

    An antenna below 0 is not the site's, a tag below 0 is no item of it; such reads still stand here.
    """

    at_us: NDArray[np.int64]
    antenna: NDArray[np.int32]
    tag: NDArray[np.int32]
    rssi_cdbm: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.at_us)

    def rows(self, chosen: Any) -> "Reads":
        """Return the reads of a slice, mask or index."""
        return Reads(self.at_us[chosen], self.antenna[chosen], self.tag[chosen], self.rssi_cdbm[chosen])


def join(parts: Sequence[Reads]) -> Reads:
    """Return the reads of all parts in their order; at least one part."""
    if len(parts) == 1:
        return parts[0]
    return Reads(
        np.concatenate([part.at_us for part in parts]),
        np.concatenate([part.antenna for part in parts]),
        np.concatenate([part.tag for part in parts]),
        np.concatenate([part.rssi_cdbm for part in parts]),
    )


class _Rssi(dict[str, int]):
    """0.01 dBm by text; `NO_RSSI` where it is no RSSI."""

    def __missing__(self, text: str) -> int:
        try:
            cdbm = round(float(text) * 100)
        except (ValueError, OverflowError):
            cdbm = NO_RSSI
        if not RSSI_MIN_CDBM <= cdbm <= RSSI_MAX_CDBM:
            cdbm = NO_RSSI
        if len(self) >= _RSSI_KEPT:
            self.clear()
        self[text] = cdbm
        return cdbm


class ReadsParser:
    """Takes one file apart; counts stay readable while it runs.

    `bad` are rows that were passed over, `form` how the file writes times (None before
    the first row), `unknown` reads by (reader, antenna) that the site file does not have.
    """

    def __init__(self, tags: Tags, antennas: Antennas) -> None:
        self.bad = BadRows()
        self._cells = CellReader(self.bad)
        self.form: TimeForm | None = None
        self.unknown: Counter[tuple[str, str]] = Counter()
        self._tags = tags
        self._antennas = antennas
        self._rssi = _Rssi()
        self._newest_us: int | None = None
        self._file = ""

    @property
    def rows(self) -> int:
        """Rows so far, bad ones too; empty lines and the header are none."""
        return self._cells.rows

    def parse(self, blocks: Iterable[bytes], file: str = "reads") -> Iterator[Reads]:
        """Yield the reads of a file, given as blocks of any size, in its order.

        Raises `ReplayError`, which begins with `file`: no header, no rows, none of the site's readers, or more bad rows
        than good ones.
        """
        self._file = file
        for cells in self._cells.of(lines_of(blocks), file):
            yield self._reads(cells)
        if self.bad.count * 2 > self.rows:
            shown = "".join(f"\n  {row}" for row in self.bad.first)
            raise ReplayError(f"{file}: {self.bad.count:,} of {self.rows:,} rows are bad; the first:{shown}")
        if self.rows == 0:
            raise ReplayError(f"{file} has a header and no rows")
        self._check_readers()

    def _reads(self, cells: Cells) -> Reads:
        """Turn texts into columns; what is no value takes its row out."""
        t, reader, port, epc, rssi = cells.columns
        n = len(t)
        self._choose_form(t)
        at_us = column_us(t, self.form or TimeForm.SECONDS)
        antenna = np.fromiter(map(self._antennas.__getitem__, zip(reader, port, strict=True)), np.int32, n)
        tag = np.fromiter(map(self._tags.__getitem__, epc), np.int32, n)
        cdbm = np.fromiter(map(self._rssi.__getitem__, rssi), np.int32, n)
        far = self._far(at_us)
        bad = (at_us == NO_TIME) | far | (antenna == BAD) | (tag == BAD) | (cdbm == NO_RSSI)
        for row in np.flatnonzero(bad).tolist():
            self.bad.count += 1
            if not self.bad.full:
                values = (t[row], f"{reader[row]},{port[row]}", epc[row], rssi[row])
                column, value, expected = self._reason(values, far=bool(far[row]))
                self.bad.first.append(BadRow(cells.lines[row], column, value, expected))
        self._count_unknown(antenna, bad, reader, port)
        reads = Reads(at_us, antenna, tag, cdbm)
        return reads.rows(~bad) if bad.any() else reads

    def _choose_form(self, t: Sequence[str]) -> None:
        """The first row whose time is one decides for the file."""
        for text in t:
            if self.form is not None:
                return
            form = form_of(text)
            try:
                instant_us(text, form)
            except ValueError:
                continue
            self.form = form

    def _far(self, at_us: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether a time lies behind a gap of more than `GAP_MAX_S` above the newest (first block: above its median).

        It does not depend on the order of the rows. In the first block too early ones are taken out as well; later
        they are late.
        """
        known = at_us[at_us != NO_TIME]
        if len(known) == 0:
            return np.zeros(len(at_us), bool)
        times = np.sort(known)
        begins = self._newest_us is None
        anchor = int(times[len(times) // 2]) if self._newest_us is None else self._newest_us
        above = np.concatenate(([anchor], times[times > anchor]))
        gaps = np.flatnonzero(np.diff(above) > GAP_MAX_S * US)
        high = int(above[gaps[0]]) if len(gaps) else int(above[-1])
        low = NO_TIME
        if begins:
            below = np.concatenate((times[times < anchor], [anchor]))
            gaps = np.flatnonzero(np.diff(below) > GAP_MAX_S * US)
            low = int(below[gaps[-1] + 1]) if len(gaps) else int(below[0])
        self._newest_us = max(high, anchor)
        far: NDArray[np.bool_] = (at_us != NO_TIME) & ((at_us > self._newest_us) | (at_us < low))
        return far

    def _reason(self, values: tuple[str, str, str, str], *, far: bool) -> tuple[str, str, str]:
        """Return column, value and expectation of the first value of a row that is wrong."""
        t, antenna, epc, rssi = values
        form = self.form or TimeForm.SECONDS
        try:
            instant_us(t, form)
        except ValueError as error:
            other = form_of(t) is not form and self.form is not None
            return "t", t, f"{error}{f'; the file began with {form.value}' if other else ''}"
        if far:
            return "t", t, "lies more than a day from the rows around it: replay each day's reads on their own"
        if self._antennas[_pair(antenna)] == BAD:
            return "reader,antenna", antenna, _PORT_EXPECTED
        if self._tags[epc] == BAD:
            return "epc", epc, EPC_EXPECTED
        return "rssi_dbm", rssi, _RSSI_EXPECTED

    def _count_unknown(
        self, antenna: NDArray[np.int32], bad: NDArray[np.bool_], reader: Sequence[str], port: Sequence[str]
    ) -> None:
        for row in np.flatnonzero((antenna == UNKNOWN) & ~bad).tolist():
            key = (reader[row].strip(), port[row].strip())
            if key in self.unknown or len(self.unknown) < UNKNOWN_ANTENNAS_KEPT:
                self.unknown[key] += 1

    def _check_readers(self) -> None:
        if self._antennas.device_known:
            return
        named = ", ".join(sorted(self._antennas.other_readers)[:20])
        devices = ", ".join(dict.fromkeys(device for device, _ in self._antennas.keys_in_order)) or "none with antennas"
        raise ReplayError(
            f"{self._file}: its readers are {named}; those of the site file are {devices}: give them the same names"
        )


def _pair(antenna: str) -> tuple[str, str]:
    reader, _, port = antenna.rpartition(",")
    return reader, port
