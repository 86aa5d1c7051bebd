// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @dev The tree, its proofs and their check by the recursive definitions of RFC 6962, section 2.1, with Solidity's own sha256: what
/// {Rfc6962} is tested against. Nothing here counts bits or walks from the leaf upwards.
library MerkleTree {
    function leafHash(bytes memory entry) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(bytes1(0x00), entry));
    }

    function nodeHash(bytes32 left, bytes32 right) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(bytes1(0x01), left, right));
    }

    /// @dev The largest power of two below n, for n > 1.
    function split(uint256 n) internal pure returns (uint256 k) {
        k = 1;
        while (k * 2 < n) k *= 2;
    }

    /// @dev MTH(D[from:to]).
    function root(bytes32[] memory leaves, uint256 from, uint256 to) internal pure returns (bytes32) {
        if (to - from == 1) return leaves[from];
        uint256 middle = from + split(to - from);
        return nodeHash(root(leaves, from, middle), root(leaves, middle, to));
    }

    function root(bytes32[] memory leaves, uint256 size) internal pure returns (bytes32) {
        return root(leaves, 0, size);
    }

    /// @dev PROOF(m, D[0:n]), for 0 < m < n.
    function consistencyProof(bytes32[] memory leaves, uint256 m, uint256 n) internal pure returns (bytes32[] memory) {
        return _subproof(leaves, m, 0, n, true);
    }

    function _subproof(bytes32[] memory leaves, uint256 m, uint256 from, uint256 to, bool whole)
        private
        pure
        returns (bytes32[] memory proof)
    {
        if (m == to - from) {
            if (whole) return proof;
            return append(proof, root(leaves, from, to));
        }
        uint256 k = split(to - from);
        if (m <= k) {
            return append(_subproof(leaves, m, from, from + k, whole), root(leaves, from + k, to));
        }
        return append(_subproof(leaves, m - k, from + k, to, false), root(leaves, from, from + k));
    }

    /// @dev Whether the proof is one from (m, mRoot) to (n, nRoot): both roots are built from it as SUBPROOF puts it together.
    function isConsistent(uint256 m, bytes32 mRoot, uint256 n, bytes32 nRoot, bytes32[] memory proof)
        internal
        pure
        returns (bool)
    {
        if (m == 0 || m >= n) return false;
        (bool fits, bytes32 older, bytes32 newer, uint256 used) = _rebuild(m, n, true, mRoot, proof);
        return fits && used == proof.length && older == mRoot && newer == nRoot;
    }

    /// @dev The roots of m and n leaves that this very proof gives, if it is of the shape that they ask for.
    function rootsOf(uint256 m, uint256 n, bytes32[] memory proof)
        internal
        pure
        returns (bool fits, bytes32 mRoot, bytes32 nRoot)
    {
        if (m == 0 || m >= n) return (false, 0, 0);
        uint256 used;
        (fits, mRoot, nRoot, used) = _rebuild(m, n, true, keccak256("the smaller tree"), proof);
        fits = fits && used == proof.length;
    }

    /// @dev Nodes in PROOF(m, D[0:n]); 0 where there is none.
    function proofLength(uint256 m, uint256 n) internal pure returns (uint256) {
        return m == 0 || m >= n ? 0 : _subproofLength(m, n, true);
    }

    function _subproofLength(uint256 m, uint256 n, bool whole) private pure returns (uint256) {
        if (m == n) return whole ? 0 : 1;
        uint256 k = split(n);
        return 1 + (m <= k ? _subproofLength(m, k, whole) : _subproofLength(m - k, n - k, false));
    }

    /// @dev The roots of the first m and of all n leaves of a subtree, by the first `used` nodes of the proof.
    function _rebuild(uint256 m, uint256 n, bool whole, bytes32 mRoot, bytes32[] memory proof)
        private
        pure
        returns (bool fits, bytes32 older, bytes32 newer, uint256 used)
    {
        if (m == n) {
            if (whole) return (true, mRoot, mRoot, 0);
            return proof.length == 0 ? (false, bytes32(0), bytes32(0), 0) : (true, proof[0], proof[0], 1);
        }
        uint256 k = split(n);
        bool left = m <= k;
        (fits, older, newer, used) =
            left ? _rebuild(m, k, whole, mRoot, proof) : _rebuild(m - k, n - k, false, mRoot, proof);
        if (!fits || used == proof.length) return (false, 0, 0, used);
        bytes32 sibling = proof[used++];
        if (left) newer = nodeHash(newer, sibling);
        else (older, newer) = (nodeHash(sibling, older), nodeHash(sibling, newer));
    }

    function append(bytes32[] memory list, bytes32 item) internal pure returns (bytes32[] memory longer) {
        longer = new bytes32[](list.length + 1);
        for (uint256 i; i < list.length; ++i) {
            longer[i] = list[i];
        }
        longer[list.length] = item;
    }

    /// @dev Without the item at `index`.
    function remove(bytes32[] memory list, uint256 index) internal pure returns (bytes32[] memory shorter) {
        shorter = new bytes32[](list.length - 1);
        for (uint256 i; i < shorter.length; ++i) {
            shorter[i] = list[i < index ? i : i + 1];
        }
    }
}
