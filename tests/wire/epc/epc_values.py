"""Hypothesis strategies for values of every key and scheme."""

from hypothesis import strategies as st

from wire.epc.aidc import FORMATS
from wire.epc.alphanumeric import ALPHABET_64
from wire.epc.characters import SET_82
from wire.epc.date import DATE_TYPES, MONTH_DAYS
from wire.epc.grammar import DIGITS, SET_ADI, SET_CAGE, SET_COMPONENT
from wire.epc.plain_keys import Adi, Gid, Usdod
from wire.epc.uri import CLASSIC_SCHEMES, KEYS
from wire.epc.value import Epc

Parts = st.SearchStrategy[tuple[str, ...]]

ALPHABETS = (
    DIGITS,
    "0123456789ABCDEF",
    "0123456789abcdef",
    ALPHABET_64,
    SET_82,
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ-.:0123456789",
)
"""Each picks another encoding of the alphanumeric fields."""


def numbers(most: int) -> st.SearchStrategy[str]:
    """Numbers without leading zeros, often at the edges."""
    return st.one_of(st.sampled_from([0, 1, most]), st.integers(0, most)).map(str)


def digits(length: int) -> st.SearchStrategy[str]:
    """Digit strings of one length, often all zeros or nines."""
    return st.one_of(st.sampled_from(["0" * length, "9" * length]), st.text(DIGITS, min_size=length, max_size=length))


def serials(longest: int) -> st.SearchStrategy[str]:
    """Serials of 1 to `longest` characters over the several alphabets."""
    return st.sampled_from(ALPHABETS).flatmap(
        lambda alphabet: st.text("".join(set(alphabet) & set(SET_82)), min_size=1, max_size=longest)
    )


def _keyed(total: int, *tail: st.SearchStrategy[str]) -> Parts:
    """Company prefix and reference of `total` digits, then the tail."""
    return st.integers(6, 12).flatmap(lambda gcp: st.tuples(digits(gcp), digits(total - gcp), *tail))


def _open(alphabet: str, *tail: st.SearchStrategy[str]) -> Parts:
    return st.integers(6, 12).flatmap(
        lambda gcp: st.tuples(digits(gcp), st.text(alphabet, min_size=1, max_size=30 - gcp), *tail)
    )


def _open_numbers(limits: list[int], *tail: st.SearchStrategy[str]) -> Parts:
    return st.integers(6, 12).flatmap(lambda gcp: st.tuples(digits(gcp), numbers(limits[12 - gcp]), *tail))


CAGES = st.text(SET_CAGE, min_size=5, max_size=6)
TWO = digits(2)
NUMBER_36 = numbers((1 << 36) - 1)

PARTS: dict[str, Parts] = {
    "sgtin-96": _keyed(13, numbers((1 << 38) - 1)),
    "sgtin-198": _keyed(13, serials(20)),
    "sscc-96": _keyed(17),
    "sgln-96": _keyed(12, numbers((1 << 41) - 1)),
    "sgln-195": _keyed(12, serials(20)),
    "grai-96": _keyed(12, numbers((1 << 38) - 1)),
    "grai-170": _keyed(12, serials(16)),
    "giai-96": _open_numbers([(1 << bits) - 1 for bits in (42, 45, 48, 52, 55, 58, 62)]),
    "giai-202": _open(SET_82),
    "gsrn-96": _keyed(17),
    "gsrnp-96": _keyed(17),
    "gdti-96": _keyed(12, numbers((1 << 41) - 1)),
    "gdti-113": _keyed(12, numbers(10**17 - 1)),
    "gdti-174": _keyed(12, serials(17)),
    "cpi-96": _open_numbers([10**size - 1 for size in range(3, 10)], numbers((1 << 31) - 1)),
    "cpi-var": _open(SET_COMPONENT, numbers(10**12 - 1)),
    "sgcn-96": _keyed(12, st.text(DIGITS, min_size=1, max_size=12)),
    "itip-110": _keyed(13, TWO, TWO, numbers((1 << 38) - 1)),
    "itip-212": _keyed(13, TWO, TWO, serials(20)),
    "gid-96": st.tuples(numbers((1 << 28) - 1), numbers((1 << 24) - 1), NUMBER_36),
    "usdod-96": st.tuples(CAGES, NUMBER_36),
    "adi-var": st.tuples(
        CAGES,
        st.text(SET_ADI, max_size=32),
        st.one_of(
            st.text(SET_ADI, min_size=1, max_size=30), st.text(SET_ADI, min_size=1, max_size=29).map("#{}".format)
        ),
    ),
}
"""Parts that each classic scheme can hold."""

FILTERS = {"gid-96": 0, "usdod-96": 15, "adi-var": 63}


def classic_values(scheme: str) -> st.SearchStrategy[Epc]:
    """Values that a classic scheme can hold."""
    key = KEYS[CLASSIC_SCHEMES[scheme]]
    filters = st.integers(0, FILTERS.get(scheme, 7))

    def build(parts: tuple[str, ...], filter_value: int) -> Epc:
        length = None if issubclass(key, Gid | Usdod | Adi) else len(parts[0])
        return key.of(parts, scheme=scheme, filter=filter_value, company_prefix_length=length)

    return st.builds(build, PARTS[scheme], filters)


def dates() -> st.SearchStrategy[str]:
    """Days of the calendar and whole months as YYMMDD."""

    def text(year: int, month: int, day: int) -> str:
        last = 28 if month == 2 and year % 4 else MONTH_DAYS[month]
        return f"{year:02d}{month:02d}{min(day, last):02d}"

    return st.builds(text, st.integers(0, 99), st.integers(1, 12), st.integers(0, 31))


def _data_value(ai: str) -> st.SearchStrategy[str]:
    pieces = []
    for kind, size, _ in FORMATS[ai]:
        if kind == "text":
            pieces.append(serials(min(size, 12)))
        elif kind == "number":
            pieces.append(st.text(DIGITS, min_size=1, max_size=size))
        elif kind == "date":
            pieces.append(dates())
        elif kind == "bit":
            pieces.append(st.sampled_from("01"))
        else:
            pieces.append(digits(size))
    return st.tuples(*pieces).map("".join)


DATA_AIS = sorted(set(FORMATS) - {"00"})
"""All but the SSCC: an AI of zeros at the end cannot be told from padding."""

AIDC_DATA = st.lists(
    st.sampled_from(DATA_AIS).flatmap(lambda ai: st.tuples(st.just(ai), _data_value(ai))), max_size=2
).map(tuple)

_LABELS = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=10)
HOSTNAMES = st.builds(
    lambda labels, ending: ".".join(labels) + ending,
    st.lists(_LABELS, min_size=1, max_size=3),
    st.sampled_from([".com", ".org", ".de", ".co.uk", ".eco"]),
)

PLUS_PARTS: dict[str, Parts] = {
    "sgtin": PARTS["sgtin-198"],
    "dsgtin": PARTS["sgtin-198"],
    "sscc": PARTS["sscc-96"],
    "sgln": PARTS["sgln-195"],
    "grai": PARTS["grai-170"],
    "giai": PARTS["giai-202"],
    "gsrn": PARTS["gsrn-96"],
    "gsrnp": PARTS["gsrnp-96"],
    "gdti": PARTS["gdti-174"],
    "cpi": _open(SET_COMPONENT, st.text(DIGITS, min_size=1, max_size=12).map(lambda text: str(int(text)))),
    "sgcn": PARTS["sgcn-96"],
    "itip": PARTS["itip-212"],
}


def plus_values(scheme: str) -> st.SearchStrategy[Epc]:
    """Values of a `+` or `++` scheme, with further data and host name where it may have them."""
    name = scheme.rstrip("+")
    key = KEYS[name.removeprefix("d") if name == "dsgtin" else name]

    @st.composite
    def build(draw: st.DrawFn) -> Epc:
        attributes = {"scheme": scheme, "filter": draw(st.integers(0, 7)), "data": draw(AIDC_DATA)}
        if scheme.endswith("++"):
            attributes["hostname"] = draw(HOSTNAMES)
        if name == "dsgtin":
            attributes["date"] = (draw(st.sampled_from(DATE_TYPES)), draw(dates()))
        return key.of(draw(PLUS_PARTS[name]), **attributes)

    return build()
