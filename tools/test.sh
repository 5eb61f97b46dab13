#!/usr/bin/env bash
# Installs what is missing, builds, and runs Slipway's tests. See --help.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<'TXT'
usage: tools/test.sh [--quick] [--gpu] [--sanitizers] [--only REGEX] [--jobs N] [--no-install]

Builds Slipway and runs its lints and every test; ends with a summary and the line `N passed, N failed`.

  --quick        leave out the suites that take long (label `slow`)
  --gpu          after that, compile and link the CUDA backend for real, if nvcc is installed, and run the tests on
                 simulated GPUs, those of the kernels a second time with every access checked
  --sanitizers   after that, build and run the tests again under AddressSanitizer with UndefinedBehaviorSanitizer, each
                 fuzz target for a short while, and the tests under ThreadSanitizer; the slow suites run without them
  --only REGEX   only the suites and lints whose name matches
  --jobs N       how many run side by side (default: as many as there are cores)
  --no-install   don't look for missing packages and data
TXT
}

quick=false gpu=false sanitizers=false install=true only="" jobs=$(nproc)
while [ $# -gt 0 ]; do
  case $1 in
    --quick) quick=true ;;
    --gpu) gpu=true ;;
    --sanitizers) sanitizers=true ;;
    --no-install) install=false ;;
    --only) only=${2?--only needs a regular expression}; shift ;;
    --jobs) jobs=${2?--jobs needs a number}; shift ;;
    -h | --help) usage; exit 0 ;;
    *) echo "test.sh: unknown argument '$1'" >&2; usage >&2; exit 2 ;;
  esac
  shift
done

step() { printf '\n== %s (%d:%02d)\n' "$1" $((SECONDS / 60)) $((SECONDS % 60)); }

if $install; then
  step "Packages and data"
  tools/install_dependencies.sh
  tools/install_node_packages.sh
  tools/fetch_data.sh
fi

# run KIND DIRECTORY [CTEST OPTION ...]: builds that kind and runs its tests; what fails is counted, not fatal.
directories=()
run() {
  local kind=$1 directory=$2
  shift 2
  step "Build: $kind"
  tools/build.sh "$kind" ${CI:+-D SLIPWAY_WERROR=ON}
  step "Tests: $kind"
  rm -rf "$directory/test-results"
  directories+=("$directory")
  ctest --test-dir "$directory" -j "$jobs" --output-on-failure --output-junit test-results/ctest.xml \
    ${only:+-R "$only"} "$@" || true
}

not_slow=()
if $quick; then not_slow=(-LE slow); fi
run release build "${not_slow[@]}"
if $gpu; then
  run simulated build-simulated -LE 'slow|lint'
  run simulated-checked build-simulated-checked -R '^Cuda'
  if command -v nvcc >/dev/null || [ -x /usr/local/cuda/bin/nvcc ]; then
    step "Build: cuda"
    tools/build.sh cuda -D SLIPWAY_TESTS=OFF ${CI:+-D SLIPWAY_WERROR=ON}  # as the others: ccache has most of it
  else
    echo "nvcc is not installed: the CUDA backend was not compiled for GPUs."
  fi
fi
if $sanitizers; then
  run asan build-asan -LE 'slow|lint'
  run tsan build-tsan -LE 'slow|lint'
fi

step "Summary"
python3 tests/support/count_results.py "${directories[@]}"
