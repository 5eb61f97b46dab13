#include "layers/ops/embedding.h"

#include <cmath>
#include <limits>

#include "core/graph/autograd.h"
#include "core/runtime/executor.h"
#include "layers/layer.h"
#include "tests/support/layer_models.h"
#include "tests/support/layer_reference.h"
#include "tests/support/op_case.h"
#include "tests/support/torch.h"

namespace slipway::test {
namespace {

OpCase embedding(const char* name, const Shape& table, const Shape& ids, DType dtype = DType::int64,
                 std::int64_t padding = Embedding::kNoPadding) {
  return {.name = name,
          .op = std::make_shared<Embedding>(padding),
          .inputs = {{.shape = table},
                     {.shape = ids, .low = 0, .high = static_cast<double>(table[0]), .dtype = dtype}}};
}

OP_CASES(Embedding, {embedding("text", {11, 5}, {3, 7}), embedding("scalar", {4, 3}, {}),
                     embedding("one_row", {1, 3}, {9}), embedding("int32", {11, 5}, {3, 7}, DType::int32),
                     embedding("parallel", {503, 33}, {2003}), embedding("wide", {3, 1001}, {41})});

Tensor gradient(const Embedding& op, const Tensor& table, const Tensor& ids, const Tensor& dy, int threads) {
  Graph graph;
  const Value inputs[] = {graph.input("table", table.type()), graph.input("ids", ids.type())};
  const Value y = graph.add(op, {inputs[0], inputs[1]});
  VjpContext context(graph, y.node, {graph.input("dy", dy.type())}, {true, false});
  graph.output("gradient", op.vjp(context)[0]);
  Executor executor(graph, Stream{.threads = threads}, Variables());
  executor.bind("table", table);
  executor.bind("ids", ids);
  executor.bind("dy", dy);
  executor.run();
  const Tensor result(executor.output("gradient").type);
  copy_elements(executor.output("gradient"), result);
  return result;
}

TEST(Embedding, FollowsPyTorch) {
  const hdf5::File reference = torch_reference(
      "for padding in None, 3:\n"
      "    layer = torch.nn.Embedding(13, 6, padding_idx=padding)\n"
      "    ids = torch.randint(13, (5, 9)); y = layer(ids); dy = torch.randn(5, 9, 6)\n"
      "    y.backward(dy)\n"
      "    save_all(str(padding), table=layer.weight, ids=ids, y=y, dy=dy, dtable=layer.weight.grad,\n"
      "             padding=-1 if padding is None else padding)\n");
  for (const std::string& name : reference.names()) {
    const hdf5::Group group = reference.group(name);
    const Embedding op(static_cast<std::int64_t>(group.read("padding").item()));
    const Tensor table = group.read("table"), ids = group.read("ids"), dy = group.read("dy");
    EXPECT_EQ(relative_difference(run_op(op, {table, ids}), group.read("y")), 0);
    for (const int threads : {1, 3}) {
      EXPECT_LE(relative_difference(gradient(op, table, ids, dy, threads), group.read("dtable")), 1e-14)
          << name;
    }
  }
}

TEST(Embedding, IdOutOfRangeIsNaNAndTouchesNothing) {
  const Tensor table = Tensor::of<float>({2, 1}, {1, 2});
  const auto big = std::numeric_limits<std::int64_t>::max();
  const Tensor ids = Tensor::of<std::int64_t>({5}, {1, -1, 2, big, -big});
  const Tensor y = run_op(Embedding(), {table, ids});
  EXPECT_EQ(y.at({0, 0}), 2);
  for (std::int64_t i = 1; i < 5; ++i) EXPECT_TRUE(std::isnan(y.at({i, 0}))) << i;
  const Tensor d = gradient(Embedding(), table, ids, Tensor::full(DType::float32, {5, 1}, 3), 2);
  EXPECT_EQ(d.at({0, 0}), 0);
  EXPECT_EQ(d.at({1, 0}), 3);
}

TEST(EmbeddingLayer, StartsPaddingAtZero) {
  Slot<Layer> layer;
  ConfigErrors errors;
  read_slot(ConfigNode::parse("embedding: {vocabulary: 5, features: 3, padding: 2}", "test.yaml"), layer,
            errors);
  errors.throw_if_any();
  Graph graph;
  const Value y = layer->build(Scope(graph, {}, "embedding"), graph.input("x", {DType::int64, {4, 7}}));
  EXPECT_EQ(graph.type(y).shape, (Shape{4, 7, 3}));
  Variables variables;
  variables.allocate(graph);
  const Tensor& table = variables["embedding.weight"];
  for (std::int64_t i = 0; i < 5; ++i) {
    for (std::int64_t j = 0; j < 3; ++j) EXPECT_EQ(table.at({i, j}) == 0, i == 2) << i << ' ' << j;
  }
}

TEST(EmbeddingLayer, RefusesPaddingOutOfRange) {
  Slot<Layer> layer;
  ConfigErrors errors;
  read_slot(ConfigNode::parse("embedding: {vocabulary: 5, features: 3, padding: 5}", "test.yaml"), layer,
            errors);
  ASSERT_EQ(errors.messages().size(), 1u);
  EXPECT_EQ(errors.messages()[0], "test.yaml:1:1: embedding: padding is 5, expected 0 to 4");
}

TEST(LayerReference, Embedding) { expect_follows_pytorch("embedding"); }

TEST(EmbeddingLayer, NamesMistakes) {
  EXPECT_EQ(layer_error("[embedding: {vocabulary: 3, features: 2}]", {4}),
            "test.yaml:1:2: embedding 'embedding_1': input is float32[4], expected ids: int32 or int64");
  EXPECT_NE(layer_error("[embedding: {vocabulary: 3}]", {4}).find("features"), std::string::npos);
}

}  // namespace
}  // namespace slipway::test
