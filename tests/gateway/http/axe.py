"""What axe-core finds wrong on a page: rules of WCAG 2.2 AA, and good practice."""

from typing import Any, Final

from axe_playwright_python.base import AXE_SCRIPT  # type: ignore[import-untyped]
from playwright.async_api import Page

RULES: Final = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


async def complaints(page: Page) -> list[str]:
    """Return what is wrong on the page as it is now: the rule, how bad it is, and where."""
    await page.evaluate(AXE_SCRIPT)
    only = {"runOnly": {"type": "tag", "values": list(RULES)}, "resultTypes": ["violations"]}
    found: dict[str, Any] = await page.evaluate("(options) => axe.run(document, options)", only)
    assert found["passes"], "axe looked at nothing"
    return [
        f"{rule['id']} ({rule['impact']}): {'; '.join(' '.join(node['target']) for node in rule['nodes'][:3])}"
        for rule in found["violations"]
    ]
