#!/usr/bin/env bash
# Installs the Debian packages that vitc lacks here, configures build/ and builds it with Ninja. Sourced or run by the
# others.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
packages=(gcc libc6-dev cmake ninja-build pkg-config llvm-19-dev libyaml-dev libarchive-dev libbz2-dev liblz4-dev
    libpng-dev libjpeg62-turbo-dev libwebp-dev libtiff-dev libgif-dev libjansson-dev libcmocka-dev zlib1g-dev
    libxxhash-dev nettle-dev "$@")
missing=()
for package in "${packages[@]}"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
    echo "installing: ${missing[*]}"
    root=""
    [ "$(id -u)" = 0 ] || root=sudo
    $root apt-get update -qq
    DEBIAN_FRONTEND=noninteractive $root apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo >/dev/null
cmake --build build
