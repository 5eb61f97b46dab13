#include <gtest/gtest.h>

#include <cmath>

#include "tests/kernels/simt/support.h"

// Correct kernels whose threads have nothing to do with each other.
namespace slipway::test {
namespace {

__global__ void axpy(const float* x, float* y, float a, int count) {
  const int i = (blockIdx.x * blockDim.x + threadIdx.x) * 4;
  if (i + 4 <= count) {
    const float4 v = *reinterpret_cast<const float4*>(x + i);
    float4 w = *reinterpret_cast<float4*>(y + i);
    w.x += a * v.x, w.y += a * v.y, w.z += a * v.z, w.w += a * v.w;
    *reinterpret_cast<float4*>(y + i) = w;
  } else {
    for (int k = i; k < count; ++k) y[k] += a * x[k];
  }
}

TEST(SimtElementwise, VectorsWithATail) {
  constexpr int kCount = 4 * 100 + 3;
  const auto x = noise(kCount, 1), y = noise(kCount, 2);
  expect_silent([&] {
    const DeviceArray<float> in(x), out(y);
    run({2, 64}, axpy, in.data(), out.data(), 0.5f, kCount);
    for (int i = 0; i < kCount; ++i) ASSERT_FLOAT_EQ(out.values()[i], y[i] + 0.5f * x[i]);
  });
}

// Neighbouring threads write neighbouring bytes, and halves.
__global__ void narrow(const float* x, unsigned char* bytes, __half* halves, __nv_bfloat16* brains,
                       int count) {
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += gridDim.x * blockDim.x) {
    bytes[i] = static_cast<unsigned char>(fabsf(x[i]) * 255.0f);
    halves[i] = __float2half_rn(x[i]);
    brains[i] = __float2bfloat16_rn(x[i]);
  }
}

TEST(SimtElementwise, BytesAndHalvesSideBySide) {
  constexpr int kCount = 333;
  const auto x = noise(kCount);
  expect_silent([&] {
    const DeviceArray<float> in(x);
    const DeviceArray<unsigned char> bytes(kCount);
    const DeviceArray<__half> halves(kCount);
    const DeviceArray<__nv_bfloat16> brains(kCount);
    run({2, 32}, narrow, in.data(), bytes.data(), halves.data(), brains.data(), kCount);
    for (int i = 0; i < kCount; ++i) {
      ASSERT_EQ(bytes.values()[i], static_cast<unsigned char>(std::fabs(x[i]) * 255.0f));
      ASSERT_NEAR(__half2float(halves.values()[i]), x[i], 1e-3);
      ASSERT_NEAR(__bfloat162float(brains.values()[i]), x[i], 1e-2);
    }
  });
}

__constant__ float weights[4] = {1, 2, 4, 8};

__global__ void weigh(const float* x, float* y) {
  y[threadIdx.x] = x[threadIdx.x] * weights[threadIdx.x % 4];
}

TEST(SimtElementwise, ConstantMemory) {
  const auto x = noise(64);
  expect_silent([&] {
    const DeviceArray<float> in(x), out(64);
    run({1, 64}, weigh, in.data(), out.data());
    for (int i = 0; i < 64; ++i) EXPECT_EQ(out.values()[i], x[i] * static_cast<float>(1 << i % 4));
  });
}

struct Strides {
  int strides[3];
  int extents[3];
};

__global__ void permute(const float* x, float* y, Strides layout, int count) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  int rest = i, from = 0;
  for (int axis = 2; axis >= 0; --axis) {
    from += rest % layout.extents[axis] * layout.strides[axis];
    rest /= layout.extents[axis];
  }
  y[i] = x[from];
}

TEST(SimtElementwise, ParametersInAStruct) {
  const auto x = noise(2 * 3 * 5);
  expect_silent([&] {
    const DeviceArray<float> in(x), out(30);
    run({1, 32}, permute, in.data(), out.data(), Strides{{1, 15, 5}, {5, 2, 3}}, 30);
    for (int k = 0; k < 5; ++k) {
      for (int i = 0; i < 2; ++i) {
        for (int j = 0; j < 3; ++j) EXPECT_EQ(out.values()[k * 6 + i * 3 + j], x[i * 15 + j * 5 + k]);
      }
    }
  });
}

// All threads that find one say so: they write the same.
__global__ void find_negative(const float* x, int* found) {
  if (x[blockIdx.x * blockDim.x + threadIdx.x] < 0) *found = 1;
}

TEST(SimtElementwise, SameValueByManyThreads) {
  const auto x = noise(256);
  expect_silent([&] {
    const DeviceArray<float> in(x);
    const DeviceArray<int> found(std::vector<int>{0});
    run({4, 64}, find_negative, in.data(), found.data());
    EXPECT_EQ(found.values()[0], 1);
  });
}

__global__ void in_place(float* x, int count) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < count) x[i] = x[i] * rsqrtf(1.0f + x[i] * x[i]);
}

TEST(SimtElementwise, InPlace) {
  const auto x = noise(100);
  expect_silent([&] {
    const DeviceArray<float> data(x);
    run({4, 32}, in_place, data.data(), 100);
    for (int i = 0; i < 100; ++i) EXPECT_NEAR(data.values()[i], x[i] / std::sqrt(1 + x[i] * x[i]), 1e-6);
  });
}

TEST(SimtElementwise, AnEmptyGridDoesNothing) {
  expect_silent([] { run({dim3(0), 32}, in_place, static_cast<float*>(nullptr), 1); });
}

TEST(SimtElementwise, AShapeBeyondAnyDeviceIsAnError) {
  const auto message = [](const cuda::LaunchShape& shape) {
    try {
      run(shape, in_place, static_cast<float*>(nullptr), 0);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  EXPECT_NE(message({1, 1025}).find("in_place: a block of 1025 x 1 x 1 threads"), std::string::npos)
      << message({1, 1025});
  EXPECT_NE(message({dim3(1, 65536), 32}).find("in_place: a grid of 1 x 65536 x 1 blocks"),
            std::string::npos);
  EXPECT_NE(message({1, 32, 300000}).find("in_place: 300000 bytes of dynamic shared memory"),
            std::string::npos);
}

}  // namespace
}  // namespace slipway::test
