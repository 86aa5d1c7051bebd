//! Values on the domain {w^i} to values on the shifted domain {s w^i}, as snarkjs's quotient asks: s is the square root of w.
use ark_bn254::Fr;
use ark_ff::{BigInt, Field, PrimeField};

/// snarkjs takes its roots of unity from 5, the least quadratic non-residue.
const NON_RESIDUE: u64 = 5;

pub struct Shift {
    /// w^-j and w^j for j below half the size.
    inverse_roots: Vec<Fr>,
    roots: Vec<Fr>,
    /// s^i / n, at the place of i with its bits reversed.
    scale: Vec<Fr>,
}

impl Shift {
    /// `bits` of the size n = 2^bits, at most 27.
    pub fn new(bits: u32) -> Self {
        let size = 1usize << bits;
        // s = 5^((r - 1) / 2n) has order 2n.
        let mut exponent: BigInt<4> = Fr::MODULUS;
        exponent.0[0] -= 1;
        exponent >>= bits + 1;
        let s = Fr::from(NON_RESIDUE).pow(exponent);
        let w = s * s;
        let roots = powers(w, Fr::ONE, size / 2);
        let inverse_roots = powers(w.inverse().expect("not zero"), Fr::ONE, size / 2);
        let in_order = powers(s, Fr::from(size as u64).inverse().expect("not zero"), size);
        let scale = (0..size).map(|i| in_order[if bits == 0 { 0 } else { i.reverse_bits() >> (usize::BITS - bits) }]).collect();
        Self { inverse_roots, roots, scale }
    }

    pub fn bits(&self) -> u32 {
        self.scale.len().trailing_zeros()
    }

    /// Inverse transform by decimation in frequency, which leaves the coefficients in bit-reversed order; forward by decimation in time, which wants
    /// them so: nothing is ever reordered.
    pub fn apply(&self, values: &mut [Fr]) {
        let size = values.len();
        let mut half = size / 2;
        while half > 0 {
            let stride = size / (2 * half);
            for block in values.chunks_exact_mut(2 * half) {
                let (low, high) = block.split_at_mut(half);
                for ((u, v), root) in low.iter_mut().zip(high).zip(self.inverse_roots.iter().step_by(stride)) {
                    let difference = *u - *v;
                    *u += *v;
                    *v = difference * root;
                }
            }
            half /= 2;
        }
        for (value, scale) in values.iter_mut().zip(&self.scale) {
            *value *= scale;
        }
        half = 1;
        while half < size {
            let stride = size / (2 * half);
            for block in values.chunks_exact_mut(2 * half) {
                let (low, high) = block.split_at_mut(half);
                for ((u, v), root) in low.iter_mut().zip(high).zip(self.roots.iter().step_by(stride)) {
                    let turned = *v * root;
                    *v = *u - turned;
                    *u += turned;
                }
            }
            half *= 2;
        }
    }
}

fn powers(base: Fr, first: Fr, count: usize) -> Vec<Fr> {
    std::iter::successors(Some(first), |value| Some(*value * base)).take(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By the definition: the polynomial that has these values, at s w^i.
    #[test]
    fn evaluates_the_interpolated_polynomial_on_the_shifted_domain() {
        for bits in 0..6u32 {
            let size = 1u64 << bits;
            let shift = Shift::new(bits);
            let coefficients: Vec<Fr> = (0..size).map(|i| Fr::from(i * i * i + 17 * i + 3) / Fr::from(i + 2)).collect();
            let mut exponent = Fr::MODULUS;
            exponent.0[0] -= 1;
            exponent >>= bits + 1;
            let s = Fr::from(NON_RESIDUE).pow(exponent);
            assert_eq!(s.pow([2 * size]), Fr::ONE);
            assert_eq!(s.pow([size]), -Fr::ONE);
            let at = |x: Fr| coefficients.iter().rev().fold(Fr::from(0u8), |sum, c| sum * x + c);
            let mut values: Vec<Fr> = (0..size).map(|i| at(s.pow([2 * i]))).collect();
            shift.apply(&mut values);
            assert_eq!(values, (0..size).map(|i| at(s.pow([2 * i + 1]))).collect::<Vec<_>>());
        }
    }
}
