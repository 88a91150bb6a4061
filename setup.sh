#!/usr/bin/env bash
# Installs the Debian packages that vitc lacks here, configures build/ and builds it with Ninja; other packages may be
# named. Sourced or run by the others.
# `./setup.sh aarch64` then does the same for programs that run on 64-bit ARM: the cross compiler, libraries for it, and
# the runtime archives in build/lib/vitc/aarch64.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
across=""
[ "${1:-}" != aarch64 ] || { across=1; shift; }
[ "$(uname -m)" != aarch64 ] || across="" # they are its own
runtime=(libarchive-dev libbz2-dev liblz4-dev liblzma-dev libzstd-dev libdeflate-dev zlib1g-dev libpng-dev
    libjpeg62-turbo-dev libwebp-dev libtiff-dev libgif-dev libjansson-dev libxxhash-dev nettle-dev)
packages=(gcc libc6-dev cmake ninja-build pkg-config llvm-19-dev libyaml-dev libcmocka-dev "${runtime[@]}" "$@")
root=""
[ "$(id -u)" = 0 ] || root=sudo
if [ -n "$across" ]; then
    dpkg --print-foreign-architectures | grep -qx arm64 || $root dpkg --add-architecture arm64
    packages+=(gcc-aarch64-linux-gnu libc6-dev-arm64-cross libcmocka-dev:arm64 "${runtime[@]/%/:arm64}" qemu-user)
fi
missing=()
for package in "${packages[@]}"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
    echo "installing: ${missing[*]}"
    $root apt-get update -qq
    # where both architectures have a library it has to be of one version: apt brings the other up to date
    DEBIAN_FRONTEND=noninteractive $root apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo >/dev/null
cmake --build build
[ -z "$across" ] || {
    cmake -S . -B build-aarch64 -G Ninja --toolchain "$PWD/cmake/aarch64.cmake" -DCMAKE_BUILD_TYPE=RelWithDebInfo \
        -DVITC_RUNTIME_ONLY=ON -DVITC_ARCHIVES="$PWD/build/lib/vitc" >/dev/null
    cmake --build build-aarch64
}
