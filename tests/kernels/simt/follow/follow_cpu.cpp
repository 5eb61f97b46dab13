#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <optional>

#include "core/comm/device_ranks.h"
#include "core/runtime/tuner.h"
#include "kernels/simt/report.h"
#include "kernels/simt/settings.h"
#include "tests/kernels/simt/measured_run.h"
#include "tests/support/local_ranks.h"
#include "tools/train/project.h"

// Whether training of a configuration on a simulated GPU, or on ranks with one each, follows training on the
// CPU: captured and not captured, in several orders of streams, blocks and threads.

namespace slipway::test {
namespace {

constexpr std::chrono::milliseconds kPatience{60'000};  // of ranks that wait for others

/// Relative to the CPU's figures; without one for gradient norms these are not compared.
struct Bounds {
  double loss;
  std::optional<double> gradient_norm;
};

Bounds bounds_of(Precision precision) {
  switch (precision) {
    case Precision::float32:
      return {.loss = 1e-4, .gradient_norm = 1e-4};
    case Precision::tf32:
      return {.loss = 1e-2};
    default:
      return {.loss = 2e-2};
  }
}

struct Options {
  std::string config, precision = "float32";
  std::vector<std::string> assignments;
  std::vector<std::uint64_t> seeds;
  bool own_kernels = false;
  int ranks = 0;  // 0: one process that knows nothing of ranks
};

std::vector<std::string> joined(std::vector<std::string> one, const std::vector<std::string>& other) {
  one.insert(one.end(), other.begin(), other.end());
  return one;
}

MeasuredRun train(const Options& options, const std::vector<std::string>& assignments) {
  Project project(options.config, joined(assignments, options.assignments), 1);
  Tuner tuner;
  tuner.prefer({Tuner::kOurs});
  const bool prefers = options.own_kernels && project.config().device != "cpu";
  const Compute compute(project.compute(prefers ? &tuner : nullptr));
  project.deliver_to(compute.stream().device);
  return measure_run({.config = project.config(),
                      .source = project.source(),
                      .model = project.model(),
                      .stream = compute.stream()});
}

/// By rank, each a thread with a device of its own.
std::vector<MeasuredRun> train_on_ranks(const Options& options, const std::vector<std::string>& assignments) {
  std::vector<MeasuredRun> runs(static_cast<std::size_t>(options.ranks));
  run_on_ranks(options.ranks, [&](Communicator& host) {
    Project project(options.config, joined(assignments, options.assignments), 1);
    Compute::Options where = project.compute();
    where.local = {.rank = host.rank(), .ranks = options.ranks};
    const Compute compute(where);
    const Device device = compute.stream().device;
    const std::unique_ptr<Communicator> ranks = connect_devices(host, device, kPatience);
    project.deliver_to(device);
    runs[static_cast<std::size_t>(host.rank())] = measure_run({.config = project.config(),
                                                               .source = project.source(),
                                                               .model = project.model(),
                                                               .stream = compute.stream(),
                                                               .ranks = ranks.get()});
  });
  return runs;
}

/// New devices, which do everything in the order that the seed draws.
void restart_with(std::uint64_t seed, int devices) {
  simt::settings() = {.order = simt::Order::seeded,
                      .seed = seed,
                      .devices = devices,
                      .findings = simt::FindingPolicy::collect};
  simt::restart();
  simt::clear_findings();
}

/// The first figure that differs.
std::string first_difference(const Figures& figures, const Figures& expected) {
  const auto differ = [](const std::vector<double>& one, const std::vector<double>& other) {
    return std::mismatch(one.begin(), one.end(), other.begin(), other.end()).first - one.begin();
  };
  const auto count = static_cast<std::ptrdiff_t>(figures.losses.size());
  const auto loss = differ(figures.losses, expected.losses);
  const auto norm = differ(figures.gradient_norms, expected.gradient_norms);
  if (std::min(loss, norm) == count) return "what evaluation measured";
  return loss <= norm ? text("the loss of step ", loss + 1) : text("the gradient's norm in step ", norm + 1);
}

/// The runs of one configuration.
class Comparison {
 public:
  explicit Comparison(const Options& options)
      : options_(options),
        bounds_(bounds_of(parse_precision(options.precision))),
        expected_(train(options, {"device=cpu", "precision=float32"}).figures) {}

  void run(std::uint64_t seed) {
    restart_with(seed, std::max(1, options_.ranks));
    for (const bool captured : {false, true}) {
      const std::string how = text("seed ", seed, captured ? ", captured" : ", not captured");
      const simt::Usage before = simt::usage();
      const std::vector<MeasuredRun> runs = train_on_gpus(captured);
      const Figures& figures = runs[0].figures;
      expect(simt::usage().kernels > before.kernels, how, "no kernel ran");
      expect((simt::usage().graphs > before.graphs) == captured, how,
             captured ? "no graph was replayed" : "a graph was replayed");
      for (const simt::Finding& finding : simt::findings()) expect(false, how, to_string(finding));
      simt::clear_findings();
      if (!first_) compare(figures, how);
      for (const MeasuredRun& run : runs)
        expect(run.figures == *first_, how,
               text(first_difference(run.figures, *first_), " differs from the first run's on the GPU"));
    }
  }

  int finish() const {
    std::cout << name() << ": " << expected_.losses.size() << " steps, " << 2 * options_.seeds.size()
              << " runs; losses off by " << loss_error_ << ", gradient norms by " << norm_error_
              << (failures_ == 0 ? "" : ": FAILED") << std::endl;
    return failures_ == 0 ? 0 : 1;
  }

 private:
  std::vector<MeasuredRun> train_on_gpus(bool captured) const {
    const std::vector<std::string> assignments = {options_.ranks > 0 ? "device=cuda" : "device=cuda:0",
                                                  text("precision=", options_.precision),
                                                  text("capture=", captured ? "true" : "false")};
    if (options_.ranks > 0) return train_on_ranks(options_, assignments);
    return {train(options_, assignments)};
  }

  /// All other runs must be bit for bit like this one.
  void compare(const Figures& figures, const std::string& how) {
    first_ = figures;
    loss_error_ = largest_error(figures.losses, expected_.losses);
    norm_error_ = largest_error(figures.gradient_norms, expected_.gradient_norms);
    expect(!figures.losses.empty(), how, "no step was taken");
    expect(loss_error_ <= bounds_.loss, how, text("losses are off by ", loss_error_));
    expect(!bounds_.gradient_norm || norm_error_ <= *bounds_.gradient_norm, how,
           text("gradient norms are off by ", norm_error_));
  }

  std::string name() const {
    return text(options_.config, ' ', options_.precision, options_.own_kernels ? ", own kernels" : "",
                options_.ranks > 0 ? text(", ", options_.ranks, " ranks") : "");
  }
  void expect(bool holds, const std::string& how, const std::string& else_message) {
    if (holds) return;
    ++failures_;
    std::cerr << name() << ", " << how << ": " << else_message << '\n';
  }

  const Options& options_;
  Bounds bounds_;
  Figures expected_;              // of the CPU
  std::optional<Figures> first_;  // of the GPU
  double loss_error_ = 0, norm_error_ = 0;
  int failures_ = 0;
};

int follow_cpu(int argc, char** argv) {
  CLI::App app("Trains a configuration on the CPU and on a simulated GPU, for each seed captured and not");
  Options options;
  app.add_option("CONFIG", options.config)->required();
  app.add_option("--precision", options.precision, "of the GPU");
  app.add_flag("--own-kernels", options.own_kernels, "no libraries for products and convolutions");
  app.add_option("--ranks", options.ranks, "with a simulated GPU each")->check(CLI::Range(1, 8));
  app.add_option("--set", options.assignments, "NAME=VALUE, of all runs");
  app.add_option("--seeds", options.seeds, "of scheduling")->required()->delimiter(',');
  CLI11_PARSE(app, argc, argv);
  Comparison comparison(options);
  for (const std::uint64_t seed : options.seeds) comparison.run(seed);
  return comparison.finish();
}

}  // namespace
}  // namespace slipway::test

int main(int argc, char** argv) {
  try {
    return slipway::test::follow_cpu(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 2;
  }
}
