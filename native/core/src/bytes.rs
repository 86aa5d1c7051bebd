//! The one accepted byte form of each value: big-endian, below its modulus, on the curve (EIP-197's layout). Nothing here panics on any bytes.
use crate::Refusal;
use ark_bn254::{Fq, Fq2, Fr, G1Affine, G2Affine};
use ark_ff::{BigInt, PrimeField, Zero};

pub const SCALAR: usize = 32;
pub const G1: usize = 64;
pub const G2: usize = 128;
/// A, B, C.
pub const PROOF: usize = G1 + G2 + G1;

fn big_endian(bytes: &[u8; 32]) -> BigInt<4> {
    let limb = |i: usize| u64::from_be_bytes(bytes[8 * i..8 * i + 8].try_into().expect("8 bytes"));
    BigInt([limb(3), limb(2), limb(1), limb(0)])
}

fn field(bytes: &[u8], index: usize) -> Option<&[u8; 32]> {
    bytes.get(32 * index..32 * index + 32)?.try_into().ok()
}

fn coordinate(bytes: &[u8], index: usize) -> Result<Fq, Refusal> {
    field(bytes, index).and_then(|b| Fq::from_bigint(big_endian(b))).ok_or(Refusal::Encoding)
}

/// Field element `index` of `bytes`; the spelling n + r of n is refused.
pub fn scalar(bytes: &[u8], index: usize) -> Result<Fr, Refusal> {
    field(bytes, index).and_then(|b| Fr::from_bigint(big_endian(b))).ok_or(Refusal::Public)
}

/// x, y. On the curve is in the group: G1's cofactor is 1. (0, 0), which arkworks takes for infinity and infinity for on the curve, is refused.
pub fn g1(bytes: &[u8]) -> Result<G1Affine, Refusal> {
    let (x, y) = (coordinate(bytes, 0)?, coordinate(bytes, 1)?);
    if x.is_zero() && y.is_zero() {
        return Err(Refusal::OffCurve);
    }
    let point = G1Affine::new_unchecked(x, y);
    if point.is_on_curve() {
        Ok(point)
    } else {
        Err(Refusal::OffCurve)
    }
}

/// Imaginary part of x, real part of x, the same of y: a point of the twist. Whether it lies in the subgroup of order r is for the caller to find out.
pub fn twist(bytes: &[u8]) -> Result<G2Affine, Refusal> {
    let x = Fq2::new(coordinate(bytes, 1)?, coordinate(bytes, 0)?);
    let y = Fq2::new(coordinate(bytes, 3)?, coordinate(bytes, 2)?);
    if x.is_zero() && y.is_zero() {
        return Err(Refusal::OffCurve);
    }
    let point = G2Affine::new_unchecked(x, y);
    if point.is_on_curve() {
        Ok(point)
    } else {
        Err(Refusal::OffCurve)
    }
}

/// As [`twist`], and of order r.
pub fn g2(bytes: &[u8]) -> Result<G2Affine, Refusal> {
    let point = twist(bytes)?;
    if point.is_in_correct_subgroup_assuming_on_curve() {
        Ok(point)
    } else {
        Err(Refusal::OutsideSubgroup)
    }
}

fn push(out: &mut Vec<u8>, value: Fq) {
    for limb in value.into_bigint().0.iter().rev() {
        out.extend_from_slice(&limb.to_be_bytes());
    }
}

/// The 256 bytes of a proof. The points must not be infinity.
pub fn encode_proof(a: &G1Affine, b: &G2Affine, c: &G1Affine) -> Vec<u8> {
    let mut out = Vec::with_capacity(PROOF);
    for value in [a.x, a.y, b.x.c1, b.x.c0, b.y.c1, b.y.c0, c.x, c.y] {
        push(&mut out, value);
    }
    out
}
