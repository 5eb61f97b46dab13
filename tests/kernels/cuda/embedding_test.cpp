#include <gtest/gtest.h>

#include "kernels/embedding.h"
#include "tests/support/kernel_agreement.h"

namespace slipway::test {
namespace {

struct Case {
  std::int64_t rows, width, count, padding;
};
/// The last ones have more lookups than a block sorts.
constexpr Case kCases[] = {{5, 8, 0, -1},     {1, 1, 1, -1},      {7, 16, 40, 2},    {1000, 33, 77, -1},
                           {3, 0, 5, -1},     {600, 300, 500, 0}, {50, 4, 2048, -1}, {50, 4, 2049, 49},
                           {4, 24, 5003, -1}, {2, 7, 3001, 1},    {60, 3, 4097, 17}};

std::vector<double> ids_of(const Case& c) {
  std::vector<double> ids = random_integers(c.count, 1, 0, c.rows - 1);
  if (c.count > 4) ids[1] = -1, ids[3] = static_cast<double>(c.rows);
  return ids;
}

TEST(CudaEmbedding, Forward) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(text(c.count, " of ", c.rows, " x ", c.width));
    for (const DType ids : {DType::int32, DType::int64}) {
      expect_agreement(
          {reads(random_values(c.rows * c.width, 2)), reads(ids_of(c)).as(ids), writes(c.count * c.width)},
          [&](const Stream& stream, DType dtype, const KernelPointers& p) {
            embedding_forward(stream, {.dtype = dtype,
                                       .ids_dtype = ids,
                                       .table = p[0],
                                       .ids = p[1],
                                       .y = p[2],
                                       .rows = c.rows,
                                       .width = c.width,
                                       .count = c.count});
          },
          {.epsilons = 0});
    }
  }
}

// Every row adds up its gradients in the order of the positions: the same bits as on the CPU.
TEST(CudaEmbedding, BackwardIsExact) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(text(c.count, " of ", c.rows, " x ", c.width));
    for (const DType ids : {DType::int32, DType::int64}) {
      expect_agreement(
          {reads(random_values(c.count * c.width, 2)), reads(ids_of(c)).as(ids), writes(c.rows * c.width),
           scratch(EmbeddingGradientArgs::scratch_numbers(c.rows, c.count), DType::int64)},
          [&](const Stream& stream, DType dtype, const KernelPointers& p) {
            embedding_backward(stream, {.dtype = dtype,
                                        .ids_dtype = ids,
                                        .dy = p[0],
                                        .ids = p[1],
                                        .dtable = p[2],
                                        .rows = c.rows,
                                        .width = c.width,
                                        .count = c.count,
                                        .padding = c.padding,
                                        .scratch = p.as<std::int64_t>(3)});
          },
          {.epsilons = 0});
    }
  }
}

}  // namespace
}  // namespace slipway::test
