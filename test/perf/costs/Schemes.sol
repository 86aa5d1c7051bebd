// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

// What CheckpointAnchor is compared with: each as small as its scheme allows, without roles, so that no figure is made to look worse.

/// @notice One transaction a message: its verdict in storage, by the message's hash.
contract MessageLog {
    event Recorded(bytes32 indexed messageHash, uint256 verdict);

    mapping(bytes32 messageHash => uint256 verdict) public verdictOf;

    function record(bytes32 messageHash, uint256 verdict) external {
        require(verdictOf[messageHash] == 0);
        verdictOf[messageHash] = verdict;
        emit Recorded(messageHash, verdict);
    }
}

/// @notice The root of a batch as an event only.
contract RootEvent {
    event Root(bytes32 indexed logId, uint64 indexed size, bytes32 root);

    function publish(bytes32 logId, uint64 size, bytes32 root) external {
        emit Root(logId, size, root);
    }
}

/// @notice The root of each size in storage, for good.
contract RootStorage {
    event Root(bytes32 indexed logId, uint64 indexed size, bytes32 root);

    mapping(bytes32 logId => mapping(uint64 size => bytes32 root)) public rootOf;

    function publish(bytes32 logId, uint64 size, bytes32 root) external {
        require(rootOf[logId][size] == 0);
        rootOf[logId][size] = root;
        emit Root(logId, size, root);
    }
}

/// @notice Schemas as EAS's registry keeps them.
contract Schemas {
    struct Schema {
        bytes32 uid;
        address resolver;
        bool revocable;
        string schema;
    }

    mapping(bytes32 uid => Schema) private _schemas;

    function register(string calldata schema, address resolver, bool revocable) external returns (bytes32 uid) {
        uid = keccak256(abi.encodePacked(schema, resolver, revocable));
        _schemas[uid] = Schema(uid, resolver, revocable, schema);
    }

    function getSchema(bytes32 uid) external view returns (Schema memory) {
        return _schemas[uid];
    }
}

/// @notice The storage, checks, call and event of EAS's attest(): the same slots are written, the same are read. Not its code.
contract Attestations {
    struct Attestation {
        bytes32 uid;
        bytes32 schema;
        uint64 time;
        uint64 expirationTime;
        uint64 revocationTime;
        bytes32 refUID;
        address recipient;
        address attester;
        bool revocable;
        bytes data;
    }

    struct RequestData {
        address recipient;
        uint64 expirationTime;
        bool revocable;
        bytes32 refUID;
        bytes data;
        uint256 value;
    }

    struct Request {
        bytes32 schema;
        RequestData data;
    }

    event Attested(address indexed recipient, address indexed attester, bytes32 uid, bytes32 indexed schemaUID);

    Schemas private immutable _registry;
    mapping(bytes32 uid => Attestation) private _attestations;

    constructor(Schemas registry) {
        _registry = registry;
    }

    function attest(Request calldata request) external payable returns (bytes32 uid) {
        Schemas.Schema memory schema = _registry.getSchema(request.schema);
        require(schema.uid != 0 && (schema.revocable || !request.data.revocable));
        RequestData calldata data = request.data;
        require(data.expirationTime == 0 || data.expirationTime > block.timestamp);
        Attestation memory attestation = Attestation({
            uid: 0,
            schema: request.schema,
            time: uint64(block.timestamp),
            expirationTime: data.expirationTime,
            revocationTime: 0,
            refUID: data.refUID,
            recipient: data.recipient,
            attester: msg.sender,
            revocable: data.revocable,
            data: data.data
        });
        for (uint32 bump;; ++bump) {
            uid = keccak256(
                abi.encodePacked(
                    attestation.schema, attestation.recipient, attestation.attester, attestation.time,
                    attestation.expirationTime, attestation.revocable, attestation.refUID, attestation.data, bump
                )
            );
            if (_attestations[uid].uid == 0) break;
        }
        attestation.uid = uid;
        _attestations[uid] = attestation;
        if (data.refUID != 0) require(_attestations[data.refUID].uid != 0);
        emit Attested(data.recipient, msg.sender, uid, request.schema);
    }
}
