#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/component.h"
#include "core/tensor/tensor.h"

namespace slipway {

/// One column of a table.
struct Column {
  enum class Kind {
    numeric,
    categorical,  // holds the index of one of `labels`
    indicator,    // 0 or 1, from one_hot
  };
  std::string name;
  Kind kind = Kind::numeric;
  std::vector<std::string> labels = {};
  friend bool operator==(const Column&, const Column&) = default;
};

/// One named part of a sample: what a model reads, or what it is to predict.
struct Feature {
  enum class Kind {
    tensor,  // numbers without further meaning
    image,   // [channels, height, width]
    table,   // [columns], missing values are NaN
    label,   // int64 scalar: the index of one of `labels`
  };
  std::string name;
  Kind kind = Kind::tensor;
  DType dtype = DType::float32;
  Shape shape;  // of one sample; -1: differs from sample to sample until a resize or crop
  std::vector<std::string> labels = {};  // class names of a label
  std::vector<Column> columns = {};      // of a table, or the names of a numeric target

  /// True if every sample has the same shape.
  bool is_fixed() const;
  friend bool operator==(const Feature&, const Feature&) = default;
};
/// image uint8[3, -1, -1], label int64[] of 10 classes (0, 1, ...)
std::ostream& operator<<(std::ostream& out, const Feature& feature);

struct Schema {
  std::vector<Feature> inputs;
  std::vector<Feature> targets;       // none that is an input as well
  std::string reconstructed = "";     // the input that the model is to give back, as its first layer sees it
  std::vector<Feature> regions = {};  // of a batch: what its graph is to take of inputs, see Pipeline

  std::size_t target_count() const { return targets.size() + (reconstructed.empty() ? 0 : 1); }
  /// What the model is to predict: the first target, or the input to reconstruct.
  const Feature& target() const;
  std::size_t size() const { return inputs.size() + targets.size() + regions.size(); }
  /// Inputs, then targets: the order of a sample's tensors. In a batch, regions follow.
  const Feature& operator[](std::size_t i) const {
    if (i < inputs.size()) return inputs[i];
    i -= inputs.size();
    return i < targets.size() ? targets[i] : regions[i - targets.size()];
  }
};

/// One tensor a feature, inputs first.
using Sample = std::vector<Tensor>;

/// Makes `tensor` of this type, keeping its memory if it is of that type already.
void ensure_type(Tensor& tensor, DType dtype, const Shape& shape);

/// A source of samples, chosen by name in the configuration.
class Dataset : public Component {
 public:
  static constexpr const char* kKind = "dataset";

  /// What schema() will be but for names of classes, from the configuration and the headers of files, which
  /// open reads anew; none if samples had to be read.
  virtual std::optional<Schema> peek(const std::string& base_directory) const {
    static_cast<void>(base_directory);
    return std::nullopt;
  }
  /// Finds and checks the files; relative paths start at `base_directory`. Called once, before all below.
  /// Missing or malformed files are UserErrors that name the file and line or byte.
  virtual void open(const std::string& base_directory) = 0;
  /// Like open, for data that a model trained on `training` is to see: classes, categories and columns take
  /// its order whatever the files hold; targets may be missing. A sample that differs is a UserError.
  void open_like(const std::string& base_directory, const Schema& training);
  /// A dataset with these settings that reads inputs to predict from, and no targets, from `path`; it is to
  /// be opened with open_like. Null if what such a dataset reads is not one file.
  virtual std::shared_ptr<Dataset> inputs_from(const std::string& path) const;
  virtual Schema schema() const = 0;
  virtual std::int64_t size() const = 0;
  /// Reads sample `index` into `sample`, whose tensors keep their memory if they are of the right type (so a
  /// batch can be filled in place). Safe to call from several threads.
  virtual void read(std::int64_t index, Sample& sample) const = 0;
  /// The class of a sample: its first target, which must be a label.
  virtual std::int64_t label(std::int64_t index) const;
  /// How messages and reports call a sample: "sample 17", "cat/0017.jpg".
  virtual std::string describe(std::int64_t index) const;

 protected:
  /// What open_like demands, for open() to follow; null if nothing.
  const Schema* expected() const { return expected_ ? &*expected_ : nullptr; }

 private:
  std::optional<Schema> expected_;
};

/// Some samples of another dataset, in the given order.
class SubsetDataset : public Dataset {
 public:
  SubsetDataset(std::shared_ptr<const Dataset> whole, std::vector<std::int64_t> indices);

  void fields(FieldVisitor&) override {}
  void open(const std::string&) override {}
  Schema schema() const override { return whole_->schema(); }
  std::int64_t size() const override { return static_cast<std::int64_t>(indices_.size()); }
  void read(std::int64_t index, Sample& sample) const override { whole_->read(of_whole(index), sample); }
  std::int64_t label(std::int64_t index) const override { return whole_->label(of_whole(index)); }
  std::string describe(std::int64_t index) const override { return whole_->describe(of_whole(index)); }
  /// The index in the whole dataset.
  std::int64_t of_whole(std::int64_t index) const;

 private:
  std::shared_ptr<const Dataset> whole_;
  std::vector<std::int64_t> indices_;
};

}  // namespace slipway
