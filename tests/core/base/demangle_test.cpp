#include "core/base/demangle.h"

#include <gtest/gtest.h>

namespace slipway {
namespace {

TEST(Demangle, LeavesOutParametersAndReturnTypes) {
  EXPECT_EQ(demangled_function("_ZN7slipway4cuda5clearElPl"), "slipway::cuda::clear");
  EXPECT_EQ(demangled_function("_ZN7slipway4cuda12scale_valuesIfEEvPKT_PS2_"),
            "slipway::cuda::scale_values<float>");
}

TEST(Demangle, KeepsParenthesesOfTemplateArguments) {
  // map<4, Function<(Kind)1>, float>(long, float*)
  EXPECT_EQ(demangled_function("_Z3mapILi4E8FunctionIL4Kind1EEfEvlPT1_"), "map<4, Function<(Kind)1>, float>");
}

TEST(Demangle, LeavesOutAnonymousNamespaces) {
  EXPECT_EQ(demangled_function("_ZN7slipway12_GLOBAL__N_13sumIfEEvPT_"), "slipway::sum<float>");
  // nvcc gives each file's a name.
  EXPECT_EQ(demangled_function("_ZN7slipway43_GLOBAL__N__6b635c7a_8_scale_cu_6c8f1eed_143sumIfEEvPT_"),
            "slipway::sum<float>");
}

TEST(Demangle, WhatIsNotMangledStays) { EXPECT_EQ(demangled_function("memcpy"), "memcpy"); }

}  // namespace
}  // namespace slipway
