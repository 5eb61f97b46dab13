#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/io/hdf5.h"
#include "data/array_dataset.h"
#include "data/formats/bytes.h"

namespace slipway {
namespace {

/// One array [samples, ...] of the file: in memory, or read sample by sample.
struct Source {
  Tensor memory;  // undefined: on disk
  hdf5::Dataset file;

  void read(std::int64_t index, const TensorView& into) const {
    if (memory.defined()) {
      std::memcpy(into.data, memory.view().data + static_cast<std::size_t>(index) * into.type.bytes(),
                  into.type.bytes());
      return;
    }
    Dims start = Dims::filled(file.shape().rank(), 0);
    start[0] = index;
    file.read_block(start, file.shape().with(0, 1), into);
  }
};

class Hdf5 : public Dataset {
 public:
  std::string path;
  std::vector<std::string> inputs, targets, labels;
  std::int64_t memory_megabytes = 2048;

  void fields(FieldVisitor& visit) override {
    visit.field("path", path, {.help = "HDF5 file", .required = true, .positional = true});
    visit.field("inputs", inputs,
                {.help = "datasets in the file that are inputs: [samples, ...]", .required = true});
    visit.field(
        "targets", targets,
        {.help =
             "datasets to predict; whole numbers [samples] are classes; one that is an input as well is to "
             "be given back as the first layer sees it, as an autoencoder does"});
    visit.field("labels", labels, {.help = "names of the classes; left out: \"0\" to the largest"});
    visit.field(
        "memory_megabytes", memory_megabytes,
        {.help = "inputs that fit are read at once; larger ones are read sample by sample, so that chunks of "
                 "one sample are fastest",
         .min = 0});
  }

  std::optional<Schema> peek(const std::string& base_directory) const override {
    const hdf5::File file = hdf5::File::open(resolve_path(base_directory, path));
    Schema schema;
    for (const std::string& input : inputs)
      schema.inputs.push_back(input_feature(file.dataset(input), input));
    for (const std::string& target : targets) {
      if (is_input(target))
        schema.reconstructed = target;
      else
        schema.targets.push_back(target_feature(file.dataset(target), target));
    }
    return schema;
  }

  void open(const std::string& base_directory) override {
    const std::string name = resolve_path(base_directory, path);
    const hdf5::File file = hdf5::File::open(name);
    std::int64_t budget = memory_megabytes << 20;
    require_user(!inputs.empty(), name, ": no input is named, expected one dataset at least");
    for (const std::string& input : inputs) add_input(file, input, budget);
    for (const std::string& target : targets) {
      if (expected() != nullptr && !file.contains(target)) continue;  // data to predict from need none
      if (is_input(target))
        reconstruct(target);
      else
        add_target(file, target);
    }
  }

  Schema schema() const override { return schema_; }
  std::int64_t size() const override { return size_; }

  void read(std::int64_t index, Sample& sample) const override {
    require(index >= 0 && index < size_, "sample ", index, " of a dataset of ", size_);
    sample.resize(sources_.size());
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      ensure_type(sample[i], schema_[i].dtype, schema_[i].shape);
      sources_[i].read(index, sample[i]);
    }
  }

  std::int64_t label(std::int64_t index) const override {
    const std::size_t first = schema_.inputs.size();
    if (schema_.targets.empty() || schema_.targets[0].kind != Feature::Kind::label)
      return Dataset::label(index);
    require(index >= 0 && index < size_, "sample ", index, " of a dataset of ", size_);
    return sources_[first].memory.as<std::int64_t>()[static_cast<std::size_t>(index)];
  }

 private:
  bool is_input(const std::string& name) const {
    return std::find(inputs.begin(), inputs.end(), name) != inputs.end();
  }

  /// Of a dataset [samples, ...] as it lies in the file.
  static Feature input_feature(const hdf5::Dataset& data, const std::string& name) {
    const Shape shape = sample_shape(data);
    const bool image = shape.rank() == 3 && (shape[0] == 1 || shape[0] == 3) &&
                       (data.dtype() == DType::uint8 || data.dtype() == DType::float32);
    return {.name = name,
            .kind = image ? Feature::Kind::image : Feature::Kind::tensor,
            .dtype = data.dtype(),
            .shape = shape};
  }
  static Feature target_feature(const hdf5::Dataset& data, const std::string& name) {
    Feature feature{.name = name, .dtype = data.dtype(), .shape = sample_shape(data)};
    if (feature.shape.rank() > 0) return feature;
    if (is_floating(data.dtype())) {
      feature.shape = {1};  // one number a sample: [batch, 1], as a regression has it
    } else {
      feature.kind = Feature::Kind::label;
      feature.dtype = DType::int64;
    }
    return feature;
  }
  static Shape sample_shape(const hdf5::Dataset& data) {
    const Shape& shape = data.shape();
    require_user(shape.rank() >= 1 && shape.elements() > 0, data.describe(), ": has shape ", shape,
                 ", expected [samples, ...] with one sample at least");
    return shape.without(0);
  }

  void check_size(const hdf5::Dataset& data) {
    const std::int64_t samples = data.shape()[0];
    if (sources_.empty()) size_ = samples;
    require_user(samples == size_, data.describe(), ": has ", samples, " samples, ", inputs[0], " has ",
                 size_);
  }

  void add_input(const hdf5::File& file, const std::string& name, std::int64_t& budget) {
    hdf5::Dataset data = file.dataset(name);
    schema_.inputs.push_back(input_feature(data, name));
    check_size(data);
    const auto bytes = static_cast<std::int64_t>(ValueType(data.dtype(), data.shape()).bytes());
    Tensor memory;
    if (bytes <= budget) {
      memory = data.read();
      budget -= bytes;
    }
    sources_.push_back({std::move(memory), std::move(data)});
  }

  /// A sample holds the input once.
  void reconstruct(const std::string& name) {
    require_user(schema_.reconstructed.empty(), path, ": '", schema_.reconstructed, "' and '", name,
                 "' are inputs and targets, expected one such dataset at most");
    schema_.reconstructed = name;
  }

  /// Targets are small, so they are kept in memory.
  void add_target(const hdf5::File& file, const std::string& name) {
    hdf5::Dataset data = file.dataset(name);
    Feature feature = target_feature(data, name);
    check_size(data);
    Tensor values = data.read();
    if (feature.kind == Feature::Kind::label) {
      values = values.cast(DType::int64);
      feature.labels = classes(values.as<std::int64_t>(), data.describe());
    }
    values = values.reshaped(feature.shape.inserted(0, size_));
    schema_.targets.push_back(std::move(feature));
    sources_.push_back({std::move(values), std::move(data)});
  }

  std::vector<std::string> classes(std::span<const std::int64_t> values, const std::string& name) const {
    constexpr std::int64_t kMost = 1 << 20;  // more are a mistake, not classes
    const std::int64_t largest = *std::max_element(values.begin(), values.end());
    std::vector<std::string> names = labels;
    if (names.empty() && expected() != nullptr) names = expected()->targets.at(0).labels;
    if (names.empty()) names = numbered_labels(std::clamp<std::int64_t>(largest, 0, kMost) + 1);
    const auto count = static_cast<std::int64_t>(names.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      require_user(values[i] >= 0 && values[i] < count, name, ": class ", values[i], " of sample ", i,
                   ", expected 0 to ", count - 1);
    }
    return names;
  }

  Schema schema_;
  std::vector<Source> sources_;
  std::int64_t size_ = 0;
};

const Register<Dataset, Hdf5> registered("hdf5", "arrays of an HDF5 file, one a feature");

}  // namespace
}  // namespace slipway
