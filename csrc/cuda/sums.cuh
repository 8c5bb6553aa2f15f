// Sums at targets, to which threads add in any order. Where digits are given they are exact, so that no order shows: each
// sum is an integer in units of the smallest number of its type, in digits of 40 bits (Kulisch). A digit of 64 bits
// takes 2²³ additions of a launch before it overflows.
#pragma once
#include "rows.cuh"

// How the bits of a float make a number: (1 + fraction) 2^(exponent − bias), and how many digits hold all of them.
template <class T> struct Bits;
template <> struct Bits<float> {
  static constexpr int FRACTION = 23, EXPONENT = 0xff, DIGITS = 8, SMALLEST = -149;
  __device__ static uint64_t of(float x) { return uint32_t(__float_as_int(x)); }
};
template <> struct Bits<double> {
  static constexpr int FRACTION = 52, EXPONENT = 0x7ff, DIGITS = 54, SMALLEST = -1074;
  __device__ static uint64_t of(double x) { return uint64_t(__double_as_longlong(x)); }
};

template <class T> struct Sums {
  T *target;
  unsigned long long *digits;  // (targets, DIGITS), zero at first; or none

  static constexpr int WIDTH = 40;
  static constexpr unsigned long long MASK = (1ull << WIDTH) - 1;

  // `target[at] += x`
  __device__ void add(uint64_t at, T x) const {
    const uint64_t bits = Bits<T>::of(x), exponent = bits >> Bits<T>::FRACTION & Bits<T>::EXPONENT;
    if (!digits || exponent == Bits<T>::EXPONENT) {  // infinity stays what it is in any order
      atomicAdd(target + at, x);
      return;
    }
    constexpr uint64_t ONE = uint64_t(1) << Bits<T>::FRACTION;
    const uint64_t number = (bits & (ONE - 1)) | (exponent ? ONE : 0), place = exponent ? exponent - 1 : 0;
    const uint64_t first = place / WIDTH, shift = place % WIDTH;
    const bool negative = bits >> (8 * sizeof(T) - 1);
    unsigned long long *const sum = digits + at * Bits<T>::DIGITS + first;
    const auto put = [=](int k, unsigned long long part) {
      if (part) atomicAdd(sum + k, negative ? 0ull - part : part);
    };
    put(0, number << shift & MASK);
    put(1, number >> (WIDTH - shift) & MASK);
    if (2 * WIDTH - shift < 64) put(2, number >> (2 * WIDTH - shift));
  }

  // `target[at] += sum`, rounded once from its first three digits that say something: 80 bits at least.
  __device__ void finish(uint64_t at) const {
    auto *const sum = reinterpret_cast<long long *>(digits) + at * Bits<T>::DIGITS;
    long long carry = 0;
    for (int k = 0; k < Bits<T>::DIGITS; ++k) {
      const long long digit = sum[k] + carry;
      carry = digit >> WIDTH;
      sum[k] = k + 1 < Bits<T>::DIGITS ? digit & (long long)(MASK) : digit;
    }
    double found = 0;
    int place = Bits<T>::DIGITS;
    for (int significant = 0; place > 0 && significant < 3;) {
      found = found * 0x1p40 + double(sum[--place]);
      significant += found != 0.0 && found != -1.0;
    }
    if (found != 0.0) target[at] += T(ldexp(found, place * WIDTH + Bits<T>::SMALLEST));
  }
};
