#include "layers/ops/layer_norm.h"

#include "core/graph/autograd.h"
#include "core/runtime/executor.h"
#include "layers/layer.h"
#include "layers/ops/structural.h"
#include "tests/support/layer_models.h"
#include "tests/support/layer_reference.h"
#include "tests/support/op_case.h"
#include "tests/support/torch.h"

namespace slipway::test {
namespace {

OpCase layer_norm(const char* name, const LayerNorm::Options& options, const Shape& shape) {
  OpCase result{.name = name,
                .op = std::make_shared<LayerNorm>(options),
                .inputs = {{.shape = shape}},
                .auxiliary_outputs = 2};
  const int axis = normalize_axis(options.axis, shape.rank(), "test");
  const Shape width(shape.span().subspan(static_cast<std::size_t>(axis)));
  if (options.scale) result.inputs.push_back({.shape = width, .low = 0.5});
  if (options.shift) result.inputs.push_back({.shape = width});
  return result;
}

OP_CASES(LayerNorm, {layer_norm("rows", {}, {7, 10}), layer_norm("odd", {.epsilon = 0.1}, {3, 5, 33}),
                     layer_norm("several_axes", {.axis = 1}, {4, 3, 5, 2}),
                     layer_norm("two_axes", {.axis = -2}, {2, 3, 4, 5}),
                     layer_norm("scale_only", {.shift = false}, {7, 10}),
                     layer_norm("shift_only", {.scale = false}, {7, 10}),
                     layer_norm("plain", {.scale = false, .shift = false}, {7, 10}),
                     layer_norm("one_element", {.epsilon = 0.1}, {5, 1}),
                     layer_norm("many_rows", {}, {1013, 37}), layer_norm("chunks", {}, {17, 3})});

TEST(LayerNorm, FollowsPyTorch) {
  const hdf5::File reference = torch_reference(
      "for name, shape, axes in (('rows', (33, 17), 1), ('image', (3, 4, 5, 6), 3), ('sequence', (2, 9, 8), "
      "1)):\n"
      "    norm = torch.nn.LayerNorm(shape[-axes:], eps=1e-3)\n"
      "    for p in norm.parameters(): p.data.normal_()\n"
      "    x = (torch.randn(shape) * 3 + 100).requires_grad_(); dy = torch.randn(shape)\n"
      "    (norm(x) * dy).sum().backward()\n"
      "    save_all(name, x=x, dy=dy, y=norm(x), axes=axes, weight=norm.weight, bias=norm.bias, dx=x.grad,\n"
      "             dweight=norm.weight.grad, dbias=norm.bias.grad)\n");
  for (const std::string& name : reference.names()) {
    SCOPED_TRACE(name);
    const hdf5::Group group = reference.group(name);
    const LayerNorm op({.axis = -static_cast<std::int64_t>(group.read("axes").item()), .epsilon = 1e-3});
    Graph graph;
    std::vector<Value> inputs;
    for (const char* input : {"x", "weight", "bias"}) {
      inputs.push_back(graph.input(input, {DType::float64, group.dataset(input).shape()}));
    }
    const Value y = graph.add_all(op, inputs)[0];
    VjpContext context(graph, y.node, {graph.input("dy", graph.type(y)), {}, {}}, {true, true, true});
    const std::vector<Value> gradients = op.vjp(context);
    graph.output("y", y);
    graph.output("dx", gradients[0]);
    graph.output("dweight", gradients[1]);
    graph.output("dbias", gradients[2]);
    Executor executor(graph, Stream{.threads = 2}, Variables());
    std::vector<Tensor> tensors;
    for (const char* input : {"x", "weight", "bias", "dy"}) {
      executor.bind(input, tensors.emplace_back(group.read(input)));
    }
    executor.run();
    for (const char* output : {"y", "dx", "dweight", "dbias"}) {
      const Tensor got(executor.output(output).type);
      copy_elements(executor.output(output), got);
      EXPECT_LE(relative_difference(got, group.read(output)), 1e-11) << output;
    }
  }
}

TEST(LayerNorm, KeepsPrecisionFarFromZero) {
  const Tensor x = Tensor::of<float>({1, 4}, {1000001, 1000002, 1000003, 1000004});
  const Tensor y = run_op(LayerNorm({.epsilon = 1e-12, .scale = false, .shift = false}), {x});
  EXPECT_NEAR(y.at({0, 0}), -1.3416407865, 1e-5);
  EXPECT_NEAR(y.at({0, 3}), 1.3416407865, 1e-5);
}

TEST(LayerNormLayer, MakesParametersThatDoNotDecay) {
  Graph graph;
  const Scope scope(graph, {}, "norm");
  const Slot<Layer> layer("layer_norm");
  layer->build(scope, graph.input("x", {DType::float32, {2, 3, 5}}));
  for (const char* name : {"norm.weight", "norm.bias"}) {
    const Value parameter = graph.find(name);
    ASSERT_TRUE(parameter) << name;
    EXPECT_EQ(graph.type(parameter).shape, (Shape{5}));
    EXPECT_FALSE(graph.node(parameter.node).variable.decay);
    EXPECT_TRUE(graph.node(parameter.node).variable.trainable);
  }
}

TEST(LayerReference, LayerNorm) { expect_follows_pytorch("layer_norm"); }

TEST(LayerNormLayer, NamesMistakes) {
  EXPECT_EQ(layer_error("[layer_norm]", {4}),
            "test.yaml:1:2: layer_norm 'layer_norm_1': axis -1 of shape [4] is the batch, expected one of "
            "its features");
  EXPECT_NE(layer_error("[layer_norm: {axis: 2}]", {4, 3}).find("layer_norm_1"), std::string::npos);
  EXPECT_NE(layer_error("[layer_norm: {epsilon: 0}]", {4, 3}).find("epsilon"), std::string::npos);
}

}  // namespace
}  // namespace slipway::test
