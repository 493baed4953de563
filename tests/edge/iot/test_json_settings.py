"""Settings of the site file that cannot be used: what is told, and what a person has to do."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from edge.drivers import build_driver
from tests.edge.iot.json_sites import COMMANDS, SITE, Options, impinj_device, login_files, zebra_device
from tests.edge.iot.json_watch import host

if TYPE_CHECKING:
    from pathlib import Path

    from wire.site import Device

MQTT: Options = {"via": "mqtt", "broker": "mqtt://10.0.0.5", "topic": "s1/R7/events"}
BROKER: Options = {"broker": "mqtt://10.0.0.5"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"keepalive_s": 0.5}, "device R7: keepalive_s: 0.5, expected whole seconds from 1 to 300"),
        ({"keepalive_s": 301}, "expected whole seconds"),
        ({"topic": "x"}, "device R7: topic: means nothing without `via: mqtt`"),
        ({"username_file": "/nowhere/name"}, "device R7: secret file /nowhere/name"),
        ({"password_file": "/nowhere/password"}, "device R7: a password file without a user name file"),
        ({"tls": True, "ca_file": "/nowhere/ca.pem"}, "device R7: ca_file: /nowhere/ca.pem"),
        ({"ca_file": "/nowhere/ca.pem"}, "device R7: ca_file: means nothing without `tls: true`"),
        ({"via": "mqtt"}, "device R7: broker is missing"),
        ({"via": "mqtt", "broker": "10.0.0.5"}, "device R7: broker '10.0.0.5': expected mqtt://"),
        ({"via": "mqtt", "broker": "mqtt://10.0.0.5"}, "device R7: topic is missing"),
        ({**MQTT, "topic": "s1/+/events"}, "device R7: topic: 's1/+/events': expected the topic of this reader"),
        (MQTT, "device R7: give username_file and password_file of the reader, or its willTopic"),
        (
            {**MQTT, "management_topic": "s1/R7/state", "start": True},
            "device R7: start: the reader is started over REST",
        ),
        ({**MQTT, "broker_password_file": "/nowhere"}, "device R7: "),
    ],
)
def test_impinj(options: Options, words: str) -> None:
    with pytest.raises(ValueError) as raised:
        build_driver(impinj_device("10.0.0.7", options), SITE, host())
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "device Z9: broker is missing"),
        ({**BROKER, "topic": ""}, "device Z9: topic is missing: where the reader publishes its tag data"),
        (
            {**BROKER, "management_topic": ""},
            "device Z9: management_topic is missing: where the reader sends its hea",
        ),
        ({**BROKER, "management_topic": "s1/#"}, "without # and +"),
        ({**BROKER, "command_topic": "s1/Z9/commands"}, "device Z9: response_topic is missing"),
        ({**BROKER, "response_topic": "s1/Z9/answers"}, "device Z9: command_topic is missing"),
        ({**BROKER, "start": True}, "device Z9: start: needs command_topic and response_topic"),
        ({"broker": "mqtts://10.0.0.5", "ca_file": "/nowhere/ca.pem"}, "device Z9: TLS files /nowhere/ca.pem"),
    ],
)
def test_zebra(options: Options, words: str) -> None:
    with pytest.raises(ValueError) as raised:
        build_driver(zebra_device(options), SITE, host())
    assert words in str(raised.value)


def test_what_can_be_used(tmp_path: Path) -> None:
    build_driver(impinj_device("10.0.0.7", {}), SITE, host())
    build_driver(impinj_device("10.0.0.7", {"tls": True, "start": False, "keepalive_s": 0.5}), SITE, host())
    build_driver(impinj_device("10.0.0.7:8443", {**MQTT, **login_files(tmp_path)}), SITE, host())
    build_driver(impinj_device("10.0.0.7", {**MQTT, "management_topic": "s1/R7/state"}), SITE, host())
    build_driver(zebra_device({**BROKER, **COMMANDS}), SITE, host())
    build_driver(zebra_device(BROKER), SITE, host())


@pytest.mark.parametrize("device", [impinj_device("10.0.0.7", {}), zebra_device(BROKER)], ids=["impinj", "zebra"])
def test_no_antennas_and_no_such_profile(device: Device) -> None:
    with pytest.raises(ValueError, match="antennas: a reader needs at least one"):
        build_driver(replace(device, antennas=()), SITE, host())
    with pytest.raises(ValueError, match=f"device {device.id}: profile 'nothing'"):
        build_driver(replace(device, profile="nothing"), SITE, host())
