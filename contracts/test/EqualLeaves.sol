// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {MerkleTree} from "./MerkleTree.sol";

/// @dev Trees of any size whose leaves are all one: real roots and proofs in logarithmic time, since whole subtrees of a height are equal.
library EqualLeaves {
    /// @dev MTH of n equal leaves.
    function root(uint256 n) internal pure returns (bytes32) {
        if (n == 1) return MerkleTree.leafHash("entry");
        uint256 k = MerkleTree.split(n);
        bytes32 left = perfect(k);
        return MerkleTree.nodeHash(left, k * 2 == n ? left : root(n - k));
    }

    /// @dev MTH of n equal leaves, n a power of two.
    function perfect(uint256 n) internal pure returns (bytes32 hash) {
        hash = MerkleTree.leafHash("entry");
        for (uint256 size = 1; size < n; size *= 2) {
            hash = MerkleTree.nodeHash(hash, hash);
        }
    }

    function consistencyProof(uint256 m, uint256 n) internal pure returns (bytes32[] memory) {
        return _subproof(m, n, true);
    }

    function _subproof(uint256 m, uint256 n, bool whole) private pure returns (bytes32[] memory proof) {
        if (m == n) {
            if (whole) return proof;
            return MerkleTree.append(proof, root(n));
        }
        uint256 k = MerkleTree.split(n);
        if (m <= k) return MerkleTree.append(_subproof(m, k, whole), root(n - k));
        return MerkleTree.append(_subproof(m - k, n - k, false), perfect(k));
    }
}
