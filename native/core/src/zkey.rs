//! snarkjs's binary files, little-endian: .zkey (Groth16 proving key) and .wtns (witness). Points of a .zkey are stored in Montgomery form.
use crate::key::Key;
use crate::{unusable, Unusable};
use ark_bn254::{Fq, Fq2, Fr, G1Affine, G2Affine};
use ark_ec::short_weierstrass::{Affine, SWCurveConfig};
use ark_ec::AffineRepr;
use ark_ff::{BigInt, Fp, MontBackend, MontConfig, PrimeField, Zero};
use std::collections::HashMap;

/// Sections of a file, by number.
struct Sections<'a>(HashMap<u32, &'a [u8]>);

/// Reads on from the front; everything is checked for its length.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Unusable> {
        let Some((head, rest)) = self.0.split_at_checked(count) else { return unusable("the file ends too early") };
        self.0 = rest;
        Ok(head)
    }

    fn u32(&mut self) -> Result<u32, Unusable> {
        Ok(u32::from_le_bytes(self.take(4)?.try_into().expect("4 bytes")))
    }

    fn u64(&mut self) -> Result<u64, Unusable> {
        Ok(u64::from_le_bytes(self.take(8)?.try_into().expect("8 bytes")))
    }

    fn integer(&mut self) -> Result<BigInt<4>, Unusable> {
        Ok(BigInt([self.u64()?, self.u64()?, self.u64()?, self.u64()?]))
    }

    /// The stored bits are the Montgomery form.
    fn montgomery<C: MontConfig<4>>(&mut self) -> Result<Fp<MontBackend<C, 4>, 4>, Unusable> {
        let value = self.integer()?;
        if value >= C::MODULUS {
            unusable("a number is not below its modulus")
        } else {
            Ok(Fp::new_unchecked(value))
        }
    }

    /// Infinity is stored as zeros.
    fn point<P: SWCurveConfig>(&mut self, coordinate: impl Fn(&mut Self) -> Result<P::BaseField, Unusable>) -> Result<Affine<P>, Unusable> {
        let (x, y) = (coordinate(self)?, coordinate(self)?);
        if x.is_zero() && y.is_zero() {
            return Ok(Affine::identity());
        }
        let point = Affine::new_unchecked(x, y);
        if point.is_on_curve() {
            Ok(point)
        } else {
            unusable("a point is off its curve")
        }
    }

    fn g1(&mut self) -> Result<G1Affine, Unusable> {
        self.point(Self::montgomery)
    }

    fn g2(&mut self) -> Result<G2Affine, Unusable> {
        self.point(|reader| Ok(Fq2::new(reader.montgomery()?, reader.montgomery()?)))
    }
}

impl<'a> Sections<'a> {
    fn read(bytes: &'a [u8], magic: &[u8; 4], versions: &[u32]) -> Result<Self, Unusable> {
        let mut reader = Reader(bytes);
        if reader.take(4)? != magic {
            return unusable(format!("this is no .{} file", String::from_utf8_lossy(magic)));
        }
        let version = reader.u32()?;
        if !versions.contains(&version) {
            return unusable(format!("version {version} of .{} is not known", String::from_utf8_lossy(magic)));
        }
        let mut sections = HashMap::new();
        for _ in 0..reader.u32()? {
            let number = reader.u32()?;
            let length = usize::try_from(reader.u64()?).map_err(|_| Unusable("the file ends too early".into()))?;
            sections.insert(number, reader.take(length)?);
        }
        Ok(Self(sections))
    }

    fn get(&self, number: u32) -> Result<Reader<'a>, Unusable> {
        self.0.get(&number).map(|bytes| Reader(bytes)).ok_or_else(|| Unusable(format!("section {number} is missing")))
    }

    /// A section of exactly `count` points; infinity, which adds nothing, is left out. Each point has its place with it.
    fn points<P: SWCurveConfig>(
        &self,
        number: u32,
        count: usize,
        point: impl Fn(&mut Reader<'a>) -> Result<Affine<P>, Unusable>,
    ) -> Result<Vec<(u32, Affine<P>)>, Unusable> {
        let mut reader = self.get(number)?;
        let mut points = Vec::new();
        for index in 0..count {
            let point = point(&mut reader)?;
            if !point.is_zero() {
                points.push((index as u32, point));
            }
        }
        if reader.0.is_empty() {
            Ok(points)
        } else {
            unusable(format!("section {number} is too long"))
        }
    }
}

fn modulus(reader: &mut Reader<'_>, expected: BigInt<4>) -> Result<(), Unusable> {
    if reader.u32()? == 32 && reader.integer()? == expected {
        Ok(())
    } else {
        unusable("the curve is not bn128")
    }
}

/// One term of a constraint's first (A) or second (B) factor.
pub struct Term {
    pub constraint: u32,
    pub signal: u32,
    pub value: Fr,
}

/// A proving key; names as in Groth16's paper. Points at infinity are left out, each other one has the index of its scalar with it.
pub struct ProvingKey {
    pub signals: usize,
    pub publics: usize,
    /// The domain has 2^bits elements.
    pub bits: u32,
    pub alpha1: G1Affine,
    pub beta1: G1Affine,
    pub beta2: G2Affine,
    pub delta1: G1Affine,
    pub delta2: G2Affine,
    pub verification: Key,
    pub a_terms: Vec<Term>,
    pub b_terms: Vec<Term>,
    pub a: Vec<(u32, G1Affine)>,
    pub b1: Vec<(u32, G1Affine)>,
    pub b2: Vec<(u32, G2Affine)>,
    /// Its scalars are the private signals: index 0 is signal `publics` + 1.
    pub c: Vec<(u32, G1Affine)>,
    pub h: Vec<(u32, G1Affine)>,
}

impl ProvingKey {
    pub fn parse(bytes: &[u8]) -> Result<Self, Unusable> {
        let file = Sections::read(bytes, b"zkey", &[1])?;
        if file.get(1)?.u32()? != 1 {
            return unusable("the .zkey is not of Groth16");
        }
        let mut header = file.get(2)?;
        modulus(&mut header, Fq::MODULUS)?;
        modulus(&mut header, Fr::MODULUS)?;
        let (signals, publics, domain) = (header.u32()? as usize, header.u32()? as usize, header.u32()? as usize);
        if publics >= signals || !domain.is_power_of_two() || domain > 1 << 27 {
            return unusable("the header of the .zkey contradicts itself");
        }
        let (alpha1, beta1, beta2, gamma2, delta1, delta2) = (header.g1()?, header.g1()?, header.g2()?, header.g2()?, header.g1()?, header.g2()?);
        if alpha1.is_zero() || beta2.is_zero() || gamma2.is_zero() || delta1.is_zero() || delta2.is_zero() {
            return unusable("a point of the header is infinity");
        }
        let mut ic = vec![G1Affine::identity(); publics + 1];
        for (index, point) in file.points(3, publics + 1, Reader::g1)? {
            ic[index as usize] = point;
        }
        let (a_terms, b_terms) = terms(file.get(4)?, signals, domain)?;
        Ok(Self {
            signals,
            publics,
            bits: domain.trailing_zeros(),
            alpha1,
            beta1,
            beta2,
            delta1,
            delta2,
            verification: Key::new(alpha1, [beta2, gamma2, delta2], ic),
            a_terms,
            b_terms,
            a: file.points(5, signals, Reader::g1)?,
            b1: file.points(6, signals, Reader::g1)?,
            b2: file.points(7, signals, Reader::g2)?,
            c: file.points(8, signals - publics - 1, Reader::g1)?,
            h: file.points(9, domain, Reader::g1)?,
        })
    }
}

/// Coefficients are stored as v R^2, once more in Montgomery form than a field element is.
fn terms(mut section: Reader<'_>, signals: usize, domain: usize) -> Result<(Vec<Term>, Vec<Term>), Unusable> {
    let one_over_r = Fr::new_unchecked(BigInt([1, 0, 0, 0]));
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for _ in 0..section.u32()? {
        let (matrix, constraint, signal) = (section.u32()?, section.u32()?, section.u32()?);
        let value = section.montgomery()? * one_over_r;
        if constraint as usize >= domain || signal as usize >= signals {
            return unusable("a coefficient of the .zkey is out of range");
        }
        match matrix {
            0 => a.push(Term { constraint, signal, value }),
            1 => b.push(Term { constraint, signal, value }),
            _ => return unusable("a coefficient of the .zkey is in no matrix"),
        }
    }
    Ok((a, b))
}

/// The signals of a .wtns, each below r.
pub fn witness(bytes: &[u8]) -> Result<Vec<BigInt<4>>, Unusable> {
    let file = Sections::read(bytes, b"wtns", &[2])?;
    let mut header = file.get(1)?;
    modulus(&mut header, Fr::MODULUS)?;
    let count = header.u32()? as usize;
    let mut section = file.get(2)?;
    if Some(section.0.len()) != count.checked_mul(32) {
        return unusable(format!("{} bytes for {count} signals", section.0.len()));
    }
    (0..count)
        .map(|_| {
            let value = section.integer()?;
            if value < Fr::MODULUS {
                Ok(value)
            } else {
                unusable("a signal of the witness is not below r")
            }
        })
        .collect()
}
