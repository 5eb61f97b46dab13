#include <gtest/gtest.h>

#include "tests/kernels/simt/support.h"

// Kernels with seeded accesses to memory that is not theirs. The comment at the end of a line marks the
// place.
namespace slipway::test {
namespace {

__global__ void fill(float* y, int count) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i <= count) y[i] = 1.0f;  // bug: off by one
}

TEST(SimtMemory, OneElementPastTheEnd) {
  expect_found({"out of bounds", __FILE__, "bug: off by one"}, [] {
    const DeviceArray<float> out(1000);
    run({4, 256}, fill, out.data(), 1000);
  });
}

__global__ void before(const float* x, float* y) {
  y[threadIdx.x] = x[static_cast<int>(threadIdx.x) - 1];  // bug: before
}

TEST(SimtMemory, OneElementBeforeTheBeginning) {
  expect_found({"out of bounds", __FILE__, "bug: before"}, [] {
    const DeviceArray<float> in(noise(32)), out(32);
    run({1, 32}, before, in.data(), out.data());
  });
}

__global__ void reverse(const float* x, float* y) {
  float* s = cuda::dynamic_shared<float>();
  s[threadIdx.x] = x[threadIdx.x];  // bug: dynamic
  __syncthreads();
  y[threadIdx.x] = s[31 - threadIdx.x];
}

TEST(SimtMemory, TooLittleDynamicSharedMemory) {
  expect_found({"out of bounds", __FILE__, "bug: dynamic"}, [] {
    const DeviceArray<float> in(noise(32)), out(32);
    run({1, 32, 64}, reverse, in.data(), out.data());
  });
}

__global__ void overrun(const float* x, float* y, int index) {
  __shared__ float a[32];
  __shared__ float b[32];
  a[threadIdx.x] = x[threadIdx.x];
  b[threadIdx.x] = 0;
  __syncthreads();
  if (threadIdx.x == 0) a[index] = 7;  // bug: static
  __syncthreads();
  y[threadIdx.x] = a[threadIdx.x] + b[threadIdx.x];
}

TEST(SimtMemory, PastTheEndOfASharedArray) {
  expect_found({"out of bounds", __FILE__, "bug: static"}, [] {
    const DeviceArray<float> in(noise(32)), out(32);
    run({1, 32}, overrun, in.data(), out.data(), 32);
  });
}

TEST(SimtMemory, AFindingNamesTheSharedArray) {
  const WithSettings with({});
  const DeviceArray<float> in(noise(32)), out(32);
  run({1, 32}, overrun, in.data(), out.data(), 33);
  ASSERT_EQ(simt::findings().size(), 1u);
  const std::string text = to_string(simt::findings()[0]);
  EXPECT_NE(text.find("8 bytes past the end of `a`, a __shared__ variable of 128 bytes"), std::string::npos)
      << text;
  EXPECT_NE(text.find("in slipway::test::overrun"), std::string::npos) << text;
}

__global__ void load_vectors(const float* x, float* y) {
  const float4 v = *reinterpret_cast<const float4*>(x + 1 + 4 * threadIdx.x);  // bug: misaligned
  y[threadIdx.x] = v.x + v.y * v.z + v.w;
}

TEST(SimtMemory, MisalignedVector) {
  expect_found({"misaligned access", __FILE__, "bug: misaligned"}, [] {
    const DeviceArray<float> in(noise(256)), out(32);
    run({1, 32}, load_vectors, in.data(), out.data());
  });
}

__global__ void copy(const float* x, float* y) {
  y[threadIdx.x] = x[threadIdx.x];  // bug: copy
}

TEST(SimtMemory, DeviceMemoryThatNobodyHasWritten) {
  expect_found({"uninitialised read", __FILE__, "bug: copy"}, [] {
    const DeviceArray<float> in(32), out(32);
    run({1, 32}, copy, in.data(), out.data());
  });
}

TEST(SimtMemory, FreedMemory) {
  expect_found({"use after free", __FILE__, "bug: copy"}, [] {
    DeviceArray<float> in(noise(32));
    const DeviceArray<float> out(32);
    in.free();
    run({1, 32}, copy, in.data(), out.data());
  });
}

TEST(SimtMemory, AnotherDevicesMemory) {
  expect_found({"wrong device", __FILE__, "bug: copy"}, [] {
    const DeviceArray<float> in(noise(32), 1), out(32);
    run({1, 32}, copy, in.data(), out.data());
  });
}

TEST(SimtMemory, TheHostsMemory) {
  const auto x = noise(32);
  expect_found({"host memory", __FILE__, "bug: copy"}, [&] {
    const DeviceArray<float> out(32);
    run({1, 32}, copy, x.data(), out.data());
  });
}

TEST(SimtMemory, ProtectedMemory) {
  expect_found({"write to read-only memory", __FILE__, "bug: copy"}, [] {
    const DeviceArray<float> in(noise(32)), out(zeros(32));
    simt::protect(out.data(), 32 * sizeof(float), simt::Protection::read_only);
    run({1, 32}, copy, in.data(), out.data());
  });
}

__constant__ float table[32] = {1};

__global__ void update_table(const float* x, float* y) {
  y[threadIdx.x] = table[threadIdx.x];
  table[threadIdx.x] = x[threadIdx.x];  // bug: constant
}

TEST(SimtMemory, ConstantMemoryWritten) {
  expect_found({"write to read-only memory", __FILE__, "bug: constant"}, [] {
    const DeviceArray<float> in(noise(32)), out(32);
    run({1, 32}, update_table, in.data(), out.data());
  });
}

__global__ void shift(const float* x, float* y) {
  __shared__ float s[33];
  s[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  y[threadIdx.x] = s[threadIdx.x + 1];  // bug: shift
}

TEST(SimtMemory, SharedMemoryThatNobodyHasWritten) {
  expect_found({"uninitialised read", __FILE__, "bug: shift"}, [] {
    const DeviceArray<float> in(noise(32)), out(32);
    run({1, 32}, shift, in.data(), out.data());
  });
}

// What one block leaves in shared memory, the next must not find.
__global__ void leave_behind(float* y) {
  __shared__ float s[32];
  if (blockIdx.x == 0) s[threadIdx.x] = 1.0f;
  y[blockIdx.x * 32 + threadIdx.x] = s[threadIdx.x];  // bug: leave
}

TEST(SimtMemory, SharedMemoryOfAnotherBlock) {
  expect_found({"uninitialised read", __FILE__, "bug: leave"}, [] {
    const DeviceArray<float> out(128);
    run({4, 32}, leave_behind, out.data());
  });
}

__global__ void share_a_local(float** where, float* y) {
  float local = static_cast<float>(threadIdx.x);
  if (threadIdx.x == 3) *where = &local;
  __syncthreads();
  if (threadIdx.x == 9) y[0] = **where;  // bug: local
  __syncthreads();
  y[threadIdx.x + 1] = local;
}

TEST(SimtMemory, AnotherThreadsLocalVariable) {
  expect_found({"other thread's memory", __FILE__, "bug: local"}, [] {
    const DeviceArray<float*> where(1);
    const DeviceArray<float> out(33);
    run({1, 32}, share_a_local, where.data(), out.data());
  });
}

}  // namespace
}  // namespace slipway::test
