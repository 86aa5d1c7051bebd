// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {CheckpointAnchor} from "../src/CheckpointAnchor.sol";
import {MerkleTree} from "./MerkleTree.sol";
import {TestBase} from "./TestBase.sol";

/// @dev An operator who grows a real tree and anchors it, supersedes it now and then, and lies in every way that he can think of.
contract Operator is TestBase {
    CheckpointAnchor public immutable anchor;
    uint256 constant MAX_LEAVES = 72;

    struct Head {
        uint64 size;
        bytes32 root;
    }

    bytes32 public logId;
    uint256 private _logs;
    /// The tree of the present log: what is anchored of it, and what is not yet.
    bytes32[] private _leaves;
    /// Every head that the contract took of the present log.
    Head[] private _heads;
    /// The last heads of the logs before it.
    mapping(uint256 index => bytes32 logId) public ended;
    mapping(bytes32 logId => Head) public endOf;

    constructor() {
        anchor = new CheckpointAnchor(address(this));
        logId = anchor.open("log-0");
    }

    function grow(uint256 countSeed, uint256 seed) public {
        uint256 count = 1 + (countSeed % 9);
        for (uint256 i; i < count && _leaves.length < MAX_LEAVES; ++i) {
            _leaves.push(MerkleTree.leafHash(abi.encode(seed, i, _leaves.length)));
        }
    }

    function anchorHonestly(uint256 sizeSeed) external {
        uint64 anchored = _anchored();
        if (_leaves.length == anchored) grow(sizeSeed, sizeSeed);
        if (_leaves.length == anchored) return;
        uint64 size = uint64(bound(sizeSeed, anchored + 1, _leaves.length));
        require(
            _submit(size, MerkleTree.root(_leaves, size), _proof(_leaves, anchored, size)), "a true head was refused"
        );
        _heads.push(Head(size, MerkleTree.root(_leaves, size)));
    }

    /// @dev One entry under the head is another, and all that is shown is true of that fork.
    function anchorAFork(uint256 where, uint256 sizeSeed) external {
        uint64 anchored = _anchored();
        if (anchored == 0) return;
        grow(sizeSeed, where);
        bytes32[] memory fork = _leaves;
        if (fork.length == anchored) return;
        fork[where % anchored] = MerkleTree.leafHash(abi.encode("rewritten", where));
        uint64 size = uint64(bound(sizeSeed, anchored + 1, fork.length));
        require(!_submit(size, MerkleTree.root(fork, size), _proof(fork, anchored, size)), "a fork was anchored");
    }

    /// @dev The true proof for another root, or the true root with a proof that was tampered with.
    function anchorWithAForgedProof(uint256 sizeSeed, uint256 where, uint8 how) external {
        uint64 anchored = _anchored();
        if (anchored == 0 || _leaves.length == anchored) return;
        uint64 size = uint64(bound(sizeSeed, anchored + 1, _leaves.length));
        bytes32 root = MerkleTree.root(_leaves, size);
        bytes32[] memory proof = _proof(_leaves, anchored, size);
        if (how % 5 == 0) root = keccak256(abi.encode(root));
        else if (how % 5 == 1) proof[where % proof.length] ^= bytes32(uint256(1) << (where % 256));
        else if (how % 5 == 2) proof = MerkleTree.append(proof, root);
        else if (how % 5 == 3) proof = MerkleTree.remove(proof, where % proof.length);
        else proof = new bytes32[](0);
        require(!_submit(size, root, proof), "a forged proof was taken");
    }

    /// @dev The same size again, with the same root or another, or a smaller one.
    function anchorNoMore(uint256 sizeSeed, bytes32 other) external {
        uint64 anchored = _anchored();
        uint64 size = uint64(bound(sizeSeed, 0, anchored));
        bytes32 root = size == 0 || sizeSeed % 2 == 0 ? other : MerkleTree.root(_leaves, size);
        require(!_submit(size, root, new bytes32[](0)), "a head that does not grow was taken");
    }

    function anchorAnEndedLog(uint256 which, uint256 sizeSeed) external {
        if (_logs == 0) return;
        bytes32 old = ended[which % _logs];
        uint64 size = uint64(bound(sizeSeed, 1, type(uint32).max));
        try anchor.anchor(old, size, keccak256("more"), new bytes32[](0)) {
            revert("a superseded log was anchored");
        } catch {}
        try anchor.supersede(old, "again") {
            revert("a log was superseded twice");
        } catch {}
    }

    function anchorAsAStranger(address stranger) external {
        if (stranger == address(this)) return;
        grow(1, 1);
        uint64 anchored = _anchored();
        if (_leaves.length == anchored) return;
        uint64 size = uint64(_leaves.length);
        bytes32 root = MerkleTree.root(_leaves, size);
        bytes32[] memory proof = _proof(_leaves, anchored, size);
        vm.prank(stranger);
        require(!_submit(size, root, proof), "a stranger anchored");
        vm.prank(stranger);
        try anchor.open("stranger") {
            revert("a stranger opened a log");
        } catch {}
    }

    /// @dev Once in a while: the log ends at its head and the next begins with an empty tree.
    function supersede(uint256 seed) external {
        if (seed % 4 != 0) return;
        (uint64 size, bytes32 root) = anchor.head(logId);
        ended[_logs] = logId;
        endOf[logId] = Head(size, root);
        ++_logs;
        logId = anchor.supersede(logId, string.concat("log-", _digits(_logs)));
        delete _leaves;
        delete _heads;
    }

    function endedLogs() external view returns (uint256) {
        return _logs;
    }

    function heads() external view returns (Head[] memory) {
        return _heads;
    }

    function leaves() external view returns (bytes32[] memory) {
        return _leaves;
    }

    function _anchored() private view returns (uint64) {
        return _heads.length == 0 ? 0 : _heads[_heads.length - 1].size;
    }

    function _proof(bytes32[] memory tree, uint64 from, uint64 to) private pure returns (bytes32[] memory) {
        return from == 0 ? new bytes32[](0) : MerkleTree.consistencyProof(tree, from, to);
    }

    function _submit(uint64 size, bytes32 root, bytes32[] memory proof) private returns (bool) {
        try anchor.anchor(logId, size, root, proof) {
            return true;
        } catch {
            return false;
        }
    }

    function _digits(uint256 n) private pure returns (string memory) {
        return
            n < 10 ? string(abi.encodePacked(bytes1(uint8(48 + n)))) : string.concat(_digits(n / 10), _digits(n % 10));
    }
}

contract CheckpointAnchorInvariantsTest is TestBase {
    Operator operator;

    function setUp() public {
        operator = new Operator();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(operator);
    }

    function invariant_theAnchoredTreeNeverShrinksNorForks() public view {
        Operator.Head[] memory heads = operator.heads();
        bytes32[] memory leaves = operator.leaves();
        uint64 before;
        for (uint256 i; i < heads.length; ++i) {
            assert(heads[i].size > before);
            before = heads[i].size;
            // each head is still a prefix of the one tree that there is
            assertEq(MerkleTree.root(leaves, heads[i].size), heads[i].root);
        }
        (uint64 size, bytes32 root) = operator.anchor().head(operator.logId());
        assertEq(size, before);
        assertEq(root, heads.length == 0 ? bytes32(0) : heads[heads.length - 1].root);
    }

    function invariant_anEndedLogStaysAtItsEnd() public view {
        CheckpointAnchor anchor = operator.anchor();
        for (uint256 i; i < operator.endedLogs(); ++i) {
            bytes32 logId = operator.ended(i);
            (uint64 size, bytes32 root) = anchor.head(logId);
            (uint64 endSize, bytes32 endRoot) = operator.endOf(logId);
            assertEq(size, endSize);
            assertEq(root, endRoot);
            assert(anchor.statusOf(logId) == CheckpointAnchor.Status.Superseded);
        }
    }
}
