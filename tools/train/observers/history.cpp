#include "tools/train/observers/history.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

namespace slipway {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t kRecordedSteps = 10000;

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

double number(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number() ? found->get<double>() : NAN;
}

std::int64_t integer(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_integer() ? found->get<std::int64_t>() : -1;
}

StepRecord read_step(const Json& object) {
  return {.step = integer(object, "step"),
          .epoch = integer(object, "epoch") - 1,
          .step_in_epoch = integer(object, "step_in_epoch"),
          .samples = integer(object, "samples"),
          .loss = number(object, "loss"),
          .learning_rate = number(object, "learning_rate"),
          .gradient_norm = number(object, "gradient_norm"),
          .samples_per_second = number(object, "samples_per_second")};
}

EpochRecord read_epoch(const Json& object) {
  EpochRecord record;
  record.epoch = integer(object, "epoch") - 1;
  record.step = integer(object, "step");
  record.seconds = number(object, "seconds");
  record.samples_per_second = number(object, "samples_per_second");
  record.learning_rate = number(object, "learning_rate");
  record.train_loss = number(object, "train_loss");
  record.best = object.value("best", Json(false)) == Json(true);
  if (const auto metrics = object.find("validation"); metrics != object.end() && metrics->is_object()) {
    record.validated = true;
    for (const auto& item : metrics->items())
      record.metrics[item.key()] = number(*metrics, item.key().c_str());
  }
  return record;
}

}  // namespace

std::string to_json(const StepRecord& record) {
  return Json{{"kind", "step"},
              {"step", record.step},
              {"epoch", record.epoch + 1},
              {"step_in_epoch", record.step_in_epoch},
              {"samples", record.samples},
              {"loss", number(record.loss)},
              {"learning_rate", number(record.learning_rate)},
              {"gradient_norm", number(record.gradient_norm)},
              {"samples_per_second", number(record.samples_per_second)}}
      .dump();
}

std::string to_json(const EpochRecord& record) {
  Json object{{"kind", "epoch"},
              {"epoch", record.epoch + 1},
              {"step", record.step},
              {"seconds", number(record.seconds)},
              {"samples_per_second", number(record.samples_per_second)},
              {"learning_rate", number(record.learning_rate)},
              {"train_loss", number(record.train_loss)},
              {"best", record.best}};
  if (record.validated) {
    Json& metrics = object["validation"] = Json::object();
    for (const auto& [name, value] : record.metrics) metrics[name] = number(value);
  }
  // Names come from the user and need not be UTF-8.
  return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

RunHistory read_history(const std::string& path, const RunInfo& info) {
  RunHistory history;
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    const Json object = Json::parse(line, nullptr, false);
    if (!object.is_object()) continue;
    const std::string kind = object.contains("kind") && object["kind"].is_string() ? object["kind"] : "";
    if (kind == "step") {
      const StepRecord record = read_step(object);
      if (record.step >= 1 && record.step <= info.start_step) history.steps.push_back(record);
    } else if (kind == "epoch") {
      EpochRecord record = read_epoch(object);
      if (record.epoch >= 0 && record.epoch < info.start_epoch && record.step <= info.start_step)
        history.epochs.push_back(std::move(record));
    }
  }
  return history;
}

std::int64_t steps_between_records(const RunInfo& info) {
  return std::max<std::int64_t>(1, info.total_steps / kRecordedSteps);
}

}  // namespace slipway
