#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "kernels/simt/race.h"
#include "kernels/simt/shadow_pages.h"
#include "kernels/simt/symbols.h"

namespace slipway::simt {

/// Cells for the shared memory of the block that runs on this OS thread: __shared__ variables, which live in
/// the thread-local storage of the module that holds the kernel, and dynamic shared memory.
class SharedShadow {
 public:
  SharedShadow();
  SharedShadow(const SharedShadow&) = delete;
  SharedShadow& operator=(const SharedShadow&) = delete;

  /// The calling OS thread's.
  static SharedShadow& local();

  /// The cell of the first of the bytes at `address`; null if they are no __shared__ variable's.
  Cell* find_static(const char* address);
  /// Why `bytes` from here on are not within one variable: "4 bytes past the end of `tile`"; empty if they
  /// are.
  std::string out_of_bounds(const char* address, std::size_t bytes) const;

  Cell* dynamic(std::size_t offset) { return &dynamic_[offset / 2]; }

 private:
  struct Module {
    ThreadLocalBlock block;
    ShadowPages<Cell> cells;
  };
  const Module* module_of(const char* address) const;

  std::vector<Module> modules_;
  ShadowPages<Cell> dynamic_;
};

}  // namespace slipway::simt
