#include <algorithm>

#include "core/base/convert.h"
#include "kernels/simt/cudnn/description.h"
#include "kernels/simt/intrinsics/tf32.h"
#include "kernels/simt/library/product.h"

// Convolutions as products of matrices, of which one holds the windows of some images as its columns.
namespace slipway::simt {
namespace {

/// Calls the body with the type of the elements.
template <class Body>
void visit(cudnnDataType_t type, const Body& body) {
  switch (type) {
    case CUDNN_DATA_HALF:
      return body.template operator()<float16>();
    case CUDNN_DATA_BFLOAT16:
      return body.template operator()<bfloat16>();
    case CUDNN_DATA_DOUBLE:
      return body.template operator()<double>();
    default:
      return body.template operator()<float>();
  }
}

template <class T>
std::vector<T> factors(const ConvolutionProblem& problem, const CudnnTensor& tensor, const void* data) {
  std::vector<T> values(static_cast<std::size_t>(tensor.count()));
  visit(tensor.type, [&]<class E>() {
    std::transform(static_cast<const E*>(data), static_cast<const E*>(data) + values.size(), values.begin(),
                   [](E value) { return convert<T>(value); });
  });
  if constexpr (std::is_same_v<T, float>) {
    if (problem.rounds_to_tf32()) std::transform(values.begin(), values.end(), values.begin(), round_to_tf32);
  }
  return values;
}

/// Images `first` to `first + count` of one group, whose windows are the columns of one matrix.
struct Part {
  std::int64_t first, count, group;
};

/// As many images as keep the matrix of windows within bounds.
std::int64_t images_at_once(const ConvolutionProblem& problem) {
  constexpr std::int64_t kMostElements = std::int64_t{1} << 22;
  return std::clamp<std::int64_t>(kMostElements / (problem.taps() * problem.out_plane()), 1,
                                  problem.x.sizes[0]);
}

template <class Body>
void for_each_part(const ConvolutionProblem& problem, const Body& body) {
  const std::int64_t step = images_at_once(problem), images = problem.x.sizes[0];
  for (std::int64_t group = 0; group < problem.window.groups; ++group) {
    for (std::int64_t first = 0; first < images; first += step) {
      body(Part{first, std::min(step, images - first), group});
    }
  }
}

/// Calls body(place in x, place in the matrix [taps, images, out_plane]) for what windows see of images.
template <class Body>
void for_each_seen(const ConvolutionProblem& p, const Part& part, const Body& body) {
  const std::int64_t height = p.x.sizes[2], width = p.x.sizes[3], columns = part.count * p.out_plane();
  for (std::int64_t tap = 0; tap < p.taps(); ++tap) {
    const std::int64_t right = tap % p.weight.sizes[3], down = tap / p.weight.sizes[3] % p.weight.sizes[2];
    const std::int64_t channel = part.group * p.group_in() + tap / (p.weight.sizes[2] * p.weight.sizes[3]);
    for (std::int64_t image = 0; image < part.count; ++image) {
      const std::int64_t plane = ((part.first + image) * p.x.sizes[1] + channel) * p.in_plane();
      std::int64_t to = tap * columns + image * p.out_plane();
      for (std::int64_t h = 0; h < p.y.sizes[2]; ++h) {
        const std::int64_t row = h * p.window.stride[0] + down * p.window.dilation[0] - p.window.padding[0];
        for (std::int64_t w = 0; w < p.y.sizes[3]; ++w, ++to) {
          const std::int64_t column =
              w * p.window.stride[1] + right * p.window.dilation[1] - p.window.padding[1];
          if (row < 0 || row >= height || column < 0 || column >= width) continue;
          body(static_cast<std::size_t>(plane + row * width + column), static_cast<std::size_t>(to));
        }
      }
    }
  }
}

/// Calls body(place in y, place in the matrix [group_out, images, out_plane]).
template <class Body>
void for_each_output(const ConvolutionProblem& p, const Part& part, const Body& body) {
  for (std::int64_t channel = 0; channel < p.group_out(); ++channel) {
    for (std::int64_t image = 0; image < part.count; ++image) {
      const std::int64_t from =
          ((part.first + image) * p.y.sizes[1] + part.group * p.group_out() + channel) * p.out_plane();
      const std::int64_t to = (channel * part.count + image) * p.out_plane();
      for (std::int64_t i = 0; i < p.out_plane(); ++i) {
        body(static_cast<std::size_t>(from + i), static_cast<std::size_t>(to + i));
      }
    }
  }
}

template <class T>
std::vector<T> transposed(const T* matrix, std::int64_t rows, std::int64_t columns) {
  std::vector<T> turned(static_cast<std::size_t>(rows * columns));
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t column = 0; column < columns; ++column) {
      turned[static_cast<std::size_t>(column * rows + row)] = matrix[row * columns + column];
    }
  }
  return turned;
}

template <class T>
std::vector<T> windows_of(const ConvolutionProblem& p, const Part& part, const std::vector<T>& x) {
  std::vector<T> windows(static_cast<std::size_t>(p.taps() * part.count * p.out_plane()));
  for_each_seen(p, part, [&](std::size_t from, std::size_t to) { windows[to] = x[from]; });
  return windows;
}

template <class T>
std::vector<T> outputs_of(const ConvolutionProblem& p, const Part& part, const std::vector<T>& dy) {
  std::vector<T> outputs(static_cast<std::size_t>(p.group_out() * part.count * p.out_plane()));
  for_each_output(p, part, [&](std::size_t from, std::size_t to) { outputs[to] = dy[from]; });
  return outputs;
}

template <class T>
std::vector<T> forward(const ConvolutionProblem& p, const ConvolutionArrays& arrays) {
  const auto x = factors<T>(p, p.x, arrays.x), weight = factors<T>(p, p.weight, arrays.weight);
  std::vector<T> y(static_cast<std::size_t>(p.y.count()));
  for_each_part(p, [&](const Part& part) {
    const std::int64_t columns = part.count * p.out_plane();
    const auto windows = windows_of(p, part, x);
    std::vector<T> sums(static_cast<std::size_t>(p.group_out() * columns));
    multiply({p.group_out(), p.taps(), columns},
             &weight[static_cast<std::size_t>(part.group * p.group_out() * p.taps())], windows.data(),
             sums.data());
    for_each_output(p, part, [&](std::size_t to, std::size_t from) { y[to] = sums[from]; });
  });
  return y;
}

template <class T>
std::vector<T> backward_data(const ConvolutionProblem& p, const ConvolutionArrays& arrays) {
  const auto weight = factors<T>(p, p.weight, arrays.weight), dy = factors<T>(p, p.y, arrays.y);
  std::vector<T> dx(static_cast<std::size_t>(p.x.count()));
  for_each_part(p, [&](const Part& part) {
    const std::int64_t columns = part.count * p.out_plane();
    const auto turned = transposed(&weight[static_cast<std::size_t>(part.group * p.group_out() * p.taps())],
                                   p.group_out(), p.taps());
    const auto outputs = outputs_of(p, part, dy);
    std::vector<T> sums(static_cast<std::size_t>(p.taps() * columns));
    multiply({p.taps(), p.group_out(), columns}, turned.data(), outputs.data(), sums.data());
    for_each_seen(p, part, [&](std::size_t to, std::size_t from) { dx[to] += sums[from]; });
  });
  return dx;
}

template <class T>
std::vector<T> backward_filter(const ConvolutionProblem& p, const ConvolutionArrays& arrays) {
  const auto x = factors<T>(p, p.x, arrays.x), dy = factors<T>(p, p.y, arrays.y);
  std::vector<T> dweight(static_cast<std::size_t>(p.weight.count()));
  for_each_part(p, [&](const Part& part) {
    const std::int64_t columns = part.count * p.out_plane(), count = p.group_out() * p.taps();
    const auto windows = windows_of(p, part, x);
    const auto turned = transposed(windows.data(), p.taps(), columns);
    const auto outputs = outputs_of(p, part, dy);
    std::vector<T> sums(static_cast<std::size_t>(count));
    multiply({p.group_out(), columns, p.taps()}, outputs.data(), turned.data(), sums.data());
    for (std::int64_t i = 0; i < count; ++i) {
      dweight[static_cast<std::size_t>(part.group * count + i)] += sums[static_cast<std::size_t>(i)];
    }
  });
  return dweight;
}

/// result = activation(scale sum + result_scale result + residual_scale residual + bias)
template <class T>
void store(const ConvolutionProblem& p, const ConvolutionArrays& arrays, const std::vector<T>& sums) {
  const ConvolutionEpilogue& epilogue = arrays.epilogue;
  visit(p.x.type, [&]<class E>() {
    E* result = static_cast<E*>(arrays.result);
    const E* residual = static_cast<const E*>(epilogue.residual);
    const E* bias = static_cast<const E*>(epilogue.bias);
    for (std::size_t i = 0; i < sums.size(); ++i) {
      T value = static_cast<T>(arrays.scale) * sums[i];
      if (arrays.result_scale != 0) value += static_cast<T>(arrays.result_scale) * convert<T>(result[i]);
      if (residual) value += static_cast<T>(epilogue.residual_scale) * convert<T>(residual[i]);
      if (bias) value += convert<T>(bias[static_cast<std::int64_t>(i) / p.out_plane() % p.y.sizes[1]]);
      if (epilogue.relu) value = value > 0 ? value : T(0);
      result[i] = convert<E>(value);
    }
  });
}

template <class T>
void compute_in(ConvolutionDirection direction, const ConvolutionProblem& problem,
                const ConvolutionArrays& arrays) {
  switch (direction) {
    case ConvolutionDirection::forward:
      return store(problem, arrays, forward<T>(problem, arrays));
    case ConvolutionDirection::data:
      return store(problem, arrays, backward_data<T>(problem, arrays));
    case ConvolutionDirection::filter:
      return store(problem, arrays, backward_filter<T>(problem, arrays));
  }
}

}  // namespace

void compute(ConvolutionDirection direction, const ConvolutionProblem& problem,
             const ConvolutionArrays& arrays) {
  if (problem.x.type == CUDNN_DATA_DOUBLE) {
    compute_in<double>(direction, problem, arrays);
  } else {
    compute_in<float>(direction, problem, arrays);
  }
}

}  // namespace slipway::simt
