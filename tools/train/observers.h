#pragma once

#include "tools/train/observer.h"
#include "tools/train/run_directory.h"

namespace slipway {

/// `plain`: without the bar of a terminal, for output that a launcher passes on.
enum class ConsoleOutput { shown, plain, quiet };
/// Everything that watches a run: the console unless `quiet`, and what is written into its directory.
Observers make_observers(const RunDirectory& directory, ConsoleOutput console);

}  // namespace slipway
