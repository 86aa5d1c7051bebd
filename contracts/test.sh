#!/bin/sh
# Unit, fuzz and invariant tests of the contracts, the committed gas snapshot, and the committed ABI and bytecode.
# Gas of fuzz and invariant tests is left out of the snapshot: it depends on the cases drawn.
set -eu
cd "$(dirname "$0")"
PATH=$(cd .. && pwd)/bin:$PATH
forge=../node_modules/@foundry-rs/forge-linux-amd64/bin/forge
"$forge" test "$@"
"$forge" snapshot --check --no-match-test '(testFuzz|invariant)_' >/dev/null || {
  echo "contracts/.gas-snapshot is not current: run contracts/snapshot.sh and look at the difference" >&2
  exit 1
}
./build.sh --check
