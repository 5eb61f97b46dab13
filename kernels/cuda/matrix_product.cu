#include "kernels/matrix_product.h"

#include "kernels/cuda/choice.h"
#include "kernels/cuda/product.cuh"

namespace slipway::cuda {
namespace {

class TiledMatrixProduct : public PreparedKernel<MatrixProductArgs> {
 public:
  TiledMatrixProduct(const Stream& stream, const MatrixProductProblem& problem)
      : problem_(problem),
        plan_({.batch = problem.batch, .m = problem.rows, .n = problem.columns, .k = problem.inner},
              problem.dtype, stream.matrix_precision) {}

  std::size_t scratch_bytes() const override { return plan_.scratch_bytes(); }
  void run(const Stream& stream, const MatrixProductArgs& args) override {
    visit_float(problem_.dtype, "matrix_product", [&]<class T>() {
      if (problem_.transpose_a) {
        with_a(stream, args, Matrix<T, false>{static_cast<const T*>(args.a), problem_.rows, a_step()});
      } else {
        with_a(stream, args, Matrix<T, true>{static_cast<const T*>(args.a), problem_.inner, a_step()});
      }
    });
  }

 private:
  std::int64_t a_step() const { return problem_.rows * problem_.inner; }
  std::int64_t b_step() const { return problem_.inner * problem_.columns; }

  template <class T, bool kInnerContiguous>
  void with_a(const Stream& stream, const MatrixProductArgs& args,
              const Matrix<T, kInnerContiguous>& a) const {
    const T* b = static_cast<const T*>(args.b);
    const DenseResult<T> y{static_cast<T*>(args.y), problem_.rows, problem_.columns};
    if (problem_.transpose_b) {
      run_product<T>(stream, plan_, a, Matrix<T, true>{b, problem_.inner, b_step()}, y, args.scratch);
    } else {
      run_product<T>(stream, plan_, a, Matrix<T, false>{b, problem_.columns, b_step()}, y, args.scratch);
    }
  }

  MatrixProductProblem problem_;
  ProductPlan plan_;
};

std::unique_ptr<PreparedKernel<MatrixProductArgs>> make(const Stream& stream,
                                                        const MatrixProductProblem& problem) {
  return choose<MatrixProductArgs>(stream, matrix_product.name(), problem,
                                   std::make_unique<TiledMatrixProduct>(stream, problem));
}

const DeviceFunctionRegistrar kRegistered(matrix_product, DeviceKind::cuda, make);

}  // namespace
}  // namespace slipway::cuda
