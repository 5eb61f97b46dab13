#include "layers/ops/cross_entropy.h"
#include "layers/ops/element_loss.h"
#include "layers/ops/scale.h"
#include "tests/support/op_case.h"

namespace slipway::test {
namespace {

OpCase cross_entropy(const char* name, const CrossEntropy::Options& options, const Shape& shape,
                     bool weighted) {
  OpCase result{.name = name,
                .op = std::make_shared<CrossEntropy>(options),
                .inputs = {{.shape = shape},
                           {.shape = shape.without(1),
                            .low = 0,
                            .high = static_cast<double>(shape[1]),
                            .dtype = DType::int64}},
                .gradient_tolerance = shape.elements() > 10000 ? 1e-4 : 1e-6,  // of a mean over many
                .auxiliary_outputs = 1,
                .onnx = false};
  if (weighted) result.inputs.push_back({.shape = {shape[1]}, .low = 0.5, .differentiable = false});
  return result;
}

OP_CASES(CrossEntropy,
         {cross_entropy("rows", {}, {37, 10}, false), cross_entropy("one_row", {}, {1, 3}, false),
          cross_entropy("one_class", {}, {4, 1}, false),
          cross_entropy("smoothed", {.smoothing = 0.25, .ignored_label = 3}, {9, 17}, true),
          cross_entropy("parallel", {.smoothing = 0.1}, {1009, 41}, false),
          cross_entropy("image", {.smoothing = 0.1, .ignored_label = 1}, {2, 3, 5, 7}, true),
          cross_entropy("long", {}, {2, 4, 8201}, true)});

/// With a divisor given, the last input.
OpCase divided_cross_entropy(const char* name, CrossEntropy::Options options, const Shape& shape,
                             bool weighted) {
  options.divisor = CrossEntropy::Divisor::given;
  OpCase result = cross_entropy(name, options, shape, weighted);
  result.inputs.push_back(
      {.shape = {}, .low = 20, .high = 40, .dtype = DType::float64, .differentiable = false});
  return result;
}

OpCase label_weight(const char* name, const Shape& labels, std::int64_t classes, bool weighted) {
  OpCase result{
      .name = name,
      .op = std::make_shared<LabelWeight>(LabelWeight::Options{.classes = classes, .ignored_label = 1}),
      .inputs = {{.shape = labels, .low = 0, .high = static_cast<double>(classes), .dtype = DType::int64}},
      .gradient = false,
      .onnx = false};
  if (weighted) result.inputs.push_back({.shape = {classes}, .low = 0.5, .differentiable = false});
  return result;
}

OP_CASES(DividedCrossEntropy,
         {divided_cross_entropy("rows", {}, {37, 10}, false),
          divided_cross_entropy("weighted", {}, {31, 3}, true),
          divided_cross_entropy("image", {.smoothing = 0.1, .ignored_label = 1}, {2, 3, 5, 7}, true),
          divided_cross_entropy("empty", {}, {0, 3}, true)});

OP_CASES(LabelWeight, {label_weight("labels", {37}, 10, false), label_weight("weighted", {2, 3, 11}, 5, true),
                       label_weight("many", {20011}, 3, true), label_weight("empty", {0}, 3, true)});

OpCase element_loss(const char* name, const KernelSlot<ElementLossArgs>& kernel, const Shape& shape,
                    std::int64_t weights = 0, std::optional<std::int64_t> divisor = {}) {
  OpCase result{
      .name = name,
      .op = std::make_shared<ElementLoss>(kernel, ElementLoss::Options{.parameter = 0.7, .divisor = divisor}),
      .inputs = {{.shape = shape}, {.shape = shape, .low = 0, .high = 1, .differentiable = false}},
      .gradient_tolerance = shape.elements() > 10000 ? 1e-4 : 1e-6,  // of a mean over many
      .auxiliary_outputs = 1,
      .onnx = false};
  if (weights > 0) result.inputs.push_back({.shape = {weights}, .low = 0.5, .differentiable = false});
  return result;
}

OP_CASES(ElementLoss,
         {element_loss("mse", squared_error_kernel, {7, 5}),
          element_loss("mse_one", squared_error_kernel, {1}),
          element_loss("mse_parallel", squared_error_kernel, {70001}),
          element_loss("mae", absolute_error_kernel, {7, 5}), element_loss("huber", huber_kernel, {17, 5}),
          element_loss("bce", binary_cross_entropy_kernel, {7, 5}),
          element_loss("bce_weight", binary_cross_entropy_kernel, {7, 5}, 1),
          element_loss("bce_weights", binary_cross_entropy_kernel, {7, 5}, 5),
          element_loss("mse_of_a_part", squared_error_kernel, {7, 5}, 0, 70),
          element_loss("mse_of_an_empty_part", squared_error_kernel, {0, 5}, 0, 70),
          element_loss("bce_channels", binary_cross_entropy_kernel, {3, 2, 4, 5}, 2)});

OP_CASES(Scale, {{.name = "image",
                  .op = std::make_shared<Scale>(),
                  .inputs = {{.shape = {2, 20, 3, 5}}, {.shape = {}}},
                  .gradient = false,
                  .onnx = false},
                 {.name = "empty",
                  .op = std::make_shared<Scale>(),
                  .inputs = {{.shape = {0, 3}}, {.shape = {1}}},
                  .gradient = false,
                  .onnx = false}});

}  // namespace
}  // namespace slipway::test
