"""Passwords that everybody knows: those of factories, examples and images. Pure; edge and gateway refuse them alike.

A list cannot hold every weak password, and is no measure of strength. It holds what stands in manuals and in examples
that people copy, because that is what somebody on the network tries first (OWASP IoT Top 10 2018, I1). Sources: the
manuals of the readers in `docs/json-readers.md` and `docs/llrp.md`, the images of PostgreSQL, InfluxDB, Grafana and
Mosquitto, and the head of the lists of most used passwords.
"""

from typing import Final

WELL_KNOWN: Final = frozenset(
    {
        *("0000", "00000000", "1111", "1234", "12345", "123456", "1234567", "12345678", "123456789", "1234567890"),
        *("admin", "admin123", "administrator", "change", "changeit", "changeme", "change-me", "change_me"),
        *("default", "demo", "example", "guest", "letmein", "p@ssw0rd", "p4ssw0rd", "pass", "passw0rd", "password"),
        *("password1", "password123", "public", "qwerty", "qwerty123", "root", "secret", "test", "toor", "user"),
        *("welcome", "iloveyou", "abc123", "hunter2", "s3cret", "my-secret-pw", "mysecretpassword", "hush"),
        *("mosquitto", "mqtt", "broker", "postgres", "postgresql", "database", "influx", "influxdb", "grafana"),
        *("my-super-secret-auth-token", "my-token", "token"),
        *("impinj", "impinj123", "zebra", "motorola", "symbol", "thingmagic", "alien", "rfid", "reader", "edge"),
        *("gateway", "lastunit", "last-unit", "store", "raspberry", "ubuntu", "debian"),
    }
)
"""In lower case: they are compared without regard to case."""


def is_well_known(password: str, username: str = "") -> bool:
    """Return whether somebody on the network tries this password first: a well-known one, none, or the user's name."""
    said = password.strip().casefold()
    return not said or said in WELL_KNOWN or said == username.strip().casefold()
