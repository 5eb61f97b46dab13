#pragma once

/// The command line from its first word to its exit code, in the library that `main` loads.
extern "C" int slipway_run(int argc, char** argv);
