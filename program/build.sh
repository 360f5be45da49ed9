#!/usr/bin/env bash
# Builds vault.so from src/: `build.sh` writes vault.so and vault.so.json,
# `build.sh --check` rebuilds beside them and compares.
#
# Only Debian packages, Go for the linker and this script are needed. Exit:
#   0  built, or the committed bytes are what this toolchain makes
#   1  the build failed, or the same toolchain made other bytes
#   3  the toolchain has moved on: the tests passed on the new build; re-pin
set -euo pipefail
cd "$(dirname "$0")"

readonly packages=(rustc-web libstd-rust-web-dev-bpf llvm-22)
readonly llvm=/usr/lib/llvm-22/bin
readonly rustc=/usr/bin/rustc
readonly target=bpfel-unknown-none
readonly moved=3

say() { echo "program/build.sh: $*" >&2; }

# The versions that decide the bytes, as one line of JSON.
toolchain() {
  local sep="" p
  printf '{'
  for p in "${packages[@]}"; do
    printf '%s"%s":"%s"' "$sep" "$p" "$(dpkg-query -W -f='${Version}' "$p")"
    sep=,
  done
  printf '}'
}

install_toolchain() {
  local missing=() p
  for p in "${packages[@]}"; do
    dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' || missing+=("$p")
  done
  [ ${#missing[@]} -eq 0 ] && return
  say "installing ${missing[*]}"
  local sudo=
  [ "$(id -u)" = 0 ] || sudo=sudo
  $sudo apt-get update -qq
  $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# core's and the compiler's own functions, as LLVM bitcode, next to the program's.
unpack_core() {
  local lib
  for lib in core compiler_builtins; do
    mkdir -p "$1/$lib"
    (cd "$1/$lib" && "$llvm/llvm-ar" x /usr/lib/rustlib/$target/lib/lib$lib-*.rlib && rm -f lib.rmeta)
  done
}

# build DIR OUT: compiles src/ into OUT with DIR for what lies between.
build() {
  local dir=$1 out=$2
  unpack_core "$dir"
  "$rustc" --edition 2021 --crate-type lib --crate-name vault --target "$target" \
    -C opt-level=2 -C panic=abort -C overflow-checks=on -C codegen-units=1 -C metadata=paradox-vault \
    -C llvm-args=--disable-loop-idiom-all --cap-lints deny -D warnings \
    --emit=obj -o "$dir/vault.bc" src/lib.rs
  "$llvm/llvm-link" "$dir/vault.bc" "$dir"/core/*.o "$dir"/compiler_builtins/*.o -o "$dir/all.bc"
  "$llvm/opt" -passes='internalize,globaldce,default<O2>,globaldce' --internalize-public-api-list=entrypoint \
    --disable-loop-idiom-all "$dir/all.bc" -S -o "$dir/all.ll"
  # The back end refuses the attribute, not what it says: the pointer is an
  # ordinary first argument.
  sed -E -i 's/ sret\([^)]*\)//g' "$dir/all.ll"
  "$llvm/llc" -march=bpfel -mcpu=v2 -O2 -mattr=+allows-misaligned-mem-access --bpf-stack-size=4096 \
    -filetype=obj "$dir/all.ll" -o "$dir/vault.o"
  (cd sbpfld && go build -o "$dir/sbpfld" .)
  "$dir/sbpfld" "$dir/vault.o" "$out"
}

sum() { sha256sum "$1" | cut -d' ' -f1; }

field() { sed -n "s/^ *\"$1\": \"\{0,1\}\(.*[^\",]\)\"\{0,1\},\{0,1\}$/\1/p" vault.so.json; }

pin() {
  cat >vault.so.json <<EOF
{
  "sha256": "$(sum vault.so)",
  "bytes": $(stat -c %s vault.so),
  "target": "$target",
  "toolchain": $(toolchain),
  "recipe": "program/build.sh"
}
EOF
}

main() {
  install_toolchain
  tmp=$(mktemp -d)
  trap 'rm -rf "$tmp"' EXIT
  case "${1:-}" in
    "") build "$tmp" "$PWD/vault.so" && pin && say "vault.so $(sum vault.so)" ;;
    --check) check ;;
    *) say "usage: build.sh [--check]"; exit 1 ;;
  esac
}

check() {
  build "$tmp" "$tmp/vault.so"
  local have want
  have=$(sum "$tmp/vault.so") want=$(sum vault.so)
  if [ "$(field sha256)" != "$want" ]; then
    say "vault.so is not the file that vault.so.json names"
    exit 1
  fi
  if [ "$have" = "$want" ]; then
    say "vault.so is what this toolchain makes ($want)"
    return
  fi
  if [ "$(field toolchain)" = "$(toolchain)" ]; then
    say "the same toolchain made other bytes: $have, committed $want"
    exit 1
  fi
  say "other bytes from another toolchain: $(toolchain); running the tests on the new build"
  VAULT_SO="$tmp/vault.so" ./test.sh
  say "toolchain moved, re-pin: run program/build.sh and commit vault.so and vault.so.json"
  exit $moved
}

main "$@"
