#!/bin/sh
# Writes .gas-snapshot anew.
set -eu
cd "$(dirname "$0")"
PATH=$(cd .. && pwd)/bin:$PATH
../node_modules/@foundry-rs/forge-linux-amd64/bin/forge snapshot --no-match-test '(testFuzz|invariant)_'
