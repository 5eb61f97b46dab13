#include "tools/bench/all_reduce.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <iomanip>
#include <ostream>
#include <vector>

#include "core/comm/mpi.h"

namespace slipway {
namespace {

constexpr std::int64_t kSizes[] = {4 << 10, 64 << 10, 1 << 20, 4 << 20, 16 << 20, 64 << 20};  // in bytes
constexpr int kRounds = 11;

using Clock = std::chrono::steady_clock;

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// Seconds of one of `calls`, which all ranks begin together.
double time_calls(Communicator& ranks, std::int64_t calls, const std::function<void()>& call) {
  ranks.all_reduce({}, Tensor::scalar(std::int64_t{0}), "the start of a measurement");
  const Clock::time_point start = Clock::now();
  for (std::int64_t i = 0; i < calls; ++i) call();
  return std::chrono::duration<double>(Clock::now() - start).count() / static_cast<double>(calls);
}

/// As many calls as fill the time, the same number on all ranks.
std::int64_t calls_within(Communicator& ranks, double seconds, const std::function<void()>& call) {
  constexpr std::int64_t kTried = 3;
  const double one = time_calls(ranks, kTried, call);
  const Tensor calls = Tensor::scalar(std::max<std::int64_t>(1, std::llround(seconds / one)));
  ranks.broadcast({}, {.values = calls, .root = 0}, "the number of calls");
  return calls.as<std::int64_t>()[0];
}

}  // namespace

void bench_all_reduce(std::ostream& out, Communicator& ranks, double seconds) {
  const bool leads = ranks.rank() == 0;
  if (leads) {
    out << ranks.size() << " ranks, " << mpi_library() << "; medians of " << kRounds << " rounds\n\n"
        << "|   bytes | all_reduce GB/s | MPI_Allreduce GB/s | ratio (least to greatest) |\n"
        << "| ---: | ---: | ---: | :--- |\n";
  }
  out << std::fixed;
  for (const std::int64_t bytes : kSizes) {
    const Tensor values = Tensor::zeros(DType::float32, Shape{bytes / 4});
    const auto ours = [&] { ranks.all_reduce({}, values, "a measurement"); };
    const auto bare = [&] { mpi_all_reduce(values.as<float>()); };
    ours();
    bare();
    const double share = seconds / static_cast<double>(std::size(kSizes) * 2 * kRounds);
    const std::int64_t calls = calls_within(ranks, share, bare);
    std::vector<double> our_times, bare_times, ratios;
    for (int round = 0; round < kRounds; ++round) {
      our_times.push_back(time_calls(ranks, calls, ours));
      bare_times.push_back(time_calls(ranks, calls, bare));
      ratios.push_back(bare_times.back() / our_times.back());
    }
    if (!leads) continue;
    const auto [least, greatest] = std::minmax_element(ratios.begin(), ratios.end());
    const double gigabytes = static_cast<double>(bytes) * 1e-9;
    out << std::setprecision(3) << "| " << bytes << " | " << gigabytes / median(our_times) << " | "
        << gigabytes / median(bare_times) << " | " << std::setprecision(2) << median(ratios) << " (" << *least
        << " to " << *greatest << ") |" << std::endl;
  }
}

}  // namespace slipway
