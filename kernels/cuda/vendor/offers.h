#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernels/conv2d.h"
#include "kernels/linear.h"
#include "kernels/matrix_product.h"

/// What the vendor's libraries can compute. Either library may be absent from a build (SLIPWAY_CUBLAS,
/// SLIPWAY_CUDNN); it then offers nothing.
namespace slipway::cuda {

/// One implementation of a problem. Its arrays begin at multiples of kLibraryAlignment bytes.
template <class Args>
struct Offer {
  std::string name;  // as the tuner remembers it
  std::unique_ptr<PreparedKernel<Args>> kernel;
};
/// The presumably fastest first; all of them give the same bits in every run.
template <class Args>
using Offers = std::vector<Offer<Args>>;

// cuBLASLt
void add_offers(const Stream& stream, const LinearProblem& problem, Offers<LinearArgs>& offers);
void add_offers(const Stream& stream, const LinearProblem& problem, Offers<LinearBackwardDataArgs>& offers);
void add_offers(const Stream& stream, const LinearProblem& problem,
                Offers<LinearBackwardWeightsArgs>& offers);
void add_offers(const Stream& stream, const MatrixProductProblem& problem, Offers<MatrixProductArgs>& offers);

// cuDNN
void add_offers(const Stream& stream, const Conv2dProblem& problem, Offers<Conv2dArgs>& offers);
void add_offers(const Stream& stream, const Conv2dProblem& problem, Offers<Conv2dBackwardDataArgs>& offers);
void add_offers(const Stream& stream, const Conv2dProblem& problem,
                Offers<Conv2dBackwardWeightsArgs>& offers);

}  // namespace slipway::cuda
