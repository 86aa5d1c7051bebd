#!/bin/sh
# Compiles the contracts and writes their ABI and bytecode to libs/chain/src/contracts.generated.ts, which is committed, so that
# nothing compiles Solidity at run time. With --check it writes nothing and fails when that file is not what the sources give.
set -eu
cd "$(dirname "$0")"
PATH=$(cd .. && pwd)/bin:$PATH
../node_modules/@foundry-rs/forge-linux-amd64/bin/forge build --skip test
node generate.mjs "$@"
