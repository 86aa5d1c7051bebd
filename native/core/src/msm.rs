//! Sums of many fixed points times changing scalars, window by window: points are sorted into buckets by a signed digit and added pairwise in affine
//! coordinates, with one field inversion for all pairs of a round. Which scalars are small or zero shows in the time it takes (native/README.md).
use crate::invert::invert_all;
use ark_bn254::Fr;
use ark_ec::short_weierstrass::{Affine, Projective, SWCurveConfig};
use ark_ff::{AdditiveGroup, BigInt, BigInteger, Field, PrimeField, Zero};
use zeroize::Zeroize;

/// Signed digits of scalars, so that each is the sum of digit 2^(bits window). Wiped when dropped: a witness is secret.
pub struct Digits {
    bits: usize,
    /// digits[window][scalar], in [-2^(bits - 1), 2^(bits - 1)].
    digits: Vec<Vec<i16>>,
}

impl Drop for Digits {
    fn drop(&mut self) {
        self.digits.iter_mut().for_each(Zeroize::zeroize);
    }
}

impl Digits {
    /// A scalar above r / 2 is taken as the negative of its complement, so that small negative ones are as short as small ones.
    pub fn new(scalars: &[BigInt<4>]) -> Self {
        let bits = match scalars.len() {
            0..=63 => 5,
            64..=1023 => 7,
            1024..=8191 => 9,
            8192..=32767 => 10,
            32768..=131071 => 12,
            _ => 13,
        };
        // Below r / 2, plus a last carry.
        let windows = 254 / bits + 1;
        let mut digits = vec![vec![0i16; scalars.len()]; windows];
        let half = Fr::MODULUS_MINUS_ONE_DIV_TWO;
        for (i, scalar) in scalars.iter().enumerate() {
            let negative = *scalar > half;
            let mut value = *scalar;
            if negative {
                value = Fr::MODULUS;
                value.sub_with_borrow(scalar);
            }
            let mut carry = 0i32;
            for (window, row) in digits.iter_mut().enumerate() {
                if value.is_zero() && carry == 0 {
                    break;
                }
                let mut digit = (value.0[0] & ((1 << bits) - 1)) as i32 + carry;
                value >>= bits as u32;
                carry = i32::from(digit > 1 << (bits - 1));
                digit -= carry << bits;
                debug_assert!(window + 1 < windows || carry == 0);
                row[i] = (if negative { -digit } else { digit }) as i16;
            }
        }
        Self { bits, digits }
    }

    pub fn windows(&self) -> usize {
        self.digits.len()
    }

    /// From the sums of all windows, the whole one.
    pub fn combine<P: SWCurveConfig>(&self, windows: &[Projective<P>]) -> Projective<P> {
        windows.iter().rev().fold(Projective::zero(), |mut total, window| {
            for _ in 0..self.bits {
                total.double_in_place();
            }
            total + window
        })
    }

    /// The sum of digit P of one window. `bases` says for each point which scalar it goes with.
    pub fn window_sum<P: SWCurveConfig>(&self, window: usize, bases: &[(u32, Affine<P>)]) -> Projective<P> {
        let digits = &self.digits[window];
        let mut buckets = Buckets::sort(digits, bases, 1 << (self.bits - 1));
        buckets.reduce();
        buckets.weigh()
    }
}

/// Points of one bucket lie one after the other; (0, 0), on neither curve, is infinity.
struct Buckets<P: SWCurveConfig> {
    points: Vec<(P::BaseField, P::BaseField)>,
    lengths: Vec<usize>,
    denominators: Vec<P::BaseField>,
    products: Vec<P::BaseField>,
}

impl<P: SWCurveConfig> Buckets<P> {
    fn sort(digits: &[i16], bases: &[(u32, Affine<P>)], count: usize) -> Self {
        let mut lengths = vec![0usize; count];
        for (scalar, _) in bases {
            let digit = digits[*scalar as usize];
            if digit != 0 {
                lengths[usize::from(digit.unsigned_abs()) - 1] += 1;
            }
        }
        let mut ends = Vec::with_capacity(count);
        let mut total = 0;
        for length in &lengths {
            ends.push(total);
            total += length;
        }
        let mut points = vec![(P::BaseField::ZERO, P::BaseField::ZERO); total];
        for (scalar, base) in bases {
            let digit = digits[*scalar as usize];
            if digit != 0 {
                let end = &mut ends[usize::from(digit.unsigned_abs()) - 1];
                points[*end] = (base.x, if digit < 0 { -base.y } else { base.y });
                *end += 1;
            }
        }
        Self { points, lengths, denominators: Vec::with_capacity(total / 2), products: Vec::with_capacity(total / 2) }
    }

    /// Adds neighbours in each bucket until none has two.
    fn reduce(&mut self) {
        while self.lengths.iter().any(|length| *length > 1) {
            self.denominators.clear();
            let mut start = 0;
            for length in &self.lengths {
                for pair in self.points[start..start + length].chunks_exact(2) {
                    self.denominators.push(denominator::<P>(&pair[0], &pair[1]));
                }
                start += length;
            }
            invert_all(&mut self.denominators, &mut self.products, |_| {});
            let (mut from, mut to) = (0, 0);
            let mut inverses = self.denominators.iter();
            for length in &mut self.lengths {
                let end = from + *length;
                let start = to;
                while from + 1 < end {
                    let inverse = inverses.next().expect("one a pair");
                    self.points[to] = sum::<P>(self.points[from], self.points[from + 1], inverse);
                    from += 2;
                    to += 1;
                }
                if from < end {
                    self.points[to] = self.points[from];
                    from += 1;
                    to += 1;
                }
                *length = to - start;
            }
        }
    }

    /// The sum of bucket d's point times d.
    fn weigh(&self) -> Projective<P> {
        let (mut running, mut total) = (Projective::<P>::zero(), Projective::<P>::zero());
        let mut end = self.lengths.iter().sum::<usize>();
        for length in self.lengths.iter().rev() {
            if *length == 1 {
                end -= 1;
                let (x, y) = self.points[end];
                if !(x.is_zero() && y.is_zero()) {
                    running += Affine::<P>::new_unchecked(x, y);
                }
            }
            total += running;
        }
        total
    }
}

type Pair<P> = (<P as ark_ec::CurveConfig>::BaseField, <P as ark_ec::CurveConfig>::BaseField);

fn is_infinity<P: SWCurveConfig>(p: &Pair<P>) -> bool {
    p.0.is_zero() && p.1.is_zero()
}

/// Of the slope of the line through both; one where there is none.
fn denominator<P: SWCurveConfig>(p: &Pair<P>, q: &Pair<P>) -> P::BaseField {
    if is_infinity::<P>(p) || is_infinity::<P>(q) {
        return P::BaseField::ONE;
    }
    let difference = q.0 - p.0;
    if !difference.is_zero() {
        return difference;
    }
    // Doubling; y is not 0, for the order is odd. Or opposite points.
    if p.1 == q.1 {
        p.1.double()
    } else {
        P::BaseField::ONE
    }
}

fn sum<P: SWCurveConfig>(p: Pair<P>, q: Pair<P>, inverse: &P::BaseField) -> Pair<P> {
    if is_infinity::<P>(&p) {
        return q;
    }
    if is_infinity::<P>(&q) {
        return p;
    }
    let numerator = if p.0 != q.0 {
        q.1 - p.1
    } else if p.1 == q.1 {
        let xx = p.0.square();
        xx.double() + xx
    } else {
        return (P::BaseField::ZERO, P::BaseField::ZERO);
    };
    let slope = numerator * inverse;
    let x = slope.square() - p.0 - q.0;
    (x, slope * (p.0 - x) - p.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_bn254::{G1Projective, G2Projective};
    use ark_ec::{CurveGroup, PrimeGroup};
    use proptest::prelude::*;

    fn scalar() -> impl Strategy<Value = Fr> {
        prop_oneof![
            any::<[u8; 32]>().prop_map(|b| Fr::from_le_bytes_mod_order(&b)),
            (0u8..3).prop_map(Fr::from),
            any::<u8>().prop_map(|v| -Fr::from(v)),
            Just(Fr::from(Fr::MODULUS_MINUS_ONE_DIV_TWO)),
            Just(Fr::from(Fr::MODULUS_MINUS_ONE_DIV_TWO) + Fr::ONE),
        ]
    }

    fn check<P: SWCurveConfig<ScalarField = Fr>>(points: &[Projective<P>], scalars: &[Fr]) -> Result<(), TestCaseError> {
        let bases: Vec<(u32, Affine<P>)> = points.iter().enumerate().map(|(i, p)| (i as u32, p.into_affine())).collect();
        let digits = Digits::new(&scalars.iter().map(|s| s.into_bigint()).collect::<Vec<_>>());
        let windows: Vec<Projective<P>> = (0..digits.windows()).map(|w| digits.window_sum(w, &bases)).collect();
        let expected: Projective<P> = points.iter().zip(scalars).map(|(p, s)| *p * s).sum();
        prop_assert_eq!(digits.combine(&windows), expected);
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..Default::default() })]

        /// Few distinct points, so that equal and opposite ones meet in a bucket.
        #[test]
        fn agrees_with_double_and_add(rows in prop::collection::vec((scalar(), 1u8..5, any::<bool>()), 0..120)) {
            let scalars: Vec<Fr> = rows.iter().map(|(s, _, _)| *s).collect();
            let factor = |(_, k, minus): &(Fr, u8, bool)| if *minus { -Fr::from(*k) } else { Fr::from(*k) };
            check(&rows.iter().map(|row| G1Projective::generator() * factor(row)).collect::<Vec<_>>(), &scalars)?;
            check(&rows.iter().map(|row| G2Projective::generator() * factor(row)).collect::<Vec<_>>(), &scalars)?;
        }
    }
}
