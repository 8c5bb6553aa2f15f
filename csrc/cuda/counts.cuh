// Numbers of synapses, split and drawn as on the CPU, to the bit: rust/kernels/src/connect/{counts,tree}.rs.
#pragma once
#include "draw.cuh"
#include "philox.cuh"

// ln k! for a whole number k.
__device__ inline double ln_factorial(double k) {
  if (k < 2.0) return 0.0;
  if (k < 10.0) {
    const int n = int(k);
    return n == 2   ? 0.6931471805599453
           : n == 3 ? 1.791759469228055
           : n == 4 ? 3.1780538303479458
           : n == 5 ? 4.787491742782046
           : n == 6 ? 6.579251212010101
           : n == 7 ? 8.525161361065415
           : n == 8 ? 10.60460290274525
                    : 12.801827480081469;
  }
  const double x = k + 1.0, y = 1.0 / x, z = y * y;
  return (x - 0.5) * ln(x) - x + 0.9189385332046728 + y * polynomial(z, 1.0 / 1260.0, -1.0 / 360.0, 1.0 / 12.0);
}

constexpr uint64_t FEW = 16;  // draws that are made one by one

// A number from a distribution over 0 … `most` with the logarithm `ln_weight` up to a constant.
template <class LnWeight>
__device__ uint64_t ratio_of_uniforms(double mean, double variance, double mode, double most, const Stream &stream,
                                      const LnWeight &ln_weight) {
  const double centre = mean + 0.5, spread = sqrt(variance + 0.5);
  const double width = 1.7155277699214135 * spread + 0.8989161620588988;
  const double last = floor(centre + 16.0 * spread), end = most + 1.0 < last ? most + 1.0 : last;
  const double highest = ln_weight(mode);
  for (uint64_t block = 0;; ++block) {
    const Words w = stream.words(block);
    const double u = open_unit(w.w[0], w.w[1]), v = open_unit(w.w[2], w.w[3]);
    const double x = centre + width * (v - 0.5) / u;
    if (!(x >= 0.0 && x < end)) continue;
    const double k = floor(x), height = ln_weight(k) - highest;
    if (u * (4.0 - u) - 3.0 <= height) return uint64_t(k);
    if (u * (u - height) < 1.0 && 2.0 * ln(u) <= height) return uint64_t(k);
  }
}

// How many of `n` draws are of the left, each with odds of `left` to `right`.
__device__ inline uint64_t binomial(uint64_t n, double left, double right, const Stream &stream) {
  const bool swapped = left > right;
  const double a = swapped ? right : left, b = swapped ? left : right, total = a + b, all = double(n);
  uint64_t found = 0;
  if (a == 0.0) {
    found = 0;
  } else if (n <= FEW) {
    for (uint64_t k = 0; k < n; ++k) found += stream.unit(k) * total < a;
  } else {
    const double p = a / total, ln_odds = ln(a / b), mean = all * p;
    found = ratio_of_uniforms(mean, mean * (b / total), floor((all + 1.0) * p), all, stream, [=](double k) {
      return k * ln_odds - (ln_factorial(k) + ln_factorial(all - k));
    });
  }
  return swapped ? n - found : found;
}

// How many of `n` different items are of the left, drawn among `left` and `right` ones.
__device__ inline uint64_t hypergeometric(uint64_t n, uint64_t left, uint64_t right, const Stream &stream) {
  const uint64_t total = left + right;
  const bool absent = n > total / 2, swapped = left > right;  // what is not drawn is the smaller choice
  const uint64_t m = absent ? total - n : n, a = swapped ? right : left, b = swapped ? left : right;
  uint64_t found = 0;
  if (m <= FEW) {
    for (uint64_t k = 0; k < m; ++k) found += stream.unit(k) * double(total - k) < double(a - found);
  } else {
    const double draws = double(m), of_left = double(a), of_right = double(b), all = double(total);
    const double mean = draws * (of_left / all);
    const double variance = mean * (of_right / all) * ((all - draws) / (all - 1.0));
    const double mode = floor((draws + 1.0) * ((of_left + 1.0) / (all + 2.0)));
    found = ratio_of_uniforms(mean, variance, mode, draws < of_left ? draws : of_left, stream, [=](double k) {
      return -((ln_factorial(k) + ln_factorial(of_left - k)) +
               (ln_factorial(draws - k) + ln_factorial(of_right - draws + k)));
    });
  }
  found = swapped ? m - found : found;
  return absent ? left - found : found;
}

// How many of `number` draws, uniform over the places of all `parts`, fall on `part`; `before(part)` places lie before
// one. The draws are split down a binary tree, of which `tree` is the number.
template <class Before>
__device__ uint64_t of_part(uint64_t seed, uint32_t purpose, uint64_t tree, uint64_t number, bool repeats,
                            uint64_t parts, uint64_t part, const Before &before) {
  uint64_t start = 0, end = parts;
  while (end - start > 1 && number > 0) {
    uint64_t half = 1;
    while (2 * half < end - start) half *= 2;
    const uint64_t cut = start + half, left = before(cut) - before(start), right = before(end) - before(cut);
    const Stream stream{seed, cut << 32 | tree, purpose};
    const uint64_t on_left = repeats ? binomial(number, double(left), double(right), stream)
                                     : hypergeometric(number, left, right, stream);
    if (part < cut) {
      end = cut;
      number = on_left;
    } else {
      start = cut;
      number -= on_left;
    }
  }
  return number;
}
