#include <gtest/gtest.h>

#include <fstream>

#include "core/graph/gradient_check.h"
#include "core/runtime/step_state.h"
#include "layers/ops/structural.h"
#include "tests/support/layer_models.h"
#include "tests/support/op_case.h"
#include "tests/support/paths.h"
#include "tests/support/projection.h"

namespace slipway::test {
namespace {

ConfigNode config(const std::string& name) {
  return ConfigNode::load(source_path("configs/" + name + ".yaml"));
}

std::int64_t parameter_count(const ConfigNode& node, const Shape& input) {
  return LayerGraph(parse_layers(node), {DType::float32, input}).parameter_count();
}

/// Lines of a file from `first` to before `last` that are not blank.
int lines_between(const std::string& path, const std::string& first, const std::string& last) {
  std::ifstream file(path);
  int count = -1;
  for (std::string line; std::getline(file, line) && line != last;) {
    if (line == first) count = 0;
    if (count >= 0 && !line.empty()) ++count;
  }
  return count;
}

// sum(p.numel() for p in model.parameters()) of the same models in PyTorch.
TEST(Models, HaveAsManyParametersAsInPyTorch) {
  EXPECT_EQ(parameter_count(config("mnist_cnn"), {2, 1, 28, 28}), 1199882);
  EXPECT_EQ(parameter_count(config("cifar10_resnet18"), {2, 3, 32, 32}), 11173962);
  EXPECT_EQ(parameter_count(config("iris_mlp"), {2, 4}), 1315);
  EXPECT_EQ(parameter_count(config("breast_cancer_mlp"), {2, 30}), 2114);
  const ConfigNode mlp = ConfigNode::parse("[linear: 256, relu, linear: 256, relu, linear: 10]", "mlp.yaml");
  EXPECT_EQ(parameter_count(mlp, {2, 64}), 85002);
}

TEST(Models, ResNetTakesFewLines) {
  const int lines =
      lines_between(source_path("configs/cifar10_resnet18.yaml"), "blocks:", "loss: cross_entropy");
  EXPECT_GT(lines, 10);
  EXPECT_LT(lines, 40);
}

/// Checks the gradients of a model in training, dropout and batch statistics included.
void check_model(const ConfigNode& node, const Shape& shape) {
  LayerGraph model(parse_layers(node), {DType::float64, shape}, Mode::training, DType::float64);
  const Value loss = model.graph.add(Projection(), {model.output});
  Variables variables;
  variables.allocate(model.graph);
  StepState::set_step(variables, 3);
  const GradientCheckModel check{
      .graph = model.graph,
      .loss = loss,
      .variables = variables,
      .inputs = {{"input", make_input({.name = "model", .op = nullptr, .inputs = {{.shape = shape}}}, 0,
                                      DType::float64)}}};
  std::vector<Value> wrt = model.trainable();
  wrt.push_back(model.input);
  for (const GradientError& error : check_gradients(check, wrt, structural_ops(), {.elements = 4})) {
    EXPECT_LE(error.worst, 1e-5) << error.name << "[" << error.element << "]: analytic " << error.analytic
                                 << ", numeric " << error.numeric;
    EXPECT_GT(error.checked, 0) << error.name;
  }
}

TEST(ModelGradients, OfTheMnistNetwork) {
  check_model(config("mnist_cnn").with("model.0.conv2d.filters", "3").with("model.2.conv2d.filters", "5"),
              {2, 1, 10, 10});
}

TEST(ModelGradients, OfResNet) {
  ConfigNode small = config("cifar10_resnet18")
                         .with("model.0.conv2d.filters", "3")
                         .with("model.3.repeat.layers.0.basic", "3");
  for (const auto& [path, filters] : {std::pair{"model.4.down", "4"},
                                      {"model.5.basic", "4"},
                                      {"model.6.down", "5"},
                                      {"model.7.basic", "5"},
                                      {"model.8.down", "6"},
                                      {"model.9.basic", "6"}})
    small = small.with(path, filters);
  check_model(small, {3, 3, 16, 16});
}

TEST(ModelGradients, OfThePerceptrons) {
  check_model(config("iris_mlp"), {5, 4});
  check_model(config("breast_cancer_mlp"), {5, 30});
}

}  // namespace
}  // namespace slipway::test
