"""The table on the screen and the record in results/<machine>/<date>.csv."""

from __future__ import annotations

import csv
import datetime
import math
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benches.harness import machine
from benches.harness.measure import Entry, Options
from benches.peers import OTHER_SCHEME, OURS
from benches.scenes import Scene, Size, Target

RESULTS = machine.ROOT / "benches" / "results"


def stamp() -> dict[str, object]:
    """The columns that every record begins with."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    return {"time": now, "commit": machine.commit(), "machine": machine.name()}


def by_peer(entries: list[Entry], name: str) -> Entry | None:
    """The named one, or, for "best", the fastest peer with our integration scheme."""
    if name != "best":
        return next((e for e in entries if e.peer == name), None)
    timed = [e for e in entries if e.us and e.peer not in {OURS, *OTHER_SCHEME}]
    return min(timed, key=lambda e: e.median_us, default=None)


def verdict(target: Target, entries: list[Entry]) -> tuple[bool | None, str]:
    """Whether the promise holds; None where this run cannot tell."""
    ours = by_peer(entries, OURS)
    if ours is None or not ours.us:
        return None, "not measured"
    if target.max_us:
        us, limit = ours.median_us, target.max_us
        return us <= limit, f"{us:.2f} µs/step, promised at most {limit:g}"
    peer = by_peer(entries, target.peer)
    if peer is None or not peer.us:
        return None, f"{target.min_ratio:g} times {target.peer}: no such peer in this run"
    ratio = peer.ratio_to(ours)
    return ratio >= target.min_ratio, f"{ratio:.2f} times {peer.peer}, promised {target.min_ratio:g}"


def shown(x: float, digits: int) -> str:
    return "-" if math.isnan(x) else f"{x:.{digits}f}"


def lines(scene: Scene, size: Size, entries: list[Entry]) -> Iterator[str]:
    ours = entries[0]
    yield f"\n{scene.name}, {size.n:,} neurons, {size.steps:,} steps"
    yield "  simulator         µs/step      min      max  µs CPU   ratio  rate Hz  build s     MB"
    for e in entries:
        if not e.us:
            yield f"  {e.peer:<15}{'-':>10}  {e.note}"
            continue
        times = f"{e.median_us:>10.2f}{min(e.us):>9.2f}{max(e.us):>9.2f}"
        cpu, ratio = (shown(x, 2) for x in (median(e.cpu_us), e.ratio_to(ours)))
        rate = sum(e.rates) / len(e.rates)
        yield f"  {e.peer:<15}{times}{cpu:>8}{ratio:>8}{rate:>9.2f}{e.build_s:>9.1f}{e.rss_mb:>7.0f}"
        if e.share_of_core < 0.9:
            yield f"    {e.peer} had {e.share_of_core:.0%} of a core: another process was running"
    for target in scene.targets:
        if target.n == size.n:
            holds, text = verdict(target, entries)
            yield f"  {'?' if holds is None else 'ok' if holds else 'MISSED'}: {text}"


def rows(scene: Scene, size: Size, entries: list[Entry], options: Options) -> Iterator[dict[str, object]]:
    ours, common = entries[0], stamp()
    for e in entries:
        yield {
            **common, "threads": options.threads,
            "scene": scene.name, "n": size.n, "steps": size.steps, "simulator": e.peer, "rounds": len(e.us),
            "us_per_step": f"{e.median_us:.4g}",
            "us_min": f"{min(e.us, default=math.nan):.4g}", "us_max": f"{max(e.us, default=math.nan):.4g}",
            "cpu_us": f"{median(e.cpu_us) if e.cpu_us else math.nan:.4g}",
            "ratio_to_ours": f"{e.ratio_to(ours):.3g}",
            "rate_hz": f"{sum(e.rates) / len(e.rates) if e.rates else math.nan:.4g}",
            "build_s": f"{e.build_s:.3g}", "rss_mb": f"{e.rss_mb:.0f}",
            "versions": " ".join(f"{k}={v}" for k, v in e.versions.items()), "note": e.note,
        }  # fmt: skip


def save(folder: Path, records: list[dict[str, object]], suffix: str = "") -> Path:
    """Append to today's file of this machine."""
    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    path = folder / machine.name() / f"{date}{suffix}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, list(records[0]), lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerows(records)
    return path
