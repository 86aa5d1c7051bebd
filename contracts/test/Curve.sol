// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {BabyJubjub} from "../src/BabyJubjub.sol";

/// @dev Baby Jubjub in affine coordinates, by the addition law as EIP-2494 prints it: slow, and independent of what it tests.
library Curve {
    uint256 internal constant P = BabyJubjub.FIELD;
    /// @dev Order of the prime subgroup; the curve has 8 times as many points.
    uint256 internal constant L = 2736030358979909402780800718157159386076813972158567259200215660948447373041;
    /// @dev EIP-2494's generator of the whole group.
    uint256 internal constant GX = 995203441582195749578291179787384436505546430278305826713579947235728471134;
    uint256 internal constant GY = 5472060717959818805561601436314318772137091100104008585924551046643952123905;

    /// @dev L times the generator: a point of order 8.
    uint256 internal constant TX = 4342719913949491028786768530115087822524712248835451589697801404893164183326;
    uint256 internal constant TY = 4826523245007015323400664741523384119579596407052839571721035538011798951543;

    function add(uint256 x1, uint256 y1, uint256 x2, uint256 y2) internal view returns (uint256 x, uint256 y) {
        uint256 k = mulmod(BabyJubjub.D, mulmod(mulmod(x1, x2, P), mulmod(y1, y2, P), P), P);
        x = mulmod(addmod(mulmod(x1, y2, P), mulmod(y1, x2, P), P), inverse(addmod(1, k, P)), P);
        uint256 ax = mulmod(BabyJubjub.A, mulmod(x1, x2, P), P);
        y = mulmod(addmod(mulmod(y1, y2, P), P - ax, P), inverse(addmod(1, P - k, P)), P);
    }

    function mul(uint256 x, uint256 y, uint256 scalar) internal view returns (uint256 rx, uint256 ry) {
        (rx, ry) = (0, 1);
        for (; scalar != 0; scalar >>= 1) {
            if (scalar & 1 == 1) (rx, ry) = add(rx, ry, x, y);
            (x, y) = add(x, y, x, y);
        }
    }

    /// @dev Any point of the whole group: 64 bits are variety enough, and quick.
    function point(uint256 scalar) internal view returns (uint256, uint256) {
        return mul(GX, GY, scalar % (1 << 64));
    }

    /// @dev The eight points of order 1, 2, 4 and 8: multiples of L times the generator.
    function lowOrderPoint(uint256 scalar) internal view returns (uint256, uint256) {
        return mul(TX, TY, scalar % 8);
    }

    function hasPrimeOrder(uint256 x, uint256 y) internal view returns (bool) {
        (uint256 ix, uint256 iy) = mul(x, y, L);
        return ix == 0 && iy == 1 && !(x == 0 && y == 1);
    }

    /// @dev In memory that is given back: a multiplication inverts a thousand times.
    function inverse(uint256 value) private view returns (uint256 result) {
        uint256 p = P;
        assembly ("memory-safe") {
            let at := mload(0x40)
            mstore(at, 32)
            mstore(add(at, 32), 32)
            mstore(add(at, 64), 32)
            mstore(add(at, 96), value)
            mstore(add(at, 128), sub(p, 2))
            mstore(add(at, 160), p)
            if iszero(staticcall(gas(), 5, at, 192, at, 32)) { revert(0, 0) }
            result := mload(at)
        }
    }
}
