// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {CheckpointAnchor} from "../src/CheckpointAnchor.sol";
import {EqualLeaves} from "./EqualLeaves.sol";
import {TestBase, Vm} from "./TestBase.sol";

/// @dev What an anchor of a million entries costs as a whole transaction: 21,000, call data, and what runs. make costs measures it on a node.
contract CheckpointAnchorGasTest is TestBase {
    uint64 constant MILLION = 1_000_000;

    CheckpointAnchor anchor;
    bytes32 logId;

    function setUp() public {
        anchor = new CheckpointAnchor(address(this));
        logId = anchor.open("127.0.0.1:8080/31337/0x5fbdb2315678afecb367f032d93f642f64180aa3");
    }

    function test_anchor_aMillionEntriesOnAMillion() public {
        assertAtMost(_transactionGas(MILLION, 2 * MILLION), 60_000);
    }

    function testFuzz_anchor_aMillionEntriesCostAtMost60000Gas(uint64 seed) public {
        uint64 from = uint64(bound(seed, 1, MILLION));
        assertAtMost(_transactionGas(from, from + MILLION), 60_000);
    }

    /// @dev The four sizes whose paths have the most siblings on the left, each of them two hashes, are the only ones above 60,000.
    function test_anchor_theDearestMillionCostsAtMost60250Gas() public {
        uint64 from = 0xeffff;
        assertAtMost(_transactionGas(from, from + MILLION), 60_250);
    }

    /// @dev EIP-2028 and EIP-7623: the larger of what runs on top of 4 gas a token of call data, and of a floor of 10 a token.
    function _transactionGas(uint64 from, uint64 to) private returns (uint256) {
        anchor.anchor(logId, from, EqualLeaves.root(from), new bytes32[](0));
        bytes memory data =
            abi.encodeCall(anchor.anchor, (logId, to, EqualLeaves.root(to), EqualLeaves.consistencyProof(from, to)));
        uint256 tokens;
        for (uint256 i; i < data.length; ++i) {
            tokens += data[i] == 0 ? 1 : 4;
        }
        vm.cool(address(anchor));
        (bool done,) = address(anchor).call(data);
        assert(done);
        uint256 execution = vm.lastCallGas().gasTotalUsed;
        uint256 standard = 21_000 + 4 * tokens + execution;
        uint256 least = 21_000 + 10 * tokens;
        return standard > least ? standard : least;
    }
}
