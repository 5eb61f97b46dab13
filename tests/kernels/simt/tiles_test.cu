#include <gtest/gtest.h>

#include "tests/kernels/simt/support.h"

// Correct kernels that share tiles between the threads of a block.
namespace slipway::test {
namespace {

std::vector<float> product(const std::vector<float>& a, const std::vector<float>& b, int n) {
  std::vector<float> c(n * n);
  for (int i = 0; i < n; ++i) {
    for (int j = 0; j < n; ++j) {
      double sum = 0;
      for (int k = 0; k < n; ++k) sum += static_cast<double>(a[i * n + k]) * b[k * n + j];
      c[i * n + j] = static_cast<float>(sum);
    }
  }
  return c;
}

void expect_near(const std::vector<float>& actual, const std::vector<float>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) ASSERT_NEAR(actual[i], expected[i], 1e-4) << "at " << i;
}

template <int kTile>
__global__ void __launch_bounds__(kTile* kTile) multiply(const float* a, const float* b, float* c, int n) {
  __shared__ float as[kTile][kTile + 1];
  __shared__ float bs[kTile][kTile + 1];
  const int row = blockIdx.y * kTile + threadIdx.y, column = blockIdx.x * kTile + threadIdx.x;
  float sum = 0;
  for (int k0 = 0; k0 < n; k0 += kTile) {
    const int k_a = k0 + threadIdx.x, k_b = k0 + threadIdx.y;
    as[threadIdx.y][threadIdx.x] = row < n && k_a < n ? a[row * n + k_a] : 0.0f;
    bs[threadIdx.y][threadIdx.x] = column < n && k_b < n ? b[k_b * n + column] : 0.0f;
    __syncthreads();
    for (int k = 0; k < kTile; ++k) sum += as[threadIdx.y][k] * bs[k][threadIdx.x];
    __syncthreads();
  }
  if (row < n && column < n) c[row * n + column] = sum;
}

TEST(SimtTiles, MatrixProduct) {
  constexpr int kN = 40;
  const auto a = noise(kN * kN, 1), b = noise(kN * kN, 2);
  expect_silent([&] {
    const DeviceArray<float> da(a), db(b), dc(kN * kN);
    run({dim3(3, 3), dim3(16, 16)}, multiply<16>, da.data(), db.data(), dc.data(), kN);
    expect_near(dc.values(), product(a, b, kN));
  });
}

// A thread computes 4 x 4 elements; loads are of 16 bytes.
__global__ void multiply_in_registers(const float* a, const float* b, float* c, int n) {
  constexpr int kTile = 64, kDepth = 16;
  __shared__ __align__(16) float as[kDepth][kTile];
  __shared__ __align__(16) float bs[kDepth][kTile];
  const int t = threadIdx.x, tx = t % 16, ty = t / 16, row0 = blockIdx.y * kTile,
            column0 = blockIdx.x * kTile;
  float sum[4][4] = {};
  for (int k0 = 0; k0 < n; k0 += kDepth) {
    const int r = t / 4, k = t % 4 * 4;
    const float4 v = *reinterpret_cast<const float4*>(a + (row0 + r) * n + k0 + k);
    as[k][r] = v.x, as[k + 1][r] = v.y, as[k + 2][r] = v.z, as[k + 3][r] = v.w;
    *reinterpret_cast<float4*>(&bs[ty][tx * 4]) =
        *reinterpret_cast<const float4*>(b + (k0 + ty) * n + column0 + tx * 4);
    __syncthreads();
    for (int depth = 0; depth < kDepth; ++depth) {
      const float4 x = *reinterpret_cast<const float4*>(&as[depth][ty * 4]);
      const float4 y = *reinterpret_cast<const float4*>(&bs[depth][tx * 4]);
      const float xs[4] = {x.x, x.y, x.z, x.w}, ys[4] = {y.x, y.y, y.z, y.w};
      for (int i = 0; i < 4; ++i) {
        for (int j = 0; j < 4; ++j) sum[i][j] += xs[i] * ys[j];
      }
    }
    __syncthreads();
  }
  for (int i = 0; i < 4; ++i) {
    *reinterpret_cast<float4*>(c + (row0 + ty * 4 + i) * n + column0 + tx * 4) =
        make_float4(sum[i][0], sum[i][1], sum[i][2], sum[i][3]);
  }
}

TEST(SimtTiles, MatrixProductInRegisters) {
  constexpr int kN = 64;
  const auto a = noise(kN * kN, 3), b = noise(kN * kN, 4);
  expect_silent([&] {
    const DeviceArray<float> da(a), db(b), dc(kN * kN);
    run({1, 256}, multiply_in_registers, da.data(), db.data(), dc.data(), kN);
    expect_near(dc.values(), product(a, b, kN));
  });
}

// The next tile is loaded while this one is used: one barrier a step.
__global__ void multiply_double_buffered(const float* a, const float* b, float* c, int n) {
  constexpr int kTile = 16;
  __shared__ float as[2][kTile][kTile];
  __shared__ float bs[2][kTile][kTile];
  const int x = threadIdx.x, y = threadIdx.y, row = blockIdx.y * kTile + y, column = blockIdx.x * kTile + x;
  as[0][y][x] = a[row * n + x];
  bs[0][y][x] = b[y * n + column];
  float sum = 0;
  for (int step = 0; step < n / kTile; ++step) {
    __syncthreads();
    if (const int next = (step + 1) * kTile; next < n) {
      as[(step + 1) % 2][y][x] = a[row * n + next + x];
      bs[(step + 1) % 2][y][x] = b[(next + y) * n + column];
    }
    for (int k = 0; k < kTile; ++k) sum += as[step % 2][y][k] * bs[step % 2][k][x];
  }
  c[row * n + column] = sum;
}

TEST(SimtTiles, DoubleBufferedMatrixProduct) {
  constexpr int kN = 48;
  const auto a = noise(kN * kN, 5), b = noise(kN * kN, 6);
  expect_silent([&] {
    const DeviceArray<float> da(a), db(b), dc(kN * kN);
    run({dim3(3, 3), dim3(16, 16)}, multiply_double_buffered, da.data(), db.data(), dc.data(), kN);
    expect_near(dc.values(), product(a, b, kN));
  });
}

__global__ void transpose(const float* x, float* y, int rows, int columns) {
  __shared__ float tile[32][33];
  for (int j = threadIdx.y; j < 32; j += blockDim.y) {
    const int row = blockIdx.y * 32 + j, column = blockIdx.x * 32 + threadIdx.x;
    if (row < rows && column < columns) tile[j][threadIdx.x] = x[row * columns + column];
  }
  __syncthreads();
  for (int j = threadIdx.y; j < 32; j += blockDim.y) {
    const int row = blockIdx.x * 32 + j, column = blockIdx.y * 32 + threadIdx.x;
    if (row < columns && column < rows) y[row * rows + column] = tile[threadIdx.x][j];
  }
}

TEST(SimtTiles, TransposeWithPadding) {
  constexpr int kRows = 50, kColumns = 70;
  const auto x = noise(kRows * kColumns);
  expect_silent([&] {
    const DeviceArray<float> in(x), out(x.size());
    run({dim3(3, 2), dim3(32, 8)}, transpose, in.data(), out.data(), kRows, kColumns);
    const auto y = out.values();
    for (int i = 0; i < kRows; ++i) {
      for (int j = 0; j < kColumns; ++j) ASSERT_EQ(y[j * kRows + i], x[i * kColumns + j]);
    }
  });
}

__global__ void blur(const float* x, float* y, int count) {
  __shared__ float s[64 + 2];
  const int i = blockIdx.x * 64 + threadIdx.x;
  const auto at = [=](int k) { return k >= 0 && k < count ? x[k] : 0.0f; };
  s[threadIdx.x + 1] = at(i);
  if (threadIdx.x == 0) s[0] = at(i - 1);
  if (threadIdx.x == 63) s[65] = at(i + 1);
  __syncthreads();
  if (i < count) y[i] = s[threadIdx.x] + s[threadIdx.x + 1] + s[threadIdx.x + 2];
}

TEST(SimtTiles, StencilWithHalo) {
  constexpr int kCount = 200;
  const auto x = noise(kCount);
  expect_silent([&] {
    const DeviceArray<float> in(x), out(kCount);
    run({4, 64}, blur, in.data(), out.data(), kCount);
    const auto y = out.values();
    for (int i = 0; i < kCount; ++i) {
      ASSERT_EQ(y[i], (i ? x[i - 1] : 0.0f) + x[i] + (i + 1 < kCount ? x[i + 1] : 0.0f));
    }
  });
}

__global__ void reverse(float* x) {
  float* s = cuda::dynamic_shared<float>();
  s[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  x[threadIdx.x] = s[blockDim.x - 1 - threadIdx.x];
}

TEST(SimtTiles, ReverseInPlace) {
  const auto x = noise(96);
  expect_silent([&] {
    const DeviceArray<float> data(x);
    run({1, 96, 96 * sizeof(float)}, reverse, data.data());
    EXPECT_EQ(data.values(), std::vector<float>(x.rbegin(), x.rend()));
  });
}

}  // namespace
}  // namespace slipway::test
