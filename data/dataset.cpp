#include "data/dataset.h"

#include <algorithm>
#include <ostream>

namespace slipway {

bool Feature::is_fixed() const {
  return std::all_of(shape.begin(), shape.end(), [](std::int64_t size) { return size >= 0; });
}

std::ostream& operator<<(std::ostream& out, const Feature& feature) {
  return out << feature.name << ' ' << feature.dtype << feature.shape;
}

void ensure_type(Tensor& tensor, DType dtype, const Shape& shape) {
  const bool fits =
      tensor.defined() && tensor.dtype() == dtype && tensor.shape() == shape && tensor.type().is_row_major();
  if (!fits) tensor = Tensor(dtype, shape);
}

std::int64_t Dataset::label(std::int64_t index) const {
  const Schema features = schema();
  require_user(!features.targets.empty() && features.targets[0].kind == Feature::Kind::label,
               "the dataset has no classes: its first target is not a label");
  Sample sample;
  read(index, sample);
  return sample[features.inputs.size()].as<std::int64_t>()[0];
}

std::string Dataset::describe(std::int64_t index) const { return text("sample ", index); }

SubsetDataset::SubsetDataset(std::shared_ptr<const Dataset> whole, std::vector<std::int64_t> indices)
    : whole_(std::move(whole)), indices_(std::move(indices)) {
  const std::int64_t size = whole_->size();
  for (const std::int64_t index : indices_) {
    require(index >= 0 && index < size, "a subset has sample ", index, " of a dataset of ", size);
  }
}

std::int64_t SubsetDataset::of_whole(std::int64_t index) const {
  require(index >= 0 && index < size(), "sample ", index, " of a subset of ", size());
  return indices_[static_cast<std::size_t>(index)];
}

}  // namespace slipway
