"""Single numbers, with what each may be at most."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benches.harness import report


@dataclass(frozen=True)
class Cost:
    """One number, what it is compared with, and the most it may be."""

    name: str
    value: float
    unit: str
    reference: str = ""
    limit: float | None = None

    @property
    def holds(self) -> bool:
        return self.limit is None or self.value <= self.limit


def shown(costs: Iterable[Cost]) -> Iterator[Cost]:
    """The same, each printed as it comes."""
    for cost in costs:
        limit = "" if cost.limit is None else f"  {'ok' if cost.holds else 'MISSED'}: at most {cost.limit:g}"
        print(f"{cost.name:<50}{cost.value:>10.4g} {cost.unit:<6}{limit}", flush=True)
        yield cost


def save(costs: list[Cost], stamp: dict[str, object], folder: Path | None, suffix: str) -> None:
    """Write a record, its rows beginning with the `stamp` of when the costs were measured."""
    records: list[dict[str, object]] = [
        {**stamp, "cost": c.name, "value": f"{c.value:.4g}", "unit": c.unit, "limit": c.limit} for c in costs
    ]
    print(f"recorded in {report.save(folder or report.RESULTS, records, suffix)}")
