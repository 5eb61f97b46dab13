#include "layers/ops/reshape.h"

#include "tests/support/op_case.h"

namespace slipway::test {
namespace {

OpPtr reshape(const Dims& shape) { return std::make_shared<Reshape>(shape); }

OP_CASES(Reshape, {{.name = "flatten", .op = reshape({2, -1}), .inputs = {{.shape = {2, 17, 3, 5}}}},
                   {.name = "split", .op = reshape({-1, 31, 1}), .inputs = {{.shape = {62}}}},
                   {.name = "scalar", .op = reshape({}), .inputs = {{.shape = {1, 1}}}},
                   {.name = "empty", .op = reshape({0, 5}), .inputs = {{.shape = {5, 0}}}},
                   {.name = "empty_inferred", .op = reshape({-1, 5}), .inputs = {{.shape = {5, 0}}}}});

TEST(Reshape, RefusesAnotherNumberOfElements) {
  const Tensor six = Tensor::zeros(DType::float32, {2, 3});
  EXPECT_THROW(run_op(Reshape({7}), {six}), Error);
  EXPECT_THROW(run_op(Reshape({4, -1}), {six}), Error);
  EXPECT_THROW(run_op(Reshape({-1, -1}), {six}), Error);
  EXPECT_THROW(run_op(Reshape({0, -1}), {Tensor::zeros(DType::float32, {0})}), Error);
  EXPECT_EQ(run_op(Reshape({-1, 2}), {six}).shape(), (Shape{3, 2}));
}

}  // namespace
}  // namespace slipway::test
