"""The rules of channels in the database: set and shown by `lastunit channels`, read by the quotes of every process."""

from typing import Any

import msgspec
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.keys.store import KeyStoreError
from gateway.sourcing.rules import DEFAULT, SourcingRules, parse_rules, plain_rules
from gateway.storage.commerce import channel
from gateway.trade.audit import write_audit


def decode_rules(held: bytes | None) -> SourcingRules:
    """Return the rules of a row; the defaults where it says none."""
    return DEFAULT if held is None else parse_rules(msgspec.json.decode(held))


async def read_rules(connection: AsyncConnection) -> dict[str, SourcingRules]:
    """Return the rules of every channel, by its name in order."""
    rows = await connection.execute(select(channel.c.name, channel.c.rules).order_by(channel.c.name))
    return {row.name: decode_rules(row.rules) for row in rows}


async def rules_of(connection: AsyncConnection, name: str) -> SourcingRules:
    """Return the rules of a channel. Raises `KeyStoreError` when there is none such."""
    known = await read_rules(connection)
    if name not in known:
        raise KeyStoreError(_unknown(name, known))
    return known[name]


async def set_rules(connection: AsyncConnection, name: str, rules: SourcingRules, now_us: int) -> bool:
    """Give a channel these rules; return whether they are other than before. Raises `KeyStoreError`."""
    if await rules_of(connection, name) == rules:
        return False
    plain = plain_rules(rules)
    held = None if rules == DEFAULT else msgspec.json.encode(_changed(plain))
    values = {"rules": held, "updated_us": now_us}
    await connection.execute(update(channel).where(channel.c.name == name).values(**values))
    await write_audit(
        connection, at_us=now_us, actor="", action="channel.rules", site=None, subject=name, detail=_changed(plain)
    )
    return True


def _changed(plain: dict[str, Any]) -> dict[str, Any]:
    """Return what is not the default: another version's defaults hold for the rest."""
    default = plain_rules(DEFAULT)
    return {name: value for name, value in plain.items() if value != default[name]}


def _unknown(name: str, known: dict[str, SourcingRules]) -> str:
    if not known:
        return f"channel {name[:64]!r}: there are no channels yet; `lastunit keys create --channel` makes one"
    return f"channel {name[:64]!r}: there are {', '.join(known)}; `lastunit keys create --channel` makes another"
