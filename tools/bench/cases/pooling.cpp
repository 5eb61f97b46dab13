#include "kernels/pool2d.h"
#include "tools/bench/kernel_case.h"

namespace slipway {
namespace {

/// Square windows over [4, 16, 64, 64], more images where there is a device to fill.
struct Pool {
  std::int64_t kernel, stride, padding;

  static constexpr std::int64_t kEdge = 64, kManyWindows = 64;
  std::string describe() const { return text("windows of ", kernel, ", stride ", stride); }
  Window2d window() const {
    return {
        .stride = {stride, stride}, .padding_begin = {padding, padding}, .padding_end = {padding, padding}};
  }
  ValueType x(const CaseArrays& arrays, DType dtype) const { return images(arrays, dtype, kEdge); }
  ValueType y(const CaseArrays& arrays, DType dtype) const {
    return images(arrays, dtype, (kEdge + 2 * padding - kernel) / stride + 1);
  }
  /// Wide windows that overlap meet every element so often that arithmetic limits them.
  void count_operations(CaseArrays& arrays) const {
    if (kernel * kernel < kManyWindows * stride * stride) return;
    const std::int64_t outputs = y(arrays, DType::float32).elements();
    arrays.set_operations(static_cast<double>(outputs * kernel * kernel));
  }

 private:
  static ValueType images(const CaseArrays& arrays, DType dtype, std::int64_t edge) {
    return {dtype, Shape{arrays.size(4, 1024), 16, edge, edge}};
  }
};

std::vector<KernelCase> max_pool_cases(const Pool& pool) {
  const auto prepare = [=](CaseArrays& arrays, DType dtype) {
    pool.count_operations(arrays);
    const ValueType x = pool.x(arrays, dtype), y = pool.y(arrays, dtype),
                    index = pool.y(arrays, DType::uint8);
    return [&arrays, args = MaxPool2dArgs{.x_type = x,
                                          .y_type = y,
                                          .index_type = index,
                                          .kernel = {pool.kernel, pool.kernel},
                                          .window = pool.window(),
                                          .x = arrays.in(dtype, x.elements()),
                                          .y = arrays.out(dtype, y.elements()),
                                          .index = arrays.out(DType::uint8, y.elements())}] {
      max_pool2d_forward(arrays.stream(), args);
    };
  };
  return in_both_types("max_pool2d_forward", pool.describe(), prepare);
}

std::vector<KernelCase> max_pool_gradient_cases(const Pool& pool) {
  const auto prepare = [=](CaseArrays& arrays, DType dtype) {
    pool.count_operations(arrays);
    const ValueType x = pool.x(arrays, dtype), y = pool.y(arrays, dtype),
                    index = pool.y(arrays, DType::uint8);
    return
        [&arrays, args = MaxPool2dGradientArgs{
                      .x_type = x,
                      .y_type = y,
                      .index_type = index,
                      .kernel = {pool.kernel, pool.kernel},
                      .window = pool.window(),
                      .dy = arrays.in(dtype, y.elements()),
                      .index = arrays.indices(DType::uint8, y.elements(), pool.kernel * pool.kernel),
                      .dx = arrays.out(dtype, x.elements())}] { max_pool2d_backward(arrays.stream(), args); };
  };
  return in_both_types("max_pool2d_backward", pool.describe(), prepare);
}

AvgPool2dArgs average_args(CaseArrays& arrays, const Pool& pool, DType dtype) {
  pool.count_operations(arrays);
  return {.x_type = pool.x(arrays, dtype),
          .y_type = pool.y(arrays, dtype),
          .kernel = {pool.kernel, pool.kernel},
          .window = pool.window(),
          .count_include_pad = false,
          .from = nullptr,
          .to = nullptr};
}

std::vector<KernelCase> average_pool_cases(const Pool& pool) {
  const auto prepare = [=](CaseArrays& arrays, DType dtype) {
    AvgPool2dArgs args = average_args(arrays, pool, dtype);
    args.from = arrays.in(dtype, args.x_type.elements());
    args.to = arrays.out(dtype, args.y_type.elements());
    return [&arrays, args] { avg_pool2d_forward(arrays.stream(), args); };
  };
  return in_both_types("avg_pool2d_forward", pool.describe(), prepare);
}

std::vector<KernelCase> average_pool_gradient_cases(const Pool& pool) {
  const auto prepare = [=](CaseArrays& arrays, DType dtype) {
    AvgPool2dArgs args = average_args(arrays, pool, dtype);
    args.from = arrays.in(dtype, args.y_type.elements());
    args.to = arrays.out(dtype, args.x_type.elements());
    return [&arrays, args] { avg_pool2d_backward(arrays.stream(), args); };
  };
  return in_both_types("avg_pool2d_backward", pool.describe(), prepare);
}

ValueType planes(const CaseArrays& arrays, DType dtype) {
  return {dtype, Shape{arrays.size(4, 1024), 64, 32, 32}};
}
std::int64_t channels(const ValueType& x) { return x.shape[0] * x.shape[1]; }

auto run_global_average(CaseArrays& arrays, DType dtype) {
  const ValueType x = planes(arrays, dtype);
  return [&arrays,
          args = GlobalAvgPoolArgs{
              .x_type = x, .from = arrays.in(dtype, x.elements()), .to = arrays.out(dtype, channels(x))}] {
    global_avg_pool_forward(arrays.stream(), args);
  };
}

auto run_global_average_gradient(CaseArrays& arrays, DType dtype) {
  const ValueType x = planes(arrays, dtype);
  return [&arrays,
          args = GlobalAvgPoolArgs{
              .x_type = x, .from = arrays.in(dtype, channels(x)), .to = arrays.out(dtype, x.elements())}] {
    global_avg_pool_backward(arrays.stream(), args);
  };
}

auto run_global_max(CaseArrays& arrays, DType dtype) {
  const ValueType x = planes(arrays, dtype);
  return [&arrays, args = GlobalMaxPoolArgs{
                       .x_type = x,
                       .x = arrays.in(dtype, x.elements()),
                       .y = arrays.out(dtype, channels(x)),
                       .index = static_cast<std::int32_t*>(arrays.out(DType::int32, channels(x)))}] {
    global_max_pool_forward(arrays.stream(), args);
  };
}

auto run_global_max_gradient(CaseArrays& arrays, DType dtype) {
  const ValueType x = planes(arrays, dtype);
  return [&arrays,
          args = GlobalMaxPoolGradientArgs{
              .x_type = x,
              .dy = arrays.in(dtype, channels(x)),
              .index = static_cast<const std::int32_t*>(arrays.indices(DType::int32, channels(x), 1024)),
              .dx = arrays.out(dtype, x.elements())}] { global_max_pool_backward(arrays.stream(), args); };
}

constexpr Pool kHalving{.kernel = 2, .stride = 2, .padding = 0};
constexpr Pool kOverlapping{.kernel = 3, .stride = 2, .padding = 1};
constexpr Pool kWide{.kernel = 9, .stride = 1, .padding = 4};

const KernelCases registered(
    {max_pool_cases(kHalving), max_pool_cases(kOverlapping), max_pool_cases(kWide),
     max_pool_gradient_cases(kHalving), max_pool_gradient_cases(kOverlapping), max_pool_gradient_cases(kWide),
     average_pool_cases(kHalving), average_pool_cases(kOverlapping), average_pool_cases(kWide),
     average_pool_gradient_cases(kHalving), average_pool_gradient_cases(kOverlapping),
     average_pool_gradient_cases(kWide),
     in_both_types("global_avg_pool_forward", "planes of 1024", run_global_average),
     in_both_types("global_avg_pool_backward", "planes of 1024", run_global_average_gradient),
     in_both_types("global_max_pool_forward", "planes of 1024", run_global_max),
     in_both_types("global_max_pool_backward", "planes of 1024", run_global_max_gradient)});

}  // namespace
}  // namespace slipway
