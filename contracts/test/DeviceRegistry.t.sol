// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {BabyJubjub} from "../src/BabyJubjub.sol";
import {DeviceRegistry} from "../src/DeviceRegistry.sol";
import {Curve} from "./Curve.sol";
import {TestBase} from "./TestBase.sol";

contract DeviceRegistryTest is TestBase {
    DeviceRegistry registry;

    function setUp() public {
        registry = new DeviceRegistry(address(this));
    }

    function registration(uint256 seed) internal view returns (DeviceRegistry.Registration memory r) {
        (r.eighthX, r.eighthY) = Curve.point(bound(seed, 1, type(uint64).max));
        (r.Ax, r.Ay) = Curve.mul(r.eighthX, r.eighthY, 8);
        (r.kind, r.secretHash, r.program) = (1, 11, 12);
        (r.R8x, r.R8y, r.S) = (13, 14, 15);
    }

    function test_register_emitsTheLeaf() public {
        DeviceRegistry.Registration memory r = registration(7);
        vm.expectEmit(address(registry));
        emit DeviceRegistry.LeafRegistered(0, 1, r.Ax, r.Ay, 11, 12, 13, 14, 15);
        assertEq(registry.register(r), 0);
        assertEq(registry.leafCount(), 1);
        assert(registry.isLive(0) && !registry.isLive(1));
    }

    function test_register_countsUpAcrossSensorsAndKinds() public {
        DeviceRegistry.Registration memory r = registration(7);
        assertEq(registry.register(r), 0);
        r.kind = 2;
        assertEq(registry.register(r), 1);
        assertEq(registry.register(registration(8)), 2);
    }

    function test_revoke() public {
        registry.register(registration(7));
        vm.expectEmit(address(registry));
        emit DeviceRegistry.LeafRevoked(0);
        registry.revoke(0);
        assert(!registry.isLive(0));
        assertEq(registry.leafCount(), 1);
    }

    function test_register_refusesUnknownKinds() public {
        DeviceRegistry.Registration memory r = registration(7);
        for (uint256 kind = 0; kind < 256; kind += 3) {
            r.kind = uint8(kind);
            vm.expectRevert(abi.encodeWithSelector(DeviceRegistry.KindUnknown.selector, r.kind));
            registry.register(r);
        }
    }

    function testFuzz_register_refusesWhatIsNoFieldElement(uint256 value, bool inProgram) public {
        DeviceRegistry.Registration memory r = registration(7);
        value = value == 0 ? 0 : bound(value, BabyJubjub.FIELD, type(uint256).max);
        if (inProgram) r.program = value;
        else r.secretHash = value;
        vm.expectRevert(abi.encodeWithSelector(DeviceRegistry.FieldNotCanonical.selector, value));
        registry.register(r);
    }

    function testFuzz_register_refusesKeysOffTheCurve(uint256 x, uint256 y) public {
        if (BabyJubjub.isOnCurve(x, y)) return;
        DeviceRegistry.Registration memory r = registration(7);
        (r.Ax, r.Ay) = (x, y);
        vm.expectRevert(abi.encodeWithSelector(DeviceRegistry.SensorKeyNotOnCurve.selector, x, y));
        registry.register(r);
    }

    function test_register_refusesAliasesOfAKey() public {
        DeviceRegistry.Registration memory r = registration(7);
        r.Ax += BabyJubjub.FIELD;
        vm.expectRevert(abi.encodeWithSelector(DeviceRegistry.SensorKeyNotOnCurve.selector, r.Ax, r.Ay));
        registry.register(r);
    }

    /// All eight points of order 1, 2, 4 and 8, each with each of them as its eighth.
    function test_register_refusesEveryLowOrderPoint() public {
        for (uint256 i; i < 8; ++i) {
            for (uint256 j; j < 8; ++j) {
                DeviceRegistry.Registration memory r = registration(7);
                (r.Ax, r.Ay) = Curve.lowOrderPoint(i);
                (r.eighthX, r.eighthY) = Curve.lowOrderPoint(j);
                vm.expectRevert(abi.encodeWithSelector(DeviceRegistry.SensorKeyNotPrimeOrder.selector, r.Ax, r.Ay));
                registry.register(r);
            }
        }
    }

    function testFuzz_register_refusesCompositeOrder(uint256 seed, uint256 torsion) public {
        DeviceRegistry.Registration memory r = registration(seed);
        (uint256 x, uint256 y) = Curve.lowOrderPoint(bound(torsion, 1, 7));
        (r.Ax, r.Ay) = Curve.add(r.Ax, r.Ay, x, y);
        vm.expectRevert(abi.encodeWithSelector(DeviceRegistry.SensorKeyNotPrimeOrder.selector, r.Ax, r.Ay));
        registry.register(r);
    }

    function testFuzz_register_acceptsEveryKeyOfPrimeOrder(uint256 seed) public {
        registry.register(registration(seed));
    }

    function test_register_refusesASecondLiveLeafOfASensorAndKind() public {
        DeviceRegistry.Registration memory r = registration(7);
        registry.register(registration(8));
        registry.register(r);
        (r.program, r.secretHash) = (99, 98);
        vm.expectRevert(abi.encodeWithSelector(DeviceRegistry.SensorAlreadyRegistered.selector, 1));
        registry.register(r);
    }

    function test_register_refusesARevokedLeafForGood() public {
        DeviceRegistry.Registration memory r = registration(7);
        registry.register(r);
        registry.revoke(0);
        bytes32 leafId = keccak256(abi.encode(r.kind, r.Ax, r.Ay, r.secretHash, r.program));
        vm.expectRevert(abi.encodeWithSelector(DeviceRegistry.LeafReturned.selector, leafId));
        registry.register(r);
        // the sensor may come back as another leaf, and go again; the first stays gone
        r.program = 99;
        registry.register(r);
        registry.revoke(1);
        r.program = 12;
        vm.expectRevert(abi.encodeWithSelector(DeviceRegistry.LeafReturned.selector, leafId));
        registry.register(r);
    }

    function test_revoke_refusesWhatIsNotLive() public {
        vm.expectRevert(abi.encodeWithSelector(DeviceRegistry.LeafNotLive.selector, 0));
        registry.revoke(0);
        registry.register(registration(7));
        registry.revoke(0);
        vm.expectRevert(abi.encodeWithSelector(DeviceRegistry.LeafNotLive.selector, 0));
        registry.revoke(0);
        vm.expectRevert(abi.encodeWithSelector(DeviceRegistry.LeafNotLive.selector, type(uint32).max));
        registry.revoke(type(uint32).max);
    }

    function test_revoke_leavesTheSensorsLaterLeafAlone() public {
        DeviceRegistry.Registration memory r = registration(7);
        registry.register(r);
        registry.revoke(0);
        r.program = 99;
        registry.register(r);
        vm.expectRevert(abi.encodeWithSelector(DeviceRegistry.LeafNotLive.selector, 0));
        registry.revoke(0);
        assert(registry.isLive(1));
    }

    function testFuzz_onlyARegistrarChangesLeaves(address other) public {
        if (other == address(this)) return;
        registry.register(registration(7));
        bytes memory refusal = abi.encodeWithSelector(
            IAccessControl.AccessControlUnauthorizedAccount.selector, other, registry.REGISTRAR_ROLE()
        );
        DeviceRegistry.Registration memory r = registration(8);
        vm.expectRevert(refusal);
        vm.prank(other);
        registry.register(r);
        vm.expectRevert(refusal);
        vm.prank(other);
        registry.revoke(0);
    }

    function test_aBlockTakesABoundedNumberOfChanges() public {
        DeviceRegistry.Registration memory r = registration(7);
        uint256 max = registry.CHANGES_PER_BLOCK();
        for (uint256 i; i < max; i += 2) {
            r.program = 100 + i;
            registry.revoke(registry.register(r));
        }
        r.program = 1;
        vm.expectRevert(abi.encodeWithSelector(DeviceRegistry.BlockFull.selector, max));
        registry.register(r);
        vm.roll(block.number + 1);
        registry.register(r);
    }

    function test_theTreeHasAnEnd() public {
        // leafCount is the lowest 4 bytes of the slot behind AccessControl's one
        vm.store(address(registry), bytes32(uint256(1)), bytes32(registry.CAPACITY() - 1));
        assertEq(registry.register(registration(7)), registry.CAPACITY() - 1);
        DeviceRegistry.Registration memory r = registration(8);
        vm.expectRevert(abi.encodeWithSelector(DeviceRegistry.TreeFull.selector, registry.CAPACITY()));
        registry.register(r);
    }
}
