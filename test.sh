#!/usr/bin/env bash
# Sets all up and runs the tests.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
./setup.sh
ctest --test-dir build --output-on-failure -j "$(nproc)" "$@"
