//! The verifier and the prover behind N-API. Inputs are copied before a call leaves Node's thread; a panic becomes a rejected call.
use attestream_groth16::{without_panic, Prover as CoreProver, Refusal, Unusable, Verifier as CoreVerifier};
use napi::bindgen_prelude::*;
use napi_derive::napi;
use std::sync::Arc;
use zeroize::Zeroizing;

fn guarded<T>(work: impl FnOnce() -> std::result::Result<T, Unusable>) -> Result<T> {
    without_panic(work).map_err(|why| Error::from_reason(why.to_string()))
}

fn codes(verdicts: Vec<Option<Refusal>>) -> Vec<u8> {
    verdicts.into_iter().map(|verdict| verdict.map_or(0, |why| why as u8)).collect()
}

#[napi]
pub struct Verifier {
    core: Arc<CoreVerifier>,
}

pub struct Verification {
    core: Arc<CoreVerifier>,
    keys: Vec<u32>,
    proofs: Vec<u8>,
    publics: Vec<u8>,
    threads: usize,
}

impl Task for Verification {
    type Output = Vec<u8>;
    type JsValue = Uint8Array;

    fn compute(&mut self) -> Result<Vec<u8>> {
        guarded(|| self.core.verify(&self.keys, &self.proofs, &self.publics, self.threads)).map(codes)
    }

    fn resolve(&mut self, _: Env, verdicts: Vec<u8>) -> Result<Uint8Array> {
        Ok(verdicts.into())
    }
}

#[napi]
impl Verifier {
    /// Each key: alpha (64 bytes), beta, gamma, delta (128 each), IC (64 each), as EIP-197 writes points.
    #[napi(constructor)]
    pub fn new(keys: Vec<Uint8Array>) -> Result<Self> {
        let keys: Vec<Vec<u8>> = keys.iter().map(|key| key.to_vec()).collect();
        Ok(Self { core: Arc::new(guarded(|| CoreVerifier::new(&keys))?) })
    }

    /// One byte a proof: 0 when it holds, else why not (Refusal). `keys` has the index of each proof's key.
    #[napi]
    pub fn verify_batch(&self, keys: Uint32Array, proofs: Uint8Array, publics: Uint8Array) -> Result<Uint8Array> {
        guarded(|| self.core.verify(&keys, &proofs, &publics, 1)).map(|verdicts| codes(verdicts).into())
    }

    /// The same off Node's thread, on up to `threads` threads.
    #[napi(ts_return_type = "Promise<Uint8Array>")]
    pub fn verify_batch_async(&self, keys: Uint32Array, proofs: Uint8Array, publics: Uint8Array, threads: u32) -> AsyncTask<Verification> {
        AsyncTask::new(Verification {
            core: self.core.clone(),
            keys: keys.to_vec(),
            proofs: proofs.to_vec(),
            publics: publics.to_vec(),
            threads: threads as usize,
        })
    }
}

#[napi]
pub struct Prover {
    core: Arc<CoreProver>,
}

pub struct Loading(Vec<u8>);

impl Task for Loading {
    type Output = CoreProver;
    type JsValue = Prover;

    fn compute(&mut self) -> Result<CoreProver> {
        guarded(|| CoreProver::new(&self.0))
    }

    fn resolve(&mut self, _: Env, core: CoreProver) -> Result<Prover> {
        Ok(Prover { core: Arc::new(core) })
    }
}

pub struct Proving {
    core: Arc<CoreProver>,
    witness: Zeroizing<Vec<u8>>,
    threads: usize,
}

impl Task for Proving {
    type Output = Vec<u8>;
    type JsValue = Uint8Array;

    fn compute(&mut self) -> Result<Vec<u8>> {
        guarded(|| self.core.prove(&self.witness, self.threads))
    }

    fn resolve(&mut self, _: Env, proof: Vec<u8>) -> Result<Uint8Array> {
        Ok(proof.into())
    }
}

#[napi]
impl Prover {
    /// Reads a snarkjs .zkey, off Node's thread.
    #[napi(ts_return_type = "Promise<Prover>")]
    pub fn load(zkey: Uint8Array) -> AsyncTask<Loading> {
        AsyncTask::new(Loading(zkey.to_vec()))
    }

    /// From a .wtns: 256 bytes of proof, then the public signals, 32 big-endian bytes each. On up to `threads` threads, none of them Node's.
    #[napi(ts_return_type = "Promise<Uint8Array>")]
    pub fn prove(&self, wtns: Uint8Array, threads: u32) -> AsyncTask<Proving> {
        AsyncTask::new(Proving { core: self.core.clone(), witness: Zeroizing::new(wtns.to_vec()), threads: threads as usize })
    }
}
