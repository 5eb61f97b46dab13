#include "layers/initializer.h"

#include <array>
#include <cmath>
#include <numbers>
#include <vector>

namespace slipway {
namespace {

/// Fills `view` with draw(q), q uniform in (-1/2, 1/2) with 25 bits and never 0, in the order of the
/// sequence.
template <class Draw>
void fill_uniformly(const TensorView& view, RandomSequence& random, Draw&& draw) {
  constexpr std::size_t kChunk = 4096;
  std::array<std::uint32_t, kChunk> words;
  const auto fill = [&]<class T>(std::span<T> values) {
    for (std::size_t begin = 0; begin < values.size(); begin += kChunk) {
      const std::span<T> part = values.subspan(begin, std::min(kChunk, values.size() - begin));
      random.words(std::span(words).first(part.size()));
      for (std::size_t i = 0; i < part.size(); ++i) {
        const std::int32_t centred = static_cast<std::int32_t>(words[i] >> 8) - (1 << 23);
        part[i] = static_cast<T>(draw((static_cast<float>(centred) + 0.5f) * 0x1p-24f));
      }
    }
  };
  if (view.dtype() == DType::float64)
    fill(view.as<double>());
  else
    fill(view.as<float>());
}

/// The quantile function of the standard normal distribution at 1/2 + q for |q| < 1/2 - 1e-11, to seven
/// digits: PPND7 of Wichura, "Algorithm AS 241" (Applied Statistics 37, 1988), without its farthest tail.
float normal_quantile(float q) {
  const float magnitude = std::abs(q);
  if (magnitude <= 0.425f) {
    const float r = 0.180625f - q * q;
    return q * (((59.109374720f * r + 159.29113202f) * r + 50.434271938f) * r + 3.3871327179f) /
           (((67.187563600f * r + 78.757757664f) * r + 17.895169469f) * r + 1.0f);
  }
  const float r = std::sqrt(-std::log(0.5f - magnitude)) - 1.6f;
  const float tail = (((0.17023821103f * r + 1.3067284816f) * r + 2.7568153900f) * r + 1.4234372777f) /
                     ((0.12021132975f * r + 0.73700164250f) * r + 1.0f);
  return std::copysign(tail, q);
}

void fill_uniform(const TensorView& view, double low, double high, RandomSequence& random) {
  const float middle = static_cast<float>((low + high) / 2), width = static_cast<float>(high - low);
  fill_uniformly(view, random, [=](float q) { return middle + width * q; });
}

void fill_normal(const TensorView& view, double mean, double deviation, RandomSequence& random) {
  const float centre = static_cast<float>(mean), scale = static_cast<float>(deviation);
  fill_uniformly(view, random, [=](float q) { return centre + scale * normal_quantile(q); });
}

class Zeros : public Initializer {
 public:
  void fields(FieldVisitor&) override {}
  void fill(const TensorView& view, const Fans&, RandomSequence&) const override {
    copy_elements(Tensor::zeros(view.dtype(), view.shape()), view);
  }
};

class Constant : public Initializer {
 public:
  void fields(FieldVisitor& visit) override {
    visit.field("value", value_, {.help = "of every element", .required = true, .positional = true});
  }
  void fill(const TensorView& view, const Fans&, RandomSequence&) const override {
    copy_elements(Tensor::full(view.dtype(), view.shape(), value_), view);
  }

 private:
  double value_ = 0;
};

class Ones : public Initializer {
 public:
  void fields(FieldVisitor&) override {}
  void fill(const TensorView& view, const Fans&, RandomSequence&) const override {
    copy_elements(Tensor::full(view.dtype(), view.shape(), 1), view);
  }
};

class Uniform : public Initializer {
 public:
  void fields(FieldVisitor& visit) override {
    visit.field("low", low_, {.help = "smallest value"});
    visit.field("high", high_, {.help = "largest value"});
  }
  void check(ConfigErrors& errors) const override {
    if (low_ > high_) errors.add(where, text("uniform: low ", low_, " is above high ", high_));
  }
  void fill(const TensorView& view, const Fans&, RandomSequence& random) const override {
    fill_uniform(view, low_, high_, random);
  }

 private:
  double low_ = 0;
  double high_ = 1;
};

class FanInUniform : public Initializer {
 public:
  void fields(FieldVisitor&) override {}
  void fill(const TensorView& view, const Fans& fans, RandomSequence& random) const override {
    const double bound = 1 / std::sqrt(fans.in);
    fill_uniform(view, -bound, bound, random);
  }
};

class Normal : public Initializer {
 public:
  void fields(FieldVisitor& visit) override {
    visit.field("std", std_, {.help = "standard deviation", .positional = true, .min = 0});
    visit.field("mean", mean_, {.help = "mean"});
  }
  void fill(const TensorView& view, const Fans&, RandomSequence& random) const override {
    fill_normal(view, mean_, std_, random);
  }

 private:
  double std_ = 1;
  double mean_ = 0;
};

/// Inverse transform: the quantiles of the part of the distribution that is kept.
class TruncatedNormal : public Initializer {
 public:
  void fields(FieldVisitor& visit) override {
    visit.field("std", std_, {.help = "standard deviation before truncation", .positional = true, .min = 0});
    visit.field("mean", mean_, {.help = "mean"});
    visit.field("cutoff", cutoff_,
                {.help = "no value is farther from the mean, in standard deviations", .max = 6, .above = 0});
  }
  void fill(const TensorView& view, const Fans&, RandomSequence& random) const override {
    const float kept = static_cast<float>(std::erf(cutoff_ / std::numbers::sqrt2));
    const float centre = static_cast<float>(mean_), scale = static_cast<float>(std_);
    const float cutoff = static_cast<float>(cutoff_);
    fill_uniformly(view, random, [=](float q) {
      return centre + scale * std::min(cutoff, std::max(-cutoff, normal_quantile(kept * q)));
    });
  }

 private:
  double std_ = 1;
  double mean_ = 0;
  double cutoff_ = 2;
};

/// Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks" (2010):
/// variance = gain² 2 / (fan_in + fan_out).
template <void (*fill_with_deviation)(const TensorView&, double, RandomSequence&)>
class Xavier : public Initializer {
 public:
  void fields(FieldVisitor& visit) override {
    visit.field("gain", gain_, {.help = "factor on all values", .positional = true});
  }
  void fill(const TensorView& view, const Fans& fans, RandomSequence& random) const override {
    fill_with_deviation(view, gain_ * std::sqrt(2 / (fans.in + fans.out)), random);
  }

 private:
  double gain_ = 1;
};

/// He et al., "Delving Deep into Rectifiers" (2015): variance = gain² / fan.
template <void (*fill_with_deviation)(const TensorView&, double, RandomSequence&)>
class Kaiming : public Initializer {
 public:
  void fields(FieldVisitor& visit) override {
    visit.field("mode", mode_,
                {.help = "what keeps its variance: values going forward (fan_in) or gradients going back",
                 .choices = {"fan_in", "fan_out"}});
    visit.field("nonlinearity", nonlinearity_,
                {.help = "what follows the layer",
                 .choices = {"linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu"}});
    visit.field("slope", slope_, {.help = "of leaky_relu below zero"});
  }
  void fill(const TensorView& view, const Fans& fans, RandomSequence& random) const override {
    fill_with_deviation(view, gain() / std::sqrt(mode_ == "fan_in" ? fans.in : fans.out), random);
  }

 private:
  double gain() const {
    if (nonlinearity_ == "relu") return std::numbers::sqrt2;
    if (nonlinearity_ == "leaky_relu") return std::sqrt(2 / (1 + slope_ * slope_));
    if (nonlinearity_ == "tanh") return 5.0 / 3;
    if (nonlinearity_ == "selu") return 0.75;
    return 1;
  }
  std::string mode_ = "fan_in";
  std::string nonlinearity_ = "relu";
  double slope_ = 0.01;
};

void uniform_with_deviation(const TensorView& view, double deviation, RandomSequence& random) {
  const double bound = std::numbers::sqrt3 * deviation;
  fill_uniform(view, -bound, bound, random);
}
void normal_with_deviation(const TensorView& view, double deviation, RandomSequence& random) {
  fill_normal(view, 0, deviation, random);
}

/// Makes vector `index` orthogonal to those before it, by Gram and Schmidt, and a unit vector. A second pass
/// takes away what rounding left of the first.
void orthonormalize(double* vectors, std::int64_t index, std::int64_t length) {
  double* vector = vectors + index * length;
  const auto dot = [=](const double* other) {
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t i = 0; i < length; ++i) sum += vector[i] * other[i];
    return sum;
  };
  for (int pass = 0; pass < 2; ++pass) {
    for (std::int64_t k = 0; k < index; ++k) {
      const double* other = vectors + k * length;
      const double along = dot(other);
#pragma omp simd
      for (std::int64_t i = 0; i < length; ++i) vector[i] -= along * other[i];
    }
  }
  const double scale = 1 / std::sqrt(dot(vector));
  for (std::int64_t i = 0; i < length; ++i) vector[i] *= scale;
}

/// Saxe et al., "Exact solutions to the nonlinear dynamics of learning in deep linear neural networks"
/// (2014). Gaussian vectors made orthonormal in turn are uniformly distributed among all such.
class Orthogonal : public Initializer {
 public:
  void fields(FieldVisitor& visit) override {
    visit.field("gain", gain_, {.help = "factor on all values", .positional = true});
  }
  void fill(const TensorView& view, const Fans&, RandomSequence& random) const override {
    const Shape& shape = view.shape();
    require(shape.rank() >= 2, "orthogonal: initialises matrices, not shape ", shape);
    const std::int64_t rows = shape[0], columns = shape.elements(1, shape.rank());
    const std::int64_t count = std::min(rows, columns), length = std::max(rows, columns);
    const Tensor vectors(DType::float64, {count, length});
    fill_normal(vectors, 0, 1, random);
    for (std::int64_t i = 0; i < count; ++i) orthonormalize(vectors.as<double>().data(), i, length);
    for (double& value : vectors.as<double>()) value *= gain_;
    const TensorView drawn = vectors.view();
    copy_elements(rows <= columns ? drawn : drawn.transposed({1, 0}), view.reshaped({rows, columns}));
  }

 private:
  double gain_ = 1;
};

const Register<Initializer, Zeros> zeros("zeros", "0 everywhere");
const Register<Initializer, Ones> ones("ones", "1 everywhere");
const Register<Initializer, Constant> constant("constant", "one value everywhere");
const Register<Initializer, Uniform> uniform("uniform", "uniform between two bounds");
const Register<Initializer, FanInUniform> fan_in_uniform(
    "fan_in_uniform", "uniform in +-1/√fan_in: PyTorch's default for weights and biases");
const Register<Initializer, Normal> normal("normal", "normal distribution");
const Register<Initializer, TruncatedNormal> truncated_normal("truncated_normal",
                                                              "normal distribution without its tails");
const Register<Initializer, Xavier<uniform_with_deviation>> xavier_uniform(
    "xavier_uniform", "uniform in +-gain √(6 / (fan_in + fan_out)) (Glorot and Bengio, 2010)");
const Register<Initializer, Xavier<normal_with_deviation>> xavier_normal(
    "xavier_normal", "normal with std gain √(2 / (fan_in + fan_out)) (Glorot and Bengio, 2010)");
const Register<Initializer, Kaiming<uniform_with_deviation>> kaiming_uniform(
    "kaiming_uniform", "uniform in +-gain √(3 / fan); gain √2 for relu (He et al., 2015)");
const Register<Initializer, Kaiming<normal_with_deviation>> kaiming_normal(
    "kaiming_normal", "normal with std gain / √fan; gain √2 for relu (He et al., 2015)");
const Register<Initializer, Orthogonal> orthogonal(
    "orthogonal", "rows, or columns if they are fewer, orthogonal and of length gain (Saxe et al., 2014)");

}  // namespace

Fans Fans::of_weight(const Shape& shape) {
  require(shape.rank() >= 2, "initializer: shape ", shape, " is not that of a weight, [out, in, ...]");
  const double window = static_cast<double>(shape.elements(2, shape.rank()));
  return {.in = static_cast<double>(shape[1]) * window, .out = static_cast<double>(shape[0]) * window};
}

Initialize initialize_by(const Slot<Initializer>& initializer, const Fans& fans) {
  return [initializer, fans](const TensorView& view, RandomSequence& random) {
    initializer->fill(view, fans, random);
  };
}

void WeightAndBias::fields(FieldVisitor& visit) {
  visit.field("bias", bias_, {.help = "whether a learned vector is added"});
  visit.field("initializer", initializer_, {.help = "how the weight starts"});
  visit.field("bias_initializer", bias_initializer_, {.help = "how the bias starts"});
}

std::vector<Value> WeightAndBias::parameters(const Scope& scope, const Shape& weight) const {
  const Fans fans = Fans::of_weight(weight);
  std::vector<Value> parameters = {
      scope.parameter({.name = "weight", .shape = weight, .initialize = initialize_by(initializer_, fans)})};
  if (bias_) {
    parameters.push_back(scope.parameter({.name = "bias",
                                          .shape = {weight[0]},
                                          .initialize = initialize_by(bias_initializer_, fans),
                                          .decay = false}));
  }
  return parameters;
}

}  // namespace slipway
