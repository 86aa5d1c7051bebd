// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {BabyJubjub} from "./BabyJubjub.sol";

/// @title Leaves of the device tree, as events
/// @notice A leaf binds a sensor's key to a household's secret and to the program that judges its readings. Leaf n of the tree
/// is H(LEAF, kind, Ax, Ay, secretHash, program) of the n-th {LeafRegistered}, and zero once {LeafRevoked} named n; the Poseidon
/// tree is computed off chain from these events alone.
///
/// Invariants:
/// - indexes count up from 0 without a gap; at most CAPACITY leaves are ever registered;
/// - the sensor's key is canonical, on the curve and of prime order;
/// - a sensor has at most one live leaf of a kind;
/// - a leaf that was registered once is never registered again, revoked or not;
/// - at most CHANGES_PER_BLOCK events a block, so that a block's logs always fit into one record of the event log.
///
/// What the registrar vouches for and this contract does not check: that the key belongs to an attested sensor, and that
/// (R8x, R8y, S) is the sensor's EdDSA-Poseidon signature over secretHash. The event carries it, so that anyone can.
contract DeviceRegistry is AccessControl {
    /// @param kind What the leaf may prove: 1 telemetry, 2 intent.
    /// @param Ax, Ay The sensor's public key on Baby Jubjub.
    /// @param secretHash H(SECRET, secret) of the household.
    /// @param program The policy family (telemetry) or the decoder's commitment (intent).
    /// @param eighthX, eighthY The point whose eightfold is the key: it shows the key's prime order.
    /// @param R8x, R8y, S The sensor's signature over secretHash.
    struct Registration {
        uint8 kind;
        uint256 Ax;
        uint256 Ay;
        uint256 secretHash;
        uint256 program;
        uint256 eighthX;
        uint256 eighthY;
        uint256 R8x;
        uint256 R8y;
        uint256 S;
    }

    event LeafRegistered(
        uint32 indexed index,
        uint8 indexed kind,
        uint256 Ax,
        uint256 Ay,
        uint256 secretHash,
        uint256 program,
        uint256 R8x,
        uint256 R8y,
        uint256 S
    );
    event LeafRevoked(uint32 indexed index);

    error KindUnknown(uint8 kind);
    error FieldNotCanonical(uint256 value);
    error SensorKeyNotOnCurve(uint256 Ax, uint256 Ay);
    error SensorKeyNotPrimeOrder(uint256 Ax, uint256 Ay);
    error SensorAlreadyRegistered(uint32 index);
    error LeafReturned(bytes32 leafId);
    error LeafNotLive(uint256 index);
    error TreeFull(uint256 capacity);
    error BlockFull(uint256 changes);

    bytes32 public constant REGISTRAR_ROLE = keccak256("REGISTRAR_ROLE");
    uint8 public constant KINDS = 2;
    uint256 public constant CAPACITY = 1 << 20;
    uint256 public constant CHANGES_PER_BLOCK = 256;

    /// @notice Leaves registered so far, which is the index of the next one.
    uint32 public leafCount;
    // The block of the latest change and the changes in it: one slot with leafCount.
    uint64 private _changedBlock;
    uint16 private _changesInBlock;

    /// @dev Index + 1 of the live leaf of keccak256(kind, Ax, Ay).
    mapping(bytes32 sensor => uint32) private _liveLeaf;
    mapping(uint256 index => bytes32 sensor) private _sensorOf;
    /// @dev keccak256(kind, Ax, Ay, secretHash, program) of every leaf ever registered.
    mapping(bytes32 leafId => bool) private _registered;

    /// @param operator Holds the admin's and the registrar's role; may hand both on.
    constructor(address operator) {
        _grantRole(DEFAULT_ADMIN_ROLE, operator);
        _grantRole(REGISTRAR_ROLE, operator);
    }

    /// @notice Registers a leaf and returns its index.
    function register(Registration calldata r) external onlyRole(REGISTRAR_ROLE) returns (uint32 index) {
        if (r.kind == 0 || r.kind > KINDS) revert KindUnknown(r.kind);
        _requireNonzeroField(r.secretHash);
        _requireNonzeroField(r.program);
        if (!BabyJubjub.isOnCurve(r.Ax, r.Ay)) revert SensorKeyNotOnCurve(r.Ax, r.Ay);
        // the identity (0, 1) is an eightfold, and the only one of another order than l
        if (r.Ax == 0 || !BabyJubjub.isEightfold(r.Ax, r.Ay, r.eighthX, r.eighthY)) {
            revert SensorKeyNotPrimeOrder(r.Ax, r.Ay);
        }

        bytes32 sensor = keccak256(abi.encode(r.kind, r.Ax, r.Ay));
        uint32 live = _liveLeaf[sensor];
        if (live != 0) revert SensorAlreadyRegistered(live - 1);
        bytes32 leafId = keccak256(abi.encode(r.kind, r.Ax, r.Ay, r.secretHash, r.program));
        if (_registered[leafId]) revert LeafReturned(leafId);
        index = leafCount;
        if (index >= CAPACITY) revert TreeFull(CAPACITY);

        _countChange();
        leafCount = index + 1;
        _liveLeaf[sensor] = index + 1;
        _sensorOf[index] = sensor;
        _registered[leafId] = true;
        emit LeafRegistered(index, r.kind, r.Ax, r.Ay, r.secretHash, r.program, r.R8x, r.R8y, r.S);
    }

    /// @notice Revokes a live leaf for good. Its sensor may then be registered with another secret or program.
    function revoke(uint32 index) external onlyRole(REGISTRAR_ROLE) {
        bytes32 sensor = _sensorOf[index];
        if (sensor == 0) revert LeafNotLive(index);
        _countChange();
        delete _liveLeaf[sensor];
        delete _sensorOf[index];
        emit LeafRevoked(index);
    }

    /// @return Whether the leaf of this index was registered and not revoked.
    function isLive(uint32 index) external view returns (bool) {
        return _sensorOf[index] != 0;
    }

    function _requireNonzeroField(uint256 value) private pure {
        if (value == 0 || value >= BabyJubjub.FIELD) revert FieldNotCanonical(value);
    }

    function _countChange() private {
        uint16 changes = _changedBlock == block.number ? _changesInBlock : 0;
        if (changes >= CHANGES_PER_BLOCK) revert BlockFull(changes);
        _changedBlock = uint64(block.number);
        _changesInBlock = changes + 1;
    }
}
