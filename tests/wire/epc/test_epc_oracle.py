"""An independent decoder, epcpy, agrees on the schemes that it decodes rightly, valid or not."""

from typing import Any

import numpy as np
import pytest
from epcpy.epc_schemes.giai import GIAI
from epcpy.epc_schemes.gsrn import GSRN
from epcpy.epc_schemes.sgtin import SGTIN
from epcpy.epc_schemes.sscc import SSCC
from epcpy.utils.common import ConvertException

from wire.epc import Reject, decode_epc
from wire.epc.headers import HEADER_OF
from wire.epc.uri import urn_of

ROWS = 1_500
SCHEMES: dict[str, Any] = {"sgtin-96": SGTIN, "sscc-96": SSCC, "gsrn-96": GSRN, "giai-96": GIAI}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_random_tags_mean_the_same_to_epcpy(scheme: str) -> None:
    rng = np.random.default_rng(HEADER_OF[scheme])
    raw = rng.integers(0, 256, (ROWS, 12), np.uint8)
    raw[:, 0] = HEADER_OF[scheme]
    if scheme in {"sscc-96", "gsrn-96"}:
        raw[:, 9:] = 0
    valid = 0
    for row in raw:
        epc = row.tobytes()
        value = decode_epc(epc, 96)
        try:
            theirs = SCHEMES[scheme].from_hex(epc.hex())
        except ConvertException:
            assert isinstance(value, Reject), value
            continue
        assert not isinstance(value, Reject), (epc.hex(), value)
        assert urn_of(value) == theirs.epc_uri
        valid += 1
    assert valid > ROWS // 50
