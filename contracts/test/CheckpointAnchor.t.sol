// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {CheckpointAnchor} from "../src/CheckpointAnchor.sol";
import {MerkleTree} from "./MerkleTree.sol";
import {TestBase} from "./TestBase.sol";

contract CheckpointAnchorTest is TestBase {
    string constant ORIGIN = "log.example/1";
    bytes32 constant LOG = keccak256(bytes(ORIGIN));

    CheckpointAnchor anchor;
    bytes32[] leaves;

    function setUp() public {
        anchor = new CheckpointAnchor(address(this));
        for (uint256 i; i < 16; ++i) {
            leaves.push(MerkleTree.leafHash(abi.encode(i)));
        }
        anchor.open(ORIGIN);
    }

    function _root(uint64 size) private view returns (bytes32) {
        return MerkleTree.root(leaves, size);
    }

    function _proof(uint64 from, uint64 to) private view returns (bytes32[] memory) {
        return from == 0 ? new bytes32[](0) : MerkleTree.consistencyProof(leaves, from, to);
    }

    function _anchor(uint64 from, uint64 to) private {
        anchor.anchor(LOG, to, _root(to), _proof(from, to));
    }

    /// @dev The arguments are made before the refusal is expected: making them calls the precompile.
    function _refused(bytes memory refusal, uint64 size, bytes32 root, bytes32[] memory proof) private {
        vm.expectRevert(refusal);
        anchor.anchor(LOG, size, root, proof);
    }

    function _proofInvalid(uint64 anchored, uint64 size) private pure returns (bytes memory) {
        return abi.encodeWithSelector(CheckpointAnchor.ProofInvalid.selector, LOG, anchored, size);
    }

    function _notGrowing(uint64 anchored, uint64 size) private pure returns (bytes memory) {
        return abi.encodeWithSelector(CheckpointAnchor.SizeNotGrowing.selector, LOG, anchored, size);
    }

    function _assertHead(bytes32 logId, uint64 wantSize, bytes32 wantRoot) private view {
        (uint64 size, bytes32 root) = anchor.head(logId);
        assertEq(size, wantSize);
        assertEq(root, wantRoot);
    }

    function test_open_namesTheLogByItsOriginAndHasNoHead() public {
        vm.expectEmit(address(anchor));
        emit CheckpointAnchor.LogOpened(keccak256("other"), "other", 0);
        assertEq(anchor.open("other"), keccak256("other"));
        _assertHead(keccak256("other"), 0, 0);
        assert(anchor.statusOf(keccak256("other")) == CheckpointAnchor.Status.Open);
        assert(anchor.statusOf(keccak256("none")) == CheckpointAnchor.Status.Absent);
    }

    function test_open_onceALog() public {
        vm.expectRevert(abi.encodeWithSelector(CheckpointAnchor.LogExists.selector, LOG));
        anchor.open(ORIGIN);
        _anchor(0, 3);
        vm.expectRevert(abi.encodeWithSelector(CheckpointAnchor.LogExists.selector, LOG));
        anchor.open(ORIGIN);
    }

    function test_open_refusesWhatNoCheckpointCanBeginWith() public {
        string[6] memory origins = ["", "two words", "a+b", "line\nline", "tab\there", string(new bytes(1))];
        for (uint256 i; i < origins.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(CheckpointAnchor.OriginInvalid.selector, origins[i]));
            anchor.open(origins[i]);
        }
        bytes memory long = new bytes(256);
        for (uint256 i; i < 256; ++i) {
            long[i] = "a";
        }
        vm.expectRevert(abi.encodeWithSelector(CheckpointAnchor.OriginInvalid.selector, string(long)));
        anchor.open(string(long));
        bytes memory longest = new bytes(255);
        for (uint256 i; i < 255; ++i) {
            longest[i] = "a";
        }
        anchor.open(string(longest));
    }

    function test_anchor_movesTheHead() public {
        vm.expectEmit(address(anchor));
        emit CheckpointAnchor.Anchored(LOG, 5, _root(5));
        _anchor(0, 5);
        _assertHead(LOG, 5, _root(5));
        vm.expectEmit(address(anchor));
        emit CheckpointAnchor.Anchored(LOG, 16, _root(16));
        _anchor(5, 16);
        _assertHead(LOG, 16, _root(16));
    }

    function test_anchor_theFirstHasAnEmptyProof() public {
        _refused(_proofInvalid(0, 5), 5, _root(5), new bytes32[](1));
    }

    function test_anchor_refusesWhatDoesNotGrow() public {
        _refused(_notGrowing(0, 0), 0, 0, new bytes32[](0));
        _anchor(0, 8);
        for (uint64 size; size <= 8; ++size) {
            _refused(_notGrowing(8, size), size, _root(8), new bytes32[](0));
        }
        _assertHead(LOG, 8, _root(8));
    }

    function test_anchor_refusesARootThatTheProofDoesNotExtend() public {
        bytes32 root = _root(6);
        _anchor(0, 6);
        _refused(_proofInvalid(6, 11), 11, _root(12), _proof(6, 11));
        _refused(_proofInvalid(6, 11), 11, _root(11), new bytes32[](0));
        // from a size that was never anchored
        _refused(_proofInvalid(6, 11), 11, _root(11), _proof(5, 11));
        // a rewritten entry under the head, with the fork's own honest proof
        leaves[2] = MerkleTree.leafHash("rewritten");
        _refused(_proofInvalid(6, 11), 11, _root(11), _proof(6, 11));
        _assertHead(LOG, 6, root);
    }

    function test_anchor_refusesSizesThatReadersCannotHold() public {
        uint64 max = anchor.MAX_SIZE();
        vm.expectRevert(abi.encodeWithSelector(CheckpointAnchor.SizeTooLarge.selector, max + 1, max));
        anchor.anchor(LOG, max + 1, _root(1), new bytes32[](0));
        anchor.anchor(LOG, max, _root(1), new bytes32[](0));
    }

    function test_anchor_refusesALogThatIsNotOpen() public {
        bytes32 other = keccak256("other");
        vm.expectRevert(
            abi.encodeWithSelector(CheckpointAnchor.LogNotOpen.selector, other, CheckpointAnchor.Status.Absent)
        );
        anchor.anchor(other, 1, _root(1), new bytes32[](0));
    }

    function test_anchor_leavesOtherLogsAlone() public {
        bytes32 other = anchor.open("other");
        _anchor(0, 9);
        _assertHead(other, 0, 0);
        anchor.anchor(other, 3, _root(3), new bytes32[](0));
        _assertHead(LOG, 9, _root(9));
    }

    function test_anchor_aSteadyOneMakesNoSlot() public {
        _anchor(0, 8);
        bytes32 slot = keccak256(abi.encode(LOG, uint256(1)));
        assertEq(vm.load(address(anchor), slot), _root(8));
        assertEq(uint256(vm.load(address(anchor), bytes32(uint256(slot) + 1))), (8 << 8) | 1);
        _anchor(8, 9);
        assertEq(vm.load(address(anchor), slot), _root(9));
        assertEq(uint256(vm.load(address(anchor), bytes32(uint256(slot) + 1))), (9 << 8) | 1);
    }

    function test_supersede_endsTheLogAtItsHeadAndOpensTheNext() public {
        _anchor(0, 7);
        bytes32 next = keccak256("log.example/2");
        vm.expectEmit(address(anchor));
        emit CheckpointAnchor.LogOpened(next, "log.example/2", LOG);
        vm.expectEmit(address(anchor));
        emit CheckpointAnchor.LogSuperseded(LOG, next, 7, _root(7));
        assertEq(anchor.supersede(LOG, "log.example/2"), next);
        assert(anchor.statusOf(LOG) == CheckpointAnchor.Status.Superseded);
        assert(anchor.statusOf(next) == CheckpointAnchor.Status.Open);
        _assertHead(LOG, 7, _root(7));
        _assertHead(next, 0, 0);
    }

    function test_aSupersededLogStaysClosed() public {
        _anchor(0, 7);
        anchor.supersede(LOG, "log.example/2");
        bytes memory refusal =
            abi.encodeWithSelector(CheckpointAnchor.LogNotOpen.selector, LOG, CheckpointAnchor.Status.Superseded);
        bytes32[] memory proof = _proof(7, 9);
        bytes32 root = _root(9);
        vm.expectRevert(refusal);
        anchor.anchor(LOG, 9, root, proof);
        vm.expectRevert(refusal);
        anchor.supersede(LOG, "log.example/3");
        vm.expectRevert(abi.encodeWithSelector(CheckpointAnchor.LogExists.selector, LOG));
        anchor.open(ORIGIN);
        vm.expectRevert(abi.encodeWithSelector(CheckpointAnchor.LogExists.selector, LOG));
        anchor.supersede(keccak256("log.example/2"), ORIGIN);
        _assertHead(LOG, 7, _root(7));
    }

    function test_supersede_refusesALogThatIsNotOpenAndASuccessorThatExists() public {
        vm.expectRevert(
            abi.encodeWithSelector(CheckpointAnchor.LogNotOpen.selector, keccak256("x"), CheckpointAnchor.Status.Absent)
        );
        anchor.supersede(keccak256("x"), "y");
        vm.expectRevert(abi.encodeWithSelector(CheckpointAnchor.LogExists.selector, LOG));
        anchor.supersede(LOG, ORIGIN);
        assert(anchor.statusOf(LOG) == CheckpointAnchor.Status.Open);
    }

    function testFuzz_onlyTheRoleAnchors(address other) public {
        if (other == address(this)) return;
        bytes32 root = _root(1);
        bytes memory refusal = abi.encodeWithSelector(
            IAccessControl.AccessControlUnauthorizedAccount.selector, other, anchor.ANCHOR_ROLE()
        );
        vm.expectRevert(refusal);
        vm.prank(other);
        anchor.anchor(LOG, 1, root, new bytes32[](0));
        anchor.grantRole(anchor.ANCHOR_ROLE(), other);
        vm.prank(other);
        anchor.anchor(LOG, 1, root, new bytes32[](0));
    }

    function testFuzz_onlyTheAdminOpensAndSupersedes(address other) public {
        if (other == address(this)) return;
        // an anchorer is no admin
        anchor.grantRole(anchor.ANCHOR_ROLE(), other);
        bytes memory refusal = abi.encodeWithSelector(
            IAccessControl.AccessControlUnauthorizedAccount.selector, other, anchor.DEFAULT_ADMIN_ROLE()
        );
        vm.expectRevert(refusal);
        vm.prank(other);
        anchor.open("other");
        vm.expectRevert(refusal);
        vm.prank(other);
        anchor.supersede(LOG, "other");
    }
}
