#include "tools/train/training_progress.h"

namespace slipway {
namespace {

template <class Map>
auto value_of(const Map& values, const char* name, const std::string& origin) {
  const auto found = values.find(name);
  require_user(found != values.end(), origin, ": lacks '", name,
               "', expected a checkpoint of `slipway train`");
  return found->second;
}

}  // namespace

Progress to_checkpoint(const TrainingProgress& progress, std::uint64_t seed) {
  return {.step = progress.step,
          .epoch = progress.loader.epoch,
          .next_sample = progress.loader.next_sample,
          .seed = seed,
          .best_metric = progress.best,
          .best_step = progress.best_step,
          .counters = {{"epochs_done", progress.epoch},
                       {"closed_step", progress.closed_step},
                       {"samples", progress.samples},
                       {"epochs_since_best", progress.epochs_since_best}},
          .numbers = {{"loss_sum", progress.loss_sum},
                      {"seconds", progress.seconds},
                      {"epoch_seconds", progress.epoch_seconds}}};
}

TrainingProgress from_checkpoint(const Progress& saved, const std::string& origin) {
  return {.epoch = value_of(saved.counters, "epochs_done", origin),
          .step = saved.step,
          .closed_step = value_of(saved.counters, "closed_step", origin),
          .loader = {.epoch = saved.epoch, .next_sample = saved.next_sample},
          .loss_sum = value_of(saved.numbers, "loss_sum", origin),
          .samples = value_of(saved.counters, "samples", origin),
          .seconds = value_of(saved.numbers, "seconds", origin),
          .epoch_seconds = value_of(saved.numbers, "epoch_seconds", origin),
          .best = saved.best_metric,
          .best_step = saved.best_step,
          .epochs_since_best = value_of(saved.counters, "epochs_since_best", origin)};
}

}  // namespace slipway
