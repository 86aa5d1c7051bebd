// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Consistency proofs of append-only Merkle trees (RFC 6962 with SHA-256; what is checked is that of RFC 9162, section 2.1.4.2)
/// @notice A proof that holds shows that the tree under `fromRoot` is a prefix of the tree under `toRoot`, as long as nobody finds a
/// collision of SHA-256.
/// @dev Roots do not commit to sizes. Two sizes whose proofs have one shape (9 and 10, seen from 5) are told apart by the signed
/// checkpoint alone: the prefix holds either way.
library Rfc6962 {
    /// @dev The chain answers nothing at the address of the SHA-256 precompile, or too little gas was left for it.
    error Sha256Failed();

    /// @notice Whether `proof` shows that the tree of `to` leaves under `toRoot` begins with the `from` leaves under `fromRoot`.
    /// False unless 0 < from < to, and for a proof with a node too many or too few. Sizes below 2^64.
    function verifyConsistency(uint256 from, bytes32 fromRoot, uint256 to, bytes32 toRoot, bytes32[] calldata proof)
        internal
        view
        returns (bool holds)
    {
        if (from == 0 || from >= to) return false;
        bool hashed;
        assembly ("memory-safe") {
            // The path from the smaller tree's last leaf up to the root goes by the bits of that leaf's index: odd is a sibling on the
            // left. Beside it goes the path from the larger tree's last leaf. `level` is the bit of the level reached. Both trees have
            // the largest subtree that ends with the smaller one's last leaf whole: there the climb starts.
            let index := sub(from, 1)
            let apart := xor(index, sub(to, 1))
            let level := and(from, sub(0, from))
            // The proof begins with that subtree, unless it is the smaller tree itself. Nodes past the proof's end read as anything:
            // at the end it is seen that none was.
            let node := proof.offset
            let start := fromRoot
            if xor(from, level) {
                start := calldataload(node)
                node := add(node, 0x20)
            }

            // Messages are 0x01 || left || right, and each hash is put where the next message has it. The larger tree's stays at 0x40,
            // between 0x20 for a sibling on the left and 0x60 for one on the right: Solidity's own words there, the free memory pointer
            // and the zero, are put back. The smaller tree's stays in a message of its own past the end of what is allocated.
            let message := mload(0x40)
            let sibling := add(message, 0x01)
            let smaller := add(message, 0x21)
            mstore8(message, 0x01)
            mstore(smaller, start)
            mstore(0x00, 0x01)
            mstore(0x40, start)
            // as long as the paths are apart: a sibling on the right is in the larger tree alone, one on the left in both
            for {} iszero(gt(level, apart)) { level := shl(1, level) } {
                switch and(index, level)
                case 0 {
                    mstore(0x20, 0x01)
                    mstore(0x60, calldataload(node))
                    pop(staticcall(gas(), 0x02, 0x3f, 0x41, 0x40, 0x20))
                }
                default {
                    mstore(0x20, calldataload(node))
                    pop(staticcall(gas(), 0x02, 0x1f, 0x41, 0x40, 0x20))
                    mstore(sibling, calldataload(node))
                    pop(staticcall(gas(), 0x02, message, 0x41, smaller, 0x20))
                }
                node := add(node, 0x20)
            }
            // then they are one: a sibling on the left on each level where it is odd, none on the others
            for { index := and(index, sub(0, level)) } index { index := and(index, sub(index, 1)) } {
                mstore(0x20, calldataload(node))
                pop(staticcall(gas(), 0x02, 0x1f, 0x41, 0x40, 0x20))
                mstore(sibling, calldataload(node))
                pop(staticcall(gas(), 0x02, message, 0x41, smaller, 0x20))
                node := add(node, 0x20)
            }
            // The paths were apart at least once, and what fails one call, no precompile or too little gas, fails every later one: the
            // last answer tells of all.
            hashed := eq(returndatasize(), 0x20)
            holds := and(
                eq(node, add(proof.offset, shl(5, proof.length))),
                and(eq(mload(smaller), fromRoot), eq(mload(0x40), toRoot))
            )
            mstore(0x40, message)
            mstore(0x60, 0x00)
        }
        if (!hashed) revert Sha256Failed();
    }
}
