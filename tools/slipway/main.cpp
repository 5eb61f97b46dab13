#include <dlfcn.h>

#include <cstdlib>
#include <iostream>

#include "tools/slipway/run.h"

namespace {

/// A thread that waits for others spins a little, then sleeps: OpenMP's default spins for so long that one
/// other busy process makes a step ten times slower. A user's own settings stand.
void settle_thread_waiting() {
  if (std::getenv("OMP_WAIT_POLICY") || std::getenv("GOMP_SPINCOUNT")) return;
  setenv("OMP_WAIT_POLICY", "active", 1);
  setenv("GOMP_SPINCOUNT", "20000", 1);
}

}  // namespace

/// The OpenMP library reads its settings when it is loaded: this program, which is not linked with it, makes
/// them and loads the rest. With simulated GPUs it is linked with all and keeps OpenMP's defaults.
int main(int argc, char** argv) {
  settle_thread_waiting();
  void* library = dlopen(SLIPWAY_COMMANDS, RTLD_LAZY | RTLD_GLOBAL);
  void* run = library ? dlsym(library, "slipway_run") : nullptr;
  if (!run) {
    std::cerr << "slipway: " << dlerror() << '\n';
    return 1;
  }
  return reinterpret_cast<decltype(&slipway_run)>(run)(argc, argv);
}
