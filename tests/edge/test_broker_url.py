"""Broker URLs and credentials: what is taken, and what is said about what is not."""

from pathlib import Path

import pytest

from edge.errors import ConfigError
from edge.limits import SECRET_FILE_MAX_BYTES
from edge.uplink.broker_url import BrokerUrl, Credentials, parse_broker_url, read_secret


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mqtt://broker", BrokerUrl("broker", 1883, tls=False)),
        ("mqtts://broker.example", BrokerUrl("broker.example", 8883, tls=True)),
        ("mqtt://10.0.0.1:2883", BrokerUrl("10.0.0.1", 2883, tls=False)),
        ("mqtts://[fe80::1]:1", BrokerUrl("fe80::1", 1, tls=True)),
        ("mqtt://broker/", BrokerUrl("broker", 1883, tls=False)),
    ],
)
def test_good_urls(text: str, expected: BrokerUrl) -> None:
    assert parse_broker_url(text) == expected
    assert parse_broker_url(str(expected)) == expected


@pytest.mark.parametrize(
    "text",
    ["broker:1883", "http://broker", "mqtt://", "mqtt://b:99999", "mqtt://b:x", "mqtt://b/path", "mqtt://b?x=1", ""],
)
def test_bad_urls_say_what_was_expected(text: str) -> None:
    with pytest.raises(ConfigError, match="expected mqtt://"):
        parse_broker_url(text)


def test_a_secret_in_a_url_is_refused_and_not_repeated() -> None:
    with pytest.raises(ConfigError) as refusal:
        parse_broker_url("mqtt://user:hunter2@broker")
    assert "hunter2" not in str(refusal.value)


def test_a_secret_is_one_line_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("  hunter2\n")
    assert read_secret(file) == "hunter2"
    for wrong in ("", "\n", "two\nlines", "x" * (SECRET_FILE_MAX_BYTES + 1)):
        file.write_text(wrong)
        with pytest.raises(ConfigError) as refusal:
            read_secret(file)
        assert "lines" not in str(refusal.value)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="UTF-8"):
        read_secret(file)
    with pytest.raises(ConfigError, match="No such file"):
        read_secret(tmp_path / "missing")


def test_a_login_needs_a_name(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("x")
    (tmp_path / "user").write_text("edge-1")
    assert Credentials().login() is None
    assert Credentials(username_file=tmp_path / "user").login() == ("edge-1", None)
    with pytest.raises(ConfigError, match="give both"):
        Credentials(password_file=tmp_path / "password").login()


def test_tls_files_are_checked_at_once(tmp_path: Path) -> None:
    (tmp_path / "bad.pem").write_text("no certificate")
    with pytest.raises(ConfigError, match=r"bad\.pem"):
        Credentials(ca_file=tmp_path / "bad.pem").tls_context()
    with pytest.raises(ConfigError, match="both"):
        Credentials(cert_file=tmp_path / "bad.pem").tls_context()
    assert Credentials().tls_context().check_hostname
