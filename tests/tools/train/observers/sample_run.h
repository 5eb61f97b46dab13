#pragma once

#include <cmath>
#include <string>

#include "tools/train/observer.h"

namespace slipway::test {

/// A classifier of three classes with ten steps an epoch of eight samples each.
inline RunInfo sample_run(const std::string& directory, std::int64_t epochs) {
  RunInfo info;
  info.name = "digits";
  info.directory = directory;
  info.config_yaml = "seed: 1\nmodel:\n  - linear: 3  # <three> & \"classes\"\n";
  info.device = "cpu, 2 threads";
  info.model.input = ValueType(DType::uint8, {8, 1, 4, 5});
  info.model.layers = {{.name = "flatten_1", .operations = "flatten", .output = {8, 20}},
                       {.name = "linear_1",
                        .operations = "linear, bias",
                        .output = {8, 3},
                        .parameters = 1063,
                        .frozen = 4,
                        .flops = 960,
                        .activation_bytes = 96}};
  info.model.total = {.name = "total",
                      .operations = "",
                      .output = {8, 3},
                      .parameters = 1063,
                      .frozen = 4,
                      .flops = 960,
                      .activation_bytes = 96};
  info.training_samples = 80;
  info.validation_samples = 20;
  info.epochs = epochs;
  info.steps_per_epoch = 10;
  info.total_steps = 10 * epochs;
  info.class_names = {"cat", "d<o>g", "hen"};
  info.monitor = "accuracy";
  return info;
}

/// Step `step` of that run, counted from 1.
inline StepRecord sample_step(std::int64_t step) {
  const std::int64_t in_epoch = (step - 1) % 10 + 1;
  return {.step = step,
          .epoch = (step - 1) / 10,
          .step_in_epoch = in_epoch,
          .samples = in_epoch * 8,
          .loss = 2 * std::exp(-0.05 * static_cast<double>(step)),
          .learning_rate = 0.1 / static_cast<double>(step),
          .gradient_norm = 1.0 / 3,
          .samples_per_second = 1000};
}

inline EpochRecord sample_epoch(std::int64_t epoch) {
  EpochRecord record;
  record.epoch = epoch;
  record.step = 10 * (epoch + 1);
  record.seconds = 75.4;
  record.samples_per_second = 1234.5;
  record.learning_rate = 0.05;
  record.train_loss = 1.0 / static_cast<double>(epoch + 1);
  record.validated = true;
  record.metrics = {{"loss", 0.5 / static_cast<double>(epoch + 1)},
                    {"accuracy", 0.9 + 0.01 * static_cast<double>(epoch)}};
  record.confusion = {{5, 1, 0}, {0, 7, 0}, {2, 0, 5}};
  record.best = epoch == 0;
  return record;
}

/// Shows an observer the steps after `from` up to `to`, and the ends of their epochs.
inline void play(Observer& observer, std::int64_t from, std::int64_t to) {
  for (std::int64_t step = from + 1; step <= to; ++step) {
    observer.on_step(sample_step(step));
    if (step % 10 == 0) observer.on_epoch_end(sample_epoch(step / 10 - 1));
  }
}

}  // namespace slipway::test
