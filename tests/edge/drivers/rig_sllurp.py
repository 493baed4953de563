"""The rig of the sllurp driver: the simulator's reader over TCP, and sllurp in its own process."""

from __future__ import annotations

from dataclasses import replace
from typing import Self

from edge.drivers import build_driver
from tests.edge.drivers.contract import RigFactory, rig_host
from tests.edge.drivers.rig_llrp import LlrpRig
from tests.edge.llrp.store_reader import SITE, device
from wire.site import Driver


class SllurpRig(LlrpRig):
    """The reader of the LLRP driver's rig."""

    async def __aenter__(self) -> Self:
        await self._reader.start()
        asked = device(self._reader.address, "generic-llrp-stock", zones=("FLOOR", "FLOOR"))
        asked = replace(asked, driver=Driver.SLLURP, options={"keepalive_s": 0.5})
        self.driver = build_driver(asked, SITE, rig_host())
        return self


RIGS: dict[str, RigFactory] = {"sllurp": SllurpRig}
