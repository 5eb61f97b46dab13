#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/runtime/step_state.h"
#include "tools/bench/all_reduce.h"
#include "tools/bench/kernels.h"
#include "tools/slipway/shared_options.h"
#include "tools/slipway/verb.h"
#include "tools/train/compute.h"
#include "tools/train/data_source.h"
#include "tools/train/launcher.h"
#include "tools/train/profile.h"
#include "tools/train/training_program.h"
#include "tools/train/tuned_choices.h"
#include "tools/train/workloads.h"

namespace slipway {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double peak_rss_mb() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

/// Since this process was started, in steps of the kernel's clock tick (10 ms), rounded up.
double seconds_since_process_start() {
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  std::istringstream fields(line.substr(line.rfind(')') + 1));  // after the name, which may hold anything
  constexpr int kStartTime = 20;                                // of the fields that remain
  std::string field;
  for (int i = 0; i < kStartTime; ++i) fields >> field;
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9 -
         std::stod(field) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

class BenchVerb : public Verb {
 public:
  std::string name() const override { return "bench"; }
  std::string summary() const override { return "Measure the speed of training steps, kernels or exchanges"; }
  std::string details() const override {
    std::string list =
        "Data is random and resident in memory; forward, backward and update are timed.\n"
        "Prints one line of JSON, of kernels and exchanges a table in Markdown.\n\nWorkloads:";
    for (const Workload& workload : workloads()) list += text("\n  ", workload.name, ": ", workload.what);
    return list +
           text(
               "\n  ", kKernels,
               ": each CUDA kernel by itself, its time on a GPU or what it does to memory on a simulated one",
               "\n  ", kAllReduce,
               ": the exchange of values between processes that mpirun has started, beside a bare "
               "MPI_Allreduce");
  }
  void options(CLI::App& app) override {
    app.add_option("WORKLOAD", workload_, "one of those below")->required();
    add_threads_option(app, threads_);
    app.add_option("--device", device_, "auto, cpu, cuda or cuda:N")->capture_default_str();
    app.add_option("--seconds", seconds_, "how long to measure")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    app.add_flag("--roofline", roofline_,
                 "print the time of each op against what arithmetic and memory of this machine allow");
    app.add_flag("--nodes", nodes_, "with --roofline: one line per node of the graph");
    app.add_option("--only", kernels_.only, "kernels: those whose name matches this regular expression");
    app.add_option("--ptxas", kernels_.ptxas, "kernels: a file with what `ptxas --verbose` printed of them");
  }

  int run() override {
    if (workload_ == kKernels) {
      const Compute compute({.device = device_ == "auto" ? "cuda" : device_, .threads = threads_});
      bench_kernels(std::cout, compute.stream(), kernels_);
      return 0;
    }
    if (workload_ == kAllReduce) return exchange();
    RunConfig config = parse_run_config(find_workload(workload_, {kKernels, kAllReduce}).yaml, workload_);
    DataSource source(config, ".");
    const Model model(config, *source.pipeline());
    const std::int64_t batch_size = config.train.batch_size;
    TunedChoices choices;
    const Compute compute({.device = device_, .threads = threads_, .tuner = choices.tuner()});
    const Stream& stream = compute.stream();
    TrainingProgram program(model, stream, batch_size);
    choices.save();
    Loader loader(source.part(DataSource::Part::train), source.pipeline(),
                  {.batch_size = batch_size, .workers = 0});
    const std::vector<Tensor> batch = loader.next()->tensors;

    if (roofline_) {
      program.run(batch, TrainingProgram::Phase::update);
      const std::vector<NodeProfile> profile =
          profile_step(program.executor(batch_size, TrainingProgram::Phase::update), kProfiledSteps);
      const MemoryPlan& memory = program.executor(batch_size, TrainingProgram::Phase::update).memory();
      std::cout << "memory of a step: " << (memory.arena_bytes >> 20) << " MiB, without reuse "
                << (memory.total_bytes >> 20) << " MiB\n";
      write_roofline(std::cout, nodes_ ? profile : sum_by_op(profile), measure_machine(stream));
      return 0;
    }
    std::vector<double> times;
    double first_loss = 0, last_loss = 0, first_step = 0;
    const double startup = seconds_since_process_start();
    const Clock::time_point start = Clock::now();
    StepState::set_learning_rate(program.variables(), config.train.optimizer->learning_rate);
    while (times.size() < 5 || seconds_since(start) < seconds_) {
      const Clock::time_point step = Clock::now();
      StepState::set_step(program.variables(), static_cast<std::int64_t>(times.size()));
      last_loss = program.run(batch, TrainingProgram::Phase::update).loss;
      if (times.empty()) {
        first_loss = last_loss;
        first_step = seconds_since_process_start();
      }
      times.push_back(seconds_since(step));
    }
    std::sort(times.begin() + 2, times.end());
    const double median = times[2 + (times.size() - 2) / 2];
    std::int64_t parameters = 0;
    for (const VariableArena::Member& member : program.arena().members) {
      parameters += program.variables()[member.name].elements();
    }
    const nlohmann::ordered_json result = {{"workload", workload_},
                                           {"format", "blocked"},
                                           {"device", to_string(stream.device)},
                                           {"threads", threads_},
                                           {"steps", times.size()},
                                           {"step_s", median},
                                           {"samples_per_s", static_cast<double>(batch_size) / median},
                                           {"parameters", parameters},
                                           {"peak_rss_mb", peak_rss_mb()},
                                           {"loss_first", first_loss},
                                           {"loss_last", last_loss},
                                           {"startup_ms", startup * 1e3},
                                           {"first_step_ms", first_step * 1e3}};
    std::cout << result.dump() << '\n';
    return 0;
  }

 private:
  static constexpr int kProfiledSteps = 15;
  static constexpr const char* kKernels = "kernels";
  static constexpr const char* kAllReduce = "all_reduce";

  int exchange() const {
    const std::unique_ptr<Communicator> ranks = join_ranks(launched_rank(process_environment()), {});
    require_user(ranks != nullptr,
                 "bench all_reduce: expects several processes, as in `mpirun -np 2 slipway "
                 "bench all_reduce`, got one");
    bench_all_reduce(std::cout, *ranks, seconds_);
    return 0;
  }

  std::string workload_;
  bool roofline_ = false;
  bool nodes_ = false;
  KernelBenchmark kernels_;
  std::string device_ = "auto";
  int threads_ = 2;
  double seconds_ = 10;
};

const RegisterVerb<BenchVerb> registered;

}  // namespace
}  // namespace slipway
