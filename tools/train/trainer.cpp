#include "tools/train/trainer.h"

#include <cmath>
#include <limits>
#include <utility>

#include "core/runtime/step_state.h"
#include "core/runtime/tuner.h"
#include "tools/train/compute.h"
#include "tools/train/ranks.h"
#include "tools/train/run_state.h"
#include "tools/train/schema_text.h"

namespace slipway {
namespace {

constexpr std::string_view kNotFinite = "a step that is not finite";
constexpr std::int64_t kUnknown = std::numeric_limits<std::int64_t>::max();  // no cause was found

using Clock = std::chrono::steady_clock;
double seconds_between(Clock::time_point start, Clock::time_point end) {
  return std::chrono::duration<double>(end - start).count();
}

LoaderOptions training_options(const RunConfig& config, const Communicator* ranks) {
  return {.batch_size = config.train.batch_size,
          .shuffle = true,
          .drop_last = config.train.drop_last,
          .mode = Mode::training,
          .seed = random_key(static_cast<std::uint64_t>(config.seed), "loader"),
          .workers = static_cast<int>(config.data.workers),
          .held = 2,
          .shard = ranks ? ranks->shard() : Shard{}};
}

std::shared_ptr<const Dataset> training_set(const DataSource& source) {
  return source.part(DataSource::Part::train);
}

}  // namespace

Trainer::Trainer(const Parts& parts)
    : parts_(parts),
      loader_(training_set(parts.source), parts.source.pipeline(),
              training_options(parts.config, parts.ranks)),
      feed_(loader_, parts.stream) {}

CheckpointDirectory Trainer::checkpoints(const RunDirectory& directory) const {
  return {directory.checkpoints(), {.last = parts_.config.train.checkpoint.keep}};
}

template <class Notify>
void Trainer::notify(Notify&& call) {
  for (const std::unique_ptr<Observer>& observer : *observers_) call(*observer);
}

std::int64_t Trainer::steps_per_epoch() const {
  const std::int64_t accumulate = parts_.config.train.accumulate;
  return (loader_.batches() + accumulate - 1) / accumulate;
}

std::int64_t Trainer::total_steps() const {
  const TrainConfig& train = parts_.config.train;
  const std::int64_t all = train.epochs * steps_per_epoch();
  return train.max_steps > 0 ? std::min(all, train.max_steps) : all;
}

double Trainer::learning_rate(std::int64_t step) const {
  const TrainConfig& train = parts_.config.train;
  return train.schedule->rate(step, {.total_steps = total_steps(), .steps_per_epoch = steps_per_epoch()},
                              train.optimizer->learning_rate);
}

double Trainer::seconds() const { return progress_.seconds + seconds_between(session_start_, Clock::now()); }

bool Trainer::finished() const {
  if (progress_.closed_step < progress_.step) return false;
  const std::int64_t patience = parts_.config.train.early_stopping.patience;
  return progress_.epoch >= parts_.config.train.epochs || progress_.step >= total_steps() ||
         (patience > 0 && progress_.epochs_since_best >= patience);
}

void Trainer::start() {
  session_start_ = epoch_start_ = last_save_ = Clock::now();
  if (!directory_) return;
  const RunInfo info{
      .name = parts_.config.name,
      .directory = directory_->path(),
      .config_yaml = write_component(parts_.config).to_yaml(),
      .device = text(parts_.ranks ? text(parts_.ranks->size(), " ranks, each ") : "", describe(parts_.stream),
                     ", ", bytes_text(parts_.program.planned_bytes()), " planned for a step"),
      .model = summarize(parts_.model, parts_.config.train.batch_size),
      .training_samples = training_set(parts_.source)->size(),
      .validation_samples = parts_.validation.samples(),
      .epochs = parts_.config.train.epochs,
      .steps_per_epoch = steps_per_epoch(),
      .total_steps = total_steps(),
      .start_step = progress_.step,
      .start_epoch = progress_.epoch,
      .class_names = parts_.model.pipeline().batch().target().labels,
      .monitor = parts_.validation.monitor()};
  directory_->write_config(info.config_yaml);
  notify([&](Observer& observer) { observer.on_run_start(info); });
}

RunEnd Trainer::run(const RunDirectory* directory, const Observers& observers) {
  directory_ = directory;
  observers_ = &observers;
  start();
  RunEnd end;
  try {
    end = train();
  } catch (const std::exception& error) {
    end.reason = RunEnd::Reason::failed;
    end.message = error.what();
    notify([&](Observer& observer) { observer.on_run_end(end); });
    throw;
  }
  end.step = progress_.step;
  end.seconds = seconds();
  notify([&](Observer& observer) { observer.on_run_end(end); });
  return end;
}

RunEnd Trainer::train() {
  while (!finished()) {
    if (train_epoch() == Outcome::done && close_epoch() == Outcome::done) continue;
    save();
    return {.reason = RunEnd::Reason::interrupted,
            .message = text("stopped by ", StopSignals::name(stop_signal_), " after step ", progress_.step,
                            "; continue with `", parts_.resume_command, "`")};
  }
  if (progress_.epoch >= parts_.config.train.epochs || progress_.step >= total_steps()) return {};
  return {.reason = RunEnd::Reason::early_stopping,
          .message = text("no improvement of ", parts_.validation.monitor(), " for ",
                          progress_.epochs_since_best, " epochs")};
}

/// An error on a device shows when results are read, and does not know which kernel caused it.
template <class Work>
auto Trainer::on_device(Work&& work) try {
  return work();
} catch (const UserError&) {
  throw;
} catch (const CommunicationError& error) {
  throw CommunicationError(text("step ", progress_.step + 1, ": ", error.what()));
} catch (const Error& error) {
  if (parts_.stream.device.is_host()) throw;
  throw Error(text("step ", progress_.step + 1, ": ", error.what(),
                   parts_.stream.synchronous ? "" : " (run with --synchronous, which names the op)"));
}

/// The rest of the epoch, or less if the last step of the run comes before its end.
Trainer::Outcome Trainer::train_epoch() {
  feed_.seek(progress_.loader);
  epoch_start_ = Clock::now();
  samples_before_session_ = progress_.samples;
  rate_.restart(progress_.samples, epoch_start_);
  while (progress_.step < total_steps()) {
    const Batch* batch = feed_.next();
    if (batch == nullptr) break;
    train_batch(*batch);
    if (step_.empty() && stop_requested()) return Outcome::interrupted;
  }
  return Outcome::done;
}

/// Enqueues the batch, and waits for the whole step after its last one.
void Trainer::train_batch(const Batch& batch) {
  if (step_.empty()) before_step_ = progress_;
  if (parts_.note) parts_.note->step(progress_.step + 1);
  const bool last_of_epoch = feed_.state().next_sample >= loader_.samples();
  const bool update =
      static_cast<std::int64_t>(step_.size()) + 1 == parts_.config.train.accumulate || last_of_epoch;
  const auto phase = update ? TrainingProgram::Phase::update : TrainingProgram::Phase::accumulate;
  StepState::set_step(parts_.program.variables(), progress_.step);
  StepState::set_learning_rate(parts_.program.variables(), learning_rate(progress_.step));
  const bool last_of_run = update && progress_.step + 1 >= total_steps();
  on_device([&] {
    parts_.program.enqueue(feed_.values(), phase, batch.samples);
    if (!last_of_run) feed_.fetch_ahead();
  });
  step_.push_back({.where = progress_.loader, .samples = batch.samples});
  progress_.loader = feed_.state();
  if (update) finish_step();
}

/// Adds up what the batches of the step have given.
void Trainer::finish_step() {
  const std::vector<TrainingProgram::Result> results = on_device([&] { return parts_.program.finish(); });
  const std::vector<Enqueued> batches = std::exchange(step_, {});
  bool finite = true;
  for (std::size_t i = 0; i < batches.size(); ++i) {
    if (!results[i].finite && !is_overflow(batches[i].where))
      stop_not_finite(std::span(batches).first(i + 1), results[i]);
    finite = finite && results[i].finite;
    progress_.loss_sum += results[i].loss * static_cast<double>(batches[i].samples);
    progress_.samples += batches[i].samples;
  }
  ++progress_.step;
  if (finite)
    report_step(results.back().gradient_norm);
  else
    skip_step();
  save_if_due();
}

/// Whether the results of the batch there may not be finite because of the loss scale alone. The loader goes
/// on where it was.
bool Trainer::is_overflow(const LoaderState& where) {
  const std::optional<double> scale = parts_.program.loss_scale();
  if (!scale || *scale < LossScaling::kLeast) return false;
  feed_.seek(where);
  const bool bad = find_bad_target(*feed_.next()).has_value();
  feed_.seek(progress_.loader);
  return !(parts_.ranks ? any_of_all(*parts_.ranks, bad, kNotFinite) : bad);
}

/// The device has left the parameters as they were; nothing else is to remember the step's samples either.
void Trainer::skip_step() {
  parts_.program.undo_step();
  progress_.loss_sum = before_step_.loss_sum;
  progress_.samples = before_step_.samples;
  const SkippedStep skipped{.step = progress_.step, .loss_scale = *parts_.program.loss_scale()};
  notify([&](Observer& observer) { observer.on_skipped_step(skipped); });
}

void Trainer::report_step(double gradient_norm) {
  const Clock::time_point now = Clock::now();
  const std::int64_t samples = progress_.samples - before_step_.samples;
  const StepRecord record{.step = progress_.step,
                          .epoch = progress_.epoch,
                          .step_in_epoch = progress_.step - progress_.epoch * steps_per_epoch(),
                          .samples = progress_.samples,
                          .loss = (progress_.loss_sum - before_step_.loss_sum) / static_cast<double>(samples),
                          .learning_rate = learning_rate(progress_.step - 1),
                          .gradient_norm = gradient_norm,
                          .samples_per_second = rate_.rate(progress_.samples, now)};
  notify([&](Observer& observer) { observer.on_step(record); });
}

void Trainer::save_if_due() {
  const CheckpointConfig& checkpoint = parts_.config.train.checkpoint;
  const bool by_steps = checkpoint.every_steps > 0 && progress_.step % checkpoint.every_steps == 0;
  const auto by_time = [&] {
    const bool due = seconds_between(last_save_, Clock::now()) >= 60 * checkpoint.every_minutes;
    return parts_.ranks ? any_of_all(*parts_.ranks, due, "the time to save") : due;
  };
  if (by_steps || (checkpoint.every_minutes > 0 && by_time())) save();
}

/// Measures what the epoch's training has come to. Observers hear of it before it is saved: should the
/// process be killed between, the resumed run does it again, and what was recorded twice is dropped.
Trainer::Outcome Trainer::close_epoch() {
  const double trained = seconds_between(epoch_start_, Clock::now());
  progress_.epoch_seconds += trained;
  epoch_start_ = Clock::now();
  EpochRecord record{.epoch = progress_.epoch, .step = progress_.step};
  record.seconds = progress_.epoch_seconds;
  record.train_loss = progress_.samples > 0 ? progress_.loss_sum / static_cast<double>(progress_.samples) : 0;
  record.samples_per_second =
      trained > 0 ? static_cast<double>(progress_.samples - samples_before_session_) / trained : 0;
  record.learning_rate = learning_rate(std::max<std::int64_t>(0, progress_.step - 1));
  const bool measured = parts_.validation.run(record, [&](std::int64_t done) {
    notify([&](Observer& observer) { observer.on_validation_progress(done, parts_.validation.samples()); });
    return !stop_requested();
  });
  if (!measured) return Outcome::interrupted;
  judge(record);
  progress_.closed_step = progress_.step;
  if (progress_.loader.next_sample >= loader_.samples()) {
    ++progress_.epoch;
    progress_.loader = {.epoch = progress_.epoch, .next_sample = 0};
    progress_.loss_sum = progress_.epoch_seconds = 0;
    epoch_start_ = Clock::now();
    progress_.samples = 0;
  }
  notify([&](Observer& observer) { observer.on_epoch_end(record); });
  const std::int64_t every = parts_.config.train.checkpoint.every_epochs;
  if (record.best || finished() || (every > 0 && progress_.epoch % every == 0)) save();
  return Outcome::done;
}

void Trainer::judge(EpochRecord& record) {
  const double value = parts_.validation.monitored(record);
  record.best = std::isfinite(value) &&
                (!progress_.best || parts_.validation.improves(value, *progress_.best,
                                                               parts_.config.train.early_stopping.min_delta));
  if (record.best) {
    progress_.best = value;
    progress_.best_step = progress_.step;
  }
  progress_.epochs_since_best = record.best ? 0 : progress_.epochs_since_best + 1;
}

/// Whether a signal has reached any rank: they have to stop at the same place.
bool Trainer::stop_requested() {
  if (stop_signal_ == 0)
    stop_signal_ = parts_.ranks ? agree_on_signal(*parts_.ranks, signals_.received()) : signals_.received();
  return stop_signal_ != 0;
}

void Trainer::share_state() {
  if (parts_.ranks) broadcast_state(*parts_.ranks, parts_.program, progress_);
  const bool resumed = progress_.step > 0;
  if (resumed) divide_states(parts_.program, std::exchange(resumed_states_, {}));
}

/// All ranks call it. Returns the path of the checkpoint; "" on ranks that write none.
std::string Trainer::save() {
  const WholeStates states = collect_states(parts_.program);
  if (!leads()) return "";
  if (parts_.stream.tuner) parts_.stream.tuner->save(directory_->tuner());
  TrainingProgress progress = progress_;
  progress.seconds = seconds();
  progress.epoch_seconds += seconds_between(epoch_start_, Clock::now());
  Checkpoint checkpoint;
  capture_variables(parts_.program, states, checkpoint);
  checkpoint.progress = to_checkpoint(progress, static_cast<std::uint64_t>(parts_.config.seed));
  checkpoint.config = write_component(parts_.config).to_yaml();
  checkpoint.texts[kSchemaText] = schema_to_json(parts_.model.pipeline().source());
  checkpoint.texts[kBaseDirectoryText] = parts_.source.base_directory();
  last_save_ = Clock::now();
  return checkpoints(*directory_).save(checkpoint);
}

std::optional<Trainer::Resumed> Trainer::resume(const RunDirectory& directory) {
  Resumed resumed;
  const auto found =
      checkpoints(directory).newest([&](const std::string& warning) { resumed.warnings.push_back(warning); });
  if (!found) return std::nullopt;
  const Progress& saved = found->checkpoint.progress;
  require_user(saved.seed == static_cast<std::uint64_t>(parts_.config.seed), found->path,
               ": the run was trained with seed ", saved.seed, ", the configuration has seed ",
               parts_.config.seed, "; a run resumes with its own");
  resumed_states_ = restore_variables(parts_.program, found->checkpoint, found->path);
  progress_ = from_checkpoint(saved, found->path);
  resumed.from = found->path;
  return resumed;
}

/// Saves the state before the step that failed. `result` is that of the last of its `batches`, whose loss is
/// its own; the gradient is that of all.
void Trainer::stop_not_finite(std::span<const Enqueued> batches, const TrainingProgram::Result& result) {
  if (!std::isfinite(result.loss)) batches = batches.last(1);
  Explanation own;
  for (const Enqueued& batch : batches) {
    feed_.seek(batch.where);  // it may have given way to later ones
    own = explain_not_finite(*feed_.next(), result);
    const bool found = own.order != kUnknown;
    if (parts_.ranks ? any_of_all(*parts_.ranks, found, kNotFinite) : found) break;
  }
  const std::string what = parts_.ranks ? first_of_all(*parts_.ranks, own.order, own.what) : own.what;
  parts_.program.undo_step();
  progress_ = before_step_;
  const std::string message =
      text("step ", progress_.step + 1, ": ", what, "\n  The state before this step is kept: ", save());
  if (parts_.ranks) throw SharedFailure(message, SharedFailure::Kind::mistake);
  throw UserError(message);
}

std::optional<Loss::BadTarget> Trainer::find_bad_target(const Batch& batch) const {
  const Schema& schema = parts_.model.pipeline().batch();
  if (schema.targets.empty()) return std::nullopt;
  return parts_.config.loss->find_bad_target(batch.tensors[schema.inputs.size()],
                                             parts_.program.output("output").type);
}

Trainer::Explanation Trainer::explain_not_finite(const Batch& batch, const TrainingProgram::Result& result) {
  constexpr std::size_t kListed = 8;
  const Dataset& dataset = *training_set(parts_.source);
  const std::optional<Loss::BadTarget> bad = find_bad_target(batch);
  // Ranks look for the value together, also those that know better.
  std::optional<NonFinite> first;
  if (!bad || parts_.ranks) first = parts_.program.find_non_finite(batch.tensors, batch.samples);
  if (bad) {
    return {.order = -1,
            .what = text(dataset.describe(batch.indices[static_cast<std::size_t>(bad->sample)]), " has ",
                         bad->what)};
  }
  std::vector<std::int64_t> concerned;  // indices of samples
  if (first) {
    for (const std::int64_t row : first->samples)
      concerned.push_back(batch.indices[static_cast<std::size_t>(row)]);
  }
  if (concerned.empty()) concerned = batch.indices;
  std::string samples;
  for (std::size_t i = 0; i < std::min(concerned.size(), kListed); ++i) {
    samples += (i ? ", " : "") + dataset.describe(concerned[i]);
  }
  if (concerned.size() > kListed) samples += text(", ... (", concerned.size(), " samples)");
  return {
      .order = first ? first->node : kUnknown,
      .what = text("the ", std::isfinite(result.loss) ? "gradient" : "loss", " is not finite. ",
                   first ? text("The first value that is not finite comes from ", first->source, ".") : "",
                   "\n  samples: ", samples,
                   "\n  Try a lower learning rate, clip_norm, or look at these samples.")};
}

}  // namespace slipway
