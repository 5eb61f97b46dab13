#!/usr/bin/env bash
# Shows on a machine with an NVIDIA GPU what Slipway does there. See --help.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<'TXT'
usage: tools/verify_gpu.sh [--device cuda:N] [--seconds N] [--only REGEX] [--jobs N] [--python PROGRAM] [--build DIR]
                          [--simulated]

Builds Slipway for the GPU of this machine, compares every kernel, and training, with the CPU's, runs the other tests, times
every kernel against what the device can copy and multiply, and the steps of the benchmark's workloads beside PyTorch's, if
it is installed. Takes about ten minutes. Ends with a summary; everything printed on the way is kept.

  --device cuda:N  which GPU (default: cuda:0)
  --seconds N      how long each workload is measured (default: 5)
  --only REGEX     only the tests, and of the rates the kernels, whose name matches
  --jobs N         how many tests run side by side (default: 4, as they share a GPU)
  --python PROGRAM the Python that has PyTorch (default: python3)
  --build DIR      take the build in DIR as it is
  --simulated      on a GPU that this machine simulates: tries the script, says nothing of a GPU's speed

Exit status: 0 all is well, 1 something failed, 2 there is no GPU or no compiler for it.
TXT
}

device=cuda:0 seconds=5 only="" jobs=4 python=python3 build="" kind=cuda
while [ $# -gt 0 ]; do
  case $1 in
    --device) device=${2?--device needs a name}; shift ;;
    --seconds) seconds=${2?--seconds needs a number}; shift ;;
    --only) only=${2?--only needs a regular expression}; shift ;;
    --jobs) jobs=${2?--jobs needs a number}; shift ;;
    --python) python=${2?--python needs a program}; shift ;;
    --build) build=${2?--build needs a directory}; shift ;;
    --simulated) kind=simulated ;;
    -h | --help) usage; exit 0 ;;
    *) echo "verify_gpu.sh: unknown argument '$1'" >&2; usage >&2; exit 2 ;;
  esac
  shift
done

refuse() { echo "verify_gpu.sh: $1" >&2; exit 2; }
if [ "$kind" = cuda ]; then
  command -v nvidia-smi >/dev/null || refuse "nvidia-smi is not there: install NVIDIA's driver, or try --simulated"
  nvidia-smi -L 2>/dev/null | grep -q '^GPU ' || refuse "nvidia-smi lists no GPU: $(nvidia-smi -L 2>&1 | head -1)"
  if [ -z "$build" ]; then
    command -v nvcc >/dev/null || [ -x /usr/local/cuda/bin/nvcc ] ||
      refuse "nvcc is not there: install the CUDA toolkit and put its bin/ into PATH"
  fi
fi
[ -z "$build" ] || [ -x "$build/slipway" ] || refuse "$build has no program slipway"
directory=${build:-build-$kind}
logs=$directory/verify
mkdir -p "$logs"

results=() failed=false number=0
steps=$([ -z "$only" ] && echo 7 || echo 5)
# step NAME COMMAND...: runs it with its output in a log, and remembers how it ended.
step() {
  local name=$1 log status=ok
  shift
  number=$((number + 1))
  log=$logs/$number-${name// /-}.log
  printf '== %d/%d %s (%d:%02d)\n' "$number" "$steps" "$name" $((SECONDS / 60)) $((SECONDS % 60))
  if "$@" >"$log" 2>&1; then
    tail -n 3 "$log" | sed 's/^/   /'
  else
    status=FAILED failed=true
    tail -n 20 "$log" | sed 's/^/   /'
  fi
  results+=("$(printf '  %-7s %-24s %s' "$status" "$name" "$log")")
}

build_it() {
  if [ "$kind" = cuda ]; then
    tools/build.sh cuda -D CMAKE_CUDA_ARCHITECTURES=native
  else
    tools/build.sh simulated
  fi
}
if [ -n "$build" ]; then
  step "build" echo "taken as it is: $build"
else
  step "build" build_it
fi
if $failed; then exit 1; fi

machine() {
  if [ "$kind" = cuda ]; then nvidia-smi; fi
  "$directory/slipway" version
  "$directory/slipway" devices
  "$directory/slipway" devices | grep -q "^$device .* usable$" || { echo "$device can't be used"; return 1; }
}
step "machine" machine
if $failed; then exit 1; fi

run_tests() { ctest --test-dir "$directory" -j "$jobs" --output-on-failure --no-tests=error "$@"; }
if [ -n "$only" ]; then
  step "tests" run_tests -R "$only"
else  # kernels and training first: what is wrong there is wrong elsewhere
  step "kernels against the CPU" run_tests -R '^Cuda'
  step "training against the CPU" run_tests -R '^python.cuda_training'
  step "other tests" run_tests -E '^Cuda|^python.cuda' -LE 'slow|lint'
fi

bench_kernels() { "$directory/slipway" bench kernels --device "$device" ${only:+--only "$only"}; }
step "rates of kernels" bench_kernels

workloads() {
  if "$python" -c 'import torch, sys; sys.exit(not torch.cuda.is_available())' 2>/dev/null && [ "$kind" = cuda ]; then
    "$python" tools/compare_speed.py --slipway "$directory/slipway" --device "$device" --threads 1 --rounds 1 \
      --seconds "$seconds"
    return
  fi
  echo "$python has no PyTorch that sees a GPU: Slipway's steps alone."
  for workload in $([ "$kind" = cuda ] && echo mlp mnist_cnn resnet18_cifar || echo mlp); do
    "$directory/slipway" bench "$workload" --device "$device" --seconds "$seconds"
  done
}
step "workloads" workloads

printf '\nSummary (%d:%02d)\n' $((SECONDS / 60)) $((SECONDS % 60))
printf '%s\n' "${results[@]}"
if [ "$kind" = simulated ]; then echo "The GPU was simulated: nothing here speaks of speed."; fi
if $failed; then exit 1; fi
