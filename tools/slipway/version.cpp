#include <hdf5.h>
#include <onnx/common/version.h>
#include <zlib.h>

#include <iostream>
#include <oneapi/dnnl/dnnl.hpp>

#include "core/base/error.h"
#include "core/base/version.h"
#include "core/comm/mpi.h"
#include "tools/slipway/verb.h"

namespace slipway {
namespace {

std::string onednn_version() {
  const dnnl_version_t* version = dnnl::version();
  return text(version->major, '.', version->minor, '.', version->patch);
}

std::string hdf5_version() {
  unsigned major = 0, minor = 0, release = 0;
  H5get_libversion(&major, &minor, &release);
  return text(major, '.', minor, '.', release);
}

/// The best instruction set that oneDNN uses on this processor.
std::string onednn_instructions() {
  switch (dnnl::get_effective_cpu_isa()) {
    case dnnl::cpu_isa::sse41:
      return "SSE4.1";
    case dnnl::cpu_isa::avx:
      return "AVX";
    case dnnl::cpu_isa::avx2:
      return "AVX2";
    case dnnl::cpu_isa::avx2_vnni:
      return "AVX2 with VNNI";
    case dnnl::cpu_isa::avx512_core:
      return "AVX-512";
    case dnnl::cpu_isa::avx512_core_vnni:
      return "AVX-512 with VNNI";
    case dnnl::cpu_isa::avx512_core_bf16:
      return "AVX-512 with bfloat16";
    case dnnl::cpu_isa::avx512_core_amx:
      return "AVX-512 with AMX";
    default:
      return "other instructions";
  }
}

class VersionVerb : public Verb {
 public:
  std::string name() const override { return "version"; }
  std::string summary() const override { return "Print the version, how it was built, and its libraries"; }
  void options(CLI::App&) override {}

  int run() override {
    std::cout << "slipway " << version() << '\n'
              << "build:    " << build_description() << '\n'
              << "oneDNN:   " << onednn_version() << ", uses " << onednn_instructions() << " here\n"
              << "HDF5:     " << hdf5_version() << '\n'
              << "ONNX:     " << ONNX_NAMESPACE::LAST_RELEASE_VERSION << ", writes opset 17, IR version 8\n"
              << "yaml-cpp: " << SLIPWAY_YAML_CPP_VERSION << '\n'
              << "zlib:     " << zlibVersion() << '\n'
              << "MPI:      " << (mpi_library().empty() ? "not in this build" : mpi_library()) << '\n'
              << "CUDA:     " << SLIPWAY_CUDA_DESCRIPTION << '\n';
    return 0;
  }
};

const RegisterVerb<VersionVerb> registered;

}  // namespace
}  // namespace slipway
