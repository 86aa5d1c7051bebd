//! A Groth16 verification key, made ready: tables for what a public signal multiplies.
use crate::bytes::{self, G1, G2};
use crate::multiples::FixedBase;
use crate::{unusable, Refusal, Unusable};
use ark_bn254::{G1Affine, G2Affine};

pub struct Key {
    pub alpha: FixedBase,
    /// One more than there are public signals.
    pub ic: Vec<FixedBase>,
    pub beta: G2Affine,
    pub gamma: G2Affine,
    pub delta: G2Affine,
}

const FIXED: usize = G1 + 3 * G2;

impl Key {
    pub fn new(alpha: G1Affine, [beta, gamma, delta]: [G2Affine; 3], ic: Vec<G1Affine>) -> Self {
        Self { alpha: FixedBase::new(alpha), ic: ic.into_iter().map(FixedBase::new).collect(), beta, gamma, delta }
    }

    /// alpha, beta, gamma, delta, then IC: each point as in a proof. Infinity (64 zero bytes) may stand among IC alone.
    pub fn parse(bytes: &[u8]) -> Result<Self, Unusable> {
        if bytes.len() < FIXED + G1 || (bytes.len() - FIXED) % G1 != 0 {
            return unusable(format!("a verification key of {} bytes", bytes.len()));
        }
        let (alpha, rest) = bytes.split_at(G1);
        let (twisted, ic) = rest.split_at(3 * G2);
        let g2 = |name: &str, index: usize| bytes::g2(&twisted[index * G2..(index + 1) * G2]).map_err(|why| wrong(name, why));
        let ic = ic
            .chunks_exact(G1)
            .map(|point| if point.iter().all(|b| *b == 0) { Ok(G1Affine::identity()) } else { bytes::g1(point).map_err(|why| wrong("IC", why)) })
            .collect::<Result<_, _>>()?;
        let alpha = bytes::g1(alpha).map_err(|why| wrong("alpha", why))?;
        Ok(Self::new(alpha, [g2("beta", 0)?, g2("gamma", 1)?, g2("delta", 2)?], ic))
    }

    pub fn publics(&self) -> usize {
        self.ic.len() - 1
    }
}

fn wrong(name: &str, why: Refusal) -> Unusable {
    Unusable(format!("{name} of the verification key is refused: {why:?}"))
}
