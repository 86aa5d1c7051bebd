//! Verdicts over batches, held against the equation written out with arkworks's own pairing, proof by proof. Proofs are simulated for keys whose
//! secrets are known (Groth 2016, section 3.2: the simulator).
use ark_bn254::{Bn254, Fq, Fq2, Fr, G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ec::pairing::Pairing;
use ark_ec::{AffineRepr, CurveGroup, PrimeGroup};
use ark_ff::{BigInteger, Field, One, PrimeField, Zero};
use attestream_groth16::{bytes, Refusal, Verifier};
use proptest::prelude::*;
use std::sync::LazyLock;

/// The secrets of a set-up.
struct Secrets {
    alpha: Fr,
    beta: Fr,
    gamma: Fr,
    delta: Fr,
    ic: Vec<Fr>,
}

fn g1(k: Fr) -> G1Affine {
    (G1Projective::generator() * k).into_affine()
}
fn g2(k: Fr) -> G2Affine {
    (G2Projective::generator() * k).into_affine()
}
fn be(x: Fq) -> Vec<u8> {
    x.into_bigint().to_bytes_be()
}
fn g1_bytes(p: &G1Affine) -> Vec<u8> {
    if p.is_zero() {
        vec![0; 64]
    } else {
        [be(p.x), be(p.y)].concat()
    }
}
fn g2_bytes(p: &G2Affine) -> Vec<u8> {
    [be(p.x.c1), be(p.x.c0), be(p.y.c1), be(p.y.c0)].concat()
}
fn hashed(seed: u64, n: u64) -> Fr {
    // Any well-spread function will do; the test must be repeatable.
    (Fr::from(seed) + Fr::from(7u8)).pow([n * n * n + 3 * n + 5]) + Fr::from(n)
}

impl Secrets {
    fn new(seed: u64, publics: usize) -> Self {
        let ic = (0..=publics as u64).map(|i| if publics > 2 && i == 2 { Fr::zero() } else { hashed(seed, 10 + i) }).collect();
        // alpha, beta and gamma are those of the powers of tau: the same for every circuit.
        Self { alpha: hashed(1, 1), beta: hashed(1, 2), gamma: Fr::one(), delta: hashed(seed, 4), ic }
    }

    fn key(&self) -> Vec<u8> {
        let fixed = [g1_bytes(&g1(self.alpha)), g2_bytes(&g2(self.beta)), g2_bytes(&g2(self.gamma)), g2_bytes(&g2(self.delta))].concat();
        [fixed, self.ic.iter().flat_map(|ic| g1_bytes(&g1(*ic / self.gamma))).collect()].concat()
    }

    fn prove(&self, seed: u64, publics: &[Fr]) -> Vec<u8> {
        let (a, b) = (hashed(seed, 21), hashed(seed, 22));
        let sum: Fr = self.ic[0] + publics.iter().zip(&self.ic[1..]).map(|(x, ic)| *x * ic).sum::<Fr>();
        let c = (a * b - self.alpha * self.beta - sum) / self.delta;
        [g1_bytes(&g1(a)), g2_bytes(&g2(b)), g1_bytes(&g1(c))].concat()
    }

    /// Groth16's equation with nothing shared, batched or remembered.
    fn expected(&self, proof: &[u8], publics: &[u8]) -> Option<Refusal> {
        let read = || {
            let signals = (0..publics.len() / 32).map(|i| bytes::scalar(publics, i)).collect::<Result<Vec<Fr>, _>>()?;
            Ok((signals, bytes::g1(&proof[..64])?, bytes::g1(&proof[192..])?, bytes::g2(&proof[64..192])?))
        };
        let (signals, a, c, b) = match read() {
            Ok(values) => values,
            Err(why) => return Some(why),
        };
        let sum: Fr = self.ic[0] + signals.iter().zip(&self.ic[1..]).map(|(x, ic)| *x * ic).sum::<Fr>();
        let left = Bn254::pairing(a, b);
        let right = Bn254::multi_pairing([g1(self.alpha), g1(sum / self.gamma), c], [g2(self.beta), g2(self.gamma), g2(self.delta)]);
        (left != right).then_some(Refusal::False)
    }
}

/// Two circuits of one powers-of-tau file, with 3 and 1 public signals, and many true proofs of them.
struct World {
    secrets: [Secrets; 2],
    verifier: Verifier,
    proofs: Vec<(u32, Vec<u8>, Vec<u8>)>,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let secrets = [Secrets::new(3, 3), Secrets::new(4, 1)];
    let verifier = Verifier::new(&secrets.iter().map(Secrets::key).collect::<Vec<_>>()).unwrap();
    let proofs = (0..300u64)
        .map(|seed| {
            let key = usize::from(seed % 3 == 1);
            let publics: Vec<Fr> = (0..secrets[key].ic.len() as u64 - 1).map(|i| if i == 1 { Fr::from(seed) } else { hashed(seed, 30 + i) }).collect();
            (key as u32, secrets[key].prove(seed + 50, &publics), publics.iter().flat_map(|x| x.into_bigint().to_bytes_be()).collect())
        })
        .collect();
    World { secrets, verifier, proofs }
});

fn verdicts(rows: &[(u32, Vec<u8>, Vec<u8>)], threads: usize) -> Vec<Option<Refusal>> {
    let keys: Vec<u32> = rows.iter().map(|(key, _, _)| *key).collect();
    let proofs: Vec<u8> = rows.iter().flat_map(|(_, proof, _)| proof.clone()).collect();
    let publics: Vec<u8> = rows.iter().flat_map(|(_, _, publics)| publics.clone()).collect();
    WORLD.verifier.verify(&keys, &proofs, &publics, threads).unwrap()
}

fn twist_point(seed: u64) -> G2Affine {
    let mut x = Fq2::new(Fq::from(seed), Fq::from(5u8));
    loop {
        x.c0 += Fq::one();
        if let Some(point) = G2Affine::get_point_from_x_unchecked(x, seed % 2 == 0) {
            return point;
        }
    }
}

/// The twist's cofactor is 10069 * 5864401 * 1875725156269 * ...; a point of one of these small orders.
fn of_small_order(seed: u64, order: u64) -> G2Affine {
    // cofactor = 2 q - r
    let mut rest: Vec<u64> = COFACTOR.to_vec();
    let mut carry: u128 = 0;
    for limb in rest.iter_mut().rev() {
        let value = carry << 64 | u128::from(*limb);
        *limb = (value / u128::from(order)) as u64;
        carry = value % u128::from(order);
    }
    assert_eq!(carry, 0);
    (0..).map(|i| twist_point(seed + 1000 * i).mul_bigint(Fr::MODULUS).mul_bigint(&rest).into_affine()).find(|p| !p.is_zero()).unwrap()
}
/// Little-endian limbs of q + t - 1.
const COFACTOR: [u64; 4] = [0x345f2299c0f9fa8d, 0x06ceecda572a2489, 0xb85045b68181585e, 0x30644e72e131a029];

#[derive(Clone, Debug)]
enum Change {
    FlipProofBit(usize),
    FlipPublicBit(usize),
    /// A with another proof's, or C with another's, or B.
    Take(usize, std::ops::Range<usize>),
    Negate(usize),
    AddModulus(usize),
    Zero(std::ops::Range<usize>),
    OtherTwistPoint(u64),
    SmallOrder(u64, u64),
    /// B plus a point of small order: on the curve, and in the right class of everything but the subgroup.
    PlusSmallOrder(u64, u64),
    Publics(usize),
}

fn change() -> impl Strategy<Value = Change> {
    let order = prop_oneof![Just(10069u64), Just(5864401u64), Just(1875725156269u64)];
    let part = prop_oneof![Just(0..64), Just(64..192), Just(192..256)];
    prop_oneof![
        3 => (0usize..2048).prop_map(Change::FlipProofBit),
        2 => (0usize..768).prop_map(Change::FlipPublicBit),
        2 => (0usize..300, part.clone()).prop_map(|(from, part)| Change::Take(from, part)),
        1 => (0usize..3).prop_map(Change::Negate),
        1 => (0usize..8).prop_map(Change::AddModulus),
        1 => part.prop_map(Change::Zero),
        1 => any::<u32>().prop_map(|seed| Change::OtherTwistPoint(u64::from(seed))),
        1 => (0u64..1000, order.clone()).prop_map(|(seed, order)| Change::SmallOrder(seed, order)),
        1 => (0u64..1000, order).prop_map(|(seed, order)| Change::PlusSmallOrder(seed, order)),
        1 => (0usize..300).prop_map(Change::Publics),
    ]
}

fn apply(change: &Change, (key, proof, publics): &mut (u32, Vec<u8>, Vec<u8>)) {
    let q = |at: usize, proof: &[u8]| Fq::from_be_bytes_mod_order(&proof[32 * at..32 * at + 32]);
    let put = |at: usize, value: Vec<u8>, proof: &mut Vec<u8>| proof.splice(at..at + value.len(), value).for_each(drop);
    match change {
        Change::FlipProofBit(bit) => proof[bit / 8] ^= 1 << (bit % 8),
        Change::FlipPublicBit(bit) => {
            let bit = bit % (publics.len() * 8);
            publics[bit / 8] ^= 1 << (bit % 8);
        }
        Change::Take(from, part) => proof[part.clone()].copy_from_slice(&WORLD.proofs[*from].1[part.clone()]),
        Change::Negate(0) => put(32, be(-q(1, proof)), proof),
        Change::Negate(1) => {
            for at in [4, 5] {
                put(32 * at, be(-q(at, proof)), proof);
            }
        }
        Change::Negate(_) => put(224, be(-q(7, proof)), proof),
        Change::AddModulus(at) => {
            let mut value = q(*at, proof).into_bigint();
            value.add_with_carry(&Fq::MODULUS);
            put(32 * at, value.to_bytes_be(), proof);
        }
        Change::Zero(part) => proof[part.clone()].fill(0),
        Change::OtherTwistPoint(seed) => put(64, g2_bytes(&twist_point(*seed)), proof),
        Change::SmallOrder(seed, order) => put(64, g2_bytes(&of_small_order(*seed, *order)), proof),
        Change::PlusSmallOrder(seed, order) => {
            if let Ok(b) = bytes::twist(&proof[64..192]) {
                put(64, g2_bytes(&(b + of_small_order(*seed, *order)).into_affine()), proof);
            }
        }
        Change::Publics(from) => {
            if WORLD.proofs[*from].0 == *key {
                publics.clone_from(&WORLD.proofs[*from].2);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..Default::default() })]

    #[test]
    fn each_proof_of_a_batch_has_the_verdict_that_it_has_alone(
        start in 0usize..300, size in prop_oneof![1usize..5, 1usize..40, 1usize..200], threads in 1usize..4, changes in prop::collection::vec((any::<prop::sample::Index>(), change()), 0..6),
    ) {
        let mut rows: Vec<_> = (0..size).map(|i| WORLD.proofs[(start + i) % 300].clone()).collect();
        let mut touched = std::collections::BTreeSet::new();
        for (at, change) in &changes {
            let at = at.index(size);
            apply(change, &mut rows[at]);
            touched.insert(at);
        }
        let expected: Vec<_> = rows.iter().enumerate().map(|(i, (key, proof, publics))| if touched.contains(&i) { WORLD.secrets[*key as usize].expected(proof, publics) } else { None }).collect();
        prop_assert_eq!(verdicts(&rows, threads), expected);
    }

    #[test]
    fn any_bytes_are_read_or_refused(key in prop::collection::vec(any::<u8>(), 0..700), proofs in prop::collection::vec(any::<u8>(), 0..520), publics in prop::collection::vec(any::<u8>(), 0..200), keys in prop::collection::vec(0u32..3, 0..3)) {
        let _ = Verifier::new(&[key]);
        if let Ok(verdicts) = WORLD.verifier.verify(&keys, &proofs, &publics, 2) {
            prop_assert_eq!(verdicts.len(), keys.len());
            prop_assert!(verdicts.iter().all(Option::is_some));
        }
    }
}

#[test]
fn errors_that_cancel_without_random_coefficients_are_found() {
    // C1 + D and C2 - D: the product of both equations still holds.
    for size in [2, 3, 20, 150] {
        let mut rows: Vec<_> = WORLD.proofs.iter().filter(|(key, _, _)| *key == 0).take(size).cloned().collect();
        let d = g1(Fr::from(99u8));
        for (row, d) in [(0, d), (size.min(100) - 1, -d)] {
            let c = bytes::g1(&rows[row].1[192..]).unwrap();
            let moved = g1_bytes(&(c + d).into_affine());
            rows[row].1[192..].copy_from_slice(&moved);
        }
        let verdicts = verdicts(&rows, 1);
        for (i, verdict) in verdicts.iter().enumerate() {
            assert_eq!(*verdict, (i == 0 || i == size.min(100) - 1).then_some(Refusal::False), "{i} of {size}");
        }
    }
}

#[test]
fn many_false_proofs_are_each_found() {
    let mut rows = WORLD.proofs.clone();
    let bad = |i: usize| i % 2 == 0 || i > 250;
    for (i, row) in rows.iter_mut().enumerate().filter(|(i, _)| bad(*i)) {
        apply(&Change::Negate(i % 3), row);
    }
    assert_eq!(verdicts(&rows, 2), (0..rows.len()).map(|i| bad(i).then_some(Refusal::False)).collect::<Vec<_>>());
}

#[test]
fn the_twist_has_points_of_the_small_orders_and_all_are_refused() {
    for (seed, order) in [(1, 10069u64), (2, 5864401), (3, 1875725156269)] {
        let point = of_small_order(seed, order);
        assert!(point.mul_bigint([order]).is_zero());
        for size in [1, 2, 20] {
            let mut rows: Vec<_> = WORLD.proofs[..size].to_vec();
            rows[size / 2].1.splice(64..192, g2_bytes(&point)).for_each(drop);
            assert_eq!(verdicts(&rows, 1), (0..size).map(|i| (i == size / 2).then_some(Refusal::OutsideSubgroup)).collect::<Vec<_>>());
        }
    }
}

/// Said outright, since the expectation above reads bytes by the same functions.
#[test]
fn a_second_spelling_of_a_number_is_refused() {
    let (key, proof, publics) = &WORLD.proofs[0];
    let plus = |bytes: &[u8], at: usize, modulus: ark_ff::BigInt<4>| {
        let mut value = ark_ff::BigInt([0u64; 4]);
        for (limb, word) in value.0.iter_mut().zip(bytes[32 * at..32 * at + 32].rchunks(8)) {
            *limb = u64::from_be_bytes(word.try_into().unwrap());
        }
        assert!(!value.add_with_carry(&modulus));
        let mut changed = bytes.to_vec();
        changed[32 * at..32 * at + 32].copy_from_slice(&value.to_bytes_be());
        changed
    };
    for at in 0..8 {
        assert_eq!(verdicts(&[(*key, plus(proof, at, Fq::MODULUS), publics.clone())], 1), [Some(Refusal::Encoding)]);
    }
    for at in 0..publics.len() / 32 {
        assert_eq!(verdicts(&[(*key, proof.clone(), plus(publics, at, Fr::MODULUS))], 1), [Some(Refusal::Public)]);
    }
}

#[test]
fn lengths_that_do_not_fit_are_no_verdict() {
    let (key, proof, publics) = &WORLD.proofs[0];
    let verify = |keys: &[u32], proofs: &[u8], publics: &[u8]| WORLD.verifier.verify(keys, proofs, publics, 1);
    assert_eq!(verify(&[*key], proof, publics), Ok(vec![None]));
    assert_eq!(verify(&[], &[], &[]), Ok(vec![]));
    for (keys, proofs, publics) in [
        (&[0][..], &proof[1..], &publics[..]),
        (&[], proof, &[]),
        (&[0, 0], proof, publics),
        (&[0], proof, &publics[1..]),
        (&[1], proof, publics),
        (&[2], proof, publics),
    ] {
        assert!(verify(keys, proofs, publics).is_err());
    }
    assert!(verify(&[0], proof, &[&publics[..], &[0; 32]].concat()).is_err());
}

#[test]
fn a_key_with_a_bad_point_is_refused() {
    let good = WORLD.secrets[0].key();
    assert!(Verifier::new(&[&good]).is_ok());
    assert!(Verifier::new(&[&good[..good.len() - 1]]).is_err());
    assert!(Verifier::new(&[&good[..448]]).is_err());
    let change = |at: usize, value: Vec<u8>| {
        let mut key = good.clone();
        key.splice(at..at + value.len(), value).for_each(drop);
        Verifier::new(&[key]).is_err()
    };
    assert!(change(0, vec![0; 64]), "alpha at infinity");
    for at in [64, 192, 320] {
        assert!(change(at, vec![0; 128]), "infinity");
        assert!(change(at, g2_bytes(&of_small_order(9, 10069))), "outside the subgroup");
    }
    assert!(change(448, [vec![0; 63], vec![1]].concat()), "IC off the curve");
}
