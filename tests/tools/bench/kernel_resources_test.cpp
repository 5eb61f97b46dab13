#include "tools/bench/kernel_resources.h"

#include <gtest/gtest.h>

#include <sstream>

namespace slipway {
namespace {

// As CUDA 13 prints it, among the lines of a build.
constexpr const char* kPrinted = R"([1/2] Building CUDA object sum.cu.o
ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function '_Z3sumIfEvPKT_PS0_' for 'sm_80'
ptxas info    : Function properties for _Z3sumIfEvPKT_PS0_
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 30 registers, used 1 barriers, 128 bytes smem, 392 bytes cmem[0]
ptxas info    : Compile time = 40.837 ms
ptxas info    : Compiling entry function '_Z3sumIdEvPKT_PS0_' for 'sm_80'
ptxas info    : Function properties for _Z3sumIdEvPKT_PS0_
    16 bytes stack frame, 4 bytes spill stores, 12 bytes spill loads
ptxas info    : Function properties for helper
    96 bytes stack frame, 64 bytes spill stores, 64 bytes spill loads
ptxas info    : Used 255 registers, used 0 barriers, 16 bytes cumulative stack size, 392 bytes cmem[0]
ptxas info    : Compiling entry function '_Z3sumIfEvPKT_PS0_' for 'sm_90'
ptxas info    : Function properties for _Z3sumIfEvPKT_PS0_
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 34 registers, used 1 barriers, 128 bytes smem
)";

TEST(KernelResources, OfEveryKernel) {
  std::istringstream printed(kPrinted);
  const ResourceTable table = read_kernel_resources(printed);
  ASSERT_EQ(table.size(), 2u);
  const KernelResources floats = table.at("sum<float>"), doubles = table.at("sum<double>");
  EXPECT_EQ(floats.registers, 34);
  EXPECT_EQ(floats.static_shared_bytes, 128);
  EXPECT_EQ(floats.stack_bytes, 0);
  EXPECT_EQ(floats.spilled_bytes, 0);
  EXPECT_EQ(doubles.registers, 255);
  EXPECT_EQ(doubles.static_shared_bytes, 0);
  EXPECT_EQ(doubles.stack_bytes, 96);
  EXPECT_EQ(doubles.spilled_bytes, 128);
}

TEST(KernelResources, OfNoKernel) {
  std::istringstream printed("[1/1] Linking CXX shared library libslipway.so\n");
  EXPECT_TRUE(read_kernel_resources(printed).empty());
}

}  // namespace
}  // namespace slipway
