// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Points of Baby Jubjub (EIP-2494): A x^2 + y^2 = 1 + D x^2 y^2 over the scalar field of BN254
/// @notice A is a square and D is not, so that the addition law is complete: no input of {isEightfold} is exceptional.
library BabyJubjub {
    /// @notice Order of BN254's scalar field: coordinates, hashes and every signal of a circuit lie below it.
    uint256 internal constant FIELD = 21888242871839275222246405745257275088548364400416034343698204186575808495617;
    uint256 internal constant A = 168700;
    uint256 internal constant D = 168696;

    /// @return Whether both coordinates are canonical and satisfy the curve equation.
    function isOnCurve(uint256 x, uint256 y) internal pure returns (bool) {
        if (x >= FIELD || y >= FIELD) return false;
        uint256 xx = mulmod(x, x, FIELD);
        uint256 yy = mulmod(y, y, FIELD);
        return addmod(mulmod(A, xx, FIELD), yy, FIELD) == addmod(1, mulmod(D, mulmod(xx, yy, FIELD), FIELD), FIELD);
    }

    /// @notice Whether 8 (bx, by) = (x, y), with (bx, by) on the curve.
    /// @dev The curve has 8 l points, l prime, so the eightfolds are exactly the subgroup of order l: a caller who shows an
    /// eighth shows that the point has order l or is the identity. Three doublings take the place of a multiplication by l.
    function isEightfold(uint256 x, uint256 y, uint256 bx, uint256 by) internal pure returns (bool) {
        if (x >= FIELD || y >= FIELD || !isOnCurve(bx, by)) return false;
        uint256 bz = 1;
        for (uint256 i; i < 3; ++i) {
            (bx, by, bz) = double(bx, by, bz);
        }
        // bz is never 0, because the addition law is complete
        return bx == mulmod(x, bz, FIELD) && by == mulmod(y, bz, FIELD);
    }

    /// @notice Doubles (x/z, y/z). dbl-2008-bbjlp of the Explicit-Formulas Database, twisted Edwards curves.
    function double(uint256 x, uint256 y, uint256 z) internal pure returns (uint256, uint256, uint256) {
        uint256 b = addmod(x, y, FIELD);
        b = mulmod(b, b, FIELD);
        uint256 c = mulmod(x, x, FIELD);
        uint256 d = mulmod(y, y, FIELD);
        uint256 e = mulmod(A, c, FIELD);
        uint256 f = addmod(e, d, FIELD);
        uint256 j = addmod(f, FIELD - mulmod(2, mulmod(z, z, FIELD), FIELD), FIELD);
        return (
            mulmod(addmod(b, FIELD - addmod(c, d, FIELD), FIELD), j, FIELD),
            mulmod(f, addmod(e, FIELD - d, FIELD), FIELD),
            mulmod(f, j, FIELD)
        );
    }
}
