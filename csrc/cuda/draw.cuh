// Numbers drawn by inversion of their distribution: rust/kernels/src/connect/{draw,functions}.rs, operation by operation,
// so that they are those of the CPU to the bit.
#pragma once
#include "device.cuh"

constexpr double LN_2_HIGH = 6.931471803691238e-1, LN_2_LOW = 1.9082149292705877e-10;
constexpr double SMALLEST = 0x1p-1022;  // of the normal numbers

// The polynomial with these coefficients, the highest power first.
template <class... C> __device__ double polynomial(double x, double first, C... others) {
  double sum = first;
  ((sum = sum * x + others), ...);
  return sum;
}

// The natural logarithm of a normal positive number.
__device__ inline double ln(double x) {
  const uint64_t bits = uint64_t(__double_as_longlong(x)) + (0x3ff0000000000000 - 0x3fe6a09e00000000);
  const double e = double(bits >> 52) - 1023.0;
  const double f = __longlong_as_double(int64_t((bits & 0x000fffffffffffff) + 0x3fe6a09e00000000)) - 1.0;
  const double s = f / (2.0 + f), z = s * s, w = z * z;
  const double even = w * polynomial(w, 0.15313837699209373, 0.22222198432149784, 0.3999999999940942);
  const double odd =
      z * polynomial(w, 0.14798198605116586, 0.1818357216161805, 0.2857142874366239, 0.6666666666666735);
  const double half = 0.5 * f * f;
  return e * LN_2_HIGH - ((half - (s * (half + (even + odd)) + e * LN_2_LOW)) - f);
}

// eˣ; 0 and infinity beyond the range.
__device__ inline double exp_plain(double x) {
  if (x < -708.0) return 0.0;
  if (x > 709.0) return __longlong_as_double(0x7ff0000000000000);
  const double k = floor(x * 1.4426950408889634 + 0.5);
  const double high = x - k * LN_2_HIGH, low = k * LN_2_LOW, r = high - low, t = r * r;
  const double c = r - t * polynomial(t, 4.1381367970572385e-8, -1.6533902205465252e-6, 6.613756321437934e-5,
                                      -2.7777777777015593e-3, 1.6666666666666602e-1);
  const double y = 1.0 - ((low - r * c / (2.0 - c)) - high);
  return __longlong_as_double(__double_as_longlong(y) + int64_t(uint64_t(int64_t(k)) << 52));
}

// The standard normal number that a part `p` of all lies below.
__device__ inline double normal_quantile(double p) {
  const double q = p - 0.5;
  if (fabs(q) <= 0.425) {
    const double r = 0.180625 - q * q;
    return q *
           polynomial(r, 2509.0809287301227, 33430.57558358813, 67265.7709270087, 45921.95393154987, 13731.69376550946,
                      1971.5909503065513, 133.14166789178438, 3.3871328727963665) /
           polynomial(r, 5226.495278852854, 28729.085735721943, 39307.89580009271, 21213.794301586597,
                      5394.196021424751, 687.1870074920579, 42.31333070160091, 1.0);
  }
  const double tail = q < 0.0 ? p : 1.0 - p;
  const double r = sqrt(-ln(tail > SMALLEST ? tail : SMALLEST));
  double x;
  if (r <= 5.0) {
    const double t = r - 1.6;
    x = polynomial(t, 0.0007745450142783414, 0.022723844989269184, 0.2417807251774506, 1.2704582524523684,
                   3.6478483247632045, 5.769497221460691, 4.630337846156546, 1.4234371107496835) /
        polynomial(t, 1.0507500716444169e-9, 0.0005475938084995345, 0.015198666563616457, 0.14810397642748008,
                   0.6897673349851, 1.6763848301838038, 2.053191626637759, 1.0);
  } else {
    const double t = r - 5.0;
    x = polynomial(t, 2.0103343992922881e-7, 2.7115555687434876e-5, 0.0012426609473880784, 0.026532189526576124,
                   0.29656057182850487, 1.7848265399172913, 5.463784911164114, 6.657904643501103) /
        polynomial(t, 2.0442631033899397e-15, 1.421511758316446e-7, 1.8463183175100548e-5, 0.0007868691311456133,
                   0.014875361290850615, 0.1369298809227358, 0.599832206555888, 1.0);
  }
  return q < 0.0 ? -x : x;
}

// A distribution, cut and clipped; without a family there is none.
struct Draw {
  uint64_t family;
  double a, b, part[2], bounds[2];

  enum : uint64_t { NONE, UNIFORM, NORMAL, LOG_NORMAL, EXPONENTIAL };

  // The value that `u`, between 0 and 1, stands for.
  __device__ double value(double u) const {
    const double p = part[0] + (part[1] - part[0]) * u;
    double x;
    if (family == UNIFORM) {
      x = a + (b - a) * p;
    } else if (family == EXPONENTIAL) {
      const double left = 1.0 - p;
      x = a - b * ln(left > SMALLEST ? left : SMALLEST);
    } else {
      x = a + b * normal_quantile(p);
      if (family == LOG_NORMAL) x = exp_plain(x);
    }
    x = x < bounds[0] ? bounds[0] : x;
    return x > bounds[1] ? bounds[1] : x;
  }
  // The value as a delay in whole steps, at least one.
  __device__ uint64_t steps(double u) const {
    constexpr double LONGEST = 65535.0;
    const double x = floor(value(u) + 0.5);
    return x >= LONGEST ? uint64_t(LONGEST) : x < 1.0 ? 1 : uint64_t(x);
  }
};
