"""TLS to the broker: 1.2 or newer, and the certificate is checked against the name."""

import ssl
from pathlib import Path

import pytest

from edge.uplink.broker_url import Credentials
from gateway.app import mqtt_source
from gateway.clock import system_clock
from gateway.config import load_config


def contexts(folder: Path) -> dict[str, ssl.SSLContext]:
    file = folder / "gateway.yaml"
    (folder / "name").write_text("gateway-7")
    file.write_text("broker_url: mqtts://broker.example\nbroker_username_file: name")
    source = mqtt_source(load_config(file), system_clock)
    assert source._broker.tls is not None
    return {"gateway": source._broker.tls, "edge": Credentials().tls_context()}


@pytest.mark.parametrize("program", ["gateway", "edge"])
def test_old_versions_and_other_names_are_refused(tmp_path: Path, program: str) -> None:
    found = contexts(tmp_path)[program]
    assert found.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert found.check_hostname
    assert found.verify_mode is ssl.CERT_REQUIRED
