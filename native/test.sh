#!/usr/bin/env bash
# Unit tests and bounded property tests of native/, where a cargo is that can build it; elsewhere it says so and is content.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/native-build
. scripts/native-build
lacks=$(native_lacks)
if [ -n "$lacks" ]; then
  echo "native/ is not tested: $lacks" >&2
  exit 0
fi
cd native
# No registry is no defect of native/.
if ! cargo fetch --locked --quiet; then
  echo 'native/ is not tested: its crates cannot be fetched' >&2
  exit 0
fi
cargo test --locked --quiet "$@"
