#include "kernels/cuda/vendor/offers.h"

// In place of vendor/cublas in builds without cuBLASLt.
namespace slipway::cuda {

void add_offers(const Stream&, const LinearProblem&, Offers<LinearArgs>&) {}
void add_offers(const Stream&, const LinearProblem&, Offers<LinearBackwardDataArgs>&) {}
void add_offers(const Stream&, const LinearProblem&, Offers<LinearBackwardWeightsArgs>&) {}
void add_offers(const Stream&, const MatrixProductProblem&, Offers<MatrixProductArgs>&) {}

}  // namespace slipway::cuda
