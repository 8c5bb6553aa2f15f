"""The random numbers of the native builders in NumPy: Philox streams and elementary functions, to the bit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

_MULTIPLY = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL = (np.uint64(0x9E3779B9), np.uint64(0xBB67AE85))
_LOW, _HALF = np.uint64(0xFFFFFFFF), np.uint64(32)
_AHEAD = 64  # words computed at a time


def philox(counter: np.ndarray, key: int) -> np.ndarray:
    """Philox 4×32-10: four random words for each counter (..., 4) under a 64-bit key.

    Salmon JK et al. (2011) Parallel random numbers: as easy as 1, 2, 3. SC11.
    """
    a, b, c, d = (counter[..., i].astype(np.uint64) for i in range(4))
    k, m = np.uint64(key & 0xFFFFFFFF), np.uint64(key >> 32)
    for _ in range(10):
        x, y = _MULTIPLY[0] * a, _MULTIPLY[1] * c
        a, b, c, d = (y >> _HALF) ^ b ^ k, y & _LOW, (x >> _HALF) ^ d ^ m, x & _LOW
        k, m = (k + _WEYL[0]) & _LOW, (m + _WEYL[1]) & _LOW
    return np.stack([a, b, c, d], -1)


class Stream:
    """The random words of one stream of a seed: counter (draw, purpose, stream), key seed."""

    def __init__(self, seed: int, stream: int, purpose: int):
        self._seed, self._rest = seed, (purpose, stream & 0xFFFFFFFF, stream >> 32)
        self._used, self._first = 0, 0
        self._ahead: list[int] = []

    def _blocks(self, numbers: np.ndarray) -> np.ndarray:
        counter = np.empty((len(numbers), 4), np.uint64)
        counter[:, 0] = numbers.astype(np.uint64) & _LOW
        counter[:, 1:] = self._rest
        return philox(counter, self._seed)

    def word(self) -> int:
        """The next word."""
        if not self._first <= self._used < self._first + len(self._ahead):
            self._first = self._used - self._used % 4
            self._ahead = self._blocks(np.arange(self._first // 4, self._first // 4 + _AHEAD // 4)).ravel().tolist()
        self._used += 1
        return self._ahead[self._used - 1 - self._first]

    def units(self, n: int) -> np.ndarray:
        """The next n numbers strictly between 0 and 1."""
        first, end = self._used // 4, -(-(self._used + 2 * n) // 4)
        words = self._blocks(np.arange(first, end)).ravel()[self._used - 4 * first :][: 2 * n].reshape(n, 2)
        self._used += 2 * n
        return open_units(words)

    def unit_at(self, numbers: np.ndarray) -> np.ndarray:
        """For each of these blocks, its first two words as a number between 0 and 1."""
        return open_units(self._blocks(numbers))

    def unit(self) -> float:
        """The next number strictly between 0 and 1."""
        high, low = self.word(), self.word()
        return ((high << 32 | low) >> 12) * 2.0**-52 + 2.0**-53

    def below(self, bound: int) -> int:
        """A number below `bound`, each with the same probability (Lemire 2019)."""
        wide = self.word() * bound
        while (wide & 0xFFFFFFFF) < bound and (wide & 0xFFFFFFFF) < -bound % (1 << 32) % bound:
            wide = self.word() * bound
        return wide >> 32


def open_units(words: np.ndarray) -> np.ndarray:
    """Pairs of words (n, 2) as numbers strictly between 0 and 1."""
    bits = (words[:, 0] << _HALF | words[:, 1]) >> np.uint64(12)
    return (bits.astype(np.float64) + 0.5) * 2.0**-52


# Elementary functions in plain arithmetic, for which every machine has the same bits; logarithm and exponential after
# fdlibm, the quantile after Wichura MJ (1988) Algorithm AS 241. Applied Statistics 37, 477–484.

_LN_2 = (6.93147180369123816490e-01, 1.90821492927058770002e-10)
_ONE, _ROOT = np.uint64(0x3FF0000000000000), np.uint64(0x3FE6A09E00000000)
_MANTISSA = np.uint64(0x000FFFFFFFFFFFFF)
_LEAST = float(_ROOT.view(np.float64))  # of the numbers in [½, 1) that are not doubled
_EVEN = (1.531383769920937332e-01, 2.222219843214978396e-01, 3.999999999940941908e-01)
_ODD = (1.479819860511658591e-01, 1.818357216161805012e-01, 2.857142874366239149e-01, 6.666666666666735130e-01)
_HALF_LN_2_PI = 0.9189385332046728
_LN_FACTORIAL = (
    0.0, 0.0, 0.6931471805599453, 1.791759469228055, 3.1780538303479458, 4.787491742782046, 6.579251212010101,
    8.525161361065415, 10.60460290274525, 12.801827480081469,
)  # fmt: skip


def ln(x: Any) -> np.ndarray:
    """The natural logarithm of positive numbers."""
    bits = np.asarray(x, np.float64).view(np.uint64) + (_ONE - _ROOT)
    e = (bits >> np.uint64(52)).astype(np.float64) - 1023.0
    return _ln(((bits & _MANTISSA) + _ROOT).view(np.float64) - 1.0, e)


def ln_of(x: float) -> float:
    """`ln` of one number, without the overhead of arrays."""
    f, e = math.frexp(x)
    if f < _LEAST:
        f, e = 2.0 * f, e - 1
    return _ln(f - 1.0, e)


def _ln(f: Any, e: Any) -> Any:
    """The logarithm of (1 + f) 2ᵉ, where 1 + f lies between √½ and √2."""
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    even, odd = w * _polynomial(w, _EVEN), z * _polynomial(w, _ODD)
    half = 0.5 * f * f
    return e * _LN_2[0] - ((half - (s * (half + (even + odd)) + e * _LN_2[1])) - f)


def ln_factorial(k: float) -> float:
    """The logarithm of k! for a whole number k, by Stirling's series."""
    if k < len(_LN_FACTORIAL):
        return _LN_FACTORIAL[int(k)]
    x = k + 1.0
    y = 1.0 / x
    z = y * y
    return (x - 0.5) * ln_of(x) - x + _HALF_LN_2_PI + y * _polynomial(z, (1.0 / 1260.0, -1.0 / 360.0, 1.0 / 12.0))


def exp(x: np.ndarray) -> np.ndarray:
    """eˣ; 0 and infinity beyond the range."""
    inside = np.clip(x, -708.0, 709.0)
    k = np.floor(inside * 1.4426950408889634 + 0.5)
    high, low = inside - k * _LN_2[0], k * _LN_2[1]
    r = high - low
    t = r * r
    c = r - t * _polynomial(
        t,
        (4.13813679705723846039e-08, -1.65339022054652515390e-06, 6.61375632143793436117e-05,
         -2.77777777770155933842e-03, 1.66666666666666019037e-01),
    )  # fmt: skip
    y = np.ldexp(1.0 - ((low - r * c / (2.0 - c)) - high), k.astype(int))
    return np.where(x < -708.0, 0.0, np.where(x > 709.0, np.inf, y))


def normal_quantile(p: np.ndarray) -> np.ndarray:
    """The standard normal numbers that parts `p` of all lie below."""
    q = p - 0.5
    r = 0.180625 - q * q
    centre = q * _polynomial(r, _CENTRE[0]) / _polynomial(r, _CENTRE[1])
    r = np.sqrt(-ln(np.maximum(np.where(q < 0.0, p, 1.0 - p), np.finfo(np.float64).tiny)))
    tail = _polynomial(r - 1.6, _TAIL[0]) / _polynomial(r - 1.6, _TAIL[1])
    far = _polynomial(r - 5.0, _FAR[0]) / _polynomial(r - 5.0, _FAR[1])
    x = np.where(r <= 5.0, tail, far)
    return np.where(np.abs(q) <= 0.425, centre, np.where(q < 0.0, -x, x))


def _polynomial(x: Any, coefficients: tuple[float, ...]) -> Any:
    total = coefficients[0]
    for c in coefficients[1:]:
        total = total * x + c
    return total


_CENTRE = (
    (2509.0809287301227, 33430.57558358813, 67265.7709270087, 45921.95393154987,
     13731.69376550946, 1971.5909503065513, 133.14166789178438, 3.3871328727963665),
    (5226.495278852854, 28729.085735721943, 39307.89580009271, 21213.794301586597,
     5394.196021424751, 687.1870074920579, 42.31333070160091, 1.0),
)  # fmt: skip
_TAIL = (
    (0.0007745450142783414, 0.022723844989269184, 0.2417807251774506, 1.2704582524523684,
     3.6478483247632045, 5.769497221460691, 4.630337846156546, 1.4234371107496835),
    (1.0507500716444169e-09, 0.0005475938084995345, 0.015198666563616457, 0.14810397642748008,
     0.6897673349851, 1.6763848301838038, 2.053191626637759, 1.0),
)  # fmt: skip
_FAR = (
    (2.0103343992922881e-07, 2.7115555687434876e-05, 0.0012426609473880784, 0.026532189526576124,
     0.29656057182850487, 1.7848265399172913, 5.463784911164114, 6.657904643501103),
    (2.0442631033899397e-15, 1.421511758316446e-07, 1.8463183175100548e-05, 0.0007868691311456133,
     0.014875361290850615, 0.1369298809227358, 0.599832206555888, 1.0),
)  # fmt: skip
