#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "tools/train/model.h"

namespace slipway {

/// What one layer of a model is and costs, for one batch.
struct LayerSummary {
  std::string name;                  // "conv2d_1"
  std::string operations;            // "conv2d, relu"
  Shape output;                      // of its last operation
  std::int64_t parameters = 0;       // trainable
  std::int64_t frozen = 0;           // running means, frozen parameters
  double flops = 0;                  // forward
  std::size_t activation_bytes = 0;  // of everything it computes
};

struct ModelSummary {
  std::string precision;
  ValueType input;
  std::vector<LayerSummary> layers;
  LayerSummary total;
};

/// The layers of a model in order, as they are trained on batches of that size.
ModelSummary summarize(const Model& model, std::int64_t batch_size);

/// A table with a row a layer.
std::ostream& operator<<(std::ostream& out, const ModelSummary& summary);

/// 1234567 as "1,234,567"; 1.5e9 as "1.50 G" with a unit; bytes as "12.3 MiB".
std::string with_commas(std::int64_t value);
std::string with_unit(double value);
std::string bytes_text(std::size_t bytes);

}  // namespace slipway
