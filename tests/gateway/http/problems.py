"""What every refusal must look like."""

from typing import Any

import httpx

from gateway.http.problem import KINDS

BY_CODE = {kind.code: kind for kind in KINDS}


def problem(response: httpx.Response, code: str) -> dict[str, Any]:
    """Check that `response` is the problem `code` and complete; return the document."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    document: dict[str, Any] = response.json()
    kind = BY_CODE[code]
    assert (document["code"], document["status"], document["title"]) == (code, kind.status, kind.title), document
    assert response.status_code == kind.status
    assert document["type"] == f"/docs#problem-{code}"
    assert document["detail"]
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"
    return document
