#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>

#include "core/comm/device_ranks.h"
#include "core/comm/mpi.h"
#include "tools/slipway/shared_options.h"
#include "tools/slipway/verb.h"
#include "tools/train/launcher.h"
#include "tools/train/observers.h"
#include "tools/train/project.h"
#include "tools/train/rank_board.h"
#include "tools/train/ranks.h"
#include "tools/train/run_state.h"
#include "tools/train/trainer.h"
#include "tools/train/tuned_choices.h"

namespace slipway {
namespace {

constexpr const char* kDefaultRuns = "runs";

/// A word as a POSIX shell reads it.
std::string shell_quoted(const std::string& word) {
  constexpr const char* kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-+=./,:@%";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

class TrainVerb : public Verb {
 public:
  std::string name() const override { return "train"; }
  std::string summary() const override { return "Train a model as a YAML file describes it"; }
  std::string details() const override {
    return "Everything that a run produces lies in runs/NAME: the resolved configuration, metrics as CSV, "
           "JSON lines and\n"
           "TensorBoard events, checkpoints, and report.html. Ctrl-C finishes the step, saves, and says how "
           "to go on.\n"
           "Started by mpirun or srun, the processes train one model together: each works on its part of "
           "every "
           "batch, and the\n"
           "first one prints and writes. `slipway launch` starts them on this machine.\n\n"
           "Examples:\n"
           "  slipway train configs/mnist_cnn.yaml\n"
           "  slipway train configs/mnist_cnn.yaml --set train.epochs=3 --set "
           "train.optimizer.adamw.learning_rate=2e-3\n"
           "  slipway train configs/mnist_cnn.yaml --resume\n"
           "  mpirun -np 4 slipway train configs/mnist_cnn.yaml";
  }
  void options(CLI::App& app) override {
    add_config_option(app, config_);
    add_assignments_option(app, assignments_);
    app.add_flag("--resume", resume_, "go on where the run of this name stopped");
    app.add_option("--job", job_, "the name of a job: go on with the run that it has begun, or begin it");
    threads_option_ = add_threads_option(app, threads_);
    add_device_option(app, device_);
    app.add_flag("--synchronous", synchronous_,
                 "wait for each op, slowly, so that an error of a GPU names the op that caused it");
    app.add_option("--runs", runs_, "where run directories are made")->capture_default_str();
    app.add_option("--timeout", timeout_, "seconds that a process waits for the others before it gives up")
        ->capture_default_str()
        ->check(CLI::PositiveNumber);
    app.add_flag("--quiet", quiet_, "print nothing but errors");
  }

  int run() override {
    const std::optional<LaunchedRank> launched = launched_rank(process_environment());
    console_ = quiet_ ? ConsoleOutput::quiet : launched ? ConsoleOutput::plain : ConsoleOutput::shown;
    if (!launched) return train();
    note_.emplace(std::getenv(RankBoard::kVariable), launched->rank);
    local_ = {.rank = launched->local_rank, .ranks = launched->local_ranks};
    if (threads_option_->count() == 0) threads_ = std::max(1, threads_ / launched->local_ranks);
    const int code = train_as(launched);
    note_->left(timeout());
    return code;
  }

 private:
  /// Joins the other ranks, and has left them on return.
  int train_as(const std::optional<LaunchedRank>& launched) {
    const std::unique_ptr<Communicator> ranks = join_ranks(launched, mpi_options());
    if (!ranks) return train();
    ranks_ = ranks.get();
    int code = 0;
    try {
      code = train();
    } catch (const SharedFailure& failure) {
      if (leads()) std::cerr << "slipway train: " << failure.what() << std::endl;
      code = failure.exit_code();
    } catch (const std::exception& error) {
      std::cerr << text("slipway train: rank ", ranks->rank(), " of ", ranks->size(), ": ", error.what(),
                        '\n')
                << std::flush;
      note_->gives_up();
      abandon_mpi(dynamic_cast<const UserError*>(&error) ? 2 : 1);
    }
    note_->leaves();
    return code;
  }

  int train() {
    // A resumed run makes the choices that it made before, so that it computes the same bits. Ranks, which
    // may find different ones the fastest, make none.
    TunedChoices choices;
    std::optional<RunDirectory> directory;
    std::optional<Project> project;
    std::optional<Compute> compute;
    std::unique_ptr<Communicator> devices;  // of the ranks, unless these are CPUs
    std::optional<TrainingProgram> program;
    std::optional<Validation> validation;
    std::optional<Trainer> trainer;
    together(ranks_, [&] {
      project.emplace(config_, assignments_, threads_, [this](std::int64_t done, std::int64_t total) {
        if (done == total) say(text("Measured the statistics of ", total, " samples."));
      });
      if (ranks_) check_ranks(project->config());
      if (leads()) {
        if (auto found = run_to_resume(project->config())) directory.emplace(std::move(*found));
      }
      if (directory) choices.load(directory->tuner());
      Compute::Options options = project->compute(ranks_ ? nullptr : choices.tuner());
      if (!device_.empty()) options.device = device_;
      options.synchronous = synchronous_;
      options.local = local_;
      compute.emplace(options);
    });
    const Stream& stream = compute->stream();
    if (ranks_) devices = connect_devices(*ranks_, stream.device, timeout());
    Communicator* const ranks = devices ? devices.get() : ranks_;
    together(ranks_, [&] {
      project->deliver_to(stream.device);
      program.emplace(project->model(), stream, project->config().train.batch_size, ranks);
      validation.emplace(project->source(), project->model(), stream, program->evaluated(), ranks);
      trainer.emplace(Trainer::Parts{.config = project->config(),
                                     .source = project->source(),
                                     .model = project->model(),
                                     .program = *program,
                                     .validation = *validation,
                                     .stream = stream,
                                     .ranks = ranks,
                                     .note = note_ ? &*note_ : nullptr,
                                     .resume_command = resume_command()});
      if (!leads()) return;
      if (directory) return resume(*trainer, *program, *project, *directory);
      initialize(*program, *project);
      // From here on nothing is wrong with the configuration: a mistake leaves no directory behind.
      directory.emplace(RunDirectory::create(runs_, project->config().name, job_));
    });
    trainer->share_state();
    if (trainer->finished()) {
      say("Nothing is left to train; a larger train.epochs or train.max_steps goes on.");
      return 0;
    }
    Observers observers;
    if (leads()) observers = make_observers(*directory, console_);
    const RunEnd end = trainer->run(directory ? &*directory : nullptr, observers);
    choices.save();
    return end.reason == RunEnd::Reason::interrupted ? 128 + trainer->stop_signal() : 0;
  }

  std::chrono::milliseconds timeout() const {
    return std::chrono::milliseconds(std::llround(timeout_ * 1000));
  }
  MpiOptions mpi_options() {
    MpiOptions options{.timeout = timeout()};
    options.answer_time = std::min(options.answer_time, options.timeout);
    options.waits = [this](std::string_view phase) { note_->waits(phase); };
    return options;
  }
  bool leads() const { return !ranks_ || ranks_->rank() == 0; }

  void check_ranks(const RunConfig& config) const {
    const TrainConfig& train = config.train;
    if (!train.uneven_batches) check_batch_size(train.batch_size, ranks_->size(), text(train.where));
    require_user(!config.fixes_parts() || train.virtual_shards % ranks_->size() == 0, text(train.where), ": ",
                 ranks_->size(), " ranks do not divide virtual_shards ", train.virtual_shards,
                 ", as `deterministic: ranks` expects");
  }

  void resume(Trainer& trainer, TrainingProgram& program, const Project& project,
              const RunDirectory& directory) const {
    const std::optional<Trainer::Resumed> resumed = trainer.resume(directory);
    if (!resumed) {
      say(text(directory.path(), " has no checkpoint yet, so training starts from the beginning."));
      return initialize(program, project);
    }
    for (const std::string& warning : resumed->warnings) std::cerr << "slipway train: " << warning << '\n';
    say(text("Resumed from ", resumed->from, " after step ", trainer.progress().step, "."));
  }

  void initialize(TrainingProgram& program, const Project& project) const {
    if (project.config().train.init_from.empty()) return;
    const std::string path = find_checkpoint(project.source().resolve(project.config().train.init_from));
    say(text("Initialised from ", path, ": ", initialize_from(program, read_checkpoint(path))));
  }

  /// This command, to be typed again after a signal.
  std::string resume_command() const {
    std::string command = "slipway train " + shell_quoted(config_);
    for (const std::string& assignment : assignments_) command += " --set " + shell_quoted(assignment);
    if (runs_ != kDefaultRuns) command += " --runs " + shell_quoted(runs_);
    if (threads_option_->count() > 0) command += text(" --threads ", threads_);
    if (!device_.empty()) command += " --device " + shell_quoted(device_);
    return command + (quiet_ ? " --quiet" : "") + " --resume";
  }

  std::optional<RunDirectory> run_to_resume(const RunConfig& config) const {
    if (!resume_) return job_.empty() ? std::nullopt : RunDirectory::begun_by(job_, runs_, config.name);
    std::optional<RunDirectory> directory = RunDirectory::resume(runs_, config.name);
    require_user(directory.has_value(), runs_, '/', config.name,
                 ": does not exist, so there is nothing to resume; expected a "
                 "run that `slipway train ",
                 config_, "` began");
    return directory;
  }

  void say(const std::string& sentence) const {
    if (!quiet_ && leads()) std::cout << sentence << std::endl;
  }

  std::string config_;
  std::vector<std::string> assignments_;
  bool resume_ = false;
  std::string job_;
  bool quiet_ = false;
  ConsoleOutput console_ = ConsoleOutput::shown;
  bool synchronous_ = false;
  std::string device_;
  int threads_ = default_threads();
  CLI::Option* threads_option_ = nullptr;
  double timeout_ = 30;
  std::string runs_ = kDefaultRuns;
  LocalRank local_;
  std::optional<RankNote> note_;   // of a rank
  Communicator* ranks_ = nullptr;  // this process's; null if it is alone
};

const RegisterVerb<TrainVerb> registered;

}  // namespace
}  // namespace slipway
