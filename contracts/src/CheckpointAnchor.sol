// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {Rfc6962} from "./Rfc6962.sol";

/// @title Checkpoints of append-only logs
/// @notice The chain's witness of a log: it takes a tree head only with the proof that the log has grown from the head before. State
/// holds the newest head of each log; the history is its events.
///
/// Invariants, whoever holds the roles:
/// - the size of a log's head never shrinks, and there is one root a size;
/// - each head is a prefix of every later one of its log: a log that has forked or was rewritten can anchor nothing more;
/// - a log is opened once, and superseded at most once, for good: then its last head is its end;
/// - only ANCHOR_ROLE anchors, only the admin opens and supersedes.
///
/// What it cannot show: that the first head of a log is right, that a size is the signed one where two sizes have proofs of one shape
/// (see {Rfc6962}), and what the leaves say. Whoever reads the log checks those.
contract CheckpointAnchor is AccessControl {
    enum Status {
        Absent,
        Open,
        Superseded
    }

    /// @dev Two slots. An anchor overwrites both and makes none.
    struct Log {
        bytes32 root;
        /// size << 8 | status, packed by hand: written without being read again
        uint256 state;
    }

    event LogOpened(bytes32 indexed logId, string origin, bytes32 indexed predecessor);
    event Anchored(bytes32 indexed logId, uint64 indexed size, bytes32 root);
    event LogSuperseded(bytes32 indexed logId, bytes32 indexed successor, uint64 size, bytes32 root);

    error LogExists(bytes32 logId);
    error LogNotOpen(bytes32 logId, Status status);
    error OriginInvalid(string origin);
    error SizeNotGrowing(bytes32 logId, uint64 anchored, uint64 size);
    error SizeTooLarge(uint64 size, uint64 max);
    error ProofInvalid(bytes32 logId, uint64 anchored, uint64 size);

    bytes32 public constant ANCHOR_ROLE = keccak256("ANCHOR_ROLE");
    uint256 public constant MAX_ORIGIN_BYTES = 255;
    /// @notice Every reader holds a size exactly, those with doubles for numbers included.
    uint64 public constant MAX_SIZE = 2 ** 53 - 1;

    mapping(bytes32 logId => Log) private _logs;

    /// @param operator Holds the admin's and the anchorer's role; may hand both on.
    constructor(address operator) {
        _grantRole(DEFAULT_ADMIN_ROLE, operator);
        _grantRole(ANCHOR_ROLE, operator);
    }

    /// @notice Opens the log of this origin, without a predecessor and without a head.
    /// @return logId keccak256 of the origin's bytes.
    function open(string calldata origin) external onlyRole(DEFAULT_ADMIN_ROLE) returns (bytes32 logId) {
        logId = _open(origin, 0);
    }

    /// @notice Ends a log at its anchored head, for good, and opens the one that succeeds it.
    function supersede(bytes32 logId, string calldata successorOrigin)
        external
        onlyRole(DEFAULT_ADMIN_ROLE)
        returns (bytes32 successor)
    {
        Log storage log = _logs[logId];
        uint256 state = log.state;
        if (!_isOpen(state)) revert LogNotOpen(logId, _statusOf(state));
        uint64 size = _sizeOf(state);
        log.state = _pack(size, Status.Superseded);
        successor = _open(successorOrigin, logId);
        emit LogSuperseded(logId, successor, size, log.root);
    }

    /// @notice Anchors a larger head of an open log.
    /// @param proof RFC 6962 consistency proof from the present head to this one; empty for the first.
    function anchor(bytes32 logId, uint64 size, bytes32 root, bytes32[] calldata proof) external {
        // what onlyRole does, without its three jumps
        if (!hasRole(ANCHOR_ROLE, msg.sender)) revert AccessControlUnauthorizedAccount(msg.sender, ANCHOR_ROLE);
        Log storage log = _logs[logId];
        uint256 state = log.state;
        uint64 anchored = _sizeOf(state);
        if (!_isOpen(state)) revert LogNotOpen(logId, _statusOf(state));
        if (size <= anchored) revert SizeNotGrowing(logId, anchored, size);
        if (size > MAX_SIZE) revert SizeTooLarge(size, MAX_SIZE);
        bytes32 before = log.root;
        bool holds = anchored == 0 ? proof.length == 0 : Rfc6962.verifyConsistency(anchored, before, size, root, proof);
        if (!holds) revert ProofInvalid(logId, anchored, size);
        log.state = _pack(size, Status.Open);
        log.root = root;
        emit Anchored(logId, size, root);
    }

    /// @notice The newest anchored head; (0, 0) before the first.
    function head(bytes32 logId) external view returns (uint64 size, bytes32 root) {
        Log storage log = _logs[logId];
        return (_sizeOf(log.state), log.root);
    }

    /// @notice What has become of a log.
    function statusOf(bytes32 logId) external view returns (Status) {
        return _statusOf(_logs[logId].state);
    }

    function _open(string calldata origin, bytes32 predecessor) private returns (bytes32 logId) {
        _requireOrigin(origin);
        logId = keccak256(bytes(origin));
        Log storage log = _logs[logId];
        if (log.state != 0) revert LogExists(logId);
        log.state = _pack(0, Status.Open);
        emit LogOpened(logId, origin, predecessor);
    }

    /// @dev An origin is the first line of a checkpoint and the name of its key (C2SP signed-note): no spaces, no plus, no controls.
    function _requireOrigin(string calldata origin) private pure {
        uint256 length = bytes(origin).length;
        if (length == 0 || length > MAX_ORIGIN_BYTES) revert OriginInvalid(origin);
        for (uint256 i; i < length; ++i) {
            bytes1 char = bytes(origin)[i];
            if (char <= 0x20 || char == "+" || char == 0x7f) revert OriginInvalid(origin);
        }
    }

    function _pack(uint64 size, Status status) private pure returns (uint256) {
        return (uint256(size) << 8) | uint8(status);
    }

    function _sizeOf(uint256 state) private pure returns (uint64) {
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint64(state >> 8); // the very bits that _pack put there
    }

    function _statusOf(uint256 state) private pure returns (Status) {
        return Status(state & 0xff);
    }

    function _isOpen(uint256 state) private pure returns (bool) {
        return state & 0xff == uint256(Status.Open);
    }
}
