#include "data/array_dataset.h"

#include <cstring>

namespace slipway {

void ArrayDataset::set(Schema schema, std::vector<Tensor> arrays) {
  require(arrays.size() == schema.size() && !arrays.empty(), "a schema of ", schema.size(), " features got ",
          arrays.size(), " arrays");
  size_ = arrays.front().shape().rank() > 0 ? arrays.front().shape()[0] : 0;
  arrays_.clear();
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    const Feature& feature = schema[i];
    const Tensor& values = arrays[i];
    require(values.shape() == feature.shape.inserted(0, size_) && values.dtype() == feature.dtype &&
                values.type().is_row_major(),
            "feature ", feature, " of ", size_, " samples got an array ", values.type());
    if (feature.kind == Feature::Kind::label) {
      const auto classes = static_cast<std::int64_t>(feature.labels.size());
      const auto labels = values.as<std::int64_t>();
      for (std::size_t k = 0; k < labels.size(); ++k) {
        require_user(labels[k] >= 0 && labels[k] < classes, "sample ", k, " has the ", feature.name, ' ',
                     labels[k], ", expected 0 to ", classes - 1);
      }
    }
    arrays_.push_back(
        {.values = values,
         .dtype = feature.dtype,
         .shape = feature.shape,
         .data = values.view().data,
         .sample_bytes = size_of(feature.dtype) * static_cast<std::size_t>(feature.shape.elements())});
  }
  schema_ = std::move(schema);
}

void ArrayDataset::read(std::int64_t index, Sample& sample) const {
  require(index >= 0 && index < size_, "sample ", index, " of a dataset of ", size_);
  sample.resize(arrays_.size());
  for (std::size_t i = 0; i < arrays_.size(); ++i) {
    const Array& array = arrays_[i];
    ensure_type(sample[i], array.dtype, array.shape);
    std::memcpy(sample[i].view().data, array.data + static_cast<std::size_t>(index) * array.sample_bytes,
                array.sample_bytes);
  }
}

std::int64_t ArrayDataset::label(std::int64_t index) const {
  if (schema_.targets.empty() || schema_.targets[0].kind != Feature::Kind::label)
    return Dataset::label(index);
  require(index >= 0 && index < size_, "sample ", index, " of a dataset of ", size_);
  std::int64_t label;
  std::memcpy(&label, arrays_[schema_.inputs.size()].data + static_cast<std::size_t>(index) * sizeof label,
              sizeof label);
  return label;
}

std::vector<std::string> numbered_labels(std::int64_t count) {
  std::vector<std::string> labels;
  for (std::int64_t i = 0; i < count; ++i) labels.push_back(std::to_string(i));
  return labels;
}

}  // namespace slipway
