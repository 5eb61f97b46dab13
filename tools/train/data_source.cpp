#include "tools/train/data_source.h"

#include <algorithm>
#include <filesystem>

namespace slipway {
namespace {

std::shared_ptr<const Dataset> opened(const Slot<Dataset>& slot, const std::string& base_directory) {
  if (!slot) return nullptr;
  slot->open(base_directory);
  return std::static_pointer_cast<const Dataset>(std::static_pointer_cast<Dataset>(slot.component));
}

/// Two parts must give the model the same kind of samples.
void expect_same(const Schema& expected, const Dataset& dataset, const SourcePosition& where) {
  const Schema schema = dataset.schema();
  for (std::size_t i = 0; i < std::max(expected.size(), schema.size()); ++i) {
    const bool same = i < expected.size() && i < schema.size() && expected[i].dtype == schema[i].dtype &&
                      expected[i].shape == schema[i].shape && expected[i].labels == schema[i].labels;
    require_user(same, where, ": its samples differ from those of data.train: expected ",
                 i < expected.size() ? text(expected[i]) : "no more", ", got ",
                 i < schema.size() ? text(schema[i]) : "no more");
  }
}

}  // namespace

DataSource::DataSource(RunConfig& config, const std::string& base_directory)
    : base_directory_(
          std::filesystem::absolute(base_directory.empty() ? "." : base_directory).lexically_normal()) {
  DataConfig& data = config.data;
  train_ = opened(data.train, base_directory_);
  validation_ = opened(data.validation, base_directory_);
  test_ = opened(data.test, base_directory_);
  require_user(train_->size() > 0, data.train.where,
               ": the training set is empty, at least one sample is needed");
  if (validation_) expect_same(train_->schema(), *validation_, data.validation.where);
  if (test_) expect_same(train_->schema(), *test_, data.test.where);
  if (data.split.fraction > 0) {
    const Split::Parts parts = data.split(train_);
    train_ = parts.rest;
    validation_ = parts.held_out;
  }
  pipeline_ = std::make_shared<Pipeline>(train_->schema(), data.transforms);
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

}  // namespace slipway
