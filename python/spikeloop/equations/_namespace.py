"""The constants of a text: given as keywords, or in a dictionary that several texts share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any


def joined(namespace: Mapping[str, Any] | None, constants: Mapping[str, Any], *texts: str | None) -> dict[str, Any]:
    """The constants, with those of `namespace` whose names the texts contain."""
    named = set(re.findall(r"[A-Za-z_]\w*", " ".join(filter(None, texts))))
    found = {name: value for name, value in (namespace or {}).items() if name in named}
    if twice := sorted(found.keys() & constants.keys()):
        raise ValueError(f"{twice[0]} is given as a keyword and in namespace; keep one of them.")
    return {**found, **constants}
