#include "tools/train/data_source.h"

#include <filesystem>

namespace slipway {
namespace {

std::shared_ptr<const Dataset> shared(const Slot<Dataset>& slot) {
  return std::static_pointer_cast<const Dataset>(std::static_pointer_cast<Dataset>(slot.component));
}

/// A part that a model trained on `training` is to see; null if the configuration has none.
std::shared_ptr<const Dataset> opened_like(const Slot<Dataset>& slot, const std::string& base_directory,
                                           const Schema& training) {
  if (!slot) return nullptr;
  slot->open_like(base_directory, training);
  return shared(slot);
}

}  // namespace

DataSource::DataSource(RunConfig& config, const std::string& base_directory, const Check& check)
    : base_directory_(
          std::filesystem::absolute(base_directory.empty() ? "." : base_directory).lexically_normal()) {
  DataConfig& data = config.data;
  const std::optional<Schema> peeked = check ? data.train->peek(base_directory_) : std::nullopt;
  if (peeked) check(Pipeline(*peeked, data.transforms));
  data.train->open(base_directory_);
  train_ = shared(data.train);
  require_user(train_->size() > 0, data.train.where,
               ": the training set is empty, at least one sample is needed");
  validation_ = opened_like(data.validation, base_directory_, train_->schema());
  test_ = opened_like(data.test, base_directory_, train_->schema());
  if (data.split.fraction > 0) {
    const Split::Parts parts = data.split(train_);
    train_ = parts.rest;
    validation_ = parts.held_out;
  }
  pipeline_ = std::make_shared<Pipeline>(train_->schema(), data.transforms);
  if (check && !peeked) check(*pipeline_);
}

const std::shared_ptr<const Dataset>& DataSource::part(Part part) const {
  switch (part) {
    case Part::train:
      return train_;
    case Part::validation:
      return validation_;
    case Part::test:
      break;
  }
  return test_ ? test_ : validation_;
}

std::string DataSource::resolve(const std::string& path) const {
  return std::filesystem::path(base_directory_) / path;
}

void DataSource::measure_statistics(int threads, const Pipeline::Progress& progress) {
  if (pipeline_->needs_statistics()) pipeline_->measure(*train_, threads, progress);
}

void DataSource::deliver_to(Device device) {
  if (!device.is_host()) pipeline_->leave_images_to_graph();
}

}  // namespace slipway
