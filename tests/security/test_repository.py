"""The repository holds no secret: no key of any kind, no password in a configuration, no default that opens a door."""

import re
import subprocess
from pathlib import Path
from typing import Final

import pytest
import yaml

from wire.default_logins import is_well_known

ROOT: Final = Path(__file__).parents[2]

KINDS: Final = {
    "private key": (
        "PRIVATE KEY",
        re.compile(r"-----BEGIN (?:RSA |EC |OPENSSH |ENCRYPTED |DSA )?PRIVATE KEY-----\s+[A-Za-z0-9+/=]{40}"),
    ),
    "key of ours": ("lu_", re.compile(r"\blu_[0-9a-hjkmnp-tv-z]{12}_[A-Za-z0-9_-]{43}\b")),
    "webhook secret": ("whsec_", re.compile(r"\bwhsec_[A-Za-z0-9+/]{32,}={0,2}")),
    "AWS": ("IA", re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b")),
    "GitHub": ("gh", re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{40,})")),
    "GitLab": ("glpat-", re.compile(r"\bglpat-[A-Za-z0-9_-]{20}\b")),
    "Slack": ("xox", re.compile(r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}")),
    "Google": ("AIza", re.compile(r"\bAIza[0-9A-Za-z_-]{35}\b")),
    "Stripe": ("_live_", re.compile(r"\b[rs]k_live_[0-9A-Za-z]{24,}")),
    "Grafana": ("gl", re.compile(r"\bgl(?:sa|c)_[A-Za-z0-9]{32,}")),
    "npm": ("npm_", re.compile(r"\bnpm_[A-Za-z0-9]{36}\b")),
    "PyPI": ("pypi-", re.compile(r"\bpypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{20,}")),
    "JWT": ("eyJ", re.compile(r"\beyJ[A-Za-z0-9_-]{15,}\.eyJ[A-Za-z0-9_-]{15,}\.[A-Za-z0-9_-]{20,}")),
    "URL with a password": (
        "@",
        re.compile(
            r"\b(?:mqtts?|postgres(?:ql)?|https?|amqps?|redis)://[\w.-]+:(?!marker)[^\s/@:'\"{}<>$]{6,}@[\w.-]+\.[a-z]{2,}"
        ),
    ),
}
"""What each looks like, from the makers' own words for scanners; before it a piece without which it is not there.
What begins with `marker` is a test's, which looks for it in what is printed."""

EXAMPLES: Final = {
    "webhook secret": {"gateway/http/webhook_rows.py", "tests/gateway/push/test_docs_verify.py"},
}
"""Where something of this form is an example, of the documentation or of a refusal."""

CONFIGURED: Final = re.compile(r"(password|passwd|secret|token)(?!_file)", re.IGNORECASE)


def tracked() -> list[Path]:
    """Every file of the repository, and those that are about to be."""
    words = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(words, cwd=ROOT, capture_output=True, check=True).stdout.decode()
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def secrets_in(text: str) -> list[str]:
    return [kind for kind, (piece, form) in KINDS.items() if piece in text and form.search(text)]


def test_no_file_holds_a_secret() -> None:
    files = {str(file.relative_to(ROOT)): file for file in tracked() if file.suffix != ".png"}
    found = {
        (name, kind)
        for name, file in files.items()
        for kind in secrets_in(file.read_bytes().decode("latin-1"))
        if name not in EXAMPLES.get(kind, set())
    }
    assert len(files) > 1_000
    assert found == set()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("-----BEGIN PRIVATE KEY-----\n" + "M" * 64, "private key"),
        ("lu_0123456789ab_" + "x" * 43, "key of ours"),
        ("AKIA" + "A" * 16, "AWS"),
        ("ghp_" + "a" * 36, "GitHub"),
        ("mqtts://box:longsecret" + "@broker.example.com", "URL with a password"),
        ("whsec_" + "A" * 43 + "=", "webhook secret"),
    ],
)
def test_the_scan_finds_what_it_is_for(text: str, kind: str) -> None:
    assert secrets_in(f"a = '{text}'\n") == [kind]


def test_no_example_of_documentation_is_left_in_the_list_when_it_is_gone() -> None:
    for kind, names in EXAMPLES.items():
        for name in names:
            assert kind in secrets_in((ROOT / name).read_text()), (name, kind)


def leaves(value: object, path: str = "") -> list[tuple[str, object]]:
    if isinstance(value, dict):
        return [found for name, member in value.items() for found in leaves(member, f"{path}.{name}")]
    if isinstance(value, list):
        return [found for member in value for found in leaves(member, path)]
    return [(path, value)]


def test_no_configuration_that_we_ship_names_a_password() -> None:
    """Files of deployment name secrets by their files; a device profile has no login at all."""
    named, seen = [], 0
    for file in tracked():
        name = str(file.relative_to(ROOT))
        if name.startswith("deploy/") and file.suffix in {".yaml", ".yml"}:
            for document in yaml.safe_load_all(file.read_text()):
                seen += 1
                for path, value in leaves(document):
                    key = path.rpartition(".")[2]
                    if CONFIGURED.fullmatch(key) and isinstance(value, str) and not value.startswith(("/run/", "$")):
                        named.append((name, path, value))
        if name.startswith("firmware_config/profiles/"):
            text = file.read_text()
            if re.search(r"^\s*\w*(?:password|login|user)\w*\s*=", text, re.IGNORECASE | re.MULTILINE):
                named.append((name, "login", ""))
    assert named == []
    assert seen > 0


def test_no_default_of_a_program_is_a_password_that_everybody_knows() -> None:
    """Of settings and of the simulator's peers only the gateway's count: its defaults are where it runs."""
    from gateway.config import GatewayConfig

    for key, setting in GatewayConfig.model_fields.items():
        if CONFIGURED.search(key):
            assert setting.default is None or not is_well_known(str(setting.default)), key
