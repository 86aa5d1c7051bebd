// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {BabyJubjub} from "../src/BabyJubjub.sol";
import {Curve} from "./Curve.sol";
import {TestBase} from "./TestBase.sol";

contract BabyJubjubTest is TestBase {
    /// EIP-2494's base point B8 = 8 G.
    uint256 constant B8X = 5299619240641551281634865583518297030282874472190772894086521144482721001553;
    uint256 constant B8Y = 16950150798460657717958625567821834550301663161624707787222815936182638968203;

    function test_basePointIsTheEightfoldOfTheGenerator() public pure {
        assert(BabyJubjub.isOnCurve(B8X, B8Y));
        assert(BabyJubjub.isEightfold(B8X, B8Y, Curve.GX, Curve.GY));
    }

    function test_aliasesAreRefused() public pure {
        uint256 p = BabyJubjub.FIELD;
        assert(!BabyJubjub.isOnCurve(B8X + p, B8Y) && !BabyJubjub.isOnCurve(B8X, B8Y + p));
        assert(!BabyJubjub.isEightfold(B8X + p, B8Y, Curve.GX, Curve.GY));
        assert(!BabyJubjub.isEightfold(B8X, B8Y + p, Curve.GX, Curve.GY));
        assert(!BabyJubjub.isEightfold(B8X, B8Y, Curve.GX + p, Curve.GY));
        assert(!BabyJubjub.isEightfold(B8X, B8Y, Curve.GX, Curve.GY + p));
    }

    function testFuzz_onlyTheCurveIsOnTheCurve(uint256 x, uint256 y, uint256 scalar) public view {
        x %= BabyJubjub.FIELD;
        y %= BabyJubjub.FIELD;
        uint256 xx = mulmod(x, x, Curve.P);
        uint256 yy = mulmod(y, y, Curve.P);
        uint256 left = addmod(mulmod(168700, xx, Curve.P), yy, Curve.P);
        uint256 right = addmod(1, mulmod(168696, mulmod(xx, yy, Curve.P), Curve.P), Curve.P);
        assert(BabyJubjub.isOnCurve(x, y) == (left == right));
        (x, y) = Curve.point(scalar);
        assert(BabyJubjub.isOnCurve(x, y));
        assert(!BabyJubjub.isOnCurve(x, addmod(y, 1, Curve.P)) || y == Curve.P - (y + 1));
    }

    function test_theLowOrderPointsAreEight() public view {
        (uint256 x, uint256 y) = Curve.mul(Curve.GX, Curve.GY, Curve.L);
        assert(x == Curve.TX && y == Curve.TY);
        (x, y) = Curve.lowOrderPoint(4);
        assert(x == 0 && y == Curve.P - 1);
        (x, y) = Curve.mul(Curve.TX, Curve.TY, 8);
        assert(x == 0 && y == 1);
    }

    /// The check by an eighth accepts exactly what a multiplication by the order accepts, and the identity.
    /// forge-config: default.fuzz.runs = 64
    function testFuzz_anEighthShowsPrimeOrder(uint256 scalar) public view {
        (uint256 bx, uint256 by) = Curve.point(scalar);
        (uint256 x, uint256 y) = Curve.mul(bx, by, 8);
        assert(BabyJubjub.isEightfold(x, y, bx, by));
        assert(Curve.hasPrimeOrder(x, y) || x == 0);
        // every eighth of the point shows the same: they differ by a point of order 8
        (uint256 tx8, uint256 ty8) = Curve.lowOrderPoint(scalar % 8);
        (bx, by) = Curve.add(bx, by, tx8, ty8);
        assert(BabyJubjub.isEightfold(x, y, bx, by));
    }

    /// A point outside the prime subgroup has no eighth: not its own, not that of the nearest point in the subgroup.
    /// forge-config: default.fuzz.runs = 64
    function testFuzz_noEighthForOtherOrders(uint256 scalar, uint256 torsion, uint256 guess) public view {
        (uint256 bx, uint256 by) = Curve.point(scalar);
        (uint256 x, uint256 y) = Curve.mul(bx, by, 8);
        (uint256 tx8, uint256 ty8) = Curve.lowOrderPoint(bound(torsion, 1, 7));
        (x, y) = Curve.add(x, y, tx8, ty8);
        assert(!Curve.hasPrimeOrder(x, y));
        assert(!BabyJubjub.isEightfold(x, y, bx, by));
        (bx, by) = Curve.add(bx, by, tx8, ty8);
        assert(!BabyJubjub.isEightfold(x, y, bx, by));
        (bx, by) = Curve.point(guess);
        assert(!BabyJubjub.isEightfold(x, y, bx, by));
    }

    function testFuzz_doublingIsAdditionToItself(uint256 scalar, uint256 z) public view {
        z = bound(z, 1, Curve.P - 1);
        (uint256 x, uint256 y) = Curve.point(scalar);
        (uint256 x2, uint256 y2) = Curve.add(x, y, x, y);
        (uint256 px, uint256 py, uint256 pz) = BabyJubjub.double(mulmod(x, z, Curve.P), mulmod(y, z, Curve.P), z);
        assert(pz != 0);
        assertEq(px, mulmod(x2, pz, Curve.P));
        assertEq(py, mulmod(y2, pz, Curve.P));
    }
}
