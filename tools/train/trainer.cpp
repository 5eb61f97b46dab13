#include "tools/train/trainer.h"

#include <cmath>

#include "core/base/nearest.h"
#include "core/runtime/step_state.h"
#include "tools/train/mistakes.h"
#include "tools/train/run_state.h"
#include "tools/train/schema_text.h"

namespace slipway {
namespace {

using Clock = std::chrono::steady_clock;
double seconds_between(Clock::time_point start, Clock::time_point end) {
  return std::chrono::duration<double>(end - start).count();
}

LoaderOptions training_options(const RunConfig& config) {
  return {.batch_size = config.train.batch_size,
          .shuffle = true,
          .drop_last = config.train.drop_last,
          .mode = Mode::training,
          .seed = random_key(static_cast<std::uint64_t>(config.seed), "loader"),
          .workers = static_cast<int>(config.data.workers)};
}

LoaderOptions evaluation_options(const RunConfig& config) {
  return {.batch_size = config.train.evaluation_batch(),
          .mode = Mode::evaluation,
          .workers = static_cast<int>(config.data.workers)};
}

std::shared_ptr<const Dataset> training_set(const DataSource& source) {
  return source.part(DataSource::Part::train);
}

}  // namespace

Trainer::Trainer(const Parts& parts)
    : parts_(parts),
      checkpoints_(parts.directory.checkpoints(), {.last = parts.config.train.checkpoint.keep}),
      loader_(training_set(parts.source), parts.source.pipeline(), training_options(parts.config)) {
  if (const auto& validation = parts_.source.part(DataSource::Part::validation)) {
    validation_loader_ =
        std::make_unique<Loader>(validation, parts_.source.pipeline(), evaluation_options(parts_.config));
    evaluator_ = std::make_unique<Evaluator>(parts_.model, parts_.stream, parts_.program.evaluated());
  }
  choose_monitor();
}

template <class Notify>
void Trainer::notify(Notify&& call) {
  for (const std::unique_ptr<Observer>& observer : parts_.observers) call(*observer);
}

/// The figure that "best" means: as configured, else the first metric's, else the loss.
void Trainer::choose_monitor() {
  const std::string& wanted = parts_.config.train.monitor;
  const std::vector<Evaluator::Figure> figures =
      evaluator_ ? evaluator_->figures() : std::vector<Evaluator::Figure>{{.name = "loss"}};
  monitor_ = figures.size() > 1 ? figures[1] : figures[0];
  if (wanted.empty()) return;
  std::vector<std::string> names;
  for (const Evaluator::Figure& figure : figures) {
    names.push_back(figure.name);
    if (figure.name == wanted) monitor_ = figure;
  }
  require_user(monitor_.name == wanted, parts_.config.train.where,
               ": monitor: ", unknown_name("figure", wanted, names));
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
  const std::int64_t patience = parts_.config.train.early_stopping.patience;
  return progress_.epoch >= parts_.config.train.epochs || progress_.step >= total_steps() ||
         (patience > 0 && progress_.epochs_since_best >= patience);
}

void Trainer::start() {
  session_start_ = epoch_start_ = last_save_ = Clock::now();
  const Dataset& training = *training_set(parts_.source);
  const auto& validation = parts_.source.part(DataSource::Part::validation);
  const Model::Forward forward = parts_.model.forward({.batch_size = parts_.config.train.batch_size});
  const RunInfo info{
      .name = parts_.config.name,
      .directory = parts_.directory.path(),
      .config_yaml = write_component(parts_.config).to_yaml(),
      .device = text(to_string(parts_.stream.device), ", ", parts_.stream.threads, " threads, ",
                     bytes_text(parts_.program.planned_bytes()), " planned for a step"),
      .model = summarize(forward.graph, forward.input, forward.output,
                         trainable_variables(forward.graph, parts_.config.train.freeze)),
      .training_samples = training.size(),
      .validation_samples = validation ? validation->size() : 0,
      .epochs = parts_.config.train.epochs,
      .steps_per_epoch = steps_per_epoch(),
      .total_steps = total_steps(),
      .start_step = progress_.step,
      .start_epoch = progress_.epoch,
      .class_names = parts_.model.pipeline().batch().targets[0].labels,
      .monitor = monitor_.name};
  parts_.directory.write_config(info.config_yaml);
  notify([&](Observer& observer) { observer.on_run_start(info); });
}

RunEnd Trainer::run() {
  start();
  RunEnd end;
  try {
    // A run may have been saved after an epoch's last step and before its validation.
    if (progress_.loader.next_sample >= loader_.samples()) close_epoch();
    while (!finished()) {
      if (train_epoch() == Outcome::interrupted) {
        save();
        end.reason = RunEnd::Reason::interrupted;
        end.message = text("stopped by ", StopSignals::name(signals_.received()), " after step ",
                           progress_.step, "; continue with `slipway train ",
                           parts_.config.where.file ? *parts_.config.where.file : "CONFIG", " --resume`");
        break;
      }
      close_epoch();
    }
    if (end.reason == RunEnd::Reason::finished && progress_.epoch < parts_.config.train.epochs &&
        progress_.step < total_steps()) {
      end.reason = RunEnd::Reason::early_stopping;
      end.message =
          text("no improvement of ", monitor_.name, " for ", progress_.epochs_since_best, " epochs");
    }
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

Trainer::Outcome Trainer::train_epoch() {
  loader_.seek(progress_.loader);
  epoch_start_ = Clock::now();
  rate_.restart(progress_.samples, epoch_start_);
  while (const Batch* batch = loader_.next()) {
    const bool last_of_epoch = loader_.state().next_sample >= loader_.samples();
    train_step(*batch, last_of_epoch);
    if (accumulated_ > 0) continue;
    if (progress_.step >= total_steps() && !last_of_epoch) break;
    if (signals_.received() && !(last_of_epoch && finished())) return Outcome::interrupted;
  }
  return Outcome::epoch_done;
}

void Trainer::train_step(const Batch& batch, bool last_of_epoch) {
  const TrainConfig& train = parts_.config.train;
  const bool update = accumulated_ + 1 == train.accumulate || last_of_epoch;
  const auto phase = update ? TrainingProgram::Phase::update : TrainingProgram::Phase::accumulate;
  const double rate = learning_rate(progress_.step);
  StepState::set_step(parts_.program.variables(), progress_.step);
  StepState::set_learning_rate(parts_.program.variables(), rate);
  const TrainingProgram::Result result = parts_.program.run(batch.tensors, phase);
  if (!result.finite) report_non_finite(batch, phase, result);

  progress_.loss_sum += result.loss * static_cast<double>(batch.size());
  progress_.samples += batch.size();
  progress_.loader = loader_.state();
  if (!update) {
    ++accumulated_;
    return;
  }
  accumulated_ = 0;
  ++progress_.step;
  finish_step(result);
}

void Trainer::finish_step(const TrainingProgram::Result& result) {
  const TrainConfig& train = parts_.config.train;
  const Clock::time_point now = Clock::now();
  const StepRecord record{.step = progress_.step,
                          .epoch = progress_.epoch,
                          .step_in_epoch = progress_.step - progress_.epoch * steps_per_epoch(),
                          .samples = progress_.samples,
                          .loss = result.loss,
                          .learning_rate = learning_rate(progress_.step - 1),
                          .gradient_norm = result.gradient_norm,
                          .samples_per_second = rate_.rate(progress_.samples, now)};
  notify([&](Observer& observer) { observer.on_step(record); });
  const CheckpointConfig& checkpoint = train.checkpoint;
  const bool by_steps = checkpoint.every_steps > 0 && progress_.step % checkpoint.every_steps == 0;
  const bool by_time =
      checkpoint.every_minutes > 0 && seconds_between(last_save_, now) >= 60 * checkpoint.every_minutes;
  if (by_steps || by_time) save();
}

void Trainer::save() {
  TrainingProgress progress = progress_;
  progress.seconds = seconds();
  Checkpoint checkpoint;
  capture_variables(parts_.program, checkpoint);
  checkpoint.progress = to_checkpoint(progress, static_cast<std::uint64_t>(parts_.config.seed));
  checkpoint.config = write_component(parts_.config).to_yaml();
  checkpoint.texts[kSchemaText] = schema_to_json(parts_.model.pipeline().source());
  checkpoint.texts[kBaseDirectoryText] = parts_.source.base_directory();
  checkpoints_.save(checkpoint);
  last_save_ = Clock::now();
}

std::string Trainer::resume() {
  std::string warnings;
  const auto found = checkpoints_.newest([&](const std::string& warning) { warnings += warning + "\n"; });
  require_user(found.has_value(), parts_.directory.path(), ": has no checkpoint to resume from");
  restore_variables(parts_.program, found->checkpoint, found->path);
  progress_ = from_checkpoint(found->checkpoint.progress, found->path);
  return text(warnings, "Resumed from ", found->path, " after step ", progress_.step, ".");
}

void Trainer::report_non_finite(const Batch& batch, TrainingProgram::Phase phase,
                                const TrainingProgram::Result& result) {
  const Dataset& dataset = *training_set(parts_.source);
  std::string samples;
  for (std::size_t i = 0; i < std::min<std::size_t>(batch.indices.size(), 8); ++i) {
    samples += (i ? ", " : "") + dataset.describe(batch.indices[i]);
  }
  if (batch.indices.size() > 8) samples += text(", ... (", batch.indices.size(), " samples)");
  const Schema& schema = parts_.model.pipeline().batch();
  const Tensor& target = batch.tensors[schema.inputs.size()];
  const ValueType output = parts_.program.output("output").type;
  if (const auto bad = parts_.config.loss->find_bad_target(target, output)) {
    throw UserError(text("step ", progress_.step + 1, ": ",
                         dataset.describe(batch.indices[static_cast<std::size_t>(bad->sample)]), " has ",
                         bad->what));
  }
  const std::string node = parts_.program.find_non_finite(batch.tensors, phase);
  throw UserError(
      text("step ", progress_.step + 1, ": the ", std::isfinite(result.loss) ? "gradient" : "loss",
           " is not finite. ", node, "\n  samples: ", samples,
           "\n  No parameter was changed; the last checkpoint is kept. Try a lower learning rate, "
           "clip_norm, or look at these samples."));
}

void Trainer::close_epoch() {
  const Clock::time_point trained = Clock::now();
  const TrainConfig& train = parts_.config.train;
  EpochRecord record{.epoch = progress_.epoch, .step = progress_.step};
  record.seconds = seconds_between(epoch_start_, trained);
  record.train_loss = progress_.samples > 0 ? progress_.loss_sum / static_cast<double>(progress_.samples) : 0;
  record.samples_per_second =
      record.seconds > 0 ? static_cast<double>(progress_.samples) / record.seconds : 0;
  record.learning_rate = learning_rate(std::max<std::int64_t>(0, progress_.step - 1));
  if (evaluator_) validate(record);
  judge(record);
  ++progress_.epoch;
  progress_.loader = {.epoch = progress_.epoch, .next_sample = 0};
  progress_.loss_sum = 0;
  progress_.samples = 0;
  const std::int64_t every = train.checkpoint.every_epochs;
  const bool due = (every > 0 && progress_.epoch % every == 0) || finished();
  if (record.best || due) save();
  notify([&](Observer& observer) { observer.on_epoch_end(record); });
}

void Trainer::validate(EpochRecord& record) {
  const Dataset& dataset = *parts_.source.part(DataSource::Part::validation);
  const Feature& target = parts_.model.pipeline().batch().targets[0];
  constexpr std::size_t kMistakes = 24;
  std::optional<ClassificationReview> review;
  std::int64_t done = 0;
  const Evaluator::Result result =
      evaluator_->run(*validation_loader_, [&](const Batch& batch, const Executor& outputs) {
        const TensorView logits = outputs.output("output");
        if (ClassificationReview::applies(target, logits.shape())) {
          if (!review) review.emplace(logits.shape()[1], kMistakes);
          review->add(batch, batch.tensors[1], logits, dataset);
        }
        done += batch.size();
        notify([&](Observer& observer) { observer.on_validation_progress(done, dataset.size()); });
      });
  record.validated = true;
  for (const Evaluator::Figure& figure : result.figures) record.metrics[figure.name] = figure.value;
  if (review) {
    record.confusion = review->confusion();
    record.mistakes = review->mistakes();
  }
}

void Trainer::judge(EpochRecord& record) {
  const auto found = record.metrics.find(monitor_.name);
  const double value = found != record.metrics.end() ? found->second : record.train_loss;
  const double delta = parts_.config.train.early_stopping.min_delta;
  record.best = !progress_.best || (monitor_.higher_is_better ? value > *progress_.best + delta
                                                              : value < *progress_.best - delta);
  if (record.best) {
    progress_.best = value;
    progress_.best_step = progress_.step;
  }
  progress_.epochs_since_best = record.best ? 0 : progress_.epochs_since_best + 1;
}

}  // namespace slipway
