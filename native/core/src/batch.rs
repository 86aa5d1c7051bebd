//! Verdicts over a batch: one equation for all proofs that can be read; where it does not hold, halves of the batch are asked, down to the proofs.
use crate::bytes::{self, PROOF, SCALAR};
use crate::key::Key;
use crate::lockstep::miller_products;
use crate::multiples::{each_multiple, sum_of_multiples, Short};
use crate::{parallel, unusable, Refusal, Unusable};
use ark_bn254::{Bn254, Config, Fq12, Fr, G1Affine, G1Projective, G2Affine};
use ark_ec::bn::G2Prepared;
use ark_ec::pairing::{MillerLoopOutput, Pairing};
use ark_ec::CurveGroup;
use ark_ff::{One, Zero};
use std::ops::Range;

/// Pairs that share their squarings, and one cached Miller product.
const CHUNK: usize = 16;
/// Pairs that share one inversion a step.
const BLOCK: usize = 128;
/// Fewer are not worth another thread.
const WORTH_A_THREAD: usize = 16;

/// Verifies proofs of several circuits. Keys that share beta or gamma (all that come from one powers-of-tau file do) share their Miller loops.
pub struct Verifier {
    keys: Vec<Key>,
    /// The distinct G2 points of all keys, their lines computed.
    lines: Vec<G2Prepared<Config>>,
    /// For each key, which lines are its beta's, gamma's and delta's.
    places: Vec<[usize; 3]>,
    /// The Miller product of (-alpha, beta) of each key.
    alpha_beta: Vec<Fq12>,
}

/// A proof that could be read.
struct Member {
    /// Its place in the input.
    index: usize,
    key: usize,
    a: G1Affine,
    b: G2Affine,
    c: G1Affine,
    publics: Vec<Fr>,
}

impl Verifier {
    /// Keys as [`Key::parse`] reads them; proofs name them by their index.
    pub fn new<K: AsRef<[u8]>>(keys: &[K]) -> Result<Self, Unusable> {
        Ok(Self::of(keys.iter().map(|key| Key::parse(key.as_ref())).collect::<Result<_, _>>()?))
    }

    pub(crate) fn of(keys: Vec<Key>) -> Self {
        let mut points: Vec<G2Affine> = vec![];
        let mut place = |point: G2Affine| {
            points.iter().position(|p| *p == point).unwrap_or_else(|| {
                points.push(point);
                points.len() - 1
            })
        };
        let places = keys.iter().map(|key| [place(key.beta), place(key.gamma), place(key.delta)]).collect();
        let alpha_beta = keys.iter().map(|key| Bn254::miller_loop(-key.alpha.point(), key.beta).0).collect();
        Self { keys, places, alpha_beta, lines: points.into_iter().map(G2Prepared::from).collect() }
    }

    pub fn publics(&self, key: usize) -> Option<usize> {
        self.keys.get(key).map(Key::publics)
    }

    /// One verdict a proof: `None` when it holds. `keys` has the key's index of each proof, `proofs` 256 bytes each, `publics` the signals of all
    /// proofs one after the other, 32 bytes each, as many as the key of each has. A false proof passes with a probability of at most
    /// 2 n / (2^128 - 1), whoever made it.
    pub fn verify(&self, keys: &[u32], proofs: &[u8], publics: &[u8], threads: usize) -> Result<Vec<Option<Refusal>>, Unusable> {
        let (mut verdicts, members) = self.read(keys, proofs, publics)?;
        if members.is_empty() {
            return Ok(verdicts);
        }
        if let [member] = &members[..] {
            verdicts[member.index] = self.verify_one(member).err();
            return Ok(verdicts);
        }
        let shorts = randomizers(members.len())?;
        let pairs = Pairs::new(&members, &shorts, threads);
        for (member, outside) in members.iter().zip(&pairs.outside) {
            if *outside {
                verdicts[member.index] = Some(Refusal::OutsideSubgroup);
            }
        }
        let batch = Batch { verifier: self, members: &members, scalars: shorts.iter().map(Short::scalar).collect(), shorts: &shorts, pairs: &pairs, threads };
        let mut refused = vec![];
        batch.search_runs(0..pairs.runs.len(), false, &mut refused);
        for member in refused {
            verdicts[members[member].index] = Some(Refusal::False);
        }
        Ok(verdicts)
    }

    /// The plain equation e(A, B) = e(alpha, beta) e(L, gamma) e(C, delta), in one loop.
    fn verify_one(&self, Member { key, a, b, c, publics, .. }: &Member) -> Result<(), Refusal> {
        if !b.is_in_correct_subgroup_assuming_on_curve() {
            return Err(Refusal::OutsideSubgroup);
        }
        let ([_, gamma, delta], alpha_beta, key) = (self.places[*key], self.alpha_beta[*key], &self.keys[*key]);
        let mut l = G1Projective::zero();
        for (ic, weight) in key.ic.iter().zip(std::iter::once(&Fr::one()).chain(publics)) {
            ic.add_multiple(weight, &mut l);
        }
        let lines = [G2Prepared::from(*b), self.lines[gamma].clone(), self.lines[delta].clone()];
        let product = Bn254::multi_miller_loop([*a, (-l).into_affine(), -*c], lines).0 * alpha_beta;
        if exponentiates_to_one(product) {
            Ok(())
        } else {
            Err(Refusal::False)
        }
    }

    fn read(&self, keys: &[u32], proofs: &[u8], mut publics: &[u8]) -> Result<(Vec<Option<Refusal>>, Vec<Member>), Unusable> {
        if Some(proofs.len()) != keys.len().checked_mul(PROOF) {
            return unusable(format!("{} bytes of proofs for {} keys", proofs.len(), keys.len()));
        }
        let mut verdicts = vec![None; keys.len()];
        let mut members = Vec::with_capacity(keys.len());
        for (index, (key, proof)) in keys.iter().zip(proofs.chunks_exact(PROOF)).enumerate() {
            let key = *key as usize;
            let Some(count) = self.publics(key) else { return unusable(format!("no key {key}")) };
            let Some((signals, rest)) = publics.split_at_checked(count * SCALAR) else { return unusable("too few public signals") };
            publics = rest;
            match Member::read(index, key, proof, signals) {
                Ok(member) => members.push(member),
                Err(why) => verdicts[index] = Some(why),
            }
        }
        if !publics.is_empty() {
            return unusable("too many public signals");
        }
        Ok((verdicts, members))
    }
}

impl Member {
    fn read(index: usize, key: usize, proof: &[u8], signals: &[u8]) -> Result<Self, Refusal> {
        let (a, rest) = proof.split_at(bytes::G1);
        let (b, c) = rest.split_at(bytes::G2);
        let publics = (0..signals.len() / SCALAR).map(|i| bytes::scalar(signals, i)).collect::<Result<_, _>>()?;
        Ok(Self { index, key, a: bytes::g1(a)?, c: bytes::g1(c)?, b: bytes::twist(b)?, publics })
    }
}

fn randomizers(count: usize) -> Result<Vec<Short>, Unusable> {
    let mut bytes = vec![0u8; 16 * count];
    getrandom::fill(&mut bytes).map_err(|why| Unusable(format!("no randomness: {why}")))?;
    // Zero comes once in 2^128 draws; an error then is a verdict of nobody.
    bytes
        .chunks_exact(16)
        .map(|draw| Short::from_random(draw.try_into().expect("16 bytes")).ok_or_else(|| Unusable("no randomness: zero was drawn".into())))
        .collect()
}

/// The pairs ([r] A, B) of all members, with the Miller product of each run of them.
struct Pairs {
    ra: Vec<G1Affine>,
    b: Vec<G2Affine>,
    outside: Vec<bool>,
    runs: Vec<Run>,
}

struct Run {
    /// Those of the run whose B is in G2.
    members: Vec<usize>,
    product: Fq12,
}

impl Pairs {
    fn new(members: &[Member], shorts: &[Short], threads: usize) -> Self {
        let b: Vec<G2Affine> = members.iter().map(|m| m.b).collect();
        let a: Vec<G1Affine> = members.iter().map(|m| m.a).collect();
        let threads = threads.clamp(1, members.len().div_ceil(WORTH_A_THREAD));
        // Equal blocks of whole chunks, each one thread's, that share their inversions.
        let block = members.len().div_ceil(members.len().div_ceil(BLOCK).next_multiple_of(threads)).next_multiple_of(CHUNK);
        let blocks = parallel::map(members.len().div_ceil(block), threads, |n| {
            let range = n * block..((n + 1) * block).min(members.len());
            let ra = each_multiple(&a[range.clone()], &shorts[range.clone()]);
            let (products, outside) = miller_products(&ra, &b[range.clone()], CHUNK);
            let runs: Vec<Run> = products
                .into_iter()
                .enumerate()
                .map(|(chunk, product)| {
                    let all = CHUNK * chunk..(CHUNK * (chunk + 1)).min(range.len());
                    let inside: Vec<usize> = all.clone().filter(|i| !outside[*i]).collect();
                    let product = if inside.len() == all.len() { product } else { product_of(&each_product(&ra, &b[range.clone()], &inside)) };
                    Run { product, members: inside.into_iter().map(|i| range.start + i).collect() }
                })
                .filter(|run| !run.members.is_empty())
                .collect();
            (ra, outside, runs)
        });
        let mut pairs = Self { ra: vec![], b, outside: vec![], runs: vec![] };
        for (ra, outside, runs) in blocks {
            pairs.ra.extend(ra);
            pairs.outside.extend(outside);
            pairs.runs.extend(runs);
        }
        pairs
    }
}

fn each_product(ra: &[G1Affine], b: &[G2Affine], which: &[usize]) -> Vec<Fq12> {
    let (p, q): (Vec<_>, Vec<_>) = which.iter().map(|i| (ra[*i], b[*i])).unzip();
    miller_products(&p, &q, 1).0
}

fn exponentiates_to_one(product: Fq12) -> bool {
    Bn254::final_exponentiation(MillerLoopOutput(product)).is_some_and(|value| value.0.is_one())
}

fn product_of(factors: &[Fq12]) -> Fq12 {
    factors.iter().copied().reduce(|a, b| a * b).unwrap_or_else(Fq12::one)
}

struct Batch<'a> {
    verifier: &'a Verifier,
    members: &'a [Member],
    shorts: &'a [Short],
    scalars: Vec<Fr>,
    pairs: &'a Pairs,
    threads: usize,
}

impl Batch<'_> {
    /// Finds what is false among these runs. `known` says that something is: of two halves, the second need not be asked when the first is right.
    fn search_runs(&self, range: Range<usize>, known: bool, refused: &mut Vec<usize>) -> bool {
        let runs = &self.pairs.runs[range.clone()];
        if runs.is_empty() {
            return true;
        }
        if !known {
            let members: Vec<usize> = runs.iter().flat_map(|run| run.members.iter().copied()).collect();
            let products: Vec<Fq12> = runs.iter().map(|run| run.product).collect();
            if self.holds(product_of(&products), &members) {
                return true;
            }
        }
        if let [run] = runs {
            let products = if run.members.len() == 1 { vec![run.product] } else { each_product(&self.pairs.ra, &self.pairs.b, &run.members) };
            self.search_members(&run.members, &products, true, refused);
            return false;
        }
        let middle = range.start + range.len() / 2;
        let first = self.search_runs(range.start..middle, false, refused);
        self.search_runs(middle..range.end, first, refused);
        false
    }

    fn search_members(&self, members: &[usize], products: &[Fq12], known: bool, refused: &mut Vec<usize>) -> bool {
        if !known && self.holds(product_of(products), members) {
            return true;
        }
        if let [member] = members {
            refused.push(*member);
            return false;
        }
        let middle = members.len() / 2;
        let first = self.search_members(&members[..middle], &products[..middle], false, refused);
        self.search_members(&members[middle..], &products[middle..], first, refused);
        false
    }

    /// The equation of native/README.md over some members whose Miller products of ([r] A, B) multiply to `product`.
    fn holds(&self, product: Fq12, members: &[usize]) -> bool {
        let Verifier { keys, lines, places, .. } = self.verifier;
        let mut sums = vec![G1Projective::zero(); lines.len()];
        for (number, (key, [beta, gamma, delta])) in keys.iter().zip(places).enumerate() {
            let mine: Vec<usize> = members.iter().copied().filter(|m| self.members[*m].key == number).collect();
            if mine.is_empty() {
                continue;
            }
            let mut weights = vec![Fr::zero(); key.ic.len()];
            for &m in &mine {
                let r = self.scalars[m];
                weights[0] += r;
                for (weight, signal) in weights[1..].iter_mut().zip(&self.members[m].publics) {
                    *weight += r * signal;
                }
            }
            key.alpha.add_multiple(&weights[0], &mut sums[*beta]);
            for (ic, weight) in key.ic.iter().zip(&weights) {
                ic.add_multiple(weight, &mut sums[*gamma]);
            }
            sums[*delta] += self.sum_of_c(&mine);
        }
        let (sums, lines): (Vec<G1Projective>, Vec<G2Prepared<Config>>) =
            sums.iter().zip(lines).filter(|(sum, _)| !sum.is_zero()).map(|(sum, lines)| (-*sum, lines.clone())).unzip();
        let fixed = Bn254::multi_miller_loop(G1Projective::normalize_batch(&sums), lines);
        exponentiates_to_one(fixed.0 * product)
    }

    fn sum_of_c(&self, members: &[usize]) -> G1Projective {
        let (c, r): (Vec<G1Affine>, Vec<Short>) = members.iter().map(|m| (self.members[*m].c, self.shorts[*m])).unzip();
        let part = c.len().div_ceil(self.threads.clamp(1, c.len().div_ceil(4 * WORTH_A_THREAD)));
        let parts: Vec<_> = c.chunks(part).zip(r.chunks(part)).collect();
        parallel::map(parts.len(), parts.len(), |i| sum_of_multiples(parts[i].0, parts[i].1)).into_iter().sum()
    }
}
