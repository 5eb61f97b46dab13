#include "data/dataset.h"

#include <algorithm>
#include <ostream>

namespace slipway {

bool Feature::is_fixed() const {
  return std::all_of(shape.begin(), shape.end(), [](std::int64_t size) { return size >= 0; });
}

const Feature& Schema::target() const {
  if (!targets.empty()) return targets[0];
  const auto found = std::find_if(inputs.begin(), inputs.end(),
                                  [&](const Feature& input) { return input.name == reconstructed; });
  require(found != inputs.end(), "a dataset without targets was asked for one");
  return *found;
}

std::ostream& operator<<(std::ostream& out, const Feature& feature) {
  out << feature.name << ' ' << feature.dtype << feature.shape;
  const auto list = [&](const char* what, const auto& items, auto&& name) {
    if (items.empty()) return;
    constexpr std::size_t kShown = 5;
    out << " of " << items.size() << ' ' << what << " (";
    for (std::size_t i = 0; i < std::min(items.size(), kShown); ++i)
      out << (i > 0 ? ", " : "") << name(items[i]);
    out << (items.size() > kShown ? ", ...)" : ")");
  };
  list("classes", feature.labels, [](const std::string& label) { return label; });
  list("columns", feature.columns, [](const Column& column) { return column.name; });
  return out;
}

void ensure_type(Tensor& tensor, DType dtype, const Shape& shape) {
  const bool fits =
      tensor.defined() && tensor.dtype() == dtype && tensor.shape() == shape && tensor.type().is_row_major();
  if (!fits) tensor = Tensor(dtype, shape);
}

void Dataset::open_like(const std::string& base_directory, const Schema& training) {
  expected_ = training;
  open(base_directory);
  const Schema got = schema();
  const auto check = [](const std::vector<Feature>& wanted, const std::vector<Feature>& found) {
    for (std::size_t i = 0; i < std::max(wanted.size(), found.size()); ++i) {
      require_user(i < wanted.size() && i < found.size() && wanted[i] == found[i],
                   "the data differ from those of training: expected ",
                   i < wanted.size() ? text(wanted[i]) : "nothing more", ", got ",
                   i < found.size() ? text(found[i]) : "nothing more");
    }
  };
  check(training.inputs, got.inputs);
  if (!got.targets.empty()) check(training.targets, got.targets);
}

std::shared_ptr<Dataset> Dataset::inputs_from(const std::string&) const { return nullptr; }

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
