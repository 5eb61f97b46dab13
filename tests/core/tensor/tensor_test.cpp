#include "core/tensor/tensor.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <sstream>

namespace slipway {
namespace {

template <class T>
std::vector<T> values(const Tensor& tensor) {
  return {tensor.as<T>().begin(), tensor.as<T>().end()};
}

std::string message(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(Tensor, HoldsWhatItIsGiven) {
  const Tensor x = Tensor::of<std::int32_t>({2, 3}, {1, 2, 3, 4, 5, 6});
  EXPECT_EQ(x.dtype(), DType::int32);
  EXPECT_EQ(x.at({1, 0}), 4);
  EXPECT_EQ(x.type().bytes(), 24u);
  EXPECT_EQ(Tensor::scalar(2.5).item(), 2.5);
  EXPECT_EQ(values<float>(Tensor::full(DType::float32, {2}, 0.5)), (std::vector<float>{0.5f, 0.5f}));
  EXPECT_EQ(values<bool>(Tensor::zeros(DType::boolean, {2})), (std::vector<bool>{false, false}));
  EXPECT_FALSE(Tensor().defined());
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(x.view().data) % 64, 0u);
}

TEST(Tensor, MayHaveNoElements) {
  const Tensor x = Tensor::zeros(DType::float64, {3, 0, 2});
  EXPECT_EQ(x.elements(), 0);
  EXPECT_TRUE(x.as<double>().empty());
  EXPECT_EQ(x.clone().shape(), x.shape());
  EXPECT_EQ(x.reshaped({0}).shape(), (Shape{0}));
}

TEST(Tensor, IsReadOnTheHostOnly) {
  const Tensor x = Tensor::of<float>({2}, {1, 2});
  const TensorView elsewhere{x.view().data, x.type(), {DeviceKind::cuda, 1}};
  const std::string expected = "a tensor on cuda:1 was accessed from the host; copy it there first";
  EXPECT_EQ(message([&] { elsewhere.as<float>(); }), expected);
  EXPECT_EQ(message([&] { elsewhere.reshaped({1, 2}).as<float>(); }), expected);
  EXPECT_EQ(message([&] { elsewhere.slice(0, 0, 2).as<float>(); }), expected);
  EXPECT_EQ(message([&] { elsewhere.transposed({0}).as<float>(); }), expected);
  EXPECT_EQ(message([&] { enqueue_copy(Stream(), elsewhere, x); }),
            "cannot copy from cuda:1 to cpu in a stream of cpu");
}

TEST(Tensor, LeavesGapsAloneWhenItIsCopied) {
  const Tensor to = Tensor::zeros(DType::float32, {2, 3});
  copy_elements(Tensor::full(DType::float32, {2, 3}, 5).slice(1, 0, 2), to.slice(1, 0, 2));
  EXPECT_EQ(values<float>(to), (std::vector<float>{5, 5, 0, 5, 5, 0}));
  EXPECT_THROW(enqueue_copy(Stream(), to.slice(1, 0, 2), to.slice(1, 1, 3)), Error);
  enqueue_zeros(Stream(), to.slice(0, 0, 1));
  EXPECT_EQ(values<float>(to), (std::vector<float>{0, 0, 0, 5, 5, 0}));
}

TEST(Tensor, ChecksEveryAccess) {
  const Tensor x = Tensor::of<float>({2, 3}, {1, 2, 3, 4, 5, 6});
  EXPECT_EQ(message([&] { x.as<double>(); }), "a float32 tensor was accessed as float64");
  EXPECT_EQ(message([&] { x.at({0, 3}); }), "index [0, 3] is outside float32[2, 3]");
  EXPECT_EQ(message([&] { x.at({-1, 0}); }), "index [-1, 0] is outside float32[2, 3]");
  EXPECT_EQ(message([&] { x.at({0}); }), "index [0] does not fit float32[2, 3]");
  EXPECT_EQ(message([&] { x.item(); }), "item() needs a tensor of one element, got float32[2, 3]");
  EXPECT_EQ(message([&] { x.reshaped({4}); }), "cannot reshape float32[2, 3] to [4]");
  EXPECT_EQ(message([&] { x.slice(0, 1, 3); }), "slice [1, 3) of axis 0 is outside float32[2, 3]");
  EXPECT_EQ(message([&] { Tensor::of<float>({2}, {1}); }), "shape [2] needs 2 values, got 1");
  EXPECT_THROW(x.slice(2, 0, 0), Error);
  EXPECT_THROW(x.shared({DType::float32, {7}}), Error);
  EXPECT_THROW(x.shared({DType::float32, {6}}, 4), Error);
}

TEST(Tensor, ViewsShareMemory) {
  const Tensor x = Tensor::of<float>({2, 3}, {1, 2, 3, 4, 5, 6});
  x.reshaped({6}).as<float>()[5] = 60;
  EXPECT_EQ(x.at({1, 2}), 60);
  const Tensor column = x.slice(1, 1, 2);
  EXPECT_EQ(column.at({1, 0}), 5);
  EXPECT_THROW(column.as<float>(), Error);  // not contiguous
  EXPECT_EQ(values<float>(column.clone()), (std::vector<float>{2, 5}));
  const TensorView transposed = x.view().transposed({1, 0});
  EXPECT_EQ(transposed.shape(), (Shape{3, 2}));
  Tensor copy(DType::float32, {3, 2});
  copy_elements(transposed, copy);
  EXPECT_EQ(values<float>(copy), (std::vector<float>{1, 4, 2, 5, 3, 60}));
  EXPECT_THROW(x.view().transposed({0, 0}), Error);
}

TEST(Tensor, MemoryLivesAsLongAsAnyView) {
  Tensor row;
  {
    const Tensor x = Tensor::of<float>({2, 2}, {1, 2, 3, 4});
    row = x.slice(0, 1, 2);
  }
  EXPECT_EQ(values<float>(row), (std::vector<float>{3, 4}));
}

TEST(Tensor, CopiesBetweenLayoutsAndZeroesPadding) {
  const Shape shape{1, 3, 2};
  const Tensor x = Tensor::of<float>(shape, {1, 2, 3, 4, 5, 6});
  const Tensor blocked({DType::float32, shape, Layout::blocked(shape, {0, 1, 2}, {{1, 4}})});
  std::fill_n(blocked.view().pointer<float>(), 8, -1.0f);
  copy_elements(x, blocked);
  EXPECT_EQ(std::vector<float>(blocked.view().pointer<float>(), blocked.view().pointer<float>() + 8),
            (std::vector<float>{1, 3, 5, 0, 2, 4, 6, 0}));
  EXPECT_EQ(values<float>(blocked.clone()), values<float>(x));
  EXPECT_THROW(copy_elements(x, Tensor(DType::float32, {6})), Error);
}

TEST(Tensor, CastsAndPrints) {
  const Tensor x = Tensor::of<double>({2, 2}, {1, 0.5, -2, 0});
  EXPECT_EQ(values<bool>(x.cast(DType::boolean)), (std::vector<bool>{true, true, true, false}));
  std::ostringstream out;
  out << x << '\n' << x.cast(DType::boolean) << '\n' << Tensor::zeros(DType::int64, {9});
  EXPECT_EQ(out.str(),
            "float64[2, 2] [[1, 0.5], [-2, 0]]\nbool[2, 2] [[true, true], [true, false]]\n"
            "int64[9] [0, 0, 0, ..., 0, 0, 0]");
}

TEST(Tensor, ConvertsWhatAnIntegerCannotHold) {
  const double infinity = std::numeric_limits<double>::infinity(),
               nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<double> sources = {300, -300, 1e30, -infinity, nan, -1.9};
  const std::vector<double> bytes = {255, 0, 255, 0, 0, 0}, small = {127, -128, 127, -128, 0, -1};
  const Tensor all = Tensor::of<double>({6}, sources);
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const auto at = static_cast<std::int64_t>(i);
    EXPECT_EQ(Tensor::full(DType::uint8, {1}, sources[i]).item(), bytes[i]) << sources[i];
    EXPECT_EQ(Tensor::full(DType::int8, {1}, sources[i]).item(), small[i]) << sources[i];
    EXPECT_EQ(all.cast(DType::int8).at({at}), small[i]) << sources[i];
  }
  EXPECT_EQ(Tensor::full(DType::int64, {1}, 1e30).as<std::int64_t>()[0],
            std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(Tensor::full(DType::int32, {1}, -1e30).as<std::int32_t>()[0],
            std::numeric_limits<std::int32_t>::min());
}

// The bit patterns are IEEE 754's; ties go to the even neighbour.
TEST(Half, RoundsToNearestEven) {
  EXPECT_EQ(float16(1.0f).bits, 0x3c00);
  EXPECT_EQ(float16(65504.0f).bits, 0x7bff);
  EXPECT_EQ(float16(65520.0f).bits, 0x7c00);
  EXPECT_EQ(float16(65519.0f).bits, 0x7bff);
  EXPECT_EQ(float16(0x1p-24f).bits, 0x0001);
  EXPECT_EQ(float16(0x1p-25f).bits, 0x0000);
  EXPECT_EQ(float16(0x1.8p-24f).bits, 0x0002);
  EXPECT_EQ(float16(1.0f + 0x1p-11f).bits, 0x3c00);
  EXPECT_EQ(float16(1.0f + 0x3p-11f).bits, 0x3c02);
  EXPECT_EQ(float16(-0.0f).bits, 0x8000);
  EXPECT_EQ(bfloat16(1.0f).bits, 0x3f80);
  EXPECT_EQ(bfloat16(1.0f + 0x1p-8f).bits, 0x3f80);
  EXPECT_EQ(bfloat16(1.0f + 0x3p-8f).bits, 0x3f82);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(std::isnan(static_cast<float>(float16(nan))));
  EXPECT_TRUE(std::isnan(static_cast<float>(bfloat16(nan))));
}

TEST(Half, EveryValueSurvivesTheWayThroughFloat) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    float16 half;
    half.bits = static_cast<std::uint16_t>(bits);
    const float wide = static_cast<float>(half);
    if (std::isnan(wide))
      EXPECT_TRUE(std::isnan(static_cast<float>(float16(wide))));
    else
      ASSERT_EQ(float16(wide).bits, half.bits);
  }
}

}  // namespace
}  // namespace slipway
