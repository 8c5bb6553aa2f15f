"""Runs the text of a program with NumPy, as docs/native.md defines its operations: an oracle for the back ends.

Subnormal numbers are numbers here, whereas native code takes them for 0.
"""

import numpy as np

ARITHMETIC = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "neg": np.negative, "abs": np.abs,
    "sqrt": np.sqrt, "round": np.rint, "trunc": np.trunc, "floor": np.floor,
    "gt": np.greater, "ge": np.greater_equal, "eq": np.equal, "ne": np.not_equal,
    "band": np.logical_and, "bor": np.logical_or, "bxor": np.logical_xor, "bnot": np.logical_not,
    "min": lambda a, b: np.where(a < b, a, b), "max": lambda a, b: np.where(a > b, a, b),
    "sel": np.where, "guard": lambda b, near: near, "endguard": lambda g, b, exact: np.where(b, exact, g),
    "iand": np.bitwise_and, "ior": np.bitwise_or, "ixor": np.bitwise_xor, "iadd": np.add, "isub": np.subtract,
}  # fmt: skip


def run(text, *operands):
    """The results of the program on operands that repeat to each other."""
    head, *lines = text.splitlines()
    dtype = {"f32": np.dtype("float32"), "f64": np.dtype("float64")}[head.split()[1]]
    values, outs, sums = [], [], []
    operands = np.broadcast_arrays(*(np.asarray(x, dtype) for x in operands)) if operands else []
    with np.errstate(all="ignore"):
        for line in lines:
            words = line.split()
            if words[0] == "out":
                outs.append(values[int(words[1])])
            elif words[0] == "sum":
                sums.append(values[int(words[1])])
            else:
                assert int(words[0]) == len(values)
                values.append(_value(words[2], words[3:], values, operands, dtype))
    shape = operands[0].shape if operands else ()
    return [np.broadcast_to(x, shape) for x in outs], [np.broadcast_to(x, shape).sum() for x in sums]


def _value(op, rest, values, operands, dtype):
    word = np.dtype(f"u{dtype.itemsize}")
    if op in ("in", "uin"):
        return operands[int(rest[0])]
    if op in ("const", "iconst"):
        bits = word.type(int(rest[0], 16))
        return bits.view(dtype) if op == "const" else bits
    args = [values[int(x)] for x in rest if not x.startswith("#")]
    if op in ("shl", "shr", "ushr"):
        return _shifted(op, args[0], int(rest[1][1:]), word)
    if op in ("fma", "fms", "fnma"):
        a, b, c = args
        return fused(-a if op == "fnma" else a, b, -c if op == "fms" else c, dtype)
    if op == "scalb":
        layout = np.finfo(dtype)
        bias = 1.5 * 2.0**layout.nmant + layout.maxexp - 1
        return args[0] * (np.asarray(args[1] + dtype.type(bias)).view(word) << word.type(layout.nmant)).view(dtype)
    if op in ("bits", "float"):
        return np.asarray(args[0]).view(word if op == "bits" else dtype)
    if op in ("itof", "ftoi"):
        signed = np.dtype(f"i{dtype.itemsize}")
        return args[0].view(signed).astype(dtype) if op == "itof" else args[0].astype(signed).view(word)
    return ARITHMETIC[op](*args)


def _shifted(op, x, n, word):
    if op == "shr":
        signed = np.dtype(f"i{word.itemsize}")
        return (np.asarray(x).view(signed) >> signed.type(n)).view(word)
    return x << word.type(n) if op == "shl" else x >> word.type(n)


def fused(a, b, c, dtype):
    """a·b + c with one rounding, up to rare cases next to the middle of two floats."""
    if dtype == np.float32:
        return (np.float64(a) * b + c).astype(dtype)
    product, total = a * b, a * b + c
    lost = _product_error(a, b, product)
    of_c = total - product
    more = (product - (total - of_c)) + (c - of_c)
    return np.where(np.isfinite(total), total + (lost + more), total)


def _product_error(a, b, product):
    """What a·b lost in double precision (Dekker)."""
    (a1, a2), (b1, b2) = ((high := x * 134217729.0 - (x * 134217729.0 - x), x - high) for x in (a, b))
    return a2 * b2 - (((product - a1 * b1) - a2 * b1) - a1 * b2)
