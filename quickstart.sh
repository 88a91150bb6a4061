#!/usr/bin/env bash
# Sets all up and trains the quickstart recipe on embedded procedural images: about two minutes on two cores.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
./setup.sh
out=${1:-runs/quickstart-$(date +%s)}
mkdir -p "$(dirname "$out")"
./build/vitc train quickstart --data synthetic --out "$out"
./build/vitc eval knn "$out" --data synthetic --k 20
