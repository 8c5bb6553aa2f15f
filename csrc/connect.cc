#include "connect.h"

#include <nanobind/ndarray.h>
#include <nanobind/stl/array.h>
#include <nanobind/stl/string.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "native.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

template <typename T, size_t Axes>
using Input = nb::ndarray<const T, nb::ndim<Axes>, nb::c_contig, nb::device::cpu>;

template <typename Array>
auto to_slice(const Array &array) {
  return SpikeloopSlice<std::remove_const_t<typename Array::Scalar>>{array.data(), array.size()};
}

// A rule and its numbers, with the texts and arrays that its slices point to.
struct Spec : SpikeloopSpec {
  std::string rule_name, profile_name;
  Input<double, 2> sources, targets;
  Input<uint32_t, 1> owns;
};

// Rust's memory as a NumPy array of one axis, without a copy; None where there is no array.
nb::object to_array(SpikeloopArray &array) {
  if (!array.owner) return nb::none();
  nb::capsule owner(array.owner, [](void *p) noexcept { spikeloop_array_free(p); });
  array.owner = nullptr;
  const auto code = array.kind == 'f'   ? nb::dlpack::dtype_code::Float
                    : array.kind == 'i' ? nb::dlpack::dtype_code::Int
                                        : nb::dlpack::dtype_code::UInt;
  const nb::dlpack::dtype dtype{static_cast<uint8_t>(code), array.bits, 1};
  return nb::cast(nb::ndarray<nb::numpy, nb::ndim<1>>(array.data, {array.size}, owner, {}, dtype));
}

// A result of Rust until Python has it.
class Built {
 public:
  template <typename Build>
  explicit Built(Build build) {
    nb::gil_scoped_release release;
    built_ = build();
  }
  Built(const Built &) = delete;
  Built &operator=(const Built &) = delete;
  ~Built() {
    for (const auto *array : {&built_.indices, &built_.indptr, &built_.weight, &built_.delay})
      if (array->owner) spikeloop_array_free(array->owner);
    if (built_.error) spikeloop_error_free(built_.error);
  }

  SpikeloopBuilt &get() {
    if (!built_.error) return built_;
    if (!built_.no_memory) throw std::invalid_argument(built_.error);
    PyErr_SetString(PyExc_MemoryError, built_.error);
    throw nb::python_error();
  }

 private:
  SpikeloopBuilt built_;
};

nb::tuple build(const Spec &spec) {
  Built built([&] { return spikeloop_build(&spec); });
  auto &[indices, indptr, weight, delay, error, no_memory] = built.get();
  return nb::make_tuple(to_array(indices), to_array(indptr), to_array(weight), to_array(delay));
}

nb::tuple order(const Input<uint32_t, 1> &sources, const Input<uint32_t, 1> &targets,
                const Input<uint16_t, 1> &delay, size_t n_pre) {
  Built built([&] { return spikeloop_order(to_slice(sources), to_slice(targets), to_slice(delay), n_pre); });
  return nb::make_tuple(to_array(built.get().indptr), to_array(built.get().indices));
}

void init_draw(SpikeloopDraw *draw, uint32_t family, double a, double b, std::array<double, 2> part,
               std::array<double, 2> bounds) {
  new (draw) SpikeloopDraw{family, a, b, {part[0], part[1]}, {bounds[0], bounds[1]}};
}

void set_rule(Spec &spec, std::string name) {
  spec.rule_name = std::move(name);
  spec.rule = {spec.rule_name.data(), spec.rule_name.size()};
}

void set_profile(Spec &spec, std::string name) {
  spec.profile_name = std::move(name);
  spec.profile = {spec.profile_name.data(), spec.profile_name.size()};
}

void set_source(Spec &spec, Input<double, 2> positions) {
  spec.sources = std::move(positions);
  spec.source = to_slice(spec.sources);
  spec.axes = spec.sources.shape(1);
}

void set_target(Spec &spec, Input<double, 2> positions) {
  spec.targets = std::move(positions);
  spec.target = to_slice(spec.targets);
}

void set_own(Spec &spec, Input<uint32_t, 1> own) {
  spec.owns = std::move(own);
  spec.own = to_slice(spec.owns);
}

void set_range(Spec &spec, std::array<size_t, 2> ends) { std::copy(ends.begin(), ends.end(), spec.range); }

void set_period(Spec &spec, std::array<double, 3> period) {
  std::copy(period.begin(), period.end(), spec.period);
}

}  // namespace

void bind_connect(nb::module_ &m) {
  nb::class_<SpikeloopDraw>(m, "Draw", "A distribution of weights or delays.")
      .def("__init__", &init_draw, "family"_a, "a"_a, "b"_a, "part"_a, "bounds"_a);
  nb::class_<Spec>(m, "Spec", "A connectivity rule and its numbers.")
      .def(nb::init<>())
      .def_rw("seed", &Spec::seed)
      .def_rw("n_pre", &Spec::n_pre)
      .def_rw("n_post", &Spec::n_post)
      .def_rw("num", &Spec::num)
      .def_rw("prob", &Spec::prob)
      .def_rw("multapses", &Spec::multapses)
      .def_rw("wide", &Spec::wide)
      .def_rw("scale", &Spec::scale)
      .def_rw("cutoff", &Spec::cutoff)
      .def_rw("weight", &Spec::weight)
      .def_rw("delay", &Spec::delay)
      .def_prop_rw("rule", nullptr, &set_rule)
      .def_prop_rw("profile", nullptr, &set_profile)
      .def_prop_rw("source", nullptr, &set_source)
      .def_prop_rw("target", nullptr, &set_target)
      .def_prop_rw("targets", nullptr, &set_range)
      .def_prop_rw("own", nullptr, &set_own)
      .def_prop_rw("period", nullptr, &set_period);
  m.def("build", &build, "spec"_a, "Synapses of a rule: indices, indptr, and weight and delay where drawn.");
  m.def("order", &order, "sources"_a, "targets"_a, "delay"_a, "n_pre"_a,
        "Synapses ordered into rows: indptr, and which of the given synapses stands at each place.");
}
