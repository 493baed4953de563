"""A rig with one site, or two, on each database in turn."""

import pytest

from gateway.storage.engine import Database
from tests.gateway.trade.trade_rig import OTHER, TradeRig


@pytest.fixture
async def rig(database: Database) -> TradeRig:
    opened = TradeRig(database)
    await opened.open(OTHER)
    return opened
