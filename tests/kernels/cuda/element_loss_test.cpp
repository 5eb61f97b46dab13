#include <gtest/gtest.h>

#include <limits>

#include "kernels/element_loss.h"
#include "tests/support/kernel_agreement.h"

namespace slipway::test {
namespace {

class CudaElementLoss : public testing::TestWithParam<const KernelSlot<ElementLossArgs>*> {};
INSTANTIATE_TEST_SUITE_P(Losses, CudaElementLoss,
                         testing::Values(&squared_error_kernel, &absolute_error_kernel, &huber_kernel,
                                         &binary_cross_entropy_kernel));

struct Setting {
  std::int64_t count, channels, inner;
  bool weighted = true, with_gradient = true;
};

TEST_P(CudaElementLoss, LossAndGradient) {
  for (const Setting& s :
       {Setting{0, 1, 1}, Setting{1, 1, 1}, Setting{33, 1, 33, false}, Setting{126, 3, 7},
        Setting{2053, 1, 2053}, Setting{2053, 1, 2053, true, false}, Setting{600'011, 1, 600'011}}) {
    SCOPED_TRACE(s.count);
    for (const bool whole_targets : {false, true}) {
      std::vector<double> x = random_values(s.count, 1), t = random_integers(s.count, 2, 0, 1);
      if (!whole_targets && s.count > 1) t[1] = 0.25, x[0] = t[0];
      if (s.count == 126) x[5] = std::numeric_limits<double>::quiet_NaN();
      KernelArray target = reads(t);
      if (whole_targets) target = target.as(DType::int64);
      Agreement agreement{.epsilons = 16, .magnitude = 1e-6};
      if (s.count > 10000) agreement.dtypes = {DType::float32};
      expect_agreement(
          {updates(x), target, reads(random_values(s.channels, 3, 0.5, 2)), writes(1),
           scratch(ElementLossArgs::kParts, DType::float64)},
          [&](const Stream& stream, DType dtype, const KernelPointers& p) {
            (*GetParam())(stream, {.dtype = dtype,
                                   .target_dtype = whole_targets ? DType::int64 : dtype,
                                   .x = p[0],
                                   .target = p[1],
                                   .weights = s.weighted ? p[2] : nullptr,
                                   .channels = s.channels,
                                   .inner = s.inner,
                                   .loss = p[3],
                                   .dx = s.with_gradient ? p[0] : nullptr,
                                   .count = s.count,
                                   .divisor = s.count + 7,
                                   .parameter = 0.75,
                                   .partial = p.as<double>(4)});
          },
          agreement);
    }
  }
}

}  // namespace
}  // namespace slipway::test
