#include "kernels/cuda/vendor/offers.h"

// In place of vendor/cudnn in builds without cuDNN.
namespace slipway::cuda {

void add_offers(const Stream&, const Conv2dProblem&, Offers<Conv2dArgs>&) {}
void add_offers(const Stream&, const Conv2dProblem&, Offers<Conv2dBackwardDataArgs>&) {}
void add_offers(const Stream&, const Conv2dProblem&, Offers<Conv2dBackwardWeightsArgs>&) {}

}  // namespace slipway::cuda
