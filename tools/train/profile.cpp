#include "tools/train/profile.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <iomanip>
#include <map>
#include <ostream>
#include <utility>

namespace slipway {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// The best of several runs on all threads of the stream at once: noise only adds time.
double best_seconds(const Stream& stream, int runs, const std::function<void(int thread)>& work) {
  double best = 0;
  for (int run = 0; run < runs; ++run) {
    const Clock::time_point start = Clock::now();
#pragma omp parallel for num_threads(stream.threads) schedule(static, 1)
    for (int thread = 0; thread < stream.threads; ++thread) work(thread);
    const double seconds = seconds_since(start);
    if (run == 0 || seconds < best) best = seconds;
  }
  return best;
}

#ifdef __AVX512F__
constexpr int kLanes = 16;
#else
constexpr int kLanes = 8;
#endif
constexpr int kAccumulators = 12;  // enough independent sums that none waits for another
using Vector __attribute__((vector_size(kLanes * sizeof(float)))) = float;

__attribute__((noinline)) float multiply_add(std::int64_t rounds, float factor) {
  Vector sums[kAccumulators], factors = {};
  factors += factor;
  for (int i = 0; i < kAccumulators; ++i) sums[i] = factors * static_cast<float>(i);
  for (std::int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
    for (int i = 0; i < kAccumulators; ++i) sums[i] = sums[i] * factors + factors;
  }
  Vector total = {};
  for (int i = 0; i < kAccumulators; ++i) total += sums[i];
  float result = 0;
  for (int lane = 0; lane < kLanes; ++lane) result += total[lane];
  return result;
}

__attribute__((noinline)) void triad(const float* a, const float* b, float* c, std::int64_t count) {
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) c[i] = a[i] + 2.0f * b[i];
}

double measure_flops(const Stream& stream) {
  constexpr std::int64_t kRounds = 400'000;
  std::vector<float> results(static_cast<std::size_t>(stream.threads) * 16);
  const double seconds = best_seconds(stream, 7, [&](int thread) {
    results[static_cast<std::size_t>(thread) * 16] = multiply_add(kRounds, 0.5f);
  });
  return 2.0 * kLanes * kAccumulators * kRounds * stream.threads / seconds;
}

double measure_bandwidth(const Stream& stream) {
  constexpr std::int64_t kElements = 16 << 20;  // of each of three arrays: 192 MiB together
  const Tensor a = Tensor::zeros(DType::float32, Shape{kElements}), b = a.clone(), c = a.clone();
  const std::int64_t part = kElements / stream.threads;
  const double seconds = best_seconds(stream, 5, [&](int thread) {
    triad(a.as<float>().data() + thread * part, b.as<float>().data() + thread * part,
          c.as<float>().data() + thread * part, part);
  });
  return 3.0 * sizeof(float) * static_cast<double>(part * stream.threads) / seconds;
}

void add(const NodeProfile& node, NodeProfile& sum) {
  sum.count += node.count;
  sum.seconds += node.seconds;
  sum.cost.flops += node.cost.flops;
  sum.cost.bytes += node.cost.bytes;
}

}  // namespace

MachineRates measure_machine(const Stream& stream) {
  return {.flops_per_second = measure_flops(stream), .bytes_per_second = measure_bandwidth(stream)};
}

NodeProfile describe_node(const Graph& graph, int index) {
  const Node& node = graph.node(index);
  std::vector<ValueType> inputs;
  for (const Value input : node.inputs) inputs.push_back(graph.type(input));
  return {.node = index,
          .op = std::string(node.op->name()),
          .name = node.name,
          .type = text(node.outputs[0], " ", node.op->attributes()),
          .cost = node.op->cost(inputs, node.outputs)};
}

std::vector<NodeProfile> profile_step(Executor& executor, int runs) {
  const Graph& graph = executor.graph();
  std::map<int, std::vector<double>> times;
  executor.run();
  for (int run = 0; run < runs; ++run) {
    Clock::time_point last = Clock::now();
    executor.run([&](int node, const OpContext&) {
      times[node].push_back(seconds_since(last));
      last = Clock::now();
    });
  }
  std::vector<NodeProfile> profile;
  for (auto& [index, samples] : times) {
    std::nth_element(samples.begin(), samples.begin() + samples.size() / 2, samples.end());
    profile.push_back(describe_node(graph, index));
    profile.back().seconds = samples[samples.size() / 2];
  }
  return profile;
}

std::vector<NodeProfile> sum_by_op(const std::vector<NodeProfile>& nodes) {
  std::map<std::string, NodeProfile> sums;
  for (const NodeProfile& node : nodes) {
    NodeProfile& sum = sums.try_emplace(node.op, NodeProfile{.op = node.op, .count = 0}).first->second;
    add(node, sum);
  }
  std::vector<NodeProfile> rows;
  for (const auto& [op, sum] : sums) rows.push_back(sum);
  return rows;
}

double attainable_seconds(const Cost& cost, const MachineRates& rates) {
  return std::max(cost.flops / rates.flops_per_second, cost.bytes / rates.bytes_per_second);
}

namespace {

/// `rates`, if given, adds a column.
void write_rows(std::ostream& out, std::vector<NodeProfile> rows, double total, const MachineRates* rates) {
  std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.seconds > b.seconds; });
  const std::ios::fmtflags flags = out.flags();
  const std::streamsize precision = out.precision();
  out << std::fixed << "   time ms  share  nodes  GFLOP/s    GB/s" << (rates ? "  of roofline" : "")
      << "  op\n";
  const auto line = [&](const NodeProfile& row, double attainable, const std::string& what) {
    const double seconds = std::max(row.seconds, 1e-12);
    out << std::setw(10) << std::setprecision(3) << row.seconds * 1e3 << std::setprecision(1) << std::setw(6)
        << 100 * row.seconds / total << '%' << std::setw(7) << row.count << std::setw(9)
        << row.cost.flops / seconds * 1e-9 << std::setw(8) << row.cost.bytes / seconds * 1e-9;
    if (rates) out << std::setw(12) << 100 * attainable / seconds << '%';
    out << "  " << what << '\n';
  };
  NodeProfile sum{.count = 0};
  double attainable = 0;
  for (const NodeProfile& row : rows) {
    const double best = rates ? attainable_seconds(row.cost, *rates) : 0;
    line(row, best, row.name.empty() ? row.op : text(row.op, " '", row.name, "' ", row.type));
    add(row, sum);
    attainable += best;
  }
  line(sum, attainable, "together");
  out.flags(flags);
  out.precision(precision);
}

}  // namespace

void write_times(std::ostream& out, std::vector<NodeProfile> rows, double total) {
  write_rows(out, std::move(rows), total, nullptr);
}

void write_roofline(std::ostream& out, std::vector<NodeProfile> rows, const MachineRates& rates) {
  double total = 0;
  for (const NodeProfile& row : rows) total += row.seconds;
  const std::ios::fmtflags flags = out.flags();
  const std::streamsize precision = out.precision();
  out << std::fixed << std::setprecision(1) << "machine: " << rates.flops_per_second * 1e-9 << " GFLOP/s, "
      << rates.bytes_per_second * 1e-9 << " GB/s\n";
  out.flags(flags);
  out.precision(precision);
  write_rows(out, std::move(rows), total, &rates);
}

}  // namespace slipway
