#include "core/runtime/readback.h"

#include <gtest/gtest.h>

namespace slipway {
namespace {

TEST(Readback, TakesValuesOfEveryTypeTogether) {
  Readback readback({}, 3 * Readback::kAlignment);
  for (const double value : {1.0, 2.0}) {
    const TensorView one = readback.enqueue(Tensor::scalar(static_cast<float>(value)));
    const TensorView many = readback.enqueue(Tensor::full(DType::int64, {8}, value + 1));
    const TensorView none = readback.enqueue(Tensor::zeros(DType::float32, {0, 3}));
    readback.wait();
    EXPECT_EQ(one.as<float>()[0], value);
    EXPECT_EQ(many.as<std::int64_t>()[7], value + 1);
    EXPECT_EQ(none.elements(), 0);
  }
  readback.enqueue(Tensor::zeros(DType::float64, {17}));
  EXPECT_THROW(readback.enqueue(Tensor::zeros(DType::float64, {1})), Error);
}

TEST(Event, KnowsTheTimeOnTheHost) {
  Event start({}, EventKind::time), end({}, EventKind::time);
  start.record({});
  end.record({});
  end.hold({});
  end.synchronize();
  EXPECT_GE(end.seconds_since(start), 0);
  EXPECT_EQ(start.seconds_since(start), 0);
}

}  // namespace
}  // namespace slipway
