"""What the HTTP side is made of beside its queries: each part that is there brings its routes."""

from dataclasses import dataclass

from gateway.enrol.desk import Enrolment
from gateway.feeds.reader import Feeds
from gateway.finder import Finder
from gateway.fleet.board import FleetBoard
from gateway.fleet.desk import FleetDesk
from gateway.holds.desk import Holds
from gateway.holds.orders import HeldOrders
from gateway.http.alarm_routes import AlarmService
from gateway.http.digital_link_routes import DigitalLinks
from gateway.http.gate import Access
from gateway.mirror import Mirror
from gateway.pairing.desk import Pairing
from gateway.push.webhook_desk import WebhookDesk
from gateway.replenishment.board import RefillBoard
from gateway.series.port import Reader
from gateway.series.requests import Requests
from gateway.sourcing.orders import Orders
from gateway.sourcing.quotes import Quotes
from gateway.tasks.boards import Boards
from gateway.tasks.desk import Tasks
from gateway.trade.reads import TradeReads
from gateway.trade.trade import Trade


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The parts of one process, made by its composition root; without one of them its paths do not exist.

    `access` holds the keys: without it there are none, and only this machine may ask.
    """

    access: Access | None = None
    mirror: Mirror | None = None
    holds: Holds | None = None
    quotes: Quotes | None = None
    orders: Orders | None = None
    held_orders: HeldOrders | None = None
    tasks: Tasks | None = None
    boards: Boards | None = None
    alarms: AlarmService | None = None
    trade: Trade | None = None
    trade_reads: TradeReads | None = None
    links: DigitalLinks | None = None
    finder: Finder | None = None
    webhooks: WebhookDesk | None = None
    feeds: Feeds | None = None
    refill: RefillBoard | None = None
    pairing: Pairing | None = None
    enrolment: Enrolment | None = None
    requests: Requests | None = None
    figures: Reader | None = None
    fleet: FleetDesk | None = None
    fleet_board: FleetBoard | None = None
