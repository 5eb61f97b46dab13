#!/usr/bin/env bash
# Writes docs/kernels.md: what ptxas says of every CUDA kernel, and what it does to memory. See --help.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<'TXT'
usage: tools/kernel_docs.sh

Compiles the CUDA kernels twice, by nvcc into build-ptxas/ and for checked simulated GPUs into
build-simulated-checked/, without the vendor's libraries, runs `slipway bench kernels` and writes its tables to
docs/kernels.md. No GPU is needed, but the CUDA toolkit is.
TXT
}

case ${1-} in
  "") ;;
  -h | --help) usage; exit 0 ;;
  *) echo "kernel_docs.sh: unknown argument '$1'" >&2; usage >&2; exit 2 ;;
esac
if ! command -v nvcc >/dev/null && [ ! -x /usr/local/cuda/bin/nvcc ]; then
  echo "kernel_docs.sh: nvcc is not installed; it comes with the CUDA toolkit" >&2
  exit 2
fi

own_kernels=(-D SLIPWAY_CUBLAS=OFF -D SLIPWAY_CUDNN=OFF)
export CCACHE_BASEDIR=${CCACHE_BASEDIR-$PWD} CCACHE_NOHASHDIR=1 CCACHE_SLOPPINESS=time_macros

# A new directory, so that every kernel is compiled and reported; a spill is an error. ccache repeats what was printed.
rm -rf build-ptxas
cmake -S . -B build-ptxas -G Ninja -D SLIPWAY_GPU=cuda -D CMAKE_CUDA_ARCHITECTURES=80 -D CMAKE_BUILD_TYPE=Release \
  -D SLIPWAY_TESTS=OFF -D SLIPWAY_WERROR=ON -D CMAKE_CUDA_FLAGS=-Xptxas=--verbose "${own_kernels[@]}" >build-ptxas.log
mv build-ptxas.log build-ptxas/cmake.log
mapfile -t objects < <(ninja -C build-ptxas -t targets all | grep -o '^CMakeFiles/slipway.dir/[^:]*\.cu\.o')
nice ninja -C build-ptxas "${objects[@]}" >build-ptxas/ptxas.log || { cat build-ptxas/ptxas.log; exit 1; }

tools/build.sh simulated-checked "${own_kernels[@]}"

{
  cat <<'TXT'
# CUDA kernels

What the hand-written kernels take of a GPU and do to its memory, as `bash tools/kernel_docs.sh` finds it on a machine
without one: ptxas, for compute capability 8.0, and simulated GPUs, which see every access. It says nothing of time:
`slipway bench kernels` on a GPU does.

A row is one kernel in one call of a kernel slot with typical sizes, in float32 and bfloat16; products in TF32, too.

| column | what it is | target |
| --- | --- | --- |
| threads | of a block | |
| registers | of a thread | |
| spilled | bytes of registers that a thread keeps in memory; such a kernel does not compile | 0 |
| shared memory | bytes of a block, as compiled + as asked for at the launch | |
| moved | bytes that travel between multiprocessors and memory, in sectors of 32, over the distinct bytes that the kernel reads and writes. Additions in memory, which go where data say, need their sectors of 32 bytes. What is read again counts, unless a block's share of the first-level cache (128 KiB for 2048 threads) still holds it | 1.05 where memory limits |
| by the call | the same of all kernels of the call, over its inputs read once and its outputs written once | |
| sectors | the fewest sectors that could hold what a warp asks for at once, over those that it touches | 95 % where memory limits |
| banks | steps in which shared memory serves a warp, over those without conflicts | 1.00 |
| idle | lanes that do nothing while others of their warp access memory | |

(a): arithmetic limits the call, not memory; (b): the kernel moves less than 4 KiB in all, so that its launch limits it, not
memory. The targets of memory apply to neither, nor to kernels that move less than a twentieth of what their call moves.

TXT
  build-simulated-checked/slipway bench kernels --ptxas build-ptxas/ptxas.log
} >build-simulated-checked/kernels.md
mv build-simulated-checked/kernels.md docs/kernels.md
echo "docs/kernels.md is written."
