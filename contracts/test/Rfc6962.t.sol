// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Rfc6962} from "../src/Rfc6962.sol";
import {MerkleTree} from "./MerkleTree.sol";
import {TestBase} from "./TestBase.sol";

contract Verifier {
    function verify(uint256 from, bytes32 fromRoot, uint256 to, bytes32 toRoot, bytes32[] calldata proof)
        external
        view
        returns (bool holds)
    {
        holds = Rfc6962.verifyConsistency(from, fromRoot, to, toRoot, proof);
        // Solidity's own words are as they must be after the verification has used them
        uint256 freeMemory;
        uint256 zero;
        assembly ("memory-safe") {
            freeMemory := mload(0x40)
            zero := mload(0x60)
        }
        require(freeMemory == 0x80 && zero == 0, "the verification left its words in memory");
    }
}

/// @dev Random trees of up to 96 leaves, and the tree of eight leaves that implementations of Certificate Transparency test with.
contract Rfc6962Test is TestBase {
    Verifier verifier;

    function setUp() public {
        verifier = new Verifier();
    }

    function _leaves(uint256 count, uint256 seed) private pure returns (bytes32[] memory leaves) {
        leaves = new bytes32[](count);
        for (uint256 i; i < count; ++i) {
            leaves[i] = MerkleTree.leafHash(abi.encode(seed, i));
        }
    }

    function _entries() private pure returns (bytes32[] memory leaves) {
        bytes[8] memory entries = [
            bytes(""),
            hex"00",
            hex"10",
            hex"2021",
            hex"3031",
            hex"40414243",
            hex"5051525354555657",
            hex"606162636465666768696a6b6c6d6e6f"
        ];
        leaves = new bytes32[](8);
        for (uint256 i; i < 8; ++i) {
            leaves[i] = MerkleTree.leafHash(entries[i]);
        }
    }

    /// @dev Roots after 1 to 8 leaves, as Certificate Transparency publishes them for its test tree.
    function _roots() private pure returns (bytes32[8] memory) {
        return [
            bytes32(0x6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d),
            0xfac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125,
            0xaeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77,
            0xd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7,
            0x4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4,
            0x76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef,
            0xddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c,
            0x5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328
        ];
    }

    function test_theReferenceTreeHasThePublishedRoots() public pure {
        bytes32[] memory leaves = _entries();
        for (uint256 size = 1; size <= 8; ++size) {
            assertEq(MerkleTree.root(leaves, size), _roots()[size - 1]);
        }
    }

    function test_verify_acceptsThePublishedProofs() public view {
        bytes32[] memory proof = new bytes32[](3);
        proof[0] = 0x96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7;
        proof[1] = 0x5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e;
        proof[2] = 0x6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4;
        assert(verifier.verify(1, _roots()[0], 8, _roots()[7], proof));
        proof[0] = 0x0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a;
        proof[1] = 0xca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0;
        proof[2] = 0xd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7;
        assert(verifier.verify(6, _roots()[5], 8, _roots()[7], proof));
        proof = new bytes32[](2);
        proof[0] = 0x5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e;
        proof[1] = 0xbc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b;
        assert(verifier.verify(2, _roots()[1], 5, _roots()[4], proof));
    }

    function test_verify_acceptsEveryPairOfASmallTree() public view {
        bytes32[] memory leaves = _leaves(20, 7);
        for (uint256 from = 1; from < 20; ++from) {
            for (uint256 to = from + 1; to <= 20; ++to) {
                bytes32[] memory proof = MerkleTree.consistencyProof(leaves, from, to);
                assert(verifier.verify(from, MerkleTree.root(leaves, from), to, MerkleTree.root(leaves, to), proof));
            }
        }
    }

    /// @dev Also where the proof would hold: from nothing, to the same size, to a smaller one.
    function test_verify_refusesSizesThatDoNotGrow() public view {
        bytes32[] memory leaves = _leaves(8, 7);
        bytes32 root = MerkleTree.root(leaves, 8);
        bytes32[] memory none = new bytes32[](0);
        assert(!verifier.verify(8, root, 8, root, none));
        assert(!verifier.verify(0, 0, 8, root, none));
        assert(!verifier.verify(0, 0, 0, 0, none));
        assert(!verifier.verify(8, root, 4, MerkleTree.root(leaves, 4), MerkleTree.consistencyProof(leaves, 4, 8)));
    }

    function testFuzz_verify_acceptsTheProofOfATree(uint256 seed, uint256 from, uint256 to) public view {
        assert(_bothSay(_honest(seed, from, to)));
    }

    function testFuzz_verify_refusesAChangedNodeOrRoot(uint256 seed, uint256 from, uint256 to, uint256 where, uint8 bit)
        public
        view
    {
        Claim memory c = _honest(seed, from, to);
        bytes32 flipped = bytes32(1 << uint256(bit));
        where %= c.proof.length + 2;
        if (where < c.proof.length) c.proof[where] ^= flipped;
        else if (where == c.proof.length) c.fromRoot ^= flipped;
        else c.toRoot ^= flipped;
        assert(!_bothSay(c));
    }

    function testFuzz_verify_refusesANodeTooManyOrTooFew(
        uint256 seed,
        uint256 from,
        uint256 to,
        uint256 where,
        bytes32 extra
    ) public view {
        Claim memory c = _honest(seed, from, to);
        bytes32[] memory proof = c.proof;
        c.proof = MerkleTree.append(proof, extra);
        assert(!_bothSay(c));
        c.proof = MerkleTree.append(proof, c.toRoot);
        assert(!_bothSay(c));
        c.proof = MerkleTree.remove(proof, where % proof.length);
        assert(!_bothSay(c));
    }

    function _honest(uint256 seed, uint256 from, uint256 to) private pure returns (Claim memory c) {
        c.to = bound(to, 2, 96);
        c.from = bound(from, 1, c.to - 1);
        bytes32[] memory leaves = _leaves(c.to, seed);
        c.fromRoot = MerkleTree.root(leaves, c.from);
        c.toRoot = MerkleTree.root(leaves, c.to);
        c.proof = MerkleTree.consistencyProof(leaves, c.from, c.to);
    }

    struct Claim {
        uint256 from;
        bytes32 fromRoot;
        uint256 to;
        bytes32 toRoot;
        bytes32[] proof;
    }

    /// @dev Sizes, roots and proof of a tree and of its fork; the sizes often others than the proof's: whatever comes, both say the same.
    function testFuzz_verify_agreesWithTheReference(
        uint256 seed,
        uint8 from,
        uint8 to,
        uint8 otherFrom,
        uint8 otherTo,
        uint8 forkAt
    ) public view {
        Claim memory c;
        c.to = bound(to, 2, 40);
        c.from = bound(from, 1, c.to - 1);
        bytes32[] memory leaves = _leaves(40, seed);
        c.fromRoot = MerkleTree.root(leaves, c.from);
        for (uint256 i = forkAt % 64; i < 40; ++i) {
            leaves[i] = MerkleTree.leafHash(abi.encode(seed, i, "fork"));
        }
        c.toRoot = MerkleTree.root(leaves, c.to);
        c.proof = MerkleTree.consistencyProof(leaves, c.from, c.to);
        bool kept = forkAt % 64 >= c.from;
        assert(_bothSay(c) == kept);
        if (otherFrom % 2 == 0) c.from = otherFrom % 41;
        if (otherTo % 2 == 0) c.to = otherTo % 41;
        _bothSay(c);
    }

    function _bothSay(Claim memory c) private view returns (bool holds) {
        holds = MerkleTree.isConsistent(c.from, c.fromRoot, c.to, c.toRoot, c.proof);
        assert(verifier.verify(c.from, c.fromRoot, c.to, c.toRoot, c.proof) == holds);
    }

    /// @dev Proofs of any shape for any sizes; the roots are those that the proof itself gives, so that only its shape decides.
    function testFuzz_verify_agreesWithTheReferenceOnWhatSizesAProofIsFor(
        uint64 from,
        uint64 to,
        bytes32[] memory proof
    ) public view {
        (bool fits, bytes32 fromRoot, bytes32 toRoot) = MerkleTree.rootsOf(from, to, proof);
        assert(verifier.verify(from, fromRoot, to, toRoot, proof) == fits);
    }

    function testFuzz_verify_agreesOnRandomSizesOfAnyMagnitude(
        uint64 a,
        uint8 shiftA,
        uint64 b,
        uint8 shiftB,
        uint256 seed
    ) public view {
        uint256 from = a >> (shiftA % 64);
        uint256 to = from + (b >> (shiftB % 64));
        bytes32[] memory proof = new bytes32[](MerkleTree.proofLength(from, to));
        for (uint256 i; i < proof.length; ++i) {
            proof[i] = keccak256(abi.encode(seed, i));
        }
        (bool fits, bytes32 fromRoot, bytes32 toRoot) = MerkleTree.rootsOf(from, to, proof);
        assert(fits == (from != 0 && from < to));
        assert(verifier.verify(from, fromRoot, to, toRoot, proof) == fits);
    }

    /// @dev Nothing answers at the precompile's address, as on a chain that lacks it: what stands in memory must not pass for hashes.
    function test_verify_refusesAChainWithoutThePrecompile() public {
        bytes32[] memory proof = new bytes32[](1);
        bytes32 root = keccak256("root");
        vm.mockCall(address(2), "", "");
        vm.expectRevert(Rfc6962.Sha256Failed.selector);
        verifier.verify(1, root, 2, root, proof);
        vm.clearMockedCalls();
        assert(!verifier.verify(1, root, 2, root, proof));
    }
}
