"""What cargo knows of the workspace and its dependencies."""

import json
import subprocess
from typing import Any


def metadata(*options: str) -> dict[str, Any]:
    """The answer of `cargo metadata`."""
    command = ["cargo", "metadata", "--locked", "--format-version=1", *options]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
