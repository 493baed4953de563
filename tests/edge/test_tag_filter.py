"""Ours and foreign, by the site's company prefixes; bounded."""

import pytest

from edge import tag_filter
from edge.limits import FOREIGN_MAX_PER_ANTENNA
from edge.tag_filter import TagFilter
from tests.edge.fake_driver import OURS, tag_read
from wire.epc import encode_sgtin96
from wire.gs1 import IdentifierError


def test_each_foreign_tag_counts_once_for_each_antenna_and_window() -> None:
    foreign = encode_sgtin96("09506000134352", 1, company_prefix_length=7)
    filtered = TagFilter(("0614141",))
    reads = [tag_read(foreign, at_us=1, port=port) for port in (1, 1, 2)] + [tag_read(OURS, at_us=1)]
    assert [read.epc for read in filtered.ours("R1", reads)] == [OURS]
    assert filtered.take_counts() == {("R1", 1): 1, ("R1", 2): 1}
    assert filtered.take_counts() == {}
    assert filtered.foreign_reads == 3


def test_counting_is_bounded() -> None:
    filtered = TagFilter(("0614141",))
    filtered.ours("R1", [tag_read(i.to_bytes(12, "big"), at_us=1) for i in range(FOREIGN_MAX_PER_ANTENNA + 5)])
    assert filtered.take_counts() == {("R1", 1): FOREIGN_MAX_PER_ANTENNA}


def test_remembered_verdicts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tag_filter, "VERDICTS_MAX", 10)
    filtered = TagFilter(("0614141",))
    for i in range(50):
        filtered.ours("R1", [tag_read(i.to_bytes(12, "big"), at_us=1)])
        assert len(filtered._verdicts) <= 10
    assert filtered.ours("R1", [tag_read(OURS, at_us=1)])


def test_prefixes_that_are_none_are_refused() -> None:
    with pytest.raises(IdentifierError):
        TagFilter(("12",))
