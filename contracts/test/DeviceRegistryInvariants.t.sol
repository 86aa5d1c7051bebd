// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {DeviceRegistry} from "../src/DeviceRegistry.sol";
import {Curve} from "./Curve.sol";
import {TestBase} from "./TestBase.sol";

/// @dev Registers and revokes at random, and keeps its own account of what must hold.
contract Registrar {
    DeviceRegistry public immutable registry;
    uint256 constant SENSORS = 4;

    DeviceRegistry.Registration[] private _sensors;
    mapping(bytes32 sensor => uint256) public liveOf;
    mapping(bytes32 leafId => bool) public seen;
    bytes32[] public sensorOfLeaf;
    bool[] public live;

    constructor() {
        registry = new DeviceRegistry(address(this));
        for (uint256 i; i < SENSORS; ++i) {
            DeviceRegistry.Registration memory r;
            (r.eighthX, r.eighthY) = Curve.point(i + 1);
            (r.Ax, r.Ay) = Curve.mul(r.eighthX, r.eighthY, 8);
            _sensors.push(r);
        }
    }

    function register(uint256 sensorSeed, uint256 kindSeed, uint256 programSeed) external {
        DeviceRegistry.Registration memory r = _sensors[sensorSeed % SENSORS];
        r.kind = uint8(1 + (kindSeed % 2));
        r.secretHash = 5;
        r.program = 1 + (programSeed % 3);
        bytes32 sensor = keccak256(abi.encode(r.kind, r.Ax, r.Ay));
        bytes32 leafId = keccak256(abi.encode(sensor, r.program));
        bool allowed = liveOf[sensor] == 0 && !seen[leafId];
        try registry.register(r) returns (uint32 index) {
            require(allowed, "a forbidden leaf was registered");
            require(index == live.length, "an index out of turn");
            seen[leafId] = true;
            liveOf[sensor] = 1;
            sensorOfLeaf.push(sensor);
            live.push(true);
        } catch {
            require(!allowed, "an allowed leaf was refused");
        }
    }

    function revoke(uint256 seed) external {
        uint256 index = seed % (live.length + 1);
        bool allowed = index < live.length && live[index];
        try registry.revoke(uint32(index)) {
            require(allowed, "a leaf that was not live was revoked");
            live[index] = false;
            liveOf[sensorOfLeaf[index]] = 0;
        } catch {
            require(!allowed, "a live leaf was not revoked");
        }
    }

    function leaves() external view returns (uint256) {
        return live.length;
    }
}

contract DeviceRegistryInvariantsTest is TestBase {
    Registrar registrar;

    function setUp() public {
        registrar = new Registrar();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(registrar);
    }

    function invariant_theRegistryAgreesWithItsHistory() public view {
        DeviceRegistry registry = registrar.registry();
        uint256 leaves = registrar.leaves();
        assertEq(registry.leafCount(), leaves);
        for (uint256 i; i < leaves; ++i) {
            assert(registry.isLive(uint32(i)) == registrar.live(i));
        }
    }
}
