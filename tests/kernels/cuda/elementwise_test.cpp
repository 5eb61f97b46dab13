#include <gtest/gtest.h>

#include <limits>

#include "kernels/cast.h"
#include "kernels/dropout.h"
#include "kernels/memory.h"
#include "kernels/relu.h"
#include "kernels/scale.h"
#include "kernels/unary.h"
#include "tests/support/kernel_agreement.h"

namespace slipway::test {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Random values, and where there is room the special ones.
std::vector<double> mixed_values(std::int64_t count, std::uint64_t seed, double low = -3, double high = 3) {
  std::vector<double> values = random_values(count, seed, low, high);
  const std::vector<double> special = {0, -0.0, kNan, kInfinity, -kInfinity, 100, -100};
  if (values.size() > special.size()) std::copy(special.begin(), special.end(), values.begin());
  return values;
}

TEST(CudaElementwise, Relu) {
  for (const std::int64_t count : kAwkwardCounts) {
    for (const double slope : {0.0, 0.1}) {
      expect_agreement({reads(mixed_values(count, 1)), writes(count)},
                       [&](const Stream& stream, DType dtype, const KernelPointers& p) {
                         relu_forward(stream,
                                      {.dtype = dtype, .x = p[0], .y = p[1], .count = count, .slope = slope});
                       },
                       {.epsilons = 1});
      for (const bool two : {false, true}) {
        expect_agreement(
            {updates(random_values(count, 1)), reads(random_values(count, 2)), reads(mixed_values(count, 3))},
            [&](const Stream& stream, DType dtype, const KernelPointers& p) {
              relu_backward(stream, {.dtype = dtype,
                                     .dy = p[0],
                                     .dy_too = two ? p[1] : nullptr,
                                     .y = p[2],
                                     .dx = p[0],
                                     .count = count,
                                     .slope = slope});
            },
            {.epsilons = 1});
      }
    }
  }
}

TEST(CudaElementwise, MoreThanAGridOfThreads) {
  constexpr std::int64_t kCount = 5'000'011;
  expect_agreement({updates(random_values(kCount, 1))},
                   [&](const Stream& stream, DType dtype, const KernelPointers& p) {
                     relu_forward(stream,
                                  {.dtype = dtype, .x = p[0], .y = p[0], .count = kCount, .slope = 0.5});
                   },
                   {.epsilons = 0, .dtypes = {DType::float32}});
}

TEST(CudaElementwise, Scale) {
  for (const std::int64_t count : kAwkwardCounts) {
    expect_agreement({updates(mixed_values(count, 1)), reads({0.3})},
                     [&](const Stream& stream, DType dtype, const KernelPointers& p) {
                       scale_kernel(stream,
                                    {.dtype = dtype, .x = p[0], .scale = p[1], .y = p[0], .count = count});
                     },
                     {.epsilons = 1});
  }
}

constexpr UnaryFunction kFunctions[] = {
    UnaryFunction::neg,        UnaryFunction::exp,  UnaryFunction::log,      UnaryFunction::sqrt,
    UnaryFunction::square,     UnaryFunction::abs,  UnaryFunction::sigmoid,  UnaryFunction::tanh,
    UnaryFunction::reciprocal, UnaryFunction::silu, UnaryFunction::softplus, UnaryFunction::gelu,
    UnaryFunction::gelu_tanh};

TEST(CudaElementwise, UnaryFunctions) {
  constexpr std::int64_t kCount = 1031;
  for (const UnaryFunction function : kFunctions) {
    SCOPED_TRACE(static_cast<int>(function));
    expect_agreement({reads(mixed_values(kCount, 1, -6, 6)), writes(kCount)},
                     [&](const Stream& stream, DType dtype, const KernelPointers& p) {
                       unary_forward(
                           stream,
                           {.function = function, .dtype = dtype, .x = p[0], .y = p[1], .count = kCount});
                     },
                     {.epsilons = 16, .magnitude = 1e-2});
  }
}

TEST(CudaElementwise, UnaryGradients) {
  constexpr std::int64_t kCount = 1031;
  for (const UnaryFunction function : kFunctions) {
    SCOPED_TRACE(static_cast<int>(function));
    expect_agreement(
        {reads(random_values(kCount, 1)), reads(random_values(kCount, 2, -4, 4)), writes(kCount)},
        [&](const Stream& stream, DType dtype, const KernelPointers& p) {
          unary_backward(
              stream,
              {.function = function, .dtype = dtype, .dy = p[0], .v = p[1], .dx = p[2], .count = kCount});
        },
        {.epsilons = 16, .magnitude = 1});
  }
}

TEST(CudaElementwise, DropoutDrawsTheSameBits) {
  for (const std::int64_t count : kAwkwardCounts) {
    for (const auto& [probability, first] :
         {std::pair{0.0, 0}, {0.3, 0}, {0.9, 0}, {0.5, 64}, {0.5, 1}, {0.5, 1000}}) {
      expect_agreement({reads(random_values(count, 1)), writes(count), reads({7}).as(DType::int64)},
                       [&](const Stream& stream, DType dtype, const KernelPointers& p) {
                         dropout_kernel(stream, {.dtype = dtype,
                                                 .x = p[0],
                                                 .y = p[1],
                                                 .first = first,
                                                 .count = count,
                                                 .probability = probability,
                                                 .key = 0x123456789abcdef0u,
                                                 .step = p.as<const std::int64_t>(2)});
                       },
                       {.epsilons = 1});
    }
  }
}

constexpr DType kAll[] = {DType::float32, DType::float64, DType::float16, DType::bfloat16, DType::int8,
                          DType::uint8,   DType::int32,   DType::int64,   DType::boolean};

TEST(CudaElementwise, CastBetweenAllDTypes) {
  for (const DType from : kAll) {
    for (const DType to : kAll) {
      std::vector<double> values = random_values(67, 1, -300, 300);
      if (is_floating(from))
        values.insert(values.end(), {kNan, kInfinity, -kInfinity, 0.5, -0.5, 1e5, -1e5, 1e30});
      values.insert(values.end(), {127, 128, -129, 255, 256, 2147483647, -2147483648.0, 4e9, 1, 0});
      const auto count = static_cast<std::int64_t>(values.size());
      // float16 is what it is on both sides here: the dtype under test plays no part.
      const auto call = [&](const Stream& stream, DType, const KernelPointers& p) {
        cast(stream, {.from = stream.device.is_host() ? accumulator_of(from) : from,
                      .to = stream.device.is_host() ? accumulator_of(to) : to,
                      .x = p[0],
                      .y = p[1],
                      .count = count});
      };
      expect_agreement({reads(values).as(from), writes(count).as(to)}, call,
                       {.epsilons = 0, .dtypes = {DType::float32}});
    }
  }
}

/// Parts of many sizes one after another, the first elements of which are aligned or not.
std::vector<CastAllArgs::Part> parts_of(std::int64_t alignment) {
  std::vector<CastAllArgs::Part> parts;
  for (int i = 0; i < 210; ++i) parts.push_back({.count = i % 70 == 3 ? 5000 : i % 37});
  std::int64_t end = 0;
  for (CastAllArgs::Part& part : parts) {
    part.x = part.y = reinterpret_cast<std::byte*>(end);  // elements from the first, until memory is known
    end += (part.count + alignment - 1) / alignment * alignment;
  }
  return parts;
}

TEST(CudaElementwise, CastAllBetweenFloats) {
  for (const auto& [from, to] :
       {std::pair(DType::float32, DType::bfloat16), std::pair(DType::float32, DType::float16),
        std::pair(DType::float16, DType::float32), std::pair(DType::float64, DType::bfloat16)}) {
    for (const std::int64_t alignment : {1, 16}) {
      const auto call = [&](const Stream& stream, DType, const KernelPointers& p) {
        const bool host = stream.device.is_host();
        const DType x = host ? accumulator_of(from) : from, y = host ? accumulator_of(to) : to;
        std::vector<CastAllArgs::Part> parts = parts_of(alignment);
        for (CastAllArgs::Part& part : parts) {
          const auto first = reinterpret_cast<std::uintptr_t>(part.x);
          part.x = p.as<std::byte>(0) + first * size_of(x);
          part.y = p.as<std::byte>(1) + first * size_of(y);
        }
        cast_all(stream, {.from = x, .to = y, .parts = parts});
      };
      constexpr std::int64_t kCount = 24000;
      expect_agreement({reads(mixed_values(kCount, 1)).as(from), writes(kCount).as(to)}, call,
                       {.epsilons = 0, .dtypes = {DType::float32}});
    }
  }
}

TEST(CudaElementwise, FillAndCopy) {
  for (const std::int64_t count : kAwkwardCounts) {
    for (const DType dtype : kAll) {
      expect_agreement({writes(count).as(dtype)},
                       [&](const Stream& stream, DType, const KernelPointers& p) {
                         fill(stream, {.dtype = stream.device.is_host() ? accumulator_of(dtype) : dtype,
                                       .y = p[0],
                                       .count = count,
                                       .value = -1.625});
                       },
                       {.epsilons = 0, .dtypes = {DType::float32}});
    }
    expect_agreement(
        {reads(random_integers(count, 1, 0, 255)).as(DType::uint8), writes(count).as(DType::uint8)},
        [&](const Stream& stream, DType, const KernelPointers& p) {
          copy_bytes(stream, {p[0], p[1], static_cast<std::size_t>(count)});
        },
        {.epsilons = 0, .dtypes = {DType::float32}});
  }
}

}  // namespace
}  // namespace slipway::test
