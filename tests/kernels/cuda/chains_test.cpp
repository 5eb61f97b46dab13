#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/graph/passes/passes.h"
#include "layers/ops/structural.h"
#include "tests/support/cuda_device.h"
#include "tests/support/random_graph.h"

namespace slipway::test {
namespace {

using CudaChains = CudaDeviceTest;

/// Largest difference relative to the largest magnitude.
double difference(const Tensor& a, const Tensor& b) {
  const Tensor x = a.cast(DType::float64), y = b.cast(DType::float64);
  double largest = 1, worst = 0;
  for (std::size_t i = 0; i < x.as<double>().size(); ++i) {
    largest = std::max(largest, std::abs(y.as<double>()[i]));
    const double here = std::abs(x.as<double>()[i] - y.as<double>()[i]);
    if (!(here <= worst)) worst = std::isnan(here) ? HUGE_VAL : here;
  }
  return worst / largest;
}

TEST_F(CudaChains, GiveTheValuesOfTheirOps) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const bool narrow = seed % 2 == 1;
    const RandomGraph random(seed, narrow ? RandomGraph::Casts::narrow : RandomGraph::Casts::none);
    const Graph lean = eliminate_dead_nodes(random.graph()), result = fuse_chains(lean, structural_ops());
    const std::vector<Tensor> expected = random.run(lean, stream_), actual = random.run(result, stream_);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_LE(difference(actual[i], expected[i]), narrow ? 4e-2 : 1e-5)
          << "seed " << seed << ", output " << i << "\n"
          << result;
    }
  }
}

}  // namespace
}  // namespace slipway::test
