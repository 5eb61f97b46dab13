#!/usr/bin/env bash
# Installs the npm packages that the scripts and tests of the JavaScript side use, from their lock files, beside
# package.json, unless they are up to date. No package's own install script is run.
set -euo pipefail
cd "$(dirname "$0")/.."

directory=tools/web/verify
installed=$directory/node_modules/.lock-installed
if ! cmp -s $directory/package-lock.json $installed; then
  echo "Installing the npm packages of $directory ..."
  (cd $directory && npm ci --loglevel=error)
  cp $directory/package-lock.json $installed
fi
echo "npm packages: up to date."
