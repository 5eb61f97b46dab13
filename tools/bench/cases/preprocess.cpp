#include "kernels/preprocess.h"

#include "kernels/reorder.h"
#include "tools/bench/kernel_case.h"

namespace slipway {
namespace {

KernelCase pixels_case(DType to) {
  return {"channel_affine", text("uint8 to ", to, ", 3 planes"), [=](CaseArrays& arrays) {
            constexpr std::int64_t kChannels = 3, kPixels = 1024;
            static constexpr double kScale[kChannels] = {0.01, 0.02, 0.03}, kShift[kChannels] = {-1, -2, -3};
            const std::int64_t images = arrays.size(64, 1 << 14), count = images * kChannels * kPixels;
            return [&arrays, args = ChannelAffineArgs{.from = DType::uint8,
                                                      .to = to,
                                                      .x = arrays.indices(DType::uint8, count, 256),
                                                      .y = arrays.out(to, count),
                                                      .scale = kScale,
                                                      .shift = kShift,
                                                      .fill = nullptr,
                                                      .outer = images,
                                                      .channels = kChannels,
                                                      .inner = kPixels}] {
              channel_affine_kernel(arrays.stream(), args);
            };
          }};
}

auto run_one_hot(CaseArrays& arrays, DType dtype) {
  constexpr std::int64_t kColumns = 8;
  static constexpr std::int64_t kSizes[kColumns] = {0, 5, 0, 10, 3, 0, 7, 4};
  std::int64_t result = 0;
  for (const std::int64_t size : kSizes) result += std::max<std::int64_t>(1, size);
  const std::int64_t rows = arrays.size(8192, 1 << 20);
  return [&arrays, args = OneHotColumnsArgs{.dtype = dtype,
                                            .x = arrays.indices(dtype, rows * kColumns, 4),
                                            .y = arrays.out(dtype, rows * result),
                                            .sizes = kSizes,
                                            .rows = rows,
                                            .columns = kColumns,
                                            .result = result}] {
    one_hot_columns_kernel(arrays.stream(), args);
  };
}

/// Images of 3 planes of uint8; each sample takes a region of the given size, moved by up to `space` pixels,
/// every other one mirrored.
struct RegionsCase {
  std::int64_t side, result, region, space;
  std::int64_t simulated, real;  // images
};

KernelCase regions_case(const std::string& what, const RegionsCase& c) {
  return {"take_regions", text("uint8, ", what), [=](CaseArrays& arrays) {
            const std::int64_t images = arrays.size(c.simulated, c.real), planes = 3 * images;
            const Tensor regions(DType::int32, Shape{images, ImageRegion::kNumbers});
            const std::span<std::int32_t> numbers = regions.as<std::int32_t>();
            const auto region = static_cast<std::int32_t>(c.region),
                       space = static_cast<std::int32_t>(c.space);
            for (std::int32_t i = 0; i < static_cast<std::int32_t>(images); ++i) {
              const std::int32_t begin = (static_cast<std::int32_t>(c.side) - region - space) / 2;
              const std::int32_t chosen[] = {
                  begin + i * 5 % (space + 1), begin + i * 7 % (space + 1), region, region, i % 2, 0};
              std::copy(std::begin(chosen), std::end(chosen), numbers.begin() + i * ImageRegion::kNumbers);
            }
            TakeRegionsArgs args{.dtype = DType::uint8,
                                 .stride = 1,
                                 .samples = images,
                                 .channels = 3,
                                 .height = c.side,
                                 .width = c.side,
                                 .result_height = c.result,
                                 .result_width = c.result,
                                 .resamples = c.region != c.result};
            args.x = arrays.indices(DType::uint8, planes * c.side * c.side, 256);
            args.regions = static_cast<const ImageRegion*>(arrays.given(regions));
            args.y = arrays.out(DType::uint8, planes * c.result * c.result);
            args.scratch = static_cast<std::int32_t*>(arrays.scratch(DType::int32, args.scratch_numbers()));
            return [&arrays, args] { take_regions_kernel(arrays.stream(), args); };
          }};
}

/// A copy of `shape` out of memory whose axes lie in another order.
std::vector<KernelCase> permute_cases(const std::string& what, const Shape& shape, const Dims& strides) {
  return in_both_types("reorder", what, [=](CaseArrays& arrays, DType dtype) {
    Shape sizes = shape;
    sizes[0] *= arrays.size(1, 256);
    const CopyPlan plan(ValueType(dtype, sizes, Layout::strided(strides)), ValueType(dtype, sizes));
    return
        [&arrays, plan, from = arrays.in(dtype, sizes.elements()), to = arrays.out(dtype, sizes.elements())] {
          reorder(arrays.stream(), {.plan = &plan, .from = from, .to = to});
        };
  });
}

const KernelCases registered(
    {{pixels_case(DType::float32), pixels_case(DType::bfloat16)},
     {regions_case("32x32 padded by 4, mirrored",
                   {.side = 32, .result = 32, .region = 32, .space = 8, .simulated = 64, .real = 1 << 14}),
      regions_case("160x160 of 192x192 resampled to 128x128",
                   {.side = 192, .result = 128, .region = 160, .space = 32, .simulated = 2, .real = 256})},
     in_both_types("one_hot_columns", "8 columns to 32", run_one_hot),
     permute_cases("matrices [512, 128] transposed", Shape{4, 512, 128}, Dims{512 * 128, 1, 512}),
     permute_cases("middle axes exchanged, 64 inside", Shape{4, 16, 64, 64},
                   Dims{16 * 64 * 64, 64, 16 * 64, 1})});

}  // namespace
}  // namespace slipway
