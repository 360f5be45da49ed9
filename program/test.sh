#!/usr/bin/env bash
# Tries the program on a real Solana VM: vault.so, or the build that VAULT_SO names.
set -euo pipefail
cd "$(dirname "$0")"
[ -z "${VAULT_SO:-}" ] || VAULT_SO=$(realpath "$VAULT_SO")
export VAULT_SO=${VAULT_SO:-$PWD/vault.so}
npm ci --prefix svm --no-fund --no-audit
go test -count=1 ../chain/svm
