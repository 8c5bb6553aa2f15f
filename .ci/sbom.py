"""Writes the bill of materials of the wheel (CycloneDX): what is compiled and linked into the extension module.

maturin's own would hold the paths of the machine that built the wheel, and lacks what is not Rust.
"""

import argparse
import json
from importlib.metadata import metadata as installed
from pathlib import Path
from typing import Any

from cargo import metadata


def linked(graph: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """The crate and those that are linked into it: neither its build scripts' nor its tests' dependencies."""
    packages = {package["id"]: package for package in graph["packages"]}
    nodes = {node["id"]: node for node in graph["resolve"]["nodes"]}
    found, new = {}, [next(id for id, package in packages.items() if package["name"] == name)]
    while new:
        crate = new.pop()
        found[crate] = packages[crate]
        for dep in nodes[crate]["deps"]:
            if dep["pkg"] not in found and any(kind["kind"] is None for kind in dep["dep_kinds"]):
                new.append(dep["pkg"])
    return list(found.values())


def component(name: str, version: str, licence: str, purl: str) -> dict[str, Any]:
    licences = [{"expression": licence.replace("/", " OR ")}]
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "licenses": licences, "purl": purl}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--target", default="x86_64-unknown-linux-gnu")
    args = parser.parse_args()
    root, *crates = linked(metadata("--filter-platform", args.target), "spikeloop-native")
    components = [component(c["name"], c["version"], c["license"], f"pkg:cargo/{c['name']}@{c['version']}")
                  for c in crates]  # fmt: skip
    # nanobind's sources, and the C++ library and unwinder that zig links.
    for name, licence in (("nanobind", "BSD-3-Clause"), ("ziglang", "MIT AND Apache-2.0 WITH LLVM-exception")):
        version = installed(name)["Version"]
        components.append(component(name, version, licence, f"pkg:pypi/{name}@{version}"))
    product = component("spikeloop", root["version"], root["license"], f"pkg:pypi/spikeloop@{root['version']}")
    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": product},
        "components": sorted(components, key=lambda c: c["purl"]),
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(bill, indent=1) + "\n")


if __name__ == "__main__":
    main()
