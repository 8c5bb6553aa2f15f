#!/usr/bin/env bash
# build.sh FOLDER INCLUDE [address|thread]: builds the emulated driver, FOLDER/libcuda.so.1, with the kernels in it, and
# with a sanitizer if one is named. INCLUDE has NVIDIA's cuda.h. PLANT names a fault to build in, for their tests, which
# run one small kernel, so that the compiler does not optimise.
set -euo pipefail
out=$(realpath -m "$1") include=$(realpath "$2") sanitizer=${3:-}
cd "$(dirname "$0")/.."
flags="-std=c++17 -O2 -g -fPIC -Wall -Wextra -Werror -Wno-unknown-pragmas -ffp-contract=off -mfma -I. -isystem $include"
plain= linked= kernels=${PLANT:+-D$PLANT -O0}
case $sanitizer in
  address)
    linked="-fsanitize=address,undefined -fno-sanitize=vptr -fno-sanitize-recover=all"
    plain="$linked -DEMU_ASAN=1" kernels+=" $plain"
    ;;
  thread) # kernels alone: the scheduler itself would be seen to race
    linked=-fsanitize=thread plain=-DEMU_TSAN=1 kernels+=" $linked"
    ;;
esac
mkdir -p "$out"
compile() { echo "${CXX:-g++} $flags $2 -x c++ -c $1 -o $out/$(basename "$1").o"; }
{
  for source in emu/*.cc; do compile "$source" "$plain"; done
  compile kernels.cu "$kernels"
} | xargs -P 2 -I {} sh -c '{}'
${CXX:-g++} -shared $linked -o "$out/libcuda.so.1" "$out"/*.o -pthread
