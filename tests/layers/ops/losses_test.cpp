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

OpCase element_loss(const char* name, const KernelSlot<ElementLossArgs>& kernel, const Shape& shape,
                    std::int64_t weights = 0) {
  const auto both = ElementLoss::Outputs::loss_and_gradient;
  OpCase result{.name = name,
                .op = std::make_shared<ElementLoss>(kernel, both, 0.7),
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
