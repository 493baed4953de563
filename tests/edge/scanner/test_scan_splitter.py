"""Where a barcode ends: every suffix, none, and any chunking."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edge.scanner.limits import IDLE_S, INCOMPLETE_S, SCAN_MAX_BYTES
from edge.scanner.splitter import Lost, SplitRules, Splitter, Suffix
from simulator.scanners.scanner import CONFIGURATIONS, Scanner

if TYPE_CHECKING:
    from pathlib import Path

EAN = b"9506000134352"
ITEM = b"0109506000134352" + b"17261231" + b"21A7\x1d10LOT"
SUFFIXES: tuple[Suffix, ...] = get_args(Suffix)


def ended_by_pause(splitter: Splitter, now_s: float) -> list[bytes | Lost]:
    """What the next pause ends, if anything is held."""
    deadline_s = splitter.deadline()
    assert deadline_s is None or deadline_s > now_s
    return [] if deadline_s is None else splitter.tick(deadline_s)


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_whatever_a_scanner_sends_after_a_barcode(name: str, tmp_path: Path) -> None:
    scanner = Scanner(tmp_path, CONFIGURATIONS[name])
    splitter = Splitter(SplitRules())
    got: list[bytes | Lost] = []
    for number, label in enumerate((EAN, ITEM, EAN)):
        got += splitter.feed(scanner.frame(label, "]d2"), float(number))
        got += ended_by_pause(splitter, float(number))
    aim = b"]d2" if scanner.config.aim else b""
    item = ITEM.replace(b"\x1d", scanner.config.group_separator)
    assert got == [aim + EAN, aim + item, aim + EAN]


@pytest.mark.parametrize(
    ("suffix", "sent"), [("cr", b"\r"), ("lf", b"\n"), ("crlf", b"\r\n"), ("tab", b"\t"), ("etx", b"\x03")]
)
def test_a_suffix_of_the_site_file(suffix: Suffix, sent: bytes) -> None:
    splitter = Splitter(SplitRules(suffix))
    assert splitter.feed(EAN + sent + EAN, 0.0) == [EAN]
    assert splitter.tick(INCOMPLETE_S - 0.01) == []
    lost = splitter.tick(INCOMPLETE_S)
    assert lost == [Lost(f"barcodes without their suffix (the site file says suffix: {suffix})")]
    assert splitter.feed(EAN + sent, 5.0) == [EAN]
    assert splitter.deadline() is None


@pytest.mark.parametrize("sent", [b"\r", b"\n", b"\r\n"])
def test_line_ends_of_another_kind_around_a_barcode_are_no_part_of_it(sent: bytes) -> None:
    assert Splitter(SplitRules("none")).feed(sent, 0.0) == []
    splitter = Splitter(SplitRules("none"))
    splitter.feed(EAN + sent, 0.0)
    assert splitter.tick(1.0) == [EAN]
    assert Splitter(SplitRules("cr")).feed(b"\n" + EAN + b"\r", 0.0) == [EAN]


def test_without_a_suffix_a_pause_ends_it() -> None:
    splitter = Splitter(SplitRules("none", idle_s=0.05))
    assert splitter.feed(EAN[:5], 0.0) == []
    assert splitter.feed(EAN[5:], 0.04) == []
    assert splitter.deadline() == pytest.approx(0.09)
    assert splitter.tick(0.08) == []
    assert splitter.tick(0.09) == [EAN]
    assert splitter.feed(b"A\tB\nC", 1.0) == [], "nothing but a pause ends a barcode"
    assert splitter.tick(2.0) == [b"A\tB\nC"]


def test_a_scanner_that_showed_a_suffix_gets_patience() -> None:
    """A hiccup of the link in the middle does not make two barcodes of one."""
    splitter = Splitter(SplitRules())
    splitter.feed(EAN, 0.0)
    assert splitter.tick(IDLE_S) == [EAN], "no suffix was seen yet"
    splitter.feed(EAN + b"\r", 1.0)
    splitter.feed(EAN[:5], 2.0)
    assert splitter.tick(2.0 + 3 * IDLE_S) == []
    assert splitter.feed(EAN[5:] + b"\r", 2.0 + 4 * IDLE_S) == [EAN]
    splitter.feed(EAN, 5.0)
    assert splitter.tick(5.0 + INCOMPLETE_S) == [EAN], "somebody took the suffix away: late, and not lost"
    splitter.feed(EAN, 7.0)
    assert splitter.tick(7.0 + IDLE_S) == [EAN], "and from then on at once"


def test_bytes_that_waited_while_we_slept_belong_together() -> None:
    splitter = Splitter(SplitRules())
    splitter.feed(EAN[:5], 0.0)
    splitter.feed(EAN[5:], 30.0)
    assert splitter.tick(30.0 + IDLE_S) == [EAN]


def test_a_prefix_of_the_site_file_stands_in_front() -> None:
    splitter = Splitter(SplitRules(prefix=b"~S"))
    assert splitter.feed(b"~S" + EAN + b"\r", 0.0) == [EAN]
    noisy = splitter.feed(b"\xff\xfe~S" + EAN + b"\r" + EAN + b"\r", 0.0)
    assert [type(one) for one in noisy] == [Lost, bytes, Lost]
    assert noisy[1] == EAN
    assert splitter.feed(b"~S\r", 0.0) == [], "a prefix and nothing more"


def test_what_is_too_long_is_given_up_to_its_end() -> None:
    longest = b"9" * SCAN_MAX_BYTES
    splitter = Splitter(SplitRules("crlf"))
    assert splitter.feed(longest + b"\r\n", 0.0) == [longest]
    for chunk in (1, 7, 10_000):
        got: list[bytes | Lost] = []
        sent = longest + b"9" * 5_000 + b"\r\n" + EAN + b"\r\n"
        for at in range(0, len(sent), chunk):
            got += splitter.feed(sent[at : at + chunk], 0.0)
        assert [type(one) for one in got] == [Lost, bytes]
        assert got[1] == EAN


@pytest.mark.parametrize("suffix", ["auto", "none", "cr"])
def test_what_never_ends_is_told_once(suffix: Suffix) -> None:
    splitter = Splitter(SplitRules(suffix))
    assert len(splitter.feed(b"9" * (SCAN_MAX_BYTES + 2), 0.0)) == 1
    assert splitter.feed(b"9" * 10_000, 0.0) == []
    assert splitter.tick(INCOMPLETE_S) == [], "said already"
    splitter.feed(EAN + (b"\r" if suffix == "cr" else b""), 2.0)
    assert splitter.tick(3.0) == ([] if suffix == "cr" else [EAN])


def test_a_line_that_was_lost_leaves_nothing_behind() -> None:
    splitter = Splitter(SplitRules())
    splitter.feed(b"a\r" + EAN[:5], 0.0)
    assert splitter.forget() == [Lost("barcodes that were cut off when the line was lost")]
    assert splitter.forget() == []
    splitter.feed(EAN, 1.0)
    assert splitter.tick(1.0 + IDLE_S) == [EAN], "what was learned of the suffix is forgotten too"


FRAGMENTS = st.lists(
    st.sampled_from([EAN, ITEM, b"\r", b"\n", b"\r\n", b"\t", b"\x03", b"\x02", b"~", b"\xff", b"x" * 999])
)


@given(st.sampled_from(SUFFIXES), st.sampled_from([b"", b"~"]), FRAGMENTS, st.lists(st.integers(0, 4_000)))
@example("crlf", b"", [b"x" * 999, b"x" * 999, b"~", b"~", b"\r\n", EAN, b"\r\n"], list(range(2_100)))
@example("crlf", b"", [b"x" * 999, b"x" * 999, b"~", b"~", b"~", b"\r\n", EAN, b"\r\n"], list(range(2_100)))
def test_any_chunking_gives_the_same(suffix: Suffix, prefix: bytes, parts: list[bytes], cuts: list[int]) -> None:
    sent = b"".join(parts)
    rules = SplitRules(suffix, prefix)
    whole, cut = Splitter(rules), Splitter(rules)
    expected = whole.feed(sent, 0.0)
    expected += ended_by_pause(whole, 0.0)
    got: list[bytes | Lost] = []
    for begin, end in pairwise(sorted({0, len(sent), *(at for at in cuts if at < len(sent))})):
        got += cut.feed(sent[begin:end], 0.0)
    got += ended_by_pause(cut, 0.0)
    assert got == expected


@given(st.sampled_from(SUFFIXES), st.sampled_from([b"", b"\x02"]), st.lists(st.binary(max_size=3_000)))
def test_no_garbage_raises_or_fills_memory_and_a_barcode_after_it_is_read(
    suffix: Suffix, prefix: bytes, chunks: list[bytes]
) -> None:
    splitter = Splitter(SplitRules(suffix, prefix))
    now_s = 0.0
    for chunk in chunks:
        now_s += 0.01
        for piece in splitter.feed(chunk, now_s):
            assert isinstance(piece, Lost) or 0 < len(piece) <= SCAN_MAX_BYTES
        assert len(splitter._held) <= SCAN_MAX_BYTES + 1
    splitter.tick(now_s + INCOMPLETE_S)
    assert splitter.deadline() is None
    end = {"none": b"", "auto": b"\r", "cr": b"\r", "lf": b"\n", "crlf": b"\r\n", "tab": b"\t", "etx": b"\x03"}[suffix]
    got = splitter.feed(prefix + EAN + end, now_s + 5)
    assert [*got, *splitter.tick(now_s + 10)] == [EAN]
