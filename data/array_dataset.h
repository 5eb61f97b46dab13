#pragma once

#include <string>
#include <utility>
#include <vector>

#include "data/dataset.h"

namespace slipway {

/// A dataset held in memory: one array [samples, ...] a feature.
class ArrayDataset : public Dataset {
 public:
  ArrayDataset() = default;
  ArrayDataset(Schema schema, std::vector<Tensor> arrays) { set(std::move(schema), std::move(arrays)); }

  void fields(FieldVisitor&) override {}
  void open(const std::string&) override {}
  Schema schema() const override { return schema_; }
  std::int64_t size() const override { return size_; }
  void read(std::int64_t index, Sample& sample) const override;
  std::int64_t label(std::int64_t index) const override;

 protected:
  /// For open(): arrays of the schema's dtypes and shapes; a label outside its classes is a UserError.
  void set(Schema schema, std::vector<Tensor> arrays);

 private:
  struct Array {
    Tensor values;
    DType dtype;
    Shape shape;  // of one sample
    const std::byte* data;
    std::size_t sample_bytes;
  };

  Schema schema_;
  std::vector<Array> arrays_;
  std::int64_t size_ = 0;
};

/// The names "0", "1", ... of `count` classes.
std::vector<std::string> numbered_labels(std::int64_t count);

}  // namespace slipway
