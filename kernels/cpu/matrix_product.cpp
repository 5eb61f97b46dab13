#include "kernels/matrix_product.h"

#include "core/base/shape.h"
#include "kernels/cpu/float_types.h"
#include "kernels/cpu/matrix_product_loops.h"
#include "kernels/cpu/onednn_shards.h"

namespace slipway::cpu {
namespace {

using Kernel = PreparedKernel<MatrixProductArgs>;

class Loops : public Kernel {
 public:
  explicit Loops(const MatrixProductProblem& problem) : problem_(problem) {}
  void run(const Stream& stream, const MatrixProductArgs& args) override {
    const MatrixProductProblem& p = problem_;
    visit_float(p.dtype, "matrix_product", [&]<class T>() {
      for (std::int64_t i = 0; i < p.batch; ++i) {
        const Matrix<const T> a{static_cast<const T*>(args.a) + i * p.rows * p.inner,
                                p.transpose_a ? 1 : p.inner, p.transpose_a ? p.rows : 1};
        const Matrix<const T> b{static_cast<const T*>(args.b) + i * p.inner * p.columns,
                                p.transpose_b ? 1 : p.columns, p.transpose_b ? p.inner : 1};
        matrix_product_loops<T>(stream, a, b, static_cast<T*>(args.y) + i * p.rows * p.columns,
                                Shape{p.rows, p.inner, p.columns});
      }
    });
  }

 private:
  MatrixProductProblem problem_;
};

/// [batch, rows, columns], dense; stored transposed if asked.
ValueType matrices(std::int64_t batch, std::int64_t rows, std::int64_t columns, bool transposed) {
  ValueType type(DType::float32, Shape{batch, rows, columns});
  if (transposed) type.layout = Layout::strided({rows * columns, 1, rows});
  return type;
}

/// Parts are groups of matrices, or of rows where there is one matrix only.
class ByOnednn : public Kernel {
 public:
  ByOnednn(const Stream& stream, const MatrixProductProblem& p)
      : problem_(p),
        shards_(stream, p.batch > 1 ? p.batch : p.rows,
                2.0 * static_cast<double>(p.batch * p.rows) * static_cast<double>(p.inner * p.columns),
                [&](std::int64_t count) { return offer(count); }) {}
  bool complete() const { return shards_.complete(); }
  std::size_t scratch_bytes() const override { return shards_.scratch_bytes(); }
  void run(const Stream&, const MatrixProductArgs& args) override {
    const MatrixProductProblem& p = problem_;
    const bool by_matrix = p.batch > 1;
    const std::int64_t a_step = by_matrix ? p.rows * p.inner : p.transpose_a ? 1 : p.inner;
    const std::int64_t b_step = by_matrix ? p.inner * p.columns : 0;
    const std::int64_t y_step = by_matrix ? p.rows * p.columns : p.columns;
    shards_.run(args.scratch, [&](std::size_t i) {
      const std::int64_t begin = shards_.begin(i);
      return Pointers{{static_cast<const float*>(args.a) + begin * a_step,
                       static_cast<const float*>(args.b) + begin * b_step,
                       static_cast<const float*>(args.y) + begin * y_step},
                      3};
    });
  }

 private:
  std::optional<ShardOffer> offer(std::int64_t count) const {
    const MatrixProductProblem& p = problem_;
    const std::int64_t batch = p.batch > 1 ? count : 1, rows = p.batch > 1 ? p.rows : count;
    ValueType a = matrices(batch, rows, p.inner, p.transpose_a);
    if (p.transpose_a) a.layout = Layout::strided({p.rows * p.inner, 1, p.rows});
    const auto a_desc = onednn::descriptor(a);
    const auto b_desc = onednn::descriptor(matrices(batch, p.inner, p.columns, p.transpose_b));
    const auto y_desc = onednn::descriptor(matrices(batch, rows, p.columns, false));
    const auto found = onednn::matrix_product(a_desc, b_desc, y_desc);
    if (!found || found->is_reference()) return std::nullopt;
    return ShardOffer{
        *found, {{DNNL_ARG_SRC, a_desc}, {DNNL_ARG_WEIGHTS, b_desc}, {DNNL_ARG_DST, y_desc}}, found->weight};
  }

  MatrixProductProblem problem_;
  Shards shards_;
};

std::unique_ptr<Kernel> make(const Stream& stream, const MatrixProductProblem& problem) {
  const bool empty = problem.batch * problem.rows * problem.inner * problem.columns == 0;
  if (problem.dtype == DType::float32 && !empty) {
    auto kernel = std::make_unique<ByOnednn>(stream, problem);
    if (kernel->complete()) return kernel;
  }
  return std::make_unique<Loops>(problem);
}

const DeviceFunctionRegistrar kRegistered(matrix_product, DeviceKind::cpu, make);

}  // namespace
}  // namespace slipway::cpu
