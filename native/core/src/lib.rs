//! Groth16 over BN254: verdicts over batches of proofs, and proofs from snarkjs's .zkey and .wtns. The equations, with their sources and what they
//! guarantee, stand in native/README.md. Nothing here panics on any input; the N-API side catches what should not happen all the same.
mod batch;
pub mod bytes;
mod fft;
mod invert;
mod key;
mod lockstep;
mod msm;
mod multiples;
mod parallel;
mod prover;
mod zkey;

pub use batch::Verifier;
pub use prover::Prover;

/// Why a proof is refused; 0 stands for a proof that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Refusal {
    /// A coordinate of q or more: a second spelling of a point.
    Encoding = 1,
    /// Off its curve, or (0, 0).
    OffCurve = 2,
    /// B on the twist, but not of order r.
    OutsideSubgroup = 3,
    /// A public signal of r or more.
    Public = 4,
    /// Well formed, and the pairing equation does not hold.
    False = 5,
}

/// What was given can't be worked with at all; says nothing about a proof.
#[derive(Debug, PartialEq, Eq)]
pub struct Unusable(pub String);

impl std::fmt::Display for Unusable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
impl std::error::Error for Unusable {}

pub(crate) fn unusable<T>(why: impl Into<String>) -> Result<T, Unusable> {
    Err(Unusable(why.into()))
}

/// Runs `work`; a panic, which would be a defect of this crate, becomes an error and never crosses into the caller.
pub fn without_panic<T>(work: impl FnOnce() -> Result<T, Unusable>) -> Result<T, Unusable> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
        unusable(format!("a defect of the native code: {}", text.unwrap_or("a panic without a text")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_with_its_text() {
        let caught = without_panic::<()>(|| panic!("index {}", 7));
        assert_eq!(caught, unusable("a defect of the native code: index 7"));
        assert_eq!(without_panic(|| Ok(1)), Ok(1));
    }
}
