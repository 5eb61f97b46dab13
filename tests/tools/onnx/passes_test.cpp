#include "tools/onnx/passes.h"

#include <gmock/gmock.h>

#include <cmath>

#include "layers/ops/conv2d.h"
#include "tests/tools/onnx/support.h"
#include "tools/onnx/model_file.h"

namespace slipway::test {
namespace {

constexpr std::int64_t kFeatures = 4;
constexpr float kEpsilon = 0.01F;

Tensor positive(const Tensor& tensor) {
  for (float& value : tensor.as<float>()) value = std::abs(value) + 0.1F;
  return tensor;
}

/// FIRST -> BatchNormalization, with `first` and its initializers given.
OnnxGraph normalized(OnnxNode first, std::map<std::string, Tensor> initializers, const Shape& input,
                     const Shape& output) {
  const auto dimensions = [](const Shape& shape) {
    return std::vector<OnnxValueInfo::Dimension>(shape.begin(), shape.end());
  };
  initializers["scale"] = random_tensor({kFeatures}, 11);
  initializers["shift"] = random_tensor({kFeatures}, 12);
  initializers["mean"] = random_tensor({kFeatures}, 13);
  initializers["variance"] = positive(random_tensor({kFeatures}, 14));
  OnnxNode norm{.op_type = "BatchNormalization",
                .name = "norm",
                .inputs = {first.outputs[0], "scale", "shift", "mean", "variance"},
                .outputs = {"y"},
                .attributes = {{"epsilon", kEpsilon}}};
  return {.nodes = {std::move(first), std::move(norm)},
          .initializers = std::move(initializers),
          .inputs = {{.name = "x", .dtype = DType::float32, .shape = dimensions(input)}},
          .outputs = {{.name = "y", .dtype = DType::float32, .shape = dimensions(output)}}};
}

/// Batch normalisation by its formula; features on axis 1.
Tensor normalize(const Tensor& x, const OnnxGraph& graph) {
  const Tensor result = x.clone();
  const auto inner = static_cast<std::size_t>(x.shape().elements(2, x.shape().rank()));
  const auto parameter = [&](const char* name, std::size_t i) {
    return static_cast<double>(graph.initializers.at(name).as<float>()[i]);
  };
  for (std::size_t i = 0; i < result.as<float>().size(); ++i) {
    const std::size_t f = i / inner % kFeatures;
    float& value = result.as<float>()[i];
    value = static_cast<float>((value - parameter("mean", f)) /
                                   std::sqrt(parameter("variance", f) + kEpsilon) * parameter("scale", f) +
                               parameter("shift", f));
  }
  return result;
}

void expect_folded(OnnxGraph graph, const Tensor& x, const Tensor& before_norm, std::size_t nodes = 1) {
  const Tensor expected = normalize(before_norm, graph);
  fold_batch_normalization(graph);
  remove_unused_initializers(graph);
  EXPECT_EQ(graph.nodes.size(), nodes);
  const TemporaryDirectory directory;
  write_onnx_model(graph, {}, directory / "model.onnx");
  expect_agreement(directory, {{"x", x}}, {{"y", expected}});
}

OnnxNode conv(std::vector<std::string> inputs, std::int64_t groups) {
  return {.op_type = "Conv",
          .name = "conv",
          .inputs = std::move(inputs),
          .outputs = {"conv"},
          .attributes = {{"kernel_shape", Dims{3, 2}},
                         {"strides", Dims{1, 1}},
                         {"dilations", Dims{1, 1}},
                         {"pads", Dims{0, 0, 0, 0}},
                         {"group", groups}}};
}

TEST(FoldBatchNormalization, IntoConvolutionWithBias) {
  const Tensor x = random_tensor({2, 3, 5, 4}), weight = random_tensor({kFeatures, 3, 3, 2}, 2);
  const Tensor bias = random_tensor({kFeatures}, 3);
  Conv2dOptions options;
  options.bias = true;
  const Tensor y = run_op(Conv2d(options), {x, weight, bias});
  expect_folded(normalized(conv({"x", "weight", "bias"}, 1), {{"weight", weight}, {"bias", bias}}, x.shape(),
                           y.shape()),
                x, y);
}

TEST(FoldBatchNormalization, IntoGroupedConvolutionWithoutBias) {
  const Tensor x = random_tensor({2, 6, 5, 4}), weight = random_tensor({kFeatures, 3, 3, 2}, 2);
  Conv2dOptions options;
  options.groups = 2;
  const Tensor y = run_op(Conv2d(options), {x, weight});
  expect_folded(normalized(conv({"x", "weight"}, 2), {{"weight", weight}}, x.shape(), y.shape()), x, y);
}

TEST(FoldBatchNormalization, IntoGemmEitherWayRound) {
  const Tensor x = random_tensor({3, 5}), weight = random_tensor({kFeatures, 5}, 2);
  const Tensor bias = random_tensor({kFeatures}, 3), transposed(DType::float32, {5, kFeatures});
  copy_elements(weight.view().transposed({1, 0}), transposed);
  const Tensor y(DType::float32, {3, kFeatures});
  for (std::int64_t n = 0; n < 3; ++n) {
    for (std::int64_t f = 0; f < kFeatures; ++f) {
      double sum = bias.at({f});
      for (std::int64_t k = 0; k < 5; ++k) sum += x.at({n, k}) * weight.at({f, k});
      y.as<float>()[static_cast<std::size_t>(n * kFeatures + f)] = static_cast<float>(sum);
    }
  }
  for (const bool rows : {true, false}) {
    const OnnxNode gemm{.op_type = "Gemm",
                        .name = "fc",
                        .inputs = {"x", "weight", "bias"},
                        .outputs = {"fc"},
                        .attributes = {{"transB", rows ? 1 : 0}}};
    expect_folded(
        normalized(gemm, {{"weight", rows ? weight : transposed}, {"bias", bias}}, x.shape(), y.shape()), x,
        y);
  }
}

TEST(FoldBatchNormalization, LeavesValuesThatOthersRead) {
  const Tensor x = random_tensor({2, 3, 5, 4}), weight = random_tensor({kFeatures, 3, 3, 2}, 2);
  const Tensor y = run_op(Conv2d(Conv2dOptions()), {x, weight});
  OnnxGraph graph = normalized(conv({"x", "weight"}, 1), {{"weight", weight}}, x.shape(), y.shape());
  graph.outputs.push_back({.name = "conv", .dtype = DType::float32, .shape = graph.outputs[0].shape});
  expect_folded(std::move(graph), x, y, 2);
}

TEST(FoldBatchNormalization, LeavesWeightsThatOthersRead) {
  const Tensor x = random_tensor({2, kFeatures, 5, 4}),
               weight = random_tensor({kFeatures, kFeatures, 3, 2}, 2);
  const Tensor y = run_op(Conv2d(Conv2dOptions()), {x, weight});
  OnnxGraph graph = normalized(conv({"x", "weight"}, 1), {{"weight", weight}}, x.shape(), y.shape());
  OnnxNode other = conv({"x", "weight"}, 1);
  other.name = other.outputs[0] = "other";
  graph.nodes.push_back(other);
  graph.outputs.push_back({.name = "other", .dtype = DType::float32, .shape = graph.outputs[0].shape});
  const Tensor expected = normalize(y, graph);
  fold_batch_normalization(graph);
  EXPECT_EQ(graph.nodes.size(), 2U);
  remove_unused_initializers(graph);
  const TemporaryDirectory directory;
  write_onnx_model(graph, {}, directory / "model.onnx");
  expect_agreement(directory, {{"x", x}}, {{"y", expected}, {"other", y}});
}

TEST(FoldTransposes, TransposesInitializers) {
  OnnxGraph graph{.nodes = {{.op_type = "Transpose",
                             .name = "t",
                             .inputs = {"weight"},
                             .outputs = {"t"},
                             .attributes = {{"perm", Dims{1, 0}}}},
                            {.op_type = "MatMul", .name = "y", .inputs = {"x", "t"}, .outputs = {"y"}}},
                  .initializers = {{"weight", Tensor::of<float>({2, 3}, {1, 2, 3, 4, 5, 6})}},
                  .inputs = {{.name = "x", .dtype = DType::float32, .shape = {1, 3}}},
                  .outputs = {{.name = "y", .dtype = DType::float32, .shape = {1, 2}}}};
  fold_transposes(graph);
  remove_unused_initializers(graph);
  EXPECT_EQ(graph.nodes.size(), 1U);
  EXPECT_EQ(graph.initializers.size(), 1U);
  const TemporaryDirectory directory;
  write_onnx_model(graph, {}, directory / "model.onnx");
  expect_agreement(directory, {{"x", Tensor::of<float>({1, 3}, {1, 10, 100})}},
                   {{"y", Tensor::of<float>({1, 2}, {321, 654})}});
}

}  // namespace
}  // namespace slipway::test
