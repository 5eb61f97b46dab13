#include "layers/ops/pool2d.h"

#include <cmath>

#include "layers/ops/global_pool.h"
#include "tests/support/op_case.h"

namespace slipway::test {
namespace {

OpPtr max_pool(const Pool2dOptions& options) { return std::make_shared<MaxPool2d>(options); }
OpPtr avg_pool(const AvgPool2d::Options& options) { return std::make_shared<AvgPool2d>(options); }

const Pool2dOptions kHalf{.kernel = {2, 2}, .window = {.stride = {2, 2}}};
const Pool2dOptions kOverlapping{
    .kernel = {3, 3}, .window = {.stride = {2, 2}, .padding_begin = {1, 1}, .padding_end = {1, 1}}};
const Pool2dOptions kLopsided{.kernel = {2, 4},
                              .window = {.stride = {1, 3}, .padding_begin = {0, 2}, .padding_end = {1, 0}}};
const Pool2dOptions kDilated{.kernel = {2, 3}, .window = {.dilation = {2, 2}}};
const Pool2dOptions kLarge{.kernel = {17, 17}, .window = {}};

OP_CASES(
    MaxPool2d,
    {{.name = "half", .op = max_pool(kHalf), .inputs = {{.shape = {2, 3, 8, 7}}}, .auxiliary_outputs = 1},
     {.name = "half_blocked",
      .op = max_pool(kHalf),
      .inputs = {{.shape = {2, 20, 6, 6}}},
      .auxiliary_outputs = 1},
     {.name = "overlapping",
      .op = max_pool(kOverlapping),
      .inputs = {{.shape = {2, 17, 7, 8}}},
      .auxiliary_outputs = 1},
     {.name = "lopsided",
      .op = max_pool(kLopsided),
      .inputs = {{.shape = {1, 5, 5, 9}}},
      .auxiliary_outputs = 1},
     {.name = "dilated",
      .op = max_pool(kDilated),
      .inputs = {{.shape = {1, 2, 6, 8}}},
      .auxiliary_outputs = 1},
     {.name = "large", .op = max_pool(kLarge), .inputs = {{.shape = {1, 2, 18, 19}}}, .auxiliary_outputs = 1},
     {.name = "empty", .op = max_pool(kHalf), .inputs = {{.shape = {0, 3, 4, 4}}}, .auxiliary_outputs = 1}});

OP_CASES(
    AvgPool2d,
    {{.name = "half", .op = avg_pool({kHalf}), .inputs = {{.shape = {2, 3, 8, 7}}}},
     {.name = "half_blocked", .op = avg_pool({kHalf}), .inputs = {{.shape = {2, 20, 6, 6}}}},
     {.name = "overlapping", .op = avg_pool({kOverlapping}), .inputs = {{.shape = {2, 17, 7, 8}}}},
     {.name = "without_padding", .op = avg_pool({kOverlapping, false}), .inputs = {{.shape = {2, 17, 7, 8}}}},
     {.name = "lopsided", .op = avg_pool({kLopsided, false}), .inputs = {{.shape = {1, 5, 5, 9}}}}});

OP_CASES(GlobalAvgPool,
         {{.name = "few", .op = std::make_shared<GlobalAvgPool>(), .inputs = {{.shape = {2, 3, 5, 4}}}},
          {.name = "many", .op = std::make_shared<GlobalAvgPool>(), .inputs = {{.shape = {3, 37, 4, 4}}}},
          {.name = "pixel", .op = std::make_shared<GlobalAvgPool>(), .inputs = {{.shape = {3, 20, 1, 1}}}}});

OP_CASES(GlobalMaxPool, {{.name = "few",
                          .op = std::make_shared<GlobalMaxPool>(),
                          .inputs = {{.shape = {2, 3, 5, 4}}},
                          .auxiliary_outputs = 1},
                         {.name = "many",
                          .op = std::make_shared<GlobalMaxPool>(),
                          .inputs = {{.shape = {3, 37, 4, 4}}},
                          .auxiliary_outputs = 1}});

TEST(MaxPool2d, NotANumberWinsAndTheFirstOfEqualsTakesTheGradient) {
  const float nan = std::nanf("");
  const Tensor x = Tensor::of<float>({1, 1, 2, 4}, {1, 1, nan, 5, 1, 1, 7, 2});
  const std::vector<Tensor> results = run_op(*max_pool(kHalf), std::vector<Tensor>{x});
  EXPECT_EQ(results[0].at({0, 0, 0, 0}), 1);
  EXPECT_EQ(results[1].at({0, 0, 0, 0}), 0);
  EXPECT_TRUE(std::isnan(results[0].at({0, 0, 0, 1})));
}

TEST(Pool2d, MistakesAreNamed) {
  EXPECT_THROW(MaxPool2d({.kernel = {2, 2}, .window = {.padding_begin = {2, 0}}}), Error);
  EXPECT_THROW(AvgPool2d({{.kernel = {2, 2}, .window = {.dilation = {2, 1}}}}), Error);
  EXPECT_THROW(run_op(MaxPool2d(kHalf), {Tensor(DType::float32, Shape{1, 1, 1, 4})}), Error);
}

}  // namespace
}  // namespace slipway::test
