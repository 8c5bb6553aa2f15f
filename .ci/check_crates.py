"""Checks licence and source of every crate that is built or tested with, against the lists in deny.toml."""

import re
import tomllib
from pathlib import Path

from cargo import metadata

TOKEN = re.compile(r"\(|\)|/|[\w.+-]+(?: WITH [\w.-]+)?")
OPERATORS = {"(": "(", ")": ")", "/": "or", "OR": "or", "AND": "and"}


def is_allowed(licence: str, allowed: list[str]) -> bool:
    """Whether an SPDX expression can be met by the licences that are allowed."""
    tokens = TOKEN.findall(licence)
    # Nothing but True, False, `and`, `or` and parentheses is evaluated.
    return eval(" ".join(OPERATORS.get(token, str(token in allowed)) for token in tokens))


def main() -> None:
    deny = tomllib.loads(Path("deny.toml").read_text())
    refused, packages = [], metadata()["packages"]
    for package in packages:
        name = f"{package['name']} {package['version']}"
        if not is_allowed(package["license"] or "none", deny["licenses"]["allow"]):
            refused.append(f"{name}: licence {package['license']}")
        if package["source"] not in (None, "registry+https://github.com/rust-lang/crates.io-index"):
            refused.append(f"{name}: from {package['source']}, not from crates.io")
    assert not refused, "crates that deny.toml does not allow:\n" + "\n".join(refused)
    print(f"{len(packages)} crates: licences and sources are those of deny.toml")


if __name__ == "__main__":
    main()
