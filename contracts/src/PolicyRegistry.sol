// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";

/// @title Parameter sets: everything that configures a verdict
/// @notice The set in force at a block is the latest one published up to it. The document's bytes are in the event, its hash in
/// storage.
///
/// Invariants:
/// - versions count up from 1 without a gap; the hash of a version never changes;
/// - {registryLagSeconds} never changes: a record is judged by the highest block at least that much older than the record;
/// - at most one set a block, of at most MAX_DOCUMENT_BYTES, so that a block's logs always fit into one record of the event log.
contract PolicyRegistry is AccessControl {
    event ParameterSetPublished(uint64 indexed version, bytes32 indexed hash, bytes document);

    error DocumentSizeInvalid(uint256 size, uint256 max);
    error LagInvalid(uint256 registryLagSeconds);
    error AlreadyPublishedInBlock(uint64 version);

    bytes32 public constant PUBLISHER_ROLE = keccak256("PUBLISHER_ROLE");
    uint256 public constant MAX_DOCUMENT_BYTES = 65_536;
    uint32 public constant MAX_LAG_SECONDS = 1 days;

    /// @notice D: longer than the chain takes to finalize, in seconds.
    uint32 public immutable registryLagSeconds;
    /// @notice The latest version; 0 before the first.
    uint64 public latestVersion;
    uint64 private _publishedBlock;
    /// @notice keccak256 of the document of each version.
    mapping(uint64 version => bytes32) public documentHash;

    /// @param operator Holds the admin's and the publisher's role; may hand both on.
    constructor(address operator, uint32 lagSeconds) {
        if (lagSeconds == 0 || lagSeconds > MAX_LAG_SECONDS) revert LagInvalid(lagSeconds);
        registryLagSeconds = lagSeconds;
        _grantRole(DEFAULT_ADMIN_ROLE, operator);
        _grantRole(PUBLISHER_ROLE, operator);
    }

    /// @notice Publishes the next version. What the document says is judged off chain, by everyone who replays.
    function publish(bytes calldata document) external onlyRole(PUBLISHER_ROLE) returns (uint64 version) {
        if (document.length == 0 || document.length > MAX_DOCUMENT_BYTES) {
            revert DocumentSizeInvalid(document.length, MAX_DOCUMENT_BYTES);
        }
        if (_publishedBlock == block.number) revert AlreadyPublishedInBlock(latestVersion);
        version = latestVersion + 1;
        latestVersion = version;
        _publishedBlock = uint64(block.number);
        bytes32 hash = keccak256(document);
        documentHash[version] = hash;
        emit ParameterSetPublished(version, hash, document);
    }
}
