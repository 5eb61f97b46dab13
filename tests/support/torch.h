#pragma once

#include <string>

#include "core/io/hdf5.h"
#include "tests/support/python.h"
#include "tests/support/temporary_directory.h"

namespace slipway::test {

/// What a PyTorch program computes, in float64: it calls save(name, tensor) and save_all(prefix, x=...,
/// y=...). Inputs are drawn there as well and read back from the file.
inline hdf5::File torch_reference(const std::string& program) {
  const std::string prelude =
      "import sys, h5py, numpy, torch\n"
      "torch.set_num_threads(1)\n"
      "torch.set_default_dtype(torch.float64)\n"
      "torch.manual_seed(1)\n"
      "out = h5py.File(sys.argv[1], 'w')\n"
      "def save(name, value):\n"
      "    out[name] = value.detach().numpy() if torch.is_tensor(value) else numpy.array(value)\n"
      "def save_all(prefix, **values):\n"
      "    for name, value in values.items(): save(prefix + '/' + name, value)\n";
  const TemporaryDirectory directory;
  const std::string path = directory / "reference.h5";
  run_python(prelude + program + "\nout.close()\n", {path});
  return hdf5::File::open(path);  // lives on when the directory is removed
}

}  // namespace slipway::test
