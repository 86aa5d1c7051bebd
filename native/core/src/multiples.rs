//! Multiples of G1 points: of fixed points by tables, of changing points by short scalars a + b lambda. Not constant-time: all of it is public.
use ark_bn254::{Fq, Fr, G1Affine, G1Projective};
use ark_ec::scalar_mul::glv::GLVConfig;
use ark_ec::{AdditiveGroup as _, AffineRepr, CurveGroup};
use ark_ff::{PrimeField, Zero};

type Config = ark_bn254::g1::Config;

const WINDOW: usize = 6;
const WINDOWS: usize = 254usize.div_ceil(WINDOW);
const ROW: usize = (1 << WINDOW) - 1;

/// d 2^(6w) P for all windows w and digits d: a multiple costs an addition a digit that is not zero. 173 KB a point.
pub struct FixedBase(Vec<G1Affine>);

impl FixedBase {
    /// Infinity is a point like any other here: a key has it for a public signal that no constraint uses.
    pub fn new(point: G1Affine) -> Self {
        let mut rows = Vec::with_capacity(WINDOWS * ROW);
        let mut base = point.into_group();
        for _ in 0..WINDOWS {
            let mut multiple = base;
            for _ in 0..ROW {
                rows.push(multiple);
                multiple += base;
            }
            base = multiple;
        }
        Self(G1Projective::normalize_batch(&rows))
    }

    pub fn point(&self) -> G1Affine {
        self.0[0]
    }

    /// sum += scalar P
    pub fn add_multiple(&self, scalar: &Fr, sum: &mut G1Projective) {
        let limbs = scalar.into_bigint().0;
        for (window, row) in self.0.chunks_exact(ROW).enumerate() {
            let (limb, shift) = (WINDOW * window / 64, WINDOW * window % 64);
            let mut digit = limbs[limb] >> shift;
            if shift + WINDOW > 64 && limb + 1 < 4 {
                digit |= limbs[limb + 1] << (64 - shift);
            }
            let digit = digit as usize & ROW;
            if digit != 0 {
                *sum += row[digit - 1];
            }
        }
    }
}

/// The scalar low + high lambda, where lambda (x, y) = (beta x, y) for a cube root of unity beta. The 2^128 pairs are that many scalars:
/// see native/README.md.
#[derive(Clone, Copy, Debug)]
pub struct Short {
    pub low: u64,
    pub high: u64,
}

impl Short {
    /// Uniform over all but zero, from the operating system. 16 bytes each.
    pub fn from_random(bytes: &[u8; 16]) -> Option<Self> {
        let value = u128::from_le_bytes(*bytes);
        (value != 0).then_some(Self { low: value as u64, high: (value >> 64) as u64 })
    }

    pub fn scalar(&self) -> Fr {
        Fr::from(self.low) + Fr::from(self.high) * Config::LAMBDA
    }
}

fn endomorphism(point: &G1Affine) -> G1Affine {
    let beta: Fq = Config::ENDO_COEFFS[0];
    if point.is_zero() {
        *point
    } else {
        G1Affine::new_unchecked(point.x * beta, point.y)
    }
}

/// Each point times its own scalar, by the two halves at once. Points must not be infinity; no multiple is, for the order is a prime.
pub fn each_multiple(points: &[G1Affine], scalars: &[Short]) -> Vec<G1Affine> {
    let multiples: Vec<G1Projective> = points
        .iter()
        .zip(scalars)
        .map(|(point, &Short { low, high })| {
            let image = endomorphism(point);
            // P and its image have one y: the line through them is horizontal, and x1 + x2 + x3 = 0.
            let both = G1Affine::new_unchecked(-(point.x + image.x), -point.y);
            let mut sum = G1Projective::zero();
            for bit in (0..64 - (low | high).leading_zeros()).rev() {
                sum.double_in_place();
                match ((low >> bit) & 1, (high >> bit) & 1) {
                    (1, 1) => sum += both,
                    (1, 0) => sum += point,
                    (0, 1) => sum += image,
                    _ => {}
                }
            }
            sum
        })
        .collect();
    G1Projective::normalize_batch(&multiples)
}

/// The sum of all points, each times its scalar (Pippenger's buckets).
pub fn sum_of_multiples(points: &[G1Affine], scalars: &[Short]) -> G1Projective {
    let bits: u32 = match points.len() {
        0..=3 => 3,
        4..=15 => 4,
        16..=47 => 5,
        48..=127 => 6,
        128..=383 => 7,
        _ => 8,
    };
    let images: Vec<G1Affine> = points.iter().map(endomorphism).collect();
    let mask = (1u64 << bits) - 1;
    let mut total = G1Projective::zero();
    let mut buckets = vec![G1Projective::zero(); mask as usize];
    for window in (0..64u32.div_ceil(bits)).rev() {
        for _ in 0..bits {
            total.double_in_place();
        }
        buckets.fill(G1Projective::zero());
        for ((point, image), scalar) in points.iter().zip(&images).zip(scalars) {
            for (half, addend) in [(scalar.low, point), (scalar.high, image)] {
                let digit = ((half >> (window * bits)) & mask) as usize;
                if digit != 0 {
                    buckets[digit - 1] += addend;
                }
            }
        }
        let mut running = G1Projective::zero();
        for bucket in buckets.iter().rev() {
            running += bucket;
            total += running;
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ec::PrimeGroup;
    use ark_ff::{Field, One};
    use proptest::prelude::*;

    fn scalar() -> impl Strategy<Value = Fr> {
        prop_oneof![
            any::<[u8; 32]>().prop_map(|b| Fr::from_le_bytes_mod_order(&b)),
            any::<u8>().prop_map(Fr::from),
            any::<u8>().prop_map(|v| -Fr::from(v)),
            (0u32..254).prop_map(|e| Fr::from(2u8).pow([u64::from(e)])),
        ]
    }

    fn short() -> impl Strategy<Value = Short> {
        (prop_oneof![Just(0), Just(1), Just(u64::MAX), any::<u64>()], prop_oneof![Just(0), Just(1), Just(u64::MAX), any::<u64>()]).prop_map(|(low, high)| {
            if low | high == 0 {
                Short { low: 1, high: 0 }
            } else {
                Short { low, high }
            }
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

        #[test]
        fn tables_and_short_scalars_agree_with_double_and_add(k in scalar(), base in scalar(), shorts in prop::collection::vec(short(), 1..60)) {
            let base = G1Projective::generator() * (base + Fr::one());
            let mut sum = G1Projective::zero();
            FixedBase::new(base.into_affine()).add_multiple(&k, &mut sum);
            prop_assert_eq!(sum, base * k);

            let points: Vec<G1Affine> = (1..=shorts.len() as u64).map(|i| (G1Projective::generator() * Fr::from(i * i + 1)).into_affine()).collect();
            let expected: Vec<G1Projective> = points.iter().zip(&shorts).map(|(p, s)| *p * s.scalar()).collect();
            prop_assert_eq!(each_multiple(&points, &shorts), G1Projective::normalize_batch(&expected));
            prop_assert_eq!(sum_of_multiples(&points, &shorts), expected.iter().sum::<G1Projective>());
        }
    }

    #[test]
    fn infinity_is_a_fixed_base_too() {
        let mut sum = G1Projective::generator();
        FixedBase::new(G1Affine::identity()).add_multiple(&Fr::from(77u8), &mut sum);
        assert_eq!(sum, G1Projective::generator());
    }
}
