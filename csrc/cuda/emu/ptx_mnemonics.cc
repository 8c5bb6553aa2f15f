// What the instructions do.
#include <cfloat>
#include <cmath>
#include <cstring>
#include <limits>
#include <unordered_map>

#include "ptx_code.h"

namespace emu::ptx {
namespace {

template <class To, class From>
To bits(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  memcpy(&to, &from, sizeof to);
  return to;
}

// .ftz: a subnormal number counts as 0 of its sign.
inline float z(float x) {
  const uint32_t word = bits<uint32_t>(x);
  return word & 0x7f800000 ? x : bits<float>(word & 0x80000000);
}

// Float to integer rounds towards 0 and stays within range; NaN gives 0 in 32 bits, the least number in 64.
inline int32_t to_s32(float x) {
  if (std::isnan(x)) return 0;
  return x >= 2147483648.0f ? INT32_MAX : x <= -2147483648.0f ? INT32_MIN : int32_t(x);
}
inline int64_t to_s64(double x) {
  if (std::isnan(x)) return INT64_MIN;
  return x >= 9223372036854775808.0 ? INT64_MAX : x <= -9223372036854775808.0 ? INT64_MIN : int64_t(x);
}

inline Predicate p(bool holds) { return Predicate(holds); }
inline bool b(Predicate x) { return bool(uint32_t(x)); }

// The lanes of result and operands; an active lane gets f of the others.
template <class F>
inline void each(const Lanes &lanes, F f) {
  if (!lanes.mask) {
    for (unsigned k = 0; k < lanes.width; ++k) f(k);
  } else {
    for (unsigned k = 0; k < lanes.width; ++k)
      if (lanes.mask[k]) f(k);
  }
}

template <class R, class A, class F>
inline void one(const Lanes &lanes, F f) {
  auto *r = static_cast<R *>(lanes.operands[0]);
  const auto *x = static_cast<const A *>(lanes.operands[1]);
  each(lanes, [=](unsigned k) { r[k] = f(x[k]); });
}

template <class R, class A, class F>
inline void two(const Lanes &lanes, F f) {
  auto *r = static_cast<R *>(lanes.operands[0]);
  const auto *x = static_cast<const A *>(lanes.operands[1]), *y = static_cast<const A *>(lanes.operands[2]);
  each(lanes, [=](unsigned k) { r[k] = f(x[k], y[k]); });
}

template <class R, class A, class C, class F>
inline void three(const Lanes &lanes, F f) {
  auto *r = static_cast<R *>(lanes.operands[0]);
  const auto *x = static_cast<const A *>(lanes.operands[1]), *y = static_cast<const A *>(lanes.operands[2]);
  const auto *c = static_cast<const C *>(lanes.operands[3]);
  each(lanes, [=](unsigned k) { r[k] = f(x[k], y[k], c[k]); });
}

// Memory: the address of each lane, where it may be touched.
template <class T, class F>
inline void at_addresses(Lanes &lanes, const void *addresses, bool shared, F f) {
  const auto *address = static_cast<const uint64_t *>(addresses);
  each(lanes, [&](unsigned k) {
    const uint64_t at = address[k] + uint64_t(lanes.offset);
    if (at % sizeof(T)) lanes.fault = "an address that is not aligned";
    else if (shared && at + sizeof(T) > lanes.shared_size) lanes.fault = "an address beyond the shared memory";
    else if (!shared && at < 4096) lanes.fault = "a null address";
    else f(k, reinterpret_cast<T *>(shared ? reinterpret_cast<uint64_t>(lanes.shared) + at : at));
  });
}

template <class T, bool shared>
void load(Lanes &lanes) {
  auto *to = static_cast<T *>(lanes.operands[0]);
  at_addresses<T>(lanes, lanes.operands[1], shared, [=](unsigned k, const T *from) { to[k] = *from; });
}

template <class T, bool shared>
void store(Lanes &lanes) {
  const auto *from = static_cast<const T *>(lanes.operands[1]);
  at_addresses<T>(lanes, lanes.operands[0], shared, [=](unsigned k, T *to) { *to = from[k]; });
}

#define ONE(kinds, R, A, value) {kinds, [](Lanes &l) { one<R, A>(l, [](A x) -> R { return value; }); }}
#define TWO(kinds, R, A, value) {kinds, [](Lanes &l) { two<R, A>(l, [](A x, A y) -> R { return value; }); }}
#define THREE(kinds, R, A, C, value) \
  {kinds, [](Lanes &l) { three<R, A, C>(l, [](A x, A y, C c) -> R { return value; }); }}

const std::unordered_map<std::string, Mnemonic> table = {
    // floats, the result rounded to the nearest one
    {"add.rn.ftz.f32", TWO("www", float, float, z(z(x) + z(y)))},
    {"sub.rn.ftz.f32", TWO("www", float, float, z(z(x) - z(y)))},
    {"mul.rn.ftz.f32", TWO("www", float, float, z(z(x) * z(y)))},
    {"div.rn.ftz.f32", TWO("www", float, float, z(z(x) / z(y)))},
    {"fma.rn.ftz.f32", THREE("wwww", float, float, float, z(std::fma(z(x), z(y), z(c))))},
    {"sqrt.rn.ftz.f32", ONE("ww", float, float, z(std::sqrt(z(x))))},
    {"add.rn.f64", TWO("ddd", double, double, x + y)},
    {"sub.rn.f64", TWO("ddd", double, double, x - y)},
    {"mul.rn.f64", TWO("ddd", double, double, x * y)},
    {"div.rn.f64", TWO("ddd", double, double, x / y)},
    {"fma.rn.f64", THREE("dddd", double, double, double, std::fma(x, y, c))},
    {"sqrt.rn.f64", ONE("dd", double, double, std::sqrt(x))},
    {"neg.f32", ONE("ww", uint32_t, uint32_t, x ^ 0x80000000)},
    {"neg.f64", ONE("dd", uint64_t, uint64_t, x ^ (uint64_t(1) << 63))},
    {"abs.f32", ONE("ww", uint32_t, uint32_t, x & 0x7fffffff)},
    {"abs.f64", ONE("dd", uint64_t, uint64_t, x & ~(uint64_t(1) << 63))},
    {"cvt.rni.ftz.f32.f32", ONE("ww", float, float, std::nearbyint(z(x)))},
    {"cvt.rzi.ftz.f32.f32", ONE("ww", float, float, std::trunc(z(x)))},
    {"cvt.rmi.ftz.f32.f32", ONE("ww", float, float, std::floor(z(x)))},
    {"cvt.rni.f64.f64", ONE("dd", double, double, std::nearbyint(x))},
    {"cvt.rzi.f64.f64", ONE("dd", double, double, std::trunc(x))},
    {"cvt.rmi.f64.f64", ONE("dd", double, double, std::floor(x))},
    // predicates
    {"setp.gt.ftz.f32", TWO("pww", Predicate, float, p(z(x) > z(y)))},
    {"setp.ge.ftz.f32", TWO("pww", Predicate, float, p(z(x) >= z(y)))},
    {"setp.lt.ftz.f32", TWO("pww", Predicate, float, p(z(x) < z(y)))},
    {"setp.eq.ftz.f32", TWO("pww", Predicate, float, p(z(x) == z(y)))},
    {"setp.neu.ftz.f32", TWO("pww", Predicate, float, p(z(x) != z(y)))},
    {"setp.gt.f64", TWO("pdd", Predicate, double, p(x > y))},
    {"setp.ge.f64", TWO("pdd", Predicate, double, p(x >= y))},
    {"setp.lt.f64", TWO("pdd", Predicate, double, p(x < y))},
    {"setp.eq.f64", TWO("pdd", Predicate, double, p(x == y))},
    {"setp.neu.f64", TWO("pdd", Predicate, double, p(x != y))},
    {"setp.eq.u32", TWO("pww", Predicate, uint32_t, p(x == y))},
    {"setp.ge.u32", TWO("pww", Predicate, uint32_t, p(x >= y))},
    {"setp.eq.u64", TWO("pdd", Predicate, uint64_t, p(x == y))},
    {"setp.ne.u64", TWO("pdd", Predicate, uint64_t, p(x != y))},
    {"setp.lt.u64", TWO("pdd", Predicate, uint64_t, p(x < y))},
    {"setp.ge.u64", TWO("pdd", Predicate, uint64_t, p(x >= y))},
    {"and.pred", TWO("ppp", Predicate, Predicate, p(b(x) && b(y)))},
    {"or.pred", TWO("ppp", Predicate, Predicate, p(b(x) || b(y)))},
    {"xor.pred", TWO("ppp", Predicate, Predicate, p(b(x) != b(y)))},
    {"not.pred", ONE("pp", Predicate, Predicate, p(!b(x)))},
    {"selp.f32", THREE("wwwp", uint32_t, uint32_t, Predicate, b(c) ? x : y)},
    {"selp.b32", THREE("wwwp", uint32_t, uint32_t, Predicate, b(c) ? x : y)},
    {"selp.f64", THREE("dddp", uint64_t, uint64_t, Predicate, b(c) ? x : y)},
    {"selp.b64", THREE("dddp", uint64_t, uint64_t, Predicate, b(c) ? x : y)},
    // integers
    {"add.s32", TWO("www", uint32_t, uint32_t, x + y)},
    {"add.u32", TWO("www", uint32_t, uint32_t, x + y)},
    {"sub.s32", TWO("www", uint32_t, uint32_t, x - y)},
    {"add.s64", TWO("ddd", uint64_t, uint64_t, x + y)},
    {"add.u64", TWO("ddd", uint64_t, uint64_t, x + y)},
    {"sub.s64", TWO("ddd", uint64_t, uint64_t, x - y)},
    {"sub.u64", TWO("ddd", uint64_t, uint64_t, x - y)},
    {"mul.lo.u32", TWO("www", uint32_t, uint32_t, x * y)},
    {"mul.hi.u32", TWO("www", uint32_t, uint32_t, uint32_t(uint64_t(x) * y >> 32))},
    {"mul.lo.u64", TWO("ddd", uint64_t, uint64_t, x * y)},
    {"mul.wide.u32", TWO("dww", uint64_t, uint32_t, uint64_t(x) * y)},
    {"div.u64", TWO("ddd", uint64_t, uint64_t, y ? x / y : ~uint64_t(0))},
    {"rem.u64", TWO("ddd", uint64_t, uint64_t, y ? x % y : x)},
    {"min.u64", TWO("ddd", uint64_t, uint64_t, x < y ? x : y)},
    {"and.b32", TWO("www", uint32_t, uint32_t, x & y)},
    {"or.b32", TWO("www", uint32_t, uint32_t, x | y)},
    {"xor.b32", TWO("www", uint32_t, uint32_t, x ^ y)},
    {"and.b64", TWO("ddd", uint64_t, uint64_t, x & y)},
    {"or.b64", TWO("ddd", uint64_t, uint64_t, x | y)},
    {"xor.b64", TWO("ddd", uint64_t, uint64_t, x ^ y)},
    {"cvt.u32.u64", ONE("wd", uint32_t, uint64_t, uint32_t(x))},
    {"cvt.u64.u32", ONE("dw", uint64_t, uint32_t, x)},
    {"cvt.rn.f32.s32", ONE("ww", float, int32_t, float(x))},
    {"cvt.rn.f64.s64", ONE("dd", double, int64_t, double(x))},
    {"cvt.rn.f32.u32", ONE("ww", float, uint32_t, float(x))},
    {"cvt.rn.f64.u32", ONE("dw", double, uint32_t, double(x))},
    {"cvt.rzi.ftz.s32.f32", ONE("ww", int32_t, float, to_s32(z(x)))},
    {"cvt.rzi.s64.f64", ONE("dd", int64_t, double, to_s64(x))},
    // copies
    {"mov.f32", ONE("ww", uint32_t, uint32_t, x)},
    {"mov.b32", ONE("ww", uint32_t, uint32_t, x)},
    {"mov.u32", ONE("ww", uint32_t, uint32_t, x)},
    {"mov.f64", ONE("dd", uint64_t, uint64_t, x)},
    {"mov.b64", ONE("dd", uint64_t, uint64_t, x)},
    {"mov.u64", ONE("dd", uint64_t, uint64_t, x)},
    {"cvta.to.global.u64", ONE("dd", uint64_t, uint64_t, x)},
    {"ld.param.u64", ONE("dP", uint64_t, uint64_t, x)},
    // memory
    {"ld.global.f32", {"wa", load<uint32_t, false>}},
    {"ld.global.b32", {"wa", load<uint32_t, false>}},
    {"ld.global.f64", {"da", load<uint64_t, false>}},
    {"st.global.f32", {"aw", store<uint32_t, false>}},
    {"st.global.f64", {"ad", store<uint64_t, false>}},
    {"ld.shared.f32", {"wa", load<uint32_t, true>}},
    {"ld.shared.f64", {"da", load<uint64_t, true>}},
    {"st.shared.f32", {"aw", store<uint32_t, true>}},
    {"st.shared.f64", {"ad", store<uint64_t, true>}},
};

// A distance of bits, in a word whatever the width of the number.
template <class T, class F>
void shift(const Lanes &lanes, F f) {
  auto *r = static_cast<T *>(lanes.operands[0]);
  const auto *x = static_cast<const T *>(lanes.operands[1]);
  const auto *by = static_cast<const uint32_t *>(lanes.operands[2]);
  each(lanes, [=](unsigned k) { r[k] = f(x[k], by[k]); });
}

#define SHIFT(kinds, T, value) {kinds, [](Lanes &l) { shift<T>(l, [](T x, uint32_t n) -> T { return value; }); }}

const std::unordered_map<std::string, Mnemonic> shifts = {
    {"shl.b32", SHIFT("www", uint32_t, n < 32 ? x << n : 0)},
    {"shr.u32", SHIFT("www", uint32_t, n < 32 ? x >> n : 0)},
    {"shr.s32", SHIFT("www", int32_t, x >> (n < 32 ? n : 31))},
    {"shl.b64", SHIFT("ddw", uint64_t, n < 64 ? x << n : 0)},
    {"shr.u64", SHIFT("ddw", uint64_t, n < 64 ? x >> n : 0)},
    {"shr.s64", SHIFT("ddw", int64_t, x >> (n < 64 ? n : 63))},
};

}  // namespace

const Mnemonic *mnemonic(const std::string &name) {
  for (const auto *found : {&table, &shifts})
    if (const auto at = found->find(name); at != found->end()) return &at->second;
  return nullptr;
}

}  // namespace emu::ptx
