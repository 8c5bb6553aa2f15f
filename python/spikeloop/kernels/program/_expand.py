"""Math functions as operations of a program: every back end computes the same bits.

Errors and edges are listed in docs/native.md. Numbers below the smallest normal one count as 0, since programs run with
subnormal numbers switched off. A sum s = a + b is followed by what it lost, (a − (s − b)) and the like: these
must stay as they are written.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

from ._builder import fma, fms, fnma, maximum, minimum, select
from ._ir import Value, apply
from ._tables import TABLES, Table


def table_of(x: Value) -> Table:
    """The numbers of the float type of `x`."""
    return TABLES[x.builder.dtype]


# --- exponentials ----------------------------------------------------------------------------------------------------


def exp(x: Value) -> Value:
    """eˣ = 2ᵏ eʳ; below 1.42 times the smallest normal number it is 0."""
    t = table_of(x)
    k, r, _ = _reduced(_clamped(x, t.exp_low, t.exp_high))
    return apply("scalb", fma(_polynomial(r, [2 * c for c in t.exprel]), r, 2.0), k - 1.0)


def exp2(x: Value) -> Value:
    """2ˣ = 2ᵏ 2ʳ, with an exact r."""
    t = table_of(x)
    x = _clamped(x, t.exp_low / math.log(2), t.exp_high / math.log(2))
    k = apply("round", x)
    r = (x - k) * math.log(2)
    return apply("scalb", fma(_polynomial(r, [2 * c for c in t.exprel]), r, 2.0), k - 1.0)


def expm1(x: Value) -> Value:
    """eˣ − 1; −0 and subnormal numbers stay what they are."""
    t = table_of(x)
    return select(abs(x) < t.tiny, x, _expm1(minimum(t.exp_high, x)))


def exprel(x: Value) -> Value:
    """(eˣ − 1)/x, and 1 at 0."""
    t = table_of(x)
    top = minimum(t.exp_high, x)  # so that the quotient is infinite at infinity
    value = near_or(x, 7 / 8, _two_sums(x, t.exprel_near), lambda: _expm1(top) / top)
    x.builder.inverses[id(value)] = partial(_inverse_exprel, x)
    return value


def _inverse_exprel(x: Value) -> Value:
    """x/(eˣ − 1), the rate of many ion channels, with eˣ − 1 = 2ᵏ (eʳ − 1) + (2ᵏ − 1)."""
    t = table_of(x)
    x = minimum(t.exp_top, x)
    x = select(apply("eq", x, 0.0), t.tiny, x)
    k, r, _ = _reduced(maximum(t.exp_low, x))
    power = apply("scalb", x.builder.constant(1.0), k)
    return x / fma(power, fma(r * r, _polynomial(r, t.exprel[1:]), r), power - 1.0)


def exprel_slope(x: Value) -> Value:
    """The derivative of exprel, (eˣ (x − 1) + 1)/x² = 2ᵏ (2⁻ᵏeˣ (x − 1) + 2⁻ᵏ)/x²; the sum is one of two floats."""
    t = table_of(x)

    def far() -> Value:
        bounded = _clamped(x, -64.0, t.exp_high)
        e, e_low, k = _exp_parts(bounded)
        before = bounded - 1.0
        p, p_low = _product(e, before)
        p_low = fma(e, bounded - before - 1.0, fma(e_low, before, p_low))
        total, lost = _sum_of_any(apply("scalb", x.builder.constant(1.0), maximum(1.0 - t.bias, -k)), p)
        y = _ldexp((total + (lost + p_low)) / x / x, k)
        return select(x >= t.exp_high, math.inf, y)

    return near_or(x, 1.0, _polynomial(x, t.exprel_slope), far)


def logistic(x: Value) -> Value:
    """1/(1 + e⁻ˣ), by e⁻ˡˣˡ."""
    e = _exp_exact(-abs(x))
    return select(x >= 0.0, 1.0, e) / (1.0 + e)


def tanh(x: Value) -> Value:
    """An odd polynomial near 0, else 1 − 2/(e²ˣ + 1)."""
    size, square = abs(x), x * x
    near = fma(size * square, _polynomial(square, table_of(x).tanh), size)
    far = 1.0 - 2.0 / (_exp_exact(size * 2.0) + 1.0)
    return _with_sign_of(x, select(size < 0.55, near, far))


def _reduced(x: Value) -> tuple[Value, Value, Value]:
    """(k, r, c): x = k ln2 + r + c with a whole k, |r| ≤ ln2/2 and c, by which r is rounded."""
    high, low = table_of(x).ln2
    k = apply("round", x * math.log2(math.e))
    rest = fnma(k, high, x)  # exact
    r = fnma(k, low, rest)
    return k, r, fnma(k, low, rest - r)


def _expm1(x: Value) -> Value:
    """eˣ − 1 = 2ᵏ (eʳ − 1 + (1 − 2⁻ᵏ)) for an x that is not too large."""
    t = table_of(x)
    k, r, c = _reduced(maximum(t.expm1_low, x))
    base = 1.0 - apply("scalb", x.builder.constant(1.0), maximum(1.0 - t.bias, -k))
    total, lost = _sum(base, r)
    return _ldexp(total + fma(r * r, _polynomial(r, t.exprel[1:]), lost + c), k)


def _exp_parts(x: Value) -> tuple[Value, Value, Value]:
    """(h, l, k): eˣ = (h + l) 2ᵏ, a little more precise than a float."""
    k, r, c = _reduced(x)
    total, lost = _sum(x.builder.constant(1.0), r)
    high, low = _sum(total, fma(r * r, _polynomial(r, table_of(x).exprel[1:]), lost + c))
    return high, low, k


def _exp_exact(x: Value) -> Value:
    """eˣ with half the error of `exp`."""
    t = table_of(x)
    k, r, c = _reduced(_clamped(x, t.exp_low, t.exp_high))
    total, lost = _sum(x.builder.constant(1.0), r)
    return _ldexp(total + fma(r * r, _polynomial(r, t.exprel[1:]), lost + c), k)


# --- logarithms ------------------------------------------------------------------------------------------------------


def log(x: Value) -> Value:
    """The natural logarithm, e ln2 + log m with m = 2⁻ᵉ x near 1."""
    m, e = _frexp(x)
    return _log_edges(x, _log_of(m - 1.0, e))


def log1p(x: Value) -> Value:
    """log(1 + x): the logarithm of u = 1 + x, with what u lost."""
    u = 1.0 + x
    lost = select(x < 1.0, x - (u - 1.0), 1.0 - (u - x))
    m, e = _frexp(u)
    y = _log_edges(u, _log_of(m - 1.0, e, lost / u))
    return select(abs(x) < 2.0 ** -(table_of(x).mantissa + 2), x, y)


def _frexp(x: Value) -> tuple[Value, Value]:
    """(m, e): x = 2ᵉ m with m from √½ to √2, for a positive normal x."""
    t, b = table_of(x), x.builder
    unit = b.constant(2.0**t.mantissa)
    exponent = apply("ior", apply("ushr", apply("bits", x), number=t.mantissa), apply("bits", unit))
    e = apply("float", exponent) - (2.0**t.mantissa + t.bias)
    fraction = apply("iand", apply("bits", x), b.integer((1 << t.mantissa) - 1))
    m = apply("float", apply("ior", fraction, apply("bits", b.constant(1.0))))
    upper = m > math.sqrt(2)
    return select(upper, m * 0.5, m), select(upper, e + 1.0, e)


def _log_of(f: Value, e: Value, correction: Value | None = None) -> Value:
    """log(1 + f) + e ln2."""
    high, low = table_of(f).ln2
    s = f / (f + 2.0)
    square, half = s * s, f * f * 0.5
    rest = e * low if correction is None else fma(e, low, correction)
    tail = fma(s, fma(square, _polynomial(square, table_of(f).log), half), rest)
    return fma(e, high, f - (half - tail))


def _log_edges(x: Value, y: Value) -> Value:
    """The logarithm of what is no positive normal number, else `y`."""
    tiny = table_of(x).tiny
    y = select(x < math.inf, y, x)
    return select(x < tiny, select(x > -tiny, -math.inf, math.nan), y)


def power(x: Value, y: Value) -> Value:
    """xʸ = e^(y log|x|) with the logarithm in two floats, and the sign of x where y is odd; edges as in C."""
    size = abs(x)
    is_zero, is_infinite = size < table_of(x).tiny, size >= math.inf
    edge = apply("bor", is_zero, is_infinite)
    v = select(edge, select(apply("bxor", is_zero, y > 0.0), math.inf, 0.0), _power_of(size, y))
    half = y * 0.5
    whole = apply("eq", apply("round", y), y)
    odd = apply("band", whole, apply("ne", apply("round", half), half))
    v = select(odd, _with_sign_of(x, v), v)
    undefined = apply("band", apply("bnot", apply("bor", whole, edge)), x < 0.0)
    v = select(undefined, math.nan, v)
    v = select(apply("bor", apply("ne", x, x), apply("ne", y, y)), x + y, v)
    return select(apply("bor", apply("eq", y, 0.0), apply("eq", x, 1.0)), 1.0, v)


def _power_of(x: Value, y: Value) -> Value:
    """xʸ for a positive x."""
    t = table_of(x)
    high, low = _log_parts(x)
    y = _clamped(y, -1e30, 1e30)  # 1 to an infinite power is 1
    p, rest = _product(high, y)
    rest = fma(low, y, rest)
    bounded = _clamped(p, t.exp_low, t.exp_high)
    rest = select(apply("eq", bounded, p), rest, 0.0)
    k, r, c = _reduced(bounded)
    r, c = _sum(r, c + rest)
    total, lost = _sum(x.builder.constant(1.0), r)
    return _ldexp(total + fma(r * r, _polynomial(r, t.exprel[1:]), lost + fma(c, r, c)), k)


def _log_parts(x: Value) -> tuple[Value, Value]:
    """The logarithm as a sum of two floats: e ln2 + 2s + s³ (2/3 + s² …), s = (m − 1)/(m + 1)."""
    t = table_of(x)
    m, e = _frexp(x)
    f, d = m - 1.0, m + 1.0
    d_low = m - (d - 1.0)
    s = f / d
    s_low = (fnma(s, d, f) - s * d_low) / d
    square, square_low = _product(s, s)
    square_low = fma(s * 2.0, s_low, square_low)
    c, c_low = _sum(x.builder.constant(t.two_thirds[0]), square * _polynomial(square, t.log_tail))
    c_low = c_low + t.two_thirds[1]
    p, p_low = _product(square, c)
    p_low = fma(square, c_low, fma(square_low, c, p_low))
    q, q_low = _product(s, p)
    q_low = fma(s, p_low, fma(s_low, p, q_low))
    total, lost = _sum(s * 2.0, q)
    lost = lost + fma(s_low, 2.0, q_low)
    whole, whole_low = _product(e, x.builder.constant(t.ln2[0]))
    high, low = _sum_of_any(whole, total)
    return _sum(high, low + (lost + fma(e, t.ln2[1], whole_low)))


# --- circular functions ----------------------------------------------------------------------------------------------


def sin(x: Value) -> Value:
    """The sine."""
    return _circular(x, 0.0)


def cos(x: Value) -> Value:
    """The cosine."""
    return _circular(x, 1.0)


def tan(x: Value) -> Value:
    """The tangent."""
    return sin(x) / cos(x)


def _circular(x: Value, quarter: float) -> Value:
    """sin(x + quarter π/2), NaN beyond the largest angle; x = k π/2 + r."""
    t, b = table_of(x), x.builder
    k = apply("round", x * (2 / math.pi))
    r = x
    for part in t.half_pi:
        r = fnma(k, part, r)
    square = r * r
    sine = fma(r * square, _polynomial(square, t.sin), r)
    half = square * 0.5
    cosine, lost = _sum(b.constant(1.0), -half)
    cosine = cosine + fma(square * square, _polynomial(square, t.cos), lost)
    k = k + quarter
    y = select(apply("ne", apply("round", k * 0.5), k * 0.5), cosine, sine)
    # Bit 1 of k, moved to the place of the sign: adding 1.5·2^m leaves k in the lowest bits.
    low_bits = apply("bits", k + 1.5 * 2.0**t.mantissa)
    flip = apply("iand", apply("shl", low_bits, number=t.sign.bit_length() - 2), b.integer(t.sign))
    y = apply("float", apply("ixor", apply("bits", y), flip))
    return select(abs(x) <= t.angle, y, math.nan)


# --- parts -----------------------------------------------------------------------------------------------------------


def sign(x: Value) -> Value:
    """−1, 0 or 1."""
    return select(x > 0.0, 1.0, select(x < 0.0, -1.0, x))


def _polynomial(x: Value, coefficients: Sequence[float]) -> Value:
    """Horner's rule."""
    *rest, total = coefficients
    total = x.builder.constant(total)
    for c in reversed(rest):
        total = fma(total, x, c)
    return total


def _two_sums(x: Value, coefficients: Sequence[float]) -> Value:
    """A polynomial as even(x²) + x odd(x²): two short chains of operations take less time than a long one."""
    square = x * x
    return fma(_polynomial(square, coefficients[1::2]), x, _polynomial(square, coefficients[::2]))


def _clamped(x: Value, low: float, high: float) -> Value:
    return minimum(high, maximum(low, x))


def _ldexp(x: Value, k: Value) -> Value:
    """2ᵏ x: twice 2ᵏ⁻¹ x, since 2ᵏ alone may be infinite."""
    return apply("scalb", x + x, k - 1.0)


def _sum(a: Value, b: Value | float) -> tuple[Value, Value]:
    """(a + b, what that lost), for |a| ≥ |b| or where little depends on it."""
    total = a + b
    return total, b - (total - a)


def _sum_of_any(a: Value, b: Value) -> tuple[Value, Value]:
    """(a + b, what that lost)."""
    total = a + b
    of_b = total - a
    return total, (a - (total - of_b)) + (b - of_b)


def _product(a: Value, b: Value) -> tuple[Value, Value]:
    """(a·b, what that lost)."""
    product = a * b
    return product, fms(a, b, product)


def _with_sign_of(x: Value, size: Value) -> Value:
    """`size`, which is not negative, with the sign of x."""
    sign_of_x = apply("iand", apply("bits", x), x.builder.integer(table_of(x).sign))
    return apply("float", apply("ior", apply("bits", size), sign_of_x))


def near_or(x: Value, reach: float, near: Value, far: Callable[[], Value]) -> Value:
    """`near` where |x| ≤ reach, else `far()`, which is skipped where all neurons are near."""
    beyond = abs(x) > reach
    if x.uniform:
        return select(beyond, far(), near)
    return apply("endguard", apply("guard", beyond, near), beyond, far())


EXPANSIONS: dict[str, Callable[..., Value]] = {
    "exp": exp, "exp2": exp2, "expm1": expm1, "exprel": exprel, "exprel_slope": exprel_slope, "logistic": logistic,
    "tanh": tanh, "log": log, "log1p": log1p, "pow": power, "sin": sin, "cos": cos, "tan": tan, "sign": sign,
}  # fmt: skip


def function(name: str, *args: Value) -> Value:
    """A math function, as operations or by name."""
    builder = args[0].builder
    return EXPANSIONS[name](*args) if builder.expands else builder.plain(name, *args)
