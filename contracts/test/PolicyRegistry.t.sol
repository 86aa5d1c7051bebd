// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {PolicyRegistry} from "../src/PolicyRegistry.sol";
import {TestBase} from "./TestBase.sol";

contract PolicyRegistryTest is TestBase {
    PolicyRegistry registry;

    function setUp() public {
        registry = new PolicyRegistry(address(this), 12);
    }

    function test_publish() public {
        vm.expectEmit(address(registry));
        emit PolicyRegistry.ParameterSetPublished(1, keccak256("one"), "one");
        assertEq(registry.publish("one"), 1);
        vm.roll(block.number + 1);
        assertEq(registry.publish("two"), 2);
        assertEq(registry.latestVersion(), 2);
        assert(registry.documentHash(1) == keccak256("one") && registry.documentHash(2) == keccak256("two"));
        assertEq(registry.registryLagSeconds(), 12);
    }

    function test_publish_atMostOneSetABlock() public {
        registry.publish("one");
        vm.expectRevert(abi.encodeWithSelector(PolicyRegistry.AlreadyPublishedInBlock.selector, 1));
        registry.publish("two");
    }

    function test_publish_refusesNothingAndTooMuch() public {
        uint256 max = registry.MAX_DOCUMENT_BYTES();
        vm.expectRevert(abi.encodeWithSelector(PolicyRegistry.DocumentSizeInvalid.selector, 0, max));
        registry.publish("");
        vm.expectRevert(abi.encodeWithSelector(PolicyRegistry.DocumentSizeInvalid.selector, max + 1, max));
        registry.publish(new bytes(max + 1));
        registry.publish(new bytes(max));
    }

    function testFuzz_publish_storesTheHashOfExactlyTheseBytes(bytes calldata document) public {
        if (document.length == 0) return;
        registry.publish(document);
        assert(registry.documentHash(1) == keccak256(document));
        assert(registry.documentHash(0) == 0 && registry.documentHash(2) == 0);
    }

    function testFuzz_onlyAPublisherPublishes(address other) public {
        if (other == address(this)) return;
        bytes memory refusal = abi.encodeWithSelector(
            IAccessControl.AccessControlUnauthorizedAccount.selector, other, registry.PUBLISHER_ROLE()
        );
        vm.expectRevert(refusal);
        vm.prank(other);
        registry.publish("one");
    }

    function testFuzz_lagIsBounded(uint32 lagSeconds) public {
        if (lagSeconds == 0 || lagSeconds > 1 days) {
            vm.expectRevert(abi.encodeWithSelector(PolicyRegistry.LagInvalid.selector, lagSeconds));
            new PolicyRegistry(address(this), lagSeconds);
        } else {
            assertEq(new PolicyRegistry(address(this), lagSeconds).registryLagSeconds(), lagSeconds);
        }
    }
}
