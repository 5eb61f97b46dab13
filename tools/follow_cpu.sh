#!/usr/bin/env bash
# Shows that training on simulated GPUs follows training on the CPU, for every configuration. See --help.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<'TXT'
usage: tools/follow_cpu.sh [--ranks] [--checked]

Trains every configuration of the project, at reduced size, for ten steps on the CPU and on a simulated GPU: in each
precision, with the libraries for products and convolutions and with Slipway's own kernels, captured and not captured, in ten
orders of streams, blocks and threads. Losses must follow the CPU's, all orders give the same bits, and the simulator find no
mistake. Takes hours on two cores; continuous integration runs a part of it (the tests `simulated.*`).

  --ranks     instead on 1, 2, 3, 4 and 8 ranks with a simulated GPU each, batches accumulated or not, the optimizer's state
              divided or not; takes hours as well
  --checked   every access of the kernels is checked; takes hours
TXT
}

kind=simulated ranks=()
for argument; do
  case $argument in
    --ranks) ranks=(--ranks) ;;
    --checked) kind=simulated-checked ;;
    -h | --help) usage; exit 0 ;;
    *) echo "follow_cpu.sh: unknown argument '$argument'" >&2; usage >&2; exit 2 ;;
  esac
done

tools/build.sh "$kind"
SLIPWAY=$PWD/build-$kind/slipway OMP_WAIT_POLICY=passive /usr/bin/python3 tests/kernels/simt/follow/follow_cpu.py --whole "${ranks[@]}"
