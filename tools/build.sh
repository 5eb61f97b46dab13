#!/usr/bin/env bash
# Configures and builds Slipway into a directory. See --help.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<'TXT'
usage: tools/build.sh [KIND] [-D NAME=VALUE ...]

KIND is one of (default: release)
  release            build/                    as it is used: optimised, with the tests; with CUDA for the GPU of this
                                               machine if there is one and nvcc is installed
  cuda               build-cuda/               for NVIDIA GPUs of compute capability 8.0; no GPU is needed to build
  simulated          build-simulated/          the CUDA kernels and their host code on GPUs simulated by the CPU
  simulated-checked  build-simulated-checked/  the same; every access of a kernel is checked
  asan               build-asan/               AddressSanitizer and UndefinedBehaviorSanitizer, with the fuzz targets; clang
  tsan               build-tsan/               ThreadSanitizer; clang and its OpenMP runtime, which tells it of parallel
                                               regions

Options that begin with -D are handed to CMake; docs/development.md lists those of Slipway.
TXT
}

kind=release
case ${1-} in
  release | cuda | simulated | simulated-checked | asan | tsan) kind=$1; shift ;;
  -h | --help) usage; exit 0 ;;
  -D* | "") ;;
  *) echo "build.sh: unknown argument '$1'" >&2; usage >&2; exit 2 ;;
esac

# Whether nvcc is installed, and a GPU is there to compile for.
has_gpu() {
  { command -v nvcc || test -x /usr/local/cuda/bin/nvcc; } >/dev/null 2>&1 && nvidia-smi -L 2>/dev/null | grep -q '^GPU '
}

# Sanitizers are for finding mistakes: assertions on, no optimisation outside of the loops over elements, and common
# headers parsed once (the other builds find what a file forgot to include), which compiles in a third of the time.
case $kind in
  release) directory=build options=(-D SLIPWAY_GPU=off) ;;
  cuda) directory=build-cuda options=(-D SLIPWAY_GPU=cuda -D CMAKE_CUDA_ARCHITECTURES=80) ;;
  simulated) directory=build-simulated options=(-D SLIPWAY_GPU=simulated -D SLIPWAY_SIMT_CHECK=OFF) ;;
  simulated-checked) directory=build-simulated-checked options=(-D SLIPWAY_GPU=simulated -D SLIPWAY_SIMT_CHECK=ON) ;;
  asan) directory=build-asan options=(-D "SLIPWAY_SANITIZE=address,undefined" -D SLIPWAY_FUZZ=ON) ;;
  tsan) directory=build-tsan options=(-D SLIPWAY_SANITIZE=thread) ;;
esac
if [ "$kind" = release ] && has_gpu; then options=(-D SLIPWAY_GPU=cuda -D CMAKE_CUDA_ARCHITECTURES=native); fi
if [ "$kind" != asan ] && [ "$kind" != tsan ]; then
  options+=(-D CMAKE_BUILD_TYPE=Release -D SLIPWAY_PRECOMPILE=OFF)
else
  options+=(-D CMAKE_BUILD_TYPE=None -D CMAKE_CXX_FLAGS=-O0 -D SLIPWAY_PRECOMPILE=ON)
  options+=(-D CMAKE_CXX_COMPILER=clang++ -D CMAKE_C_COMPILER=clang)
fi
# What an earlier call set must not stick; "$@" comes later and wins.
options+=(-D SLIPWAY_TESTS=ON -D SLIPWAY_WERROR=OFF)

# Objects are the same wherever the checkout lies, so that a fresh clone is served from ccache.
export CCACHE_BASEDIR=${CCACHE_BASEDIR-$PWD} CCACHE_NOHASHDIR=1 CCACHE_SLOPPINESS=pch_defines,time_macros
cmake -S . -B "$directory" -G Ninja "${options[@]}" "$@" >"$directory.log" 2>&1 || { cat "$directory.log"; exit 1; }
rm "$directory.log"
nice ninja -C "$directory"
