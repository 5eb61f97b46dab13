#include <gtest/gtest.h>

#include <limits>

#include "core/base/random.h"
#include "kernels/preprocess.h"
#include "kernels/reorder.h"
#include "tests/support/kernel_agreement.h"

namespace slipway::test {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

TEST(CudaChannelAffine, ScalesShiftsAndFills) {
  struct Case {
    std::int64_t outer, channels, inner;
  };
  for (const Case& c : {Case{0, 3, 4}, Case{2, 3, 64}, Case{2, 3, 49}, Case{1, 1, 1031}, Case{5, 300, 1}}) {
    SCOPED_TRACE(text(c.outer, " x ", c.channels, " x ", c.inner));
    const std::int64_t count = c.outer * c.channels * c.inner;
    const std::vector<double> scale = random_values(c.channels, 1), shift = random_values(c.channels, 2);
    std::vector<double> fill = random_values(c.channels, 3);
    fill[0] = kNan;
    for (const DType from : {DType::uint8, DType::int32, DType::float32, DType::float64}) {
      std::vector<double> x = random_integers(count, 4, 0, 255);
      if (is_floating(from)) {
        for (std::size_t i = 0; i < x.size(); i += 5) x[i] = kNan;
      }
      for (const bool fills : {false, true}) {
        expect_agreement({reads(x).as(from), writes(count)},
                         [&](const Stream& stream, DType dtype, const KernelPointers& p) {
                           channel_affine_kernel(stream, {.from = from,
                                                          .to = dtype,
                                                          .x = p[0],
                                                          .y = p[1],
                                                          .scale = scale.data(),
                                                          .shift = shift.data(),
                                                          .fill = fills ? fill.data() : nullptr,
                                                          .outer = c.outer,
                                                          .channels = c.channels,
                                                          .inner = c.inner});
                         },
                         {.epsilons = 2, .magnitude = 256});
      }
    }
  }
}

TEST(CudaOneHotColumns, ExpandsColumns) {
  for (const std::int64_t columns : {1, 4, 200}) {
    for (const std::int64_t rows : {0, 1, 77}) {
      std::vector<std::int64_t> sizes;
      std::int64_t result = 0;
      for (std::int64_t c = 0; c < columns; ++c) {
        sizes.push_back(c % 3 == 1 ? 0 : c % 3 + 3);
        result += sizes.back() == 0 ? 1 : sizes.back();
      }
      std::vector<double> x = random_integers(rows * columns, 1, -1, 6);
      if (x.size() > 9) x[7] = 1.5, x[9] = kNan;
      expect_agreement({reads(x), writes(rows * result)},
                       [&](const Stream& stream, DType dtype, const KernelPointers& p) {
                         one_hot_columns_kernel(stream, {.dtype = dtype,
                                                         .x = p[0],
                                                         .y = p[1],
                                                         .sizes = sizes.data(),
                                                         .rows = rows,
                                                         .columns = columns,
                                                         .result = result});
                       },
                       {.epsilons = 0});
    }
  }
}

struct Images {
  std::int64_t samples, channels, height, width, result_height, result_width;
  std::int64_t begin = 0;  // pixels before the first
};

/// Two regions a sample, of which the kernel takes the second. Within the image where they are resampled,
/// else also around and beyond it.
std::vector<double> draw_regions(const Images& images, bool resamples) {
  RandomSequence random(Philox{.key = 5});
  const auto upto = [&](std::int64_t most) {
    return static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(most) + 1));
  };
  std::vector<double> numbers;
  const auto append = [&](std::int64_t number) { numbers.push_back(static_cast<double>(number)); };
  for (std::int64_t i = 0; i < 2 * images.samples; ++i) {
    std::int64_t height = images.result_height, width = images.result_width;
    const bool keeps_size = i % 5 == 1 && height <= images.height && width <= images.width;
    if (resamples && !keeps_size) {
      height = 1 + upto(images.height - 1);
      width = 1 + upto(images.width - 1);
    }
    append(resamples ? upto(images.height - height) : upto(images.height + height) - height);
    append(resamples ? upto(images.width - width) : upto(images.width + width) - width);
    append(height);
    append(width);
    append(upto(1));
    append(upto(1));
  }
  return numbers;
}

void expect_same_regions(const Images& images, bool resamples, DType type, const Agreement& agreement) {
  SCOPED_TRACE(text(type, ", ", images.samples, " x ", images.channels, " x ", images.height, " x ",
                    images.width, " to ", images.result_height, " x ", images.result_width));
  TakeRegionsArgs args{.dtype = type,
                       .stride = 2,
                       .samples = images.samples,
                       .channels = images.channels,
                       .height = images.height,
                       .width = images.width,
                       .result_height = images.result_height,
                       .result_width = images.result_width,
                       .resamples = resamples};
  const std::int64_t planes = images.samples * images.channels;
  expect_agreement(
      {reads(random_integers(images.begin + planes * images.height * images.width, 1, 0, 255)).as(type),
       reads(draw_regions(images, resamples)).as(DType::int32),
       writes(planes * images.result_height * images.result_width).as(type),
       scratch(args.scratch_numbers(), DType::int32)},
      [&](const Stream& stream, DType, const KernelPointers& p) {
        args.x = p.as<std::byte>(0) + static_cast<std::size_t>(images.begin) * size_of(type);
        args.regions = p.as<ImageRegion>(1) + 1;
        args.y = p[2];
        args.scratch = p.as<std::int32_t>(3);
        take_regions_kernel(stream, args);
      },
      agreement);
}

TEST(CudaTakeRegions, CopiesMirroredAndWithZerosAround) {
  for (const DType type : {DType::uint8, DType::float32}) {
    for (const Images& images :
         {Images{0, 3, 5, 5, 4, 4}, Images{3, 1, 1, 1, 1, 1}, Images{4, 3, 31, 33, 31, 33},
          Images{2, 1, 33, 31, 33, 31}, Images{5, 3, 32, 32, 32, 32}, Images{3, 2, 17, 31, 20, 36},
          Images{9, 1, 7, 3, 5, 8}, Images{40, 3, 33, 30, 20, 28}, Images{9, 1, 7, 5, 5, 8, 1},
          Images{4, 1, 9, 6, 9, 12, 3}}) {
      expect_same_regions(images, false, type, {.epsilons = 0, .dtypes = {DType::float32}});
    }
  }
}

/// The last ones have tiles with more rows than are taken at once, and rows too long for shared memory.
TEST(CudaTakeRegions, Resamples) {
  for (const Images& images :
       {Images{0, 3, 5, 5, 4, 4}, Images{3, 1, 1, 1, 1, 1}, Images{4, 3, 31, 33, 17, 19, 1},
        Images{2, 1, 33, 31, 31, 33}, Images{3, 2, 4, 5, 31, 33}, Images{2, 1, 40, 50, 33, 150, 5},
        Images{4, 1, 127, 65, 5, 3}, Images{4, 1, 50, 700, 3, 9}, Images{4, 1, 3, 20000, 2, 7}}) {
    expect_same_regions(images, true, DType::float32,
                        {.epsilons = 8, .magnitude = 255, .dtypes = {DType::float32}});
  }
}

/// Where no mean lies in the middle between two bytes, which a CPU that rounds products otherwise would tell.
TEST(CudaTakeRegions, ResamplesBytes) {
  for (const Images& images :
       {Images{3, 1, 1, 1, 1, 1}, Images{4, 3, 31, 33, 17, 19, 1}, Images{2, 1, 33, 31, 31, 33},
        Images{2, 1, 300, 310, 35, 131, 5}, Images{4, 1, 50, 700, 3, 9}, Images{4, 1, 3, 20000, 2, 7}}) {
    expect_same_regions(images, true, DType::uint8, {.epsilons = 0, .dtypes = {DType::float32}});
  }
}

/// Copies a view of x to a dense y, for elements of each size.
void expect_same_copy(const Shape& shape, const Dims& strides, std::int64_t x_count) {
  SCOPED_TRACE(text(shape, strides));
  for (const DType dtype : {DType::uint8, DType::float16, DType::float32, DType::int64}) {
    // The CPU holds float16 as float32 here: each side has a plan of its own.
    const auto plan_of = [&](DType held) {
      return CopyPlan(ValueType(held, shape, Layout::strided(strides)), ValueType(held, shape));
    };
    const CopyPlan on_cpu = plan_of(accumulator_of(dtype)), on_gpu = plan_of(dtype);
    expect_agreement(
        {reads(random_integers(x_count, 1, 0, 255)).as(dtype), writes(shape.elements()).as(dtype)},
        [&](const Stream& stream, DType, const KernelPointers& p) {
          reorder(stream, {stream.device.is_host() ? &on_cpu : &on_gpu, p[0], p[1]});
        },
        {.epsilons = 0, .dtypes = {DType::float32}});
  }
}

TEST(CudaReorder, CopiesAndTransposes) {
  expect_same_copy({}, {}, 1);
  expect_same_copy({0, 3}, {3, 1}, 0);
  expect_same_copy({1031}, {1}, 1031);
  expect_same_copy({6, 32}, {64, 1}, 384);  // part of each row
  expect_same_copy({6, 31}, {64, 1}, 384);
  expect_same_copy({40, 70}, {1, 40}, 2800);             // transposed
  expect_same_copy({3, 33, 65}, {2145, 1, 33}, 6435);    // each matrix transposed
  expect_same_copy({4, 5, 6, 7}, {1, 4, 140, 20}, 840);  // all axes permuted
  expect_same_copy({5, 3, 8}, {0, 8, 1}, 24);            // repeated
  expect_same_copy({9, 4}, {1, 0}, 9);
  expect_same_copy({2, 3, 2, 2, 2, 2, 2, 3}, {1, 2, 6, 12, 24, 48, 96, 192}, 576);
}

}  // namespace
}  // namespace slipway::test
