// Synapses whose source or target had an event change: rust/kernels/src/plasticity. A thread has a synapse of its own.
#include "history.cuh"
#include "scatter.cuh"

// How a change depends on the weight, and the bounds of weights: low, high, origin, scale, exponent.
template <class T> struct Law {
  const T *numbers;
  uint64_t dependence;

  enum : uint64_t { ADDITIVE, LINEAR };

  // The weight after a change, in its bounds.
  __device__ T changed(T w, T change) const {
    const T low = numbers[0], high = numbers[1];
    if (dependence != ADDITIVE) {
      const T u = (w - numbers[2]) * numbers[3], distance = u < T(0) ? T(0) : u;
      change *= dependence == LINEAR ? distance : T(pow(double(distance), double(numbers[4])));
    }
    w += change;
    w = w < low ? low : w;
    return w > high ? high : w;
  }
};

// Synapses in lines, those of each source or those of each target.
struct Lines {
  Rows rows;               // whose indices are the neurons of the other side
  const uint32_t *places;  // of the synapses among the weights; none if they stand in the order of these
  Delays delays;
  const uint32_t *first;  // where the other side is not stored: the row in which each 2^shift-th place lies, …
  uint64_t shift;
  Rows sources;  // … and these rows

  __device__ uint64_t place(uint64_t j) const { return places ? places[j] : j; }
};

// What is known of the neurons of the other side.
struct Looked {};
template <class I> __device__ uint64_t other_of(const Lines &c, uint64_t j, uint64_t) {
  return static_cast<const I *>(c.rows.indices)[j];
}
template <> __device__ inline uint64_t other_of<Looked>(const Lines &c, uint64_t, uint64_t place) {
  uint64_t source = c.first[place >> c.shift];
  while (source < c.sources.n_pre && place >= c.sources.row(source).end) ++source;
  return source;
}

// One number for each neuron of the other side, now or in the last `slots` steps.
template <class T> struct Coefficients {
  History<T> history;  // without slots, its ring holds those of now

  __device__ T of(uint64_t other, uint64_t age) const {
    return history.ring[history.slots ? history.slot(age) * history.n + other : other];
  }
};

// A synapse that changes.
struct Synapse {
  uint64_t place, line, other;
};

// The event of a line, in shared memory.
template <class T> struct Event {
  T value;
  uint64_t line;
};

// --- what happens to a synapse --------------------------------------------------------------------------------------

// w ← F(w, change)
template <class T> struct Change {
  using Float = T;
  Law<T> law;
  T *weight;

  __device__ void operator()(const Synapse &s, T change) const {
    weight[s.place] = law.changed(weight[s.place], change);
  }
};

// w ← clip(w + gain c),  c ← left c + s a
template <class T> struct Flush {
  using Float = T;
  const T *left, *gain, *spikes, *coefficient, *bounds;
  T *weight, *eligibility;

  __device__ void operator()(const Synapse &s, T) const {
    const T c = eligibility[s.place], w = weight[s.place] + gain[s.line] * c;
    const T low = bounds[0], high = bounds[1], raised = w < low ? low : w;
    weight[s.place] = raised > high ? high : raised;
    eligibility[s.place] = left[s.line] * c + spikes[s.line] * coefficient[s.other];
  }
};

// c ← c + change/left,  w ← w − gain change/left; without `left` as if it were 1
template <class T> struct Credit {
  using Float = T;
  const T *left, *gain;
  uint64_t lines_are_sources;
  T *weight, *eligibility;

  __device__ void operator()(const Synapse &s, T change) const {
    const uint64_t source = lines_are_sources ? s.line : s.other;
    const T added = left ? change / left[source] : change;
    eligibility[s.place] += added;
    weight[s.place] += T(-1) * gain[source] * added;
  }
};

// --- which synapses ---------------------------------------------------------------------------------------------------

template <class Act> struct PlasticCall {
  using T = typename Act::Float;
  Lines lines;
  Coefficients<T> coefficient;
  Act act;
  uint64_t parts;
};

// What an event does to its synapse j.
template <class T, class I, class Act>
__device__ void act_on(const PlasticCall<Act> &c, uint64_t j, const Event<T> &event, uint64_t age) {
  const uint64_t place = c.lines.place(j);
  if (place >= c.lines.rows.nnz) return;
  const uint64_t other = other_of<I>(c.lines, j, place);
  if (other >= c.coefficient.history.n) return;
  c.act(Synapse{place, event.line, other}, event.value * c.coefficient.of(other, age));
}

template <class Act> struct NowCall {
  PlasticCall<Act> plastic;
  Spikes<typename Act::Float> events;
};

// The lines that have an event now. A block takes a tile of lines; the parts of the grid share their synapses.
template <class T, class I, class Act> __device__ void plastic_now(const NowCall<Act> &c) {
  const Lines &lines = c.plastic.lines;
  const uint64_t line = uint64_t(blockIdx.x) * BLOCK + threadIdx.x;
  const T x = line < lines.rows.n_pre ? c.events.at(0, line) : T(0);
  const Pieces<Event<T>> pieces = pieces_of_block<Event<T>>();
  const Range piece = x != T(0) ? lines.rows.row(line) : Range{0, 0};
  const Listed listed = list_pieces(piece, Event<T>{x, line}, pieces);
  const uint64_t slots = c.plastic.coefficient.history.slots;
  each_synapse(listed, pieces, blockIdx.y, c.plastic.parts, [&](uint64_t j, const Event<T> &event) {
    const uint64_t age = slots ? lines.delays.of(j) : 0;
    if (age == 0 || age < slots) act_on<T, I>(c.plastic, j, event, age);
  });
}

template <class Act> struct ArrivingCall {
  PlasticCall<Act> plastic;
  History<typename Act::Float> events;
};

// The synapses at which events of the last steps arrive. The blocks of a column of the grid share those of one step.
template <class T, class I, class Act> __device__ void plastic_arriving(const ArrivingCall<Act> &c) {
  const Lines &lines = c.plastic.lines;
  const uint64_t age = blockIdx.x, slot = c.events.slot(age), first = slot * c.events.n;
  const uint64_t held = smaller(uint64_t(uint32_t(c.events.count[slot])), c.events.n);
  const Pieces<Event<T>> pieces = pieces_of_block<Event<T>>();
  for (uint64_t tile = 0; tile < held; tile += BLOCK) {
    const uint64_t k = tile + threadIdx.x, line = k < held ? c.events.neurons[first + k] : c.events.n;
    const bool arrives = line < c.events.n;
    const Range piece = arrives ? lines.delays.part(lines.rows.row(line), age) : Range{0, 0};
    const Event<T> mine{arrives ? c.events.ring[first + line] : T(0), line};
    const Listed listed = list_pieces(piece, mine, pieces);
    each_synapse(listed, pieces, blockIdx.y, c.plastic.parts, [&](uint64_t j, const Event<T> &event) {
      act_on<T, I>(c.plastic, j, event, 0);
    });
    __syncthreads();  // the lists are used again
  }
}

#define PLASTIC(when, Call, act, Act, name, T, I) \
  DEFINE_KERNEL(plastic_##act##_##when##_##name, Call<Act<T>>, plastic_##when<T, I>)
#define AT_STORED_OTHERS(name, T, I)                                \
  PLASTIC(now, NowCall, change, Change, name, T, I)                 \
  PLASTIC(now, NowCall, flush, Flush, name, T, I)                   \
  PLASTIC(now, NowCall, credit, Credit, name, T, I)                 \
  PLASTIC(arriving, ArrivingCall, change, Change, name, T, I)       \
  PLASTIC(arriving, ArrivingCall, credit, Credit, name, T, I)
#define AT_LOOKED_OTHERS(name, T)                                   \
  PLASTIC(now, NowCall, change, Change, name##_looked, T, Looked)   \
  PLASTIC(now, NowCall, credit, Credit, name##_looked, T, Looked)
FOR_FLOATS_AND_INDICES(AT_STORED_OTHERS)
FOR_FLOATS(AT_LOOKED_OTHERS)
