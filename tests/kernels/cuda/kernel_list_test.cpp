#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>

#include "core/runtime/kernel_slot.h"
#include "core/tensor/device_backend.h"

namespace slipway::test {
namespace {

TEST(CudaKernels, AreThereForEveryKernelOfTheCpu) {
  if (!find_device_backend(DeviceKind::cuda)) GTEST_SKIP() << "this build has no CUDA";
  std::vector<std::string> cpu = kernel_names(DeviceKind::cpu), cuda = kernel_names(DeviceKind::cuda);
  std::sort(cpu.begin(), cpu.end());
  std::sort(cuda.begin(), cuda.end());
  EXPECT_EQ(std::adjacent_find(cuda.begin(), cuda.end()), cuda.end()) << "two kernels fill one slot";
  std::vector<std::string> missing;
  std::set_difference(cpu.begin(), cpu.end(), cuda.begin(), cuda.end(), std::back_inserter(missing));
  EXPECT_EQ(missing, std::vector<std::string>());
}

}  // namespace
}  // namespace slipway::test
