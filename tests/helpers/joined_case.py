"""Calls that one launch can have, for tests without JAX."""

import numpy as np
from call_frame import DTYPES, Host, driver, handler, native, on_gpu, run
from event_case import Case, sorted_rows

BLOCKS = 8  # of targets
ADDS = {"target"}


class Calls:
    """Calls and the operands of all of them; those that add to `target` add to what the one before them made."""

    def __init__(self, float_type, seed, n=600, slots=5, longest=60):
        """`n` sources, whose rows are so long at most."""
        self.rng, self.n, self.slots, self.longest = np.random.default_rng(seed), n, slots, longest
        self.float, self.operands, self.results, self.calls = float_type, {}, [], []

    def add(self, target, operands, results, attributes=()):
        """One more call; a result is the name of an operand that it replaces, or an array like it."""
        names = {name: name if name in ADDS else f"{name} {len(self.calls)}" for name in operands}
        self.operands.update((names[name], x) for name, x in operands.items() if names[name] not in self.operands)
        made = [names.get(x) if isinstance(x, str) else x for x in results]
        self.results += [x for x in made if not (isinstance(x, str) and x in self.results)]
        self.calls.append((target, list(names.values()), made, dict(attributes)))

    def projections(self, index):
        """Two projections to one array, of which one has a delay."""
        case = Case(self.n, 300, self.float, index, seed=1, longest=self.longest)
        whole = {"weight": case.whole(case.nnz), **case.places()}
        target, past = case.whole(1, 300), (self.rng.random((1, 3, 1, self.n)) < 0.2).astype(self.float)
        self.add("event_scatter", {"spikes": case.spikes(True)[None], **whole, "target": target}, ["target"],
                 case.attributes())  # fmt: skip
        timed = {"cursor": np.int32(2), "past": past, "target": target}
        self.add("event_relay", {"spikes": case.spikes(False)[None], **whole, **timed}, ["past", "target"],
                 case.attributes(slots=3, lanes=1))  # fmt: skip
        return target

    def queue(self, index, target):
        """Spikes that are queued, and others that are delivered from a queue and from a ring."""
        rng, n, slots = self.rng, self.n, self.slots
        indptr, delay, indices = sorted_rows(rng, n, 300, slots, self.longest)
        size, rows = 48, np.repeat(np.arange(n), np.diff(indptr))  # of a block of targets, in whole cache lines
        counts = np.zeros((n, slots * BLOCKS + 1), int)
        np.add.at(counts, (rows, delay * BLOCKS + indices // size + 1), 1)
        held = {
            "count": rng.integers(0, n // 2, slots).astype(np.int32),
            "sources": rng.integers(0, n, (slots, n)).astype(np.uint32),
            "values": rng.integers(1, 4, (slots, n)).astype(self.float),
        }
        given = {
            "weight": rng.integers(0, 50, indices.size).astype(self.float), "indices": indices.astype(index),
            "indptr": indptr, "starts": counts.cumsum(1).astype(np.uint16), "cursor": np.int32(slots - 2), **held,
            "target": target,
        }  # fmt: skip
        attributes = {"n_pre": n, "sorted": True, "blocks": BLOCKS}
        self.add("event_deliver", given, [*held, "target"], attributes)
        ring = rng.integers(0, 9, (slots, 300)).astype(self.float)
        given = {"cursor": np.int32(1), "full": np.int32(1), "target": target, "ring": ring}
        self.add("event_collect", given, ["target", "ring"], {"slots": slots, "lanes": 1})
        empty = {name: np.zeros_like(x) for name, x in held.items()}
        given = {"spikes": rng.random(n) < 0.4, "cursor": np.int32(1), **empty}
        self.add("event_enqueue", given, [*empty], {"n_pre": n, "offset": 0})

    def split(self):
        """Keys of many keys."""
        keys = self.rng.integers(0, 1 << 32, (self.n // 2, 2), dtype=np.uint32)
        self.add("random_split", {"keys": keys}, [np.zeros_like(keys), np.ones_like(keys)])

    def text(self, prefix):
        """The sequence of the calls of a platform."""
        places = [*self.operands]
        made = [x if isinstance(x, str) else id(x) for x in self.results]
        lines = [f"sequence operands {len(places)} results {len(made)}"]
        like = [*self.operands.values(), *(self.operands[x] if isinstance(x, str) else x for x in self.results)]
        lines += [_buffer(np.asarray(x)) for x in like]
        for target, operands, results, attributes in self.calls:
            args = ",".join(str(places.index(name)) for name in operands)
            rets = ",".join(str(len(places) + made.index(x if isinstance(x, str) else id(x))) for x in results)
            kinds = {bool: "flag", int: "int"}
            more = "".join(f" {name}={kinds[type(x)]}:{int(x)}" for name, x in attributes.items())
            lines.append(f"call {prefix}{target} operands {args} results {rets}{more}")
        return "\n".join([*lines, ""])

    def on_cpu(self):
        given = {"sequence": native().sequence(self.text(""))}
        return run(handler("sequence"), self.operands, self.results, given, Host())

    def on_gpu(self):
        driver().fake_forget()
        return on_gpu("sequence", self.operands, self.results, {"sequence": native().sequence(self.text("cuda."))})

    def assert_same(self):
        """CPU and GPU agree; a queue has the same spikes in any order."""
        names = [x if isinstance(x, str) else "" for x in self.results]
        found, wanted = self.on_gpu(), self.on_cpu()
        for name, a, b in zip(names, found, wanted, strict=True):
            a, b = (np.sort(x, axis=-1) if name in ("sources 4", "values 4") else x for x in (a, b))
            np.testing.assert_array_equal(a, b, err_msg=name)
        return [line.split()[0] for line in driver().fake_journal().decode().splitlines()]


def _buffer(x):
    return f"buffer {DTYPES[x.dtype.name]} dims {','.join(map(str, x.shape)) or '-'}"
