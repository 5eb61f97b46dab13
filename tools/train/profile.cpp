#include "tools/train/profile.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <iomanip>
#include <map>
#include <ostream>

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

constexpr int kLanes = 16;
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

}  // namespace

MachineRates measure_machine(const Stream& stream) {
  return {.flops_per_second = measure_flops(stream), .bytes_per_second = measure_bandwidth(stream)};
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
    const Node& node = graph.node(index);
    std::vector<ValueType> inputs;
    for (const Value input : node.inputs) inputs.push_back(graph.type(input));
    std::nth_element(samples.begin(), samples.begin() + samples.size() / 2, samples.end());
    profile.push_back({.node = index,
                       .op = std::string(node.op->name()),
                       .name = node.name,
                       .type = text(node.outputs[0], " ", node.op->attributes()),
                       .seconds = samples[samples.size() / 2],
                       .cost = node.op->cost(inputs, node.outputs)});
  }
  return profile;
}

std::vector<NodeProfile> sum_by_op(const std::vector<NodeProfile>& nodes) {
  std::map<std::string, NodeProfile> sums;
  for (const NodeProfile& node : nodes) {
    NodeProfile& sum = sums.try_emplace(node.op, NodeProfile{.op = node.op, .count = 0}).first->second;
    sum.count += node.count;
    sum.seconds += node.seconds;
    sum.cost.flops += node.cost.flops;
    sum.cost.bytes += node.cost.bytes;
  }
  std::vector<NodeProfile> rows;
  for (const auto& [op, sum] : sums) rows.push_back(sum);
  return rows;
}

double attainable_seconds(const Cost& cost, const MachineRates& rates) {
  return std::max(cost.flops / rates.flops_per_second, cost.bytes / rates.bytes_per_second);
}

void write_roofline(std::ostream& out, std::vector<NodeProfile> rows, const MachineRates& rates) {
  std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.seconds > b.seconds; });
  double total = 0, attainable = 0;
  for (const NodeProfile& row : rows) {
    total += row.seconds;
    attainable += attainable_seconds(row.cost, rates);
  }
  const std::ios::fmtflags flags = out.flags();
  out << std::fixed << std::setprecision(1) << "machine: " << rates.flops_per_second * 1e-9 << " GFLOP/s, "
      << rates.bytes_per_second * 1e-9 << " GB/s\n"
      << "   time ms  share  nodes  GFLOP/s    GB/s  of roofline  op\n";
  const auto line = [&](double seconds, int count, const Cost& cost, double best, const std::string& what) {
    out << std::setw(10) << std::setprecision(3) << seconds * 1e3 << std::setprecision(1) << std::setw(6)
        << 100 * seconds / total << '%' << std::setw(7) << count << std::setw(9)
        << cost.flops / seconds * 1e-9 << std::setw(8) << cost.bytes / seconds * 1e-9 << std::setw(12)
        << 100 * best / seconds << "%  " << what << '\n';
  };
  Cost sum;
  int count = 0;
  for (const NodeProfile& row : rows) {
    std::string what = row.op;
    if (!row.name.empty()) what += text(" '", row.name, "' ", row.type);
    line(row.seconds, row.count, row.cost, attainable_seconds(row.cost, rates), what);
    sum.flops += row.cost.flops;
    sum.bytes += row.cost.bytes;
    count += row.count;
  }
  line(total, count, sum, attainable, "together");
  out.flags(flags);
}

}  // namespace slipway
