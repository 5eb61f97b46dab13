#include "kernels/cuda/vendor/offers.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "kernels/cuda/bias_gradient.h"
#include "kernels/cuda/vendor/cublas/product.h"

// Matrix products and linear layers by cuBLASLt.
namespace slipway::cuda {
namespace {

constexpr const char* kName = "cublaslt";

MatrixProductProblem product_of(const LinearProblem& problem, const MatrixProductProblem& sizes) {
  MatrixProductProblem product = sizes;
  product.dtype = problem.x.dtype;
  return product;
}

/// What the kernels have in common.
template <class Args>
class LtKernel : public PreparedKernel<Args> {
 public:
  explicit LtKernel(std::unique_ptr<LtProduct> product) : product_(std::move(product)) {}
  std::size_t scratch_bytes() const override { return product_->scratch_bytes(); }

 protected:
  std::unique_ptr<LtProduct> product_;
};

class Product : public LtKernel<MatrixProductArgs> {
 public:
  using LtKernel::LtKernel;
  void run(const Stream& stream, const MatrixProductArgs& args) override {
    product_->run(stream, {.a = args.a, .b = args.b, .bias = nullptr, .y = args.y, .scratch = args.scratch});
  }
};

// y = activation(x weightᵀ + bias)
class Forward : public LtKernel<LinearArgs> {
 public:
  using LtKernel::LtKernel;
  static LtOptions options(const LinearProblem& problem) {
    return {.product = product_of(problem, {.rows = problem.x.shape[0],
                                            .inner = problem.x.shape[1],
                                            .columns = problem.weight.shape[0],
                                            .transpose_b = true}),
            .bias = problem.has_bias ? LtBias::added : LtBias::none,
            .activation = problem.activation};
  }
  void run(const Stream& stream, const LinearArgs& args) override {
    product_->run(stream, {.a = args.x,
                           .b = args.weight,
                           .bias = const_cast<void*>(args.bias),
                           .y = args.y,
                           .scratch = args.scratch});
  }
};

// dx = dy weight
class BackwardData : public LtKernel<LinearBackwardDataArgs> {
 public:
  using LtKernel::LtKernel;
  static LtOptions options(const LinearProblem& problem) {
    return {.product = product_of(problem, {.rows = problem.x.shape[0],
                                            .inner = problem.weight.shape[0],
                                            .columns = problem.weight.shape[1]})};
  }
  void run(const Stream& stream, const LinearBackwardDataArgs& args) override {
    product_->run(stream,
                  {.a = args.dy, .b = args.weight, .bias = nullptr, .y = args.dx, .scratch = args.scratch});
  }
};

// dweight = dyᵀ x;  dbias = the sums of dy's columns, along with it or, where cuBLASLt can't, by our kernel
class BackwardWeights : public PreparedKernel<LinearBackwardWeightsArgs> {
 public:
  static std::unique_ptr<BackwardWeights> find(const Stream& stream, const LinearProblem& problem) {
    LtOptions options{.product = product_of(problem, {.rows = problem.weight.shape[0],
                                                      .inner = problem.x.shape[0],
                                                      .columns = problem.weight.shape[1],
                                                      .transpose_a = true})};
    if (problem.has_bias) {
      options.bias = LtBias::gradient;
      if (auto both = LtProduct::find(stream, options)) {
        return std::make_unique<BackwardWeights>(std::move(both), std::nullopt);
      }
      options.bias = LtBias::none;
    }
    auto product = LtProduct::find(stream, options);
    if (!product) return nullptr;
    std::optional<BiasGradient> bias;
    if (problem.has_bias) bias = BiasGradient(problem.y);
    return std::make_unique<BackwardWeights>(std::move(product), bias);
  }
  BackwardWeights(std::unique_ptr<LtProduct> product, const std::optional<BiasGradient>& bias)
      : product_(std::move(product)), bias_(bias) {}
  std::size_t scratch_bytes() const override {
    return std::max(product_->scratch_bytes(), bias_ ? bias_->scratch_bytes() : 0);
  }
  void run(const Stream& stream, const LinearBackwardWeightsArgs& args) override {
    product_->run(
        stream, {.a = args.dy, .b = args.x, .bias = args.dbias, .y = args.dweight, .scratch = args.scratch});
    if (bias_) bias_->run(stream, args.dy, args.dbias, args.scratch);
  }

 private:
  std::unique_ptr<LtProduct> product_;
  std::optional<BiasGradient> bias_;
};

template <class Kernel, class Args>
void add_product(const Stream& stream, const LtOptions& options, Offers<Args>& offers) {
  if (auto product = LtProduct::find(stream, options)) {
    offers.push_back({kName, std::make_unique<Kernel>(std::move(product))});
  }
}

}  // namespace

void add_offers(const Stream& stream, const MatrixProductProblem& problem,
                Offers<MatrixProductArgs>& offers) {
  add_product<Product>(stream, {.product = problem}, offers);
}
void add_offers(const Stream& stream, const LinearProblem& problem, Offers<LinearArgs>& offers) {
  add_product<Forward>(stream, Forward::options(problem), offers);
}
void add_offers(const Stream& stream, const LinearProblem& problem, Offers<LinearBackwardDataArgs>& offers) {
  add_product<BackwardData>(stream, BackwardData::options(problem), offers);
}
void add_offers(const Stream& stream, const LinearProblem& problem,
                Offers<LinearBackwardWeightsArgs>& offers) {
  if (auto kernel = BackwardWeights::find(stream, problem)) offers.push_back({kName, std::move(kernel)});
}

}  // namespace slipway::cuda
