"""What XLA makes of a loop: its optimised instructions, copies and native calls."""

import re

import numpy as np
import spikeloop as sl
from spikeloop.kernels.plan import _sequence

_texts = {}


def _register(text, register=_sequence.register):
    """As the library's, and remembers what the sequence is."""
    name = register(text)
    _texts[name] = text
    return name


_sequence.register = _register


def loop_body(step, length=50):
    """The optimised HLO of the body of a loop over `step`: its instructions, those of called computations included."""
    return body_of(sl.transform.jit(lambda: sl.transform.for_loop(step, length=length)).compile().as_text())


def body_of(text):
    """The instructions of the only loop in optimised HLO."""
    computations = {}
    for block in re.split(r"\n(?=(?:ENTRY )?%?[\w.\-]+ [^\n]*\{\n)", text):
        if name := re.match(r"(?:ENTRY )?%?([\w.\-]+) ", block):
            computations[name[1]] = block.splitlines()[1:]
    (body,) = re.findall(r"while\(.*body=%?([\w.\-]+)", text)
    found, waiting = [], [body]
    while waiting:
        lines = computations[waiting.pop()]
        found += lines
        waiting += re.findall(r"(?:calls|to_apply|body|condition)=%?([\w.\-]+)", "\n".join(lines))
    return found


def size_of(line):
    """The number of elements of an instruction's result."""
    shape = re.search(r"= \(?\w+\[([\d,]*)\]", line)
    return int(np.prod([int(n) for n in shape[1].split(",") if n])) if shape else 0


def copies(body, n):
    return [line for line in body if re.search(r"\bcopy(-start)?\(", line) and size_of(line) >= n]


def outer_calls(body):
    """The native calls as XLA sees them."""
    return sorted(re.findall(r'custom_call_target="spikeloop\.([\w.]+)"', "\n".join(body)))


def calls(body):
    """The native calls, those inside of sequences one by one; a step of bits is that of its program.

    What only tells other calls something is left out.
    """
    names = [int(name) for name in re.findall(r"\{sequence = (-?\d+)", "\n".join(body))]
    inner = [call for name in names for call in re.findall(r"^call (\S+)", _texts[name], re.M)]
    inner = ["program" if call in ("fire", "fire_kept") else call for call in inner if call != "spikes_known"]
    return sorted([*inner, *(call for call in outer_calls(body) if call != "sequence")])


def arithmetic(body, n):
    """Operations on arrays as large as a state other than native calls and what costs nothing."""
    free = ("parameter(", "get-tuple-element(", "tuple(", "custom-call(", "bitcast(")
    return [line for line in body if size_of(line) >= n and not any(op in line for op in free)]
