// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Consistency proofs of append-only Merkle trees (RFC 6962 with SHA-256; the verification is RFC 9162, section 2.1.4.2)
/// @notice A proof that holds shows that the tree under `fromRoot` is a prefix of the tree under `toRoot`, as long as nobody finds a
/// collision of SHA-256.
/// @dev Roots do not commit to sizes. Two sizes whose proofs have one shape (9 and 10, seen from 5) are told apart by the signed
/// checkpoint alone: the prefix holds either way.
library Rfc6962 {
    /// @dev The chain answers nothing at the address of the SHA-256 precompile, or too little gas was left for it.
    error Sha256Failed();

    /// @notice Whether `proof` shows that the tree of `to` leaves under `toRoot` begins with the `from` leaves under `fromRoot`.
    /// False unless 0 < from < to, and for a proof with a node too many or too few.
    function verifyConsistency(uint256 from, bytes32 fromRoot, uint256 to, bytes32 toRoot, bytes32[] calldata proof)
        internal
        view
        returns (bool)
    {
        if (from == 0 || from >= to) return false;
        unchecked {
            // The path from the last leaf of the smaller tree to the root, and the last node of the larger tree beside it, level by level.
            uint256 index = from - 1;
            uint256 last = to - 1;
            // Up to the largest subtree that ends with that leaf: both trees have it whole.
            while (index & 1 == 1) {
                index >>= 1;
                last >>= 1;
            }
            uint256 next;
            bytes32 smaller = fromRoot;
            if (index != 0) {
                if (proof.length == 0) return false;
                smaller = proof[0];
                next = 1;
            }
            // index == 0: that subtree is the whole smaller tree, which the proof leaves out
            bytes32 larger = smaller;
            uint256 end = proof.length;
            for (; next < end; ++next) {
                if (last == 0) return false;
                bytes32 sibling = _at(proof, next);
                if (index & 1 == 1 || index == last) {
                    // a sibling on the left is in both trees
                    smaller = hashNode(sibling, smaller);
                    larger = hashNode(sibling, larger);
                    // the larger tree's last node has no sibling on the levels that its index passes over
                    while (index & 1 == 0 && index != 0) {
                        index >>= 1;
                        last >>= 1;
                    }
                } else {
                    // one on the right is in the larger tree alone
                    larger = hashNode(larger, sibling);
                }
                index >>= 1;
                last >>= 1;
            }
            return last == 0 && smaller == fromRoot && larger == toRoot;
        }
    }

    /// @notice SHA-256(0x01 || left || right).
    function hashNode(bytes32 left, bytes32 right) internal view returns (bytes32 hash) {
        bool answered;
        assembly ("memory-safe") {
            // 65 bytes past the end of what is allocated: nothing keeps them
            let message := mload(0x40)
            mstore8(message, 0x01)
            mstore(add(message, 0x01), left)
            mstore(add(message, 0x21), right)
            // the size of the answer is read after the call: arguments are evaluated from the right
            answered := and(eq(returndatasize(), 0x20), staticcall(gas(), 0x02, message, 0x41, 0x00, 0x20))
            hash := mload(0x00)
        }
        if (!answered) revert Sha256Failed();
    }

    /// @dev proof[i] without the bounds check, which the loop has made.
    function _at(bytes32[] calldata proof, uint256 i) private pure returns (bytes32 node) {
        assembly ("memory-safe") {
            node := calldataload(add(proof.offset, shl(5, i)))
        }
    }
}
