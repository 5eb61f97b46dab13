#include <iostream>
#include <memory>

#include "core/io/atomic_file.h"
#include "tools/slipway/shared_options.h"
#include "tools/slipway/verb.h"
#include "tools/train/launcher.h"
#include "tools/train/project.h"
#include "tools/train/step_profile.h"
#include "tools/train/tuned_choices.h"

namespace slipway {
namespace {

class ProfileVerb : public Verb {
 public:
  std::string name() const override { return "profile"; }
  std::string summary() const override { return "Show where the time of a training step goes"; }
  std::string details() const override {
    return "Trains for a few steps, saves nothing, and prints how long a step waits for data and computes, "
           "by "
           "part and by op.\n"
           "On a GPU ops are timed by events, one by one and not as the CUDA graph that training replays; "
           "each "
           "is an NVTX range.\n"
           "Started by mpirun, it measures rank 0, and how much of the ranks' exchange of gradients is "
           "hidden.\n"
           "What --trace writes is for https://ui.perfetto.dev or chrome://tracing.\n\n"
           "Example:\n  slipway profile configs/mnist_cnn.yaml --steps 20 --trace mnist.json";
  }
  void options(CLI::App& app) override {
    add_config_option(app, config_);
    add_assignments_option(app, assignments_);
    app.add_option("--steps", steps_, "how many steps to measure, after two more")
        ->capture_default_str()
        ->check(CLI::PositiveNumber);
    app.add_option("--trace", trace_, "write all measured steps as a Chrome trace to this file");
    app.add_flag("--nodes", nodes_, "one line per node of the graph instead of one per op");
    add_threads_option(app, threads_);
    add_device_option(app, device_);
  }

  int run() override {
    const std::optional<LaunchedRank> launched = launched_rank(process_environment());
    std::vector<ExchangeTime> exchanges;
    const std::unique_ptr<Communicator> ranks = join_ranks(
        launched, {.observe = [&](const ExchangeTime& exchange) { exchanges.push_back(exchange); }});
    const bool leads = !ranks || ranks->rank() == 0;
    const std::unique_ptr<AtomicFile> file = leads ? open_trace() : nullptr;
    Project project(config_, assignments_, threads_);
    const RunConfig& config = project.config();
    TunedChoices choices;
    Compute::Options options = project.compute(ranks ? nullptr : choices.tuner());
    if (!device_.empty()) options.device = device_;
    const Compute compute(options);
    require_user(!ranks || compute.stream().device.is_host(),
                 "several ranks are measured on CPUs only, not on ", to_string(compute.stream().device),
                 "; expected --device cpu");
    project.deliver_to(compute.stream().device);
    const std::shared_ptr<const Dataset> samples = project.source().part(DataSource::Part::train);
    const std::int64_t batch_size = std::min(config.train.batch_size, samples->size());
    TrainingProgram program(project.model(), compute.stream(), batch_size, ranks.get());
    choices.save();
    Loader loader(samples, project.source().pipeline(),
                  {.batch_size = batch_size,
                   .shuffle = true,
                   .drop_last = true,  // it would take a plan of its own
                   .mode = Mode::training,
                   .seed = static_cast<std::uint64_t>(config.seed),
                   .workers = static_cast<int>(config.data.workers),
                   .held = 2,
                   .shard = ranks ? ranks->shard() : Shard{}});
    ChromeTrace trace;
    const StepProfile profile = profile_steps(
        program, project.model(), loader, compute.stream(),
        {.steps = steps_, .trace = file ? &trace : nullptr, .exchanges = ranks ? &exchanges : nullptr});
    if (!leads) return 0;
    std::cout << config_ << " on " << describe(compute.stream()) << ", "
              << config.train.accumulate * batch_size << " samples a step\n\n";
    write_profile(std::cout, profile, nodes_ ? ProfileRows::nodes : ProfileRows::ops);
    if (file) {
      file->write(trace.to_json());
      file->commit();
      std::cout << "\ntrace: " << trace_ << '\n';
    }
    return 0;
  }

 private:
  /// Before anything is measured, so that a path that can't be written shows at once.
  std::unique_ptr<AtomicFile> open_trace() const try {
    return trace_.empty() ? nullptr : std::make_unique<AtomicFile>(trace_);
  } catch (const Error& error) {
    throw UserError(error.what());
  }

  std::string config_;
  std::vector<std::string> assignments_;
  int steps_ = 10;
  std::string trace_;
  bool nodes_ = false;
  int threads_ = default_threads();
  std::string device_;
};

const RegisterVerb<ProfileVerb> registered;

}  // namespace
}  // namespace slipway
