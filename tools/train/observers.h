#pragma once

#include "tools/train/observer.h"
#include "tools/train/run_directory.h"

namespace slipway {

/// Everything that watches a run: the console unless `quiet`, and what is written into its directory.
enum class ConsoleOutput { shown, quiet };
Observers make_observers(const RunDirectory& directory, ConsoleOutput console);

}  // namespace slipway
