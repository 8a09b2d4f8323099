"""Runs axe-core in a page of the browser: what keeps people out of it."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from servers.chromium import Page

_SECONDS = 60

# all rules of axe-core that are on: those of WCAG 2 at levels A and AA, and what it calls good practice
_RUN = """axe.run(document, {resultTypes: ["violations"]}).then(({violations}) => violations.map(
  ({id, impact, help, nodes}) => ({id, impact, help, nodes: nodes.map(
    ({target, failureSummary}) => [target.join(" "), failureSummary])})))"""


def violations(page: Page) -> list[str]:
    """Return what axe-core finds wrong with a page as it is now, one line for each rule and element.

    An empty list means that it finds nothing; an assertion that compares with it shows the lines.
    """
    if page.evaluate("typeof axe") != "object":
        page.evaluate(_source())
    return [_described(rule, *node) for rule in page.evaluate(_RUN, _SECONDS) for node in rule["nodes"]]


def _source() -> str:
    return (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


def _described(rule: dict[str, Any], target: str, summary: str) -> str:
    return f"{rule['id']} ({rule['impact']}): {rule['help']}: {target}: {' '.join(summary.split())}"
