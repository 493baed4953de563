"""A package under several licences at once is under the worst of them too."""

import pytest

from deploy import audit


@pytest.mark.parametrize(
    "licence", ["MIT AND LGPL-3.0-only", "(Apache-2.0 AND CC-BY-NC-4.0)", "MIT AND MIT AND EUPL-1.2"]
)
def test_licences_that_all_hold_are_all_judged(licence: str) -> None:
    assert "read it" in audit.unwelcome("x", licence)


@pytest.mark.parametrize(
    "licence", ["MPL-2.0 AND MIT", "(MIT AND BSD-3-Clause)", "Apache-2.0 AND (MIT)", "MIT OR LGPL-3.0"]
)
def test_those_that_are_allowed_stay_allowed(licence: str) -> None:
    assert audit.unwelcome("x", licence) == ""
