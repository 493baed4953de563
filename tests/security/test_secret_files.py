"""Secrets come from files or systemd's credentials; URLs with secrets and well-known passwords stop the start."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url
from typer.main import get_command

from gateway.app import mqtt_source, series_config
from gateway.clock import system_clock
from gateway.config import ConfigError, GatewayConfig, broker_login, load_config
from gateway.secret_files import SECRET_MAX_BYTES, SecretError, read_secret
from lastunit.cli import app
from wire.default_logins import WELL_KNOWN, is_well_known

GOOD = "tW/9:q@r#7%z Kx+e"
"""With all the marks that mean something in a URL."""


def configured(folder: Path, text: str) -> GatewayConfig:
    file = folder / "gateway.yaml"
    file.write_text(text)
    return load_config(file)


def test_the_password_of_the_database_comes_from_a_file_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "password").write_text(f"{GOOD}\n")
    text = "database_url: postgresql://lastunit@/books?host=/run/pg\ndatabase_password_file: password"
    config = configured(tmp_path, text)
    url = make_url(config.database_url.get_secret_value())
    assert (url.username, url.password, url.database, url.query) == ("lastunit", GOOD, "books", {"host": "/run/pg"})
    assert GOOD not in repr(config)
    assert GOOD not in str(config.model_dump())


def test_name_and_password_of_the_broker_come_from_files(tmp_path: Path) -> None:
    (tmp_path / "name").write_text("gateway-1\n")
    (tmp_path / "password").write_text(GOOD)
    config = configured(tmp_path, "broker_username_file: name\nbroker_password_file: password")
    assert broker_login(config) == ("gateway-1", GOOD)
    assert mqtt_source(config, system_clock) is not None
    assert GOOD not in repr(config)


def test_a_credential_of_systemd_goes_before_a_file_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "name").write_text("from-systemd")
    (tmp_path / "name").write_text("from-beside")
    (tmp_path / "password").write_text(GOOD)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    text = "broker_username_file: {}\nbroker_password_file: password"
    assert broker_login(configured(tmp_path, text.format("name"))) == ("from-systemd", GOOD)
    assert broker_login(configured(tmp_path, text.format("credentials/../name"))) == ("from-beside", GOOD)
    assert broker_login(configured(tmp_path, text.format(tmp_path / "name"))) == ("from-beside", GOOD)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("broker_url: mqtt://someone:{}@broker", "broker_url"),
        ("broker_url: mqtts://someone@broker", "broker_url"),
        ("broker_url: mqtts://:{}@broker", "broker_url"),
        ("database_url: postgresql://u:{}@h/d", "database_url"),
        ("database_url: postgresql://h/d?user=u&password={}", "database_url"),
        ("database_url: postgresql://u@h/d?sslpassword={}", "database_url"),
    ],
)
def test_a_secret_in_a_url_stops_the_start_and_is_not_repeated(tmp_path: Path, text: str, key: str) -> None:
    with pytest.raises(ConfigError, match=f"{key}: it holds") as caught:
        configured(tmp_path, text.format("m4rker"))
    assert "m4rker" not in str(caught.value)
    assert "_file" in str(caught.value)
    assert configured(tmp_path, f"{text.format('m4rker')}\ninsecure_dev: true").insecure_dev


def test_a_secret_in_the_environment_or_an_option_is_refused_too(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="database_url: it holds"):
        load_config(None, database_url="postgresql://u:m4rker@h/d")
    monkeypatch.setenv("LASTUNIT_GATEWAY_BROKER_URL", "mqtt://u:m4rker@h")
    with pytest.raises(ConfigError, match="broker_url: it holds"):
        load_config(None)


@pytest.mark.parametrize("password", ["changeme", "Admin", " postgres ", "lastunit", "123456"])
def test_a_password_that_everybody_knows_stops_the_start(tmp_path: Path, password: str) -> None:
    (tmp_path / "name").write_text("somebody")
    (tmp_path / "password").write_text(password)
    of_database = "database_url: postgresql://u@h/d\ndatabase_password_file: password"
    of_broker = "broker_username_file: name\nbroker_password_file: password"
    of_series = "series_url: http://127.0.0.1:8086\nseries_token_file: password"
    with pytest.raises(SecretError, match="database_password_file: this password stands in manuals") as caught:
        configured(tmp_path, of_database)
    assert f"'{password.strip()}'" not in str(caught.value)
    with pytest.raises(SecretError, match="broker_password_file"):
        mqtt_source(configured(tmp_path, of_broker), system_clock)
    with pytest.raises(SecretError, match="series_token_file"):
        series_config(configured(tmp_path, of_series))
    for text in (of_database, of_broker, of_series):
        config = configured(tmp_path, f"{text}\ninsecure_dev: true")
        assert mqtt_source(config, system_clock) is not None
        assert series_config(config) is not None


def test_the_user_s_own_name_is_no_password(tmp_path: Path) -> None:
    (tmp_path / "name").write_text("store-berlin-7")
    (tmp_path / "password").write_text("Store-Berlin-7")
    with pytest.raises(SecretError, match="broker_password_file"):
        broker_login(configured(tmp_path, "broker_username_file: name\nbroker_password_file: password"))


def test_well_known_passwords_are_found_whatever_their_case() -> None:
    assert all(is_well_known(word.upper()) for word in WELL_KNOWN)
    assert all(word == word.casefold() for word in WELL_KNOWN)
    assert is_well_known("")
    assert not is_well_known(GOOD, "somebody")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "found nothing"),
        (b" \n", "found nothing"),
        (b"m4rker\nm4rker", "2 lines"),
        (b"m4rker\x00", "cannot be printed"),
        (b"m4rker\xff", "UTF-8"),
        (b"m4rker" * SECRET_MAX_BYTES, "at most 4096"),
        (None, "No such file"),
    ],
)
def test_a_file_that_holds_no_secret_is_named_and_not_shown(tmp_path: Path, content: bytes | None, says: str) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SecretError, match=says) as caught:
        read_secret("broker_password_file", file)
    assert str(caught.value).startswith(f"broker_password_file: {file}")
    assert "m4rker" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("broker_password_file: password", "a password without a name"),
        ("database_password_file: password", "only a PostgreSQL database"),
        ("database_url: postgresql://u:x@h/d\ndatabase_password_file: password\ninsecure_dev: true", "take it out"),
        ("database_url: postgresql://[h/d", "not a URL"),
    ],
)
def test_what_does_not_go_together_is_told(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "password").write_text(GOOD)
    with pytest.raises(ConfigError, match=says):
        broker_login(configured(tmp_path, text))


def options_of(command: Any, name: str = "lastunit") -> Iterator[tuple[str, Any]]:
    """Every option of every command."""
    for parameter in command.params:
        if parameter.param_type_name == "option":
            yield name, parameter
    for below, inner in getattr(command, "commands", {}).items():
        yield from options_of(inner, f"{name} {below}")


ONE_TIME = {("lastunit enroll", "--code")}
"""Good once and for a quarter of an hour; it may be piped instead."""


def test_no_option_takes_a_secret_itself() -> None:
    """It would show in the list of processes: options name files."""
    found = {(name, option.opts[0]): option for name, option in options_of(get_command(app))}
    secret = {
        (name, text)
        for (name, text), option in found.items()
        if re.search(r"key|password|passwd|secret|token|code", text)
        and not text.endswith("-file")
        and not option.is_flag
    }
    assert len(found) > 100
    assert secret == ONE_TIME
