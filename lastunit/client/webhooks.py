"""Webhooks: addresses that changes are sent to.

Making one has no idempotency key at the gateway, so it is sent one time; look at the list when its answer was lost.
"""

from typing import TYPE_CHECKING

from lastunit.client.connection import Connection, decoded, segment

if TYPE_CHECKING:
    from gateway.http.webhook_rows import DeadLetters, Webhook, WebhookBody, WebhookMade, Webhooks, WebhookTest


class WebhookCalls(Connection):
    """Webhooks of the key's channel. Their structs bring the database's packages, and are loaded when they are used."""

    async def create_webhook(self, body: "WebhookBody") -> "WebhookMade":
        """Have changes sent to an address. Only this answer shows the secret that signs them."""
        from gateway.http.webhook_rows import WebhookMade  # noqa: PLC0415

        return decoded(await self._once("POST", "/v1/webhooks", body), WebhookMade)

    async def webhooks(self) -> "Webhooks":
        """Return all webhooks of the channel."""
        from gateway.http.webhook_rows import Webhooks  # noqa: PLC0415

        return await self._get("/v1/webhooks", Webhooks)

    async def webhook(self, name: str) -> "Webhook":
        """Return a webhook and how it does."""
        from gateway.http.webhook_rows import Webhook  # noqa: PLC0415

        return await self._get(_path(name), Webhook)

    async def delete_webhook(self, name: str) -> None:
        """Send nothing more to an address."""
        await self._once("DELETE", _path(name))

    async def resume_webhook(self, name: str, cursor: int | None = None) -> "Webhook":
        """Let a stopped address go on, or have every change after `cursor` sent again."""
        from gateway.http.webhook_rows import ResumeBody, Webhook  # noqa: PLC0415

        return await self._told(f"{_path(name)}:resume", Webhook, ResumeBody(cursor))

    async def try_webhook(self, name: str) -> "WebhookTest":
        """Send one signed message, at once."""
        from gateway.http.webhook_rows import WebhookTest  # noqa: PLC0415

        return decoded(await self._once("POST", f"{_path(name)}:test"), WebhookTest)

    async def dead_letters(self, name: str, *, after: int | None = None, limit: int | None = None) -> "DeadLetters":
        """Return events that an address refused for good."""
        from gateway.http.webhook_rows import DeadLetters  # noqa: PLC0415

        return await self._get(f"{_path(name)}/dead-letters", DeadLetters, after=after, limit=limit)


def _path(name: str) -> str:
    return f"/v1/webhooks/{segment(name)}"
