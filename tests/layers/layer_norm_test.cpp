#include "layers/ops/layer_norm.h"

#include <algorithm>

#include "core/base/random.h"
#include "core/graph/autograd.h"
#include "core/graph/passes/passes.h"
#include "core/runtime/executor.h"
#include "layers/layer.h"
#include "layers/ops/binary.h"
#include "layers/ops/reduce.h"
#include "layers/ops/structural.h"
#include "layers/ops/unary.h"
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
  if (options.residual != LayerNorm::Residual::none) {  // made by fusion, behind gradients
    result.inputs.push_back({.shape = shape});
    result.gradient = false;
  }
  if (options.residual == LayerNorm::Residual::added_and_kept) {
    result.auxiliary_outputs = 0;
    result.onnx = false;  // has no mean and rstd
  }
  if (options.scale) result.inputs.push_back({.shape = width, .low = 0.5});
  if (options.shift) result.inputs.push_back({.shape = width});
  return result;
}

OP_CASES(LayerNorm,
         {layer_norm("rows", {}, {7, 10}), layer_norm("odd", {.epsilon = 0.1}, {3, 5, 33}),
          layer_norm("several_axes", {.axis = 1}, {4, 3, 5, 2}),
          layer_norm("two_axes", {.axis = -2}, {2, 3, 4, 5}),
          layer_norm("scale_only", {.shift = false}, {7, 10}),
          layer_norm("shift_only", {.scale = false}, {7, 10}),
          layer_norm("plain", {.scale = false, .shift = false}, {7, 10}),
          layer_norm("one_element", {.epsilon = 0.1}, {5, 1}), layer_norm("many_rows", {}, {1013, 37}),
          layer_norm("chunks", {}, {17, 3}),
          layer_norm("residual", {.residual = LayerNorm::Residual::added}, {3, 5, 33}),
          layer_norm("residual_plain",
                     {.scale = false, .shift = false, .residual = LayerNorm::Residual::added}, {7, 10}),
          layer_norm("residual_kept", {.residual = LayerNorm::Residual::added_and_kept}, {1013, 37}),
          layer_norm("residual_kept_shift", {.scale = false, .residual = LayerNorm::Residual::added_and_kept},
                     {7, 10})});

/// Around a normalisation as a transformer has it: h = x + r; z = h + tanh(LayerNorm(h)).
struct Block {
  Graph graph;
  Value x, residual;
};

Block block() {
  const ValueType type(DType::float64, {7, 33}), width(DType::float64, {33});
  Block built;
  Graph& graph = built.graph;
  built.x = graph.input("x", type);
  built.residual = graph.input("residual", type);
  const Value h = graph.add(Binary(BinaryFunction::add), {built.x, built.residual});
  const Value n =
      graph.add_all(LayerNorm({}), {h, graph.input("scale", width), graph.input("shift", width)})[0];
  graph.output("z", graph.add(Binary(BinaryFunction::add), {h, graph.add(Unary(UnaryFunction::tanh), {n})}));
  return built;
}

std::map<std::string, Tensor> run_block(const Graph& graph) {
  Executor executor(graph, {}, Variables());
  std::vector<Tensor> inputs;
  for (const Node& node : graph.nodes()) {
    if (node.kind != NodeKind::input) continue;
    const Tensor& input = inputs.emplace_back(node.outputs[0]);
    RandomSequence random(Philox{.key = random_key(1, node.name)});
    for (double& value : input.as<double>()) value = random.uniform(-2, 2);
    executor.bind(node.name, input);
  }
  executor.run();
  std::map<std::string, Tensor> results;
  for (const auto& [name, value] : graph.outputs()) results.emplace(name, executor.read(name));
  return results;
}

std::vector<std::string> ops_of(const Graph& graph) {
  std::vector<std::string> names;
  for (const Node& node : graph.nodes()) {
    if (node.op)
      names.push_back(text(node.op->name(), node.op->name() == "layer_norm" ? node.op->attributes() : ""));
  }
  return names;
}

TEST(LayerNorm, AbsorbsTheSumsOnBothSides) {
  Block built = block();
  const Value loss =
      built.graph.add(Reduce::all(ReduceFunction::mean, 2),
                      {built.graph.add(Unary(UnaryFunction::square), {built.graph.outputs().at("z")})});
  const std::vector<Value> gradient =
      gradients(built.graph, loss, std::vector<Value>{built.x}, structural_ops());
  built.graph.output("dx", gradient[0]);
  const Graph lean = eliminate_dead_nodes(built.graph), fused = fuse(lean);
  const std::vector<std::string> before = ops_of(lean), after = ops_of(fused);
  EXPECT_EQ(std::count(before.begin(), before.end(), "add"), 3);
  EXPECT_EQ(std::count(after.begin(), after.end(), "add"), 1);  // z
  EXPECT_EQ(std::count(after.begin(), after.end(), "layer_normaxis=-1 epsilon=1e-05 residual=kept"), 1);
  const auto expected = run_block(lean), actual = run_block(fused);
  ASSERT_EQ(expected.size(), 2u);
  for (const auto& [name, tensor] : expected)
    EXPECT_LE(relative_difference(actual.at(name), tensor), 1e-14) << name;
}

TEST(LayerNorm, DropsASumThatNobodyElseReads) {
  Graph graph;
  const ValueType type(DType::float64, {7, 33}), width(DType::float64, {33});
  const Value h = graph.add(Binary(BinaryFunction::add), {graph.input("x", type), graph.input("r", type)});
  const Value n =
      graph.add_all(LayerNorm({}), {h, graph.input("scale", width), graph.input("shift", width)})[0];
  graph.output("n", n);
  const Graph fused = fuse(graph);
  EXPECT_EQ(ops_of(fused), (std::vector<std::string>{"layer_normaxis=-1 epsilon=1e-05 residual"}));
  EXPECT_LE(relative_difference(run_block(fused).at("n"), run_block(graph).at("n")), 1e-14);
}

TEST(LayerNorm, LeavesASumAloneThatIsReadBefore) {
  Graph graph;
  const ValueType type(DType::float64, {7, 33}), width(DType::float64, {33});
  const Value h = graph.add(Binary(BinaryFunction::add), {graph.input("x", type), graph.input("r", type)});
  graph.output("earlier", graph.add(Unary(UnaryFunction::tanh), {h}));
  const Value n =
      graph.add_all(LayerNorm({}), {h, graph.input("scale", width), graph.input("shift", width)})[0];
  graph.output("n", n);
  EXPECT_EQ(ops_of(fuse(graph)), ops_of(graph));
}

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
