//! Groth16 proofs (Groth 2016, section 3.2) from a snarkjs .zkey, read once, and a .wtns each. Not constant-time: see native/README.md.
use crate::batch::Verifier;
use crate::bytes::{encode_proof, PROOF};
use crate::fft::Shift;
use crate::msm::Digits;
use crate::zkey::{witness, ProvingKey, Term};
use crate::{parallel, unusable, Unusable};
use ark_bn254::{Fr, G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ec::CurveGroup;
use ark_ff::{AdditiveGroup, BigInt, PrimeField, Zero};
use zeroize::{Zeroize, Zeroizing};

pub struct Prover {
    signals: usize,
    publics: usize,
    shift: Shift,
    key: Points,
    a_terms: Vec<Term>,
    b_terms: Vec<Term>,
    verifier: Verifier,
}

/// The parts of a [`ProvingKey`] that scalars go to.
struct Points {
    alpha1: G1Affine,
    beta1: G1Affine,
    beta2: G2Affine,
    delta1: G1Affine,
    delta2: G2Affine,
    a: Vec<(u32, G1Affine)>,
    b1: Vec<(u32, G1Affine)>,
    b2: Vec<(u32, G2Affine)>,
    /// Placed by the signal that it goes with.
    c: Vec<(u32, G1Affine)>,
    h: Vec<(u32, G1Affine)>,
}

/// The sums that cost the time.
struct Sums {
    a: G1Projective,
    b1: G1Projective,
    b2: G2Projective,
    c: G1Projective,
    h: G1Projective,
}

impl Prover {
    pub fn new(zkey: &[u8]) -> Result<Self, Unusable> {
        let ProvingKey { signals, publics, bits, alpha1, beta1, beta2, delta1, delta2, verification, a_terms, b_terms, a, b1, b2, c, h } =
            ProvingKey::parse(zkey)?;
        let c = c.into_iter().map(|(index, point)| (index + publics as u32 + 1, point)).collect();
        let key = Points { alpha1, beta1, beta2, delta1, delta2, a, b1, b2, c, h };
        Ok(Self { signals, publics, shift: Shift::new(bits), key, a_terms, b_terms, verifier: Verifier::of(vec![verification]) })
    }

    /// The proof's 256 bytes, then the public signals, 32 big-endian bytes each. A proof is verified before it is given out: a witness that does not
    /// satisfy the constraints is an error.
    pub fn prove(&self, wtns: &[u8], threads: usize) -> Result<Vec<u8>, Unusable> {
        let witness = Zeroizing::new(witness(wtns)?);
        if witness.len() != self.signals {
            return unusable(format!("a witness of {} signals for a circuit of {}", witness.len(), self.signals));
        }
        let Sums { a, b1, b2, c, h } = self.sums(&witness, threads);
        let (r, s) = (random()?, random()?);
        let Points { alpha1, beta1, beta2, delta1, delta2, .. } = &self.key;
        let delta = G1Projective::from(*delta1);
        let a = a + alpha1 + delta * *r;
        let b2 = b2 + beta2 + G2Projective::from(*delta2) * *s;
        let b1 = b1 + beta1 + delta * *s;
        let c = c + h + a * *s + b1 * *r - delta * (*r * *s);
        if a.is_zero() || b2.is_zero() || c.is_zero() {
            return unusable("a point of the proof is infinity, which an honest one has with a chance of about 2^-252");
        }

        let mut out = encode_proof(&a.into_affine(), &b2.into_affine(), &c.into_affine());
        for signal in &witness[1..=self.publics] {
            out.extend(signal.0.iter().rev().flat_map(|limb| limb.to_be_bytes()));
        }
        match self.verifier.verify(&[0], &out[..PROOF], &out[PROOF..], 1)?[..] {
            [None] => Ok(out),
            _ => unusable("the witness does not satisfy the constraints"),
        }
    }

    fn sums(&self, witness: &[BigInt<4>], threads: usize) -> Sums {
        let quotient = self.quotient(witness, threads);
        let quotient = Digits::new(&quotient);
        let digits = Digits::new(witness);
        let key = &self.key;

        // All windows of all sums, the dearest first, so that threads end together.
        let (n, m) = (digits.windows(), quotient.windows());
        let (b2, g1) = windows(4 * n + m, threads, |task| match task {
            _ if task < n => Window::G2(digits.window_sum(task, &key.b2)),
            _ if task < 2 * n => Window::G1(digits.window_sum(task - n, &key.a)),
            _ if task < 3 * n => Window::G1(digits.window_sum(task - 2 * n, &key.b1)),
            _ if task < 4 * n => Window::G1(digits.window_sum(task - 3 * n, &key.c)),
            _ => Window::G1(quotient.window_sum(task - 4 * n, &key.h)),
        });
        Sums {
            b2: digits.combine(&b2),
            a: digits.combine(&g1[..n]),
            b1: digits.combine(&g1[n..2 * n]),
            c: digits.combine(&g1[2 * n..3 * n]),
            h: quotient.combine(&g1[3 * n..]),
        }
    }

    /// (A w)(B w) - C w on the shifted domain: what snarkjs's h points stand for.
    fn quotient(&self, witness: &[BigInt<4>], threads: usize) -> Zeroizing<Vec<BigInt<4>>> {
        let size = 1usize << self.shift.bits();
        let scalars: Zeroizing<Vec<Fr>> = Zeroizing::new(witness.iter().map(|value| Fr::from_bigint(*value).expect("below r")).collect());
        let evaluate = |terms: &[Term]| {
            let mut values = vec![Fr::ZERO; size];
            for Term { constraint, signal, value } in terms {
                let scalar = scalars[*signal as usize];
                if !scalar.is_zero() {
                    values[*constraint as usize] += scalar * value;
                }
            }
            values
        };
        let (a, b) = (Zeroizing::new(evaluate(&self.a_terms)), Zeroizing::new(evaluate(&self.b_terms)));
        // C w is their product where the witness satisfies the constraints; where not, the proof's own check finds it.
        let c: Zeroizing<Vec<Fr>> = Zeroizing::new(a.iter().zip(b.iter()).map(|(a, b)| *a * b).collect());
        let shifted = parallel::map(3, threads, |i| {
            let mut values = [&a, &b, &c][i].to_vec();
            self.shift.apply(&mut values);
            Zeroizing::new(values)
        });
        let [a, b, c] = &shifted[..] else { unreachable!() };
        Zeroizing::new((0..size).map(|i| (a[i] * b[i] - c[i]).into_bigint()).collect())
    }
}

enum Window {
    G1(G1Projective),
    G2(G2Projective),
}

fn windows(count: usize, threads: usize, work: impl Fn(usize) -> Window + Sync) -> (Vec<G2Projective>, Vec<G1Projective>) {
    let (mut g1, mut g2) = (vec![], vec![]);
    for window in parallel::map(count, threads, work) {
        match window {
            Window::G1(sum) => g1.push(sum),
            Window::G2(sum) => g2.push(sum),
        }
    }
    (g2, g1)
}

/// Uniform but for a bias of 2^-130, from the operating system.
fn random() -> Result<Zeroizing<Fr>, Unusable> {
    let mut bytes = [0u8; 48];
    getrandom::fill(&mut bytes).map_err(|why| Unusable(format!("no randomness: {why}")))?;
    let value = Zeroizing::new(Fr::from_le_bytes_mod_order(&bytes));
    bytes.zeroize();
    Ok(value)
}
