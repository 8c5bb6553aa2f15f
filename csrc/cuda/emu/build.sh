#!/usr/bin/env bash
# build.sh FOLDER INCLUDE [address|thread]: builds the emulated driver, FOLDER/libcuda.so.1, with the kernels in it, and
# with a sanitizer if one is named. INCLUDE has NVIDIA's cuda.h. PLANT names a fault to build in, for their tests, which
# run one small kernel: only its file is compiled, and the compiler hardly optimises.
set -euo pipefail
out=$(realpath -m "$1") include=$(realpath "$2") sanitizer=${3:-} plant=${PLANT:-}
cd "$(dirname "$0")/.."
flags="-std=c++17 -O2 -g -fPIC -Wall -Wextra -Werror -Wno-unknown-pragmas -ffp-contract=off -mfma -I. -isystem $include"
plain= linked= kernels= files=(emu/*.cc) from=kernels.cu
case $sanitizer in
  address)
    linked="-fsanitize=address,undefined -fno-sanitize=vptr -fno-sanitize-recover=all"
    plain="-DEMU_ASAN=1 ${plant:+-O1}" kernels="-DEMU_ASAN=1 $linked"
    [ -n "$plant" ] || plain+=" $linked"
    ;;
  thread) # kernels alone: the scheduler itself would be seen to race
    linked=-fsanitize=thread plain="-DEMU_TSAN=1 -O1" kernels="$linked -O1"
    files=(emu/[!p]*.cc) # no kernel of PTX is looked at
    ;;
esac
if [ -n "$plant" ]; then kernels+=" -D$plant -O0" files=(emu/[!p]*.cc) from=event.cu; fi
mkdir -p "$out"
compile() { echo "${CXX:-g++} $flags $2 -x c++ -c $1 -o $out/$(basename "$1").o"; }
{
  for file in "${files[@]}"; do compile "$file" "$plain"; done
  compile $from "$kernels"
} | xargs -P 2 -I {} sh -c '{}'
${CXX:-g++} -shared $linked -o "$out/libcuda.so.1" "$out"/*.o -pthread
