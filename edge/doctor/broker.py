"""An MQTT broker: can we log in, may we hear what we must hear? By another client id, so that nobody is cut off."""

import os
from collections.abc import Sequence

from edge.doctor.finding import Finding, bad, is_healthy, well
from edge.doctor.network import check_reachable
from edge.errors import ConfigError
from edge.uplink.broker_url import BrokerUrl, Credentials


async def check_broker(
    subject: str, url: BrokerUrl, credentials: Credentials, client_id: str, topics: Sequence[str]
) -> list[Finding]:
    """Connect, log in and subscribe to `topics`. Nothing is published."""
    from edge.iot.broker import BrokerLink  # noqa: PLC0415 - MQTT only where it is asked for
    from edge.iot.driver import SessionOver  # noqa: PLC0415

    findings = await check_reachable(subject, url.host, url.port, "MQTT broker")
    if not is_healthy(findings):
        return findings
    try:
        login, tls = credentials.login(), credentials.tls_context() if url.tls else None
    except ConfigError as error:
        return [*findings, bad(subject, "login", str(error), "mend the file or its path")]
    link = BrokerLink(url, f"{client_id}-doctor-{os.getpid()}", topics, lambda _inbox: None, login=login, tls=tls)
    try:
        await link.open()
    except SessionOver as error:
        do = "the login, and the broker's access rules (docs/contract.md names the topics); with TLS: the CA file"
        return [*findings, bad(subject, "mqtt", str(error), do)]
    finally:
        await link.close()
    return [*findings, well(subject, "mqtt", f"{url} lets us in and subscribes us to {', '.join(topics)}")]
