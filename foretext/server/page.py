"""The page at /: one file that loads nothing, and the policy that lets a browser run this very script and no other."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files


@cache
def page() -> tuple[str, str]:
    """The page, and its Content-Security-Policy: its own script and style by their SHA-256, requests to here alone."""
    html = files("foretext.server").joinpath("page.html").read_text(encoding="utf-8")
    script, style = (_digest(html, name) for name in ("script", "style"))
    policy = (
        f"default-src 'none'; script-src '{script}'; style-src '{style}'; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return html, policy


def _digest(html: str, name: str) -> str:
    found = re.findall(rf"<{name}>(.*?)</{name}>", html, re.DOTALL)
    assert len(found) == 1, f"the page has one {name}"
    return "sha256-" + base64.b64encode(hashlib.sha256(found[0].encode()).digest()).decode()
