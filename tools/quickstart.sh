#!/usr/bin/env bash
# From nothing to a trained model in JavaScript. See --help.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<'TXT'
usage: tools/quickstart.sh

Installs what is missing (Debian or Ubuntu packages: only that needs root), builds Slipway, fetches MNIST, trains
configs/mnist_cnn.yaml for two of its six epochs, exports the model, and classifies all 10,000 test images with the
export in Node.js, which has to agree with Slipway on every one. Run again, it repeats only what is out of date and
resumes an interrupted training; with --again it trains anew.
TXT
}

again=false
case ${1-} in
  "") ;;
  --again) again=true ;;
  -h | --help) usage; exit 0 ;;
  *) echo "quickstart.sh: unknown argument '$1'" >&2; usage >&2; exit 2 ;;
esac

step() { printf '\n== %s (%d:%02d)\n' "$1" $((SECONDS / 60)) $((SECONDS % 60)); }
config=configs/mnist_cnn.yaml epochs=2 run=runs/mnist_cnn export=runs/mnist_cnn/export mnist=.cache/data/mnist

step "1/6 Packages"
tools/install_dependencies.sh build node
tools/install_node_packages.sh

step "2/6 Build"
tools/build.sh release -D SLIPWAY_TESTS=OFF -D SLIPWAY_PRECOMPILE=ON

step "3/6 Data"
tools/fetch_data.sh mnist

step "4/6 Train"
if ! $again && [ $run/checkpoints/last.h5 -nt $config ]; then
  build/slipway train $config --set train.epochs=$epochs --resume
  echo "tools/quickstart.sh --again trains anew."
else
  rm -rf $run
  build/slipway train $config --set train.epochs=$epochs
fi

step "5/6 Export"
build/slipway export $run -o $export

step "6/6 Compare Slipway with Node.js on 10,000 test images"
build/slipway predict $run --format csv -o $run/predictions.csv
node tools/web/verify/classify_idx.mjs --model $export/model.onnx --images $mnist/t10k-images-idx3-ubyte \
  --labels $mnist/t10k-labels-idx1-ubyte --predictions $run/predictions.csv >$run/onnxruntime-node.json
build/slipway evaluate $run --on test --json >$run/evaluation.json

step "Summary"
node tools/web/verify/summary.mjs $run/evaluation.json $run/onnxruntime-node.json
echo "Trained for $epochs epochs; \`build/slipway train $config\` takes all six and gets a little further."
echo "Run directory: $run (report.html shows curves and mistakes); the export for JavaScript: $export"
