#!/usr/bin/env bash
# Installs the Debian or Ubuntu packages that Slipway needs and that are missing. See --help.
set -euo pipefail

usage() {
  cat <<'TXT'
usage: tools/install_dependencies.sh [--dry-run] [GROUP ...]

Installs what is missing of these groups of Debian or Ubuntu packages (default: all of them):
  build   compiler, CMake and the libraries that Slipway is linked to
  test    GoogleTest, clang with sanitizers and formatter, Slurm, networks, and the references that the tests compare with: PyTorch, ONNX, h5py, jsonschema
  node    Node.js 18 or newer with npm, unless `node` and `npm` are there already

  --dry-run   print what would be installed, install nothing; exit status 1 if something is missing

Root, directly or through sudo, is needed only when a package is missing.
TXT
}

# A package; where releases name it differently, the alternatives with | between.
build="build-essential cmake ninja-build ccache pkg-config libdnnl-dev libyaml-cpp-dev libhdf5-dev libcsv-dev libcli11-dev
  nlohmann-json3-dev libprotobuf-dev libonnx-dev zlib1g-dev libpng-dev libturbojpeg0-dev libopenmpi-dev openmpi-bin"
test="libgtest-dev clang libclang-rt-dev|libclang-common-14-dev libomp-dev clang-format-14|clang-format
  slurmctld slurmd slurm-client iproute2 python3 python3-numpy python3-torch python3-onnx python3-h5py python3-yaml python3-jsonschema"
node=""

newer_node() {
  command -v npm >/dev/null && command -v node >/dev/null &&
    [ "$(node -p 'Number(process.versions.node.split(".")[0]) >= 18' 2>/dev/null)" = true ]
}
newer_node || node="nodejs npm"

dry_run=false
groups=()
for argument in "$@"; do
  case $argument in
    --dry-run) dry_run=true ;;
    build | test | node) groups+=("$argument") ;;
    -h | --help) usage; exit 0 ;;
    *) echo "install_dependencies.sh: unknown argument '$argument'" >&2; usage >&2; exit 2 ;;
  esac
done
[ ${#groups[@]} -gt 0 ] || groups=(build test node)

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  echo "install_dependencies.sh: this is no Debian or Ubuntu; install the counterparts of these packages by hand:" >&2
  for group in "${groups[@]}"; do echo "  $group: ${!group}" | tr '\n' ' ' >&2; echo >&2; done
  exit 1
fi

wanted=""
for group in "${groups[@]}"; do wanted+=" ${!group}"; done
installed=" $(dpkg-query -W -f '${db:Status-Abbrev}${Package} ' 2>/dev/null | grep -o 'ii [^ ]*' | cut -c4- | tr '\n' ' ')"
missing=()
for package in $wanted; do
  found=false
  for name in ${package//|/ }; do [[ $installed == *" $name "* ]] && found=true; done
  $found || missing+=("$package")
done

if [ ${#missing[@]} -eq 0 ]; then
  echo "Packages: everything that ${groups[*]} needs is installed."
  exit 0
fi
echo "Packages missing: ${missing[*]}"
if $dry_run; then exit 1; fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "install_dependencies.sh: run this as root, or install sudo" >&2; exit 1; }
  as_root=(sudo)
fi
apt() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -q "$@"; }

# The first of a package's names that this release knows; fails if it knows none.
known_name() {
  local name
  for name in ${1//|/ }; do
    if apt-cache show --no-all-versions "$name" >/dev/null 2>&1; then echo "$name"; return; fi
  done
  return 1
}
resolve() {
  names=()
  local package name
  for package in "${missing[@]}"; do
    name=$(known_name "$package") || return 1
    names+=("$name")
  done
}

# The package lists may be absent or so old that what they name is gone: then fetch them, once.
if ! resolve || ! apt install -y --no-install-recommends "${names[@]}"; then
  apt update
  if ! resolve; then
    for package in "${missing[@]}"; do
      known_name "$package" >/dev/null || echo "install_dependencies.sh: this release has no package $package" >&2
    done
    exit 1
  fi
  apt install -y --no-install-recommends "${names[@]}"
fi
echo "Packages: installed ${names[*]}."
