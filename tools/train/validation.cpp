#include "tools/train/validation.h"

#include "core/base/nearest.h"
#include "tools/train/mistakes.h"

namespace slipway {

Validation::Validation(const DataSource& source, const Model& model, const Stream& stream,
                       const Variables& variables, Communicator* ranks)
    : model_(model), ranks_(ranks), dataset_(source.part(DataSource::Part::validation)) {
  const RunConfig& config = model.config();
  if (dataset_) {
    loader_ = std::make_unique<Loader>(dataset_, source.pipeline(),
                                       LoaderOptions{.batch_size = config.train.evaluation_batch(),
                                                     .mode = Mode::evaluation,
                                                     .workers = static_cast<int>(config.data.workers),
                                                     .held = 2,
                                                     .shard = ranks ? ranks->shard() : Shard{}});
    evaluator_ = std::make_unique<Evaluator>(model, stream, variables, ranks);
  }
  choose_monitor();
}

/// As configured, else the first metric's, else the loss.
void Validation::choose_monitor() {
  const TrainConfig& config = model_.config().train;
  const std::vector<Evaluator::Figure> figures =
      evaluator_ ? evaluator_->figures() : std::vector<Evaluator::Figure>{{.name = "loss"}};
  monitor_ = figures.size() > 1 ? figures[1] : figures[0];
  if (config.monitor.empty()) return;
  std::vector<std::string> names;
  for (const Evaluator::Figure& figure : figures) {
    names.push_back(figure.name);
    if (figure.name == config.monitor) monitor_ = figure;
  }
  require_user(monitor_.name == config.monitor, config.where,
               ": monitor: ", unknown_name("figure", config.monitor, names));
}

bool Validation::run(EpochRecord& record, const std::function<bool(std::int64_t done)>& progress) {
  if (!evaluator_) return true;
  constexpr std::size_t kMistakes = 24;
  const Feature& target = model_.pipeline().batch().target();
  std::optional<ClassificationReview> review;
  std::int64_t done = 0;
  loader_->seek({});
  const auto result = evaluator_->run(*loader_, [&](const Batch& batch, const Executor& outputs) {
    const Shape shape = outputs.output("output").shape();
    if (ClassificationReview::applies(target, shape)) {
      if (!review) review.emplace(shape[1], kMistakes);
      review->add(batch, batch.tensors[1], outputs.read("output"), *dataset_);
    }
    return progress(done += batch.samples);
  });
  if (!result) return false;
  record.validated = true;
  for (const Evaluator::Figure& figure : result->figures) record.metrics[figure.name] = figure.value;
  if (review) {
    if (ranks_) review->merge(*ranks_, *dataset_, model_.pipeline().batch().inputs[0]);
    record.confusion = review->confusion();
    record.mistakes = review->mistakes();
    for (Mistake& mistake : record.mistakes) {
      if (mistake.input.defined()) mistake.input = model_.pipeline().finished(0, mistake.input);
    }
  }
  return true;
}

double Validation::monitored(const EpochRecord& record) const {
  const auto found = record.metrics.find(monitor_.name);
  return found != record.metrics.end() ? found->second : record.train_loss;
}

bool Validation::improves(double value, double best, double min_delta) const {
  return monitor_.higher_is_better ? value > best + min_delta : value < best - min_delta;
}

}  // namespace slipway
