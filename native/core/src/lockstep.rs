//! Miller loops of many pairs (P, Q) with changing Q, step by step together: affine lines, one field inversion a step for all pairs, squarings
//! shared by the pairs of a chunk. The loop's own last points tell whether Q is of order r (native/README.md, "Subgroup").
use crate::invert::invert_all;
use ark_bn254::{Config, Fq, Fq12, Fq2, Fq6Config, G1Affine, G2Affine};
use ark_ec::bn::BnConfig;
use ark_ff::{AdditiveGroup, Field, Fp6Config, One, Zero};

/// An affine point of the twist; never infinity.
type Point = (Fq2, Fq2);

/// The Miller products of each run of `chunk` pairs, and for each pair whether its Q is outside G2 (the product is then worth nothing).
/// P must not be infinity; Q must lie on the twist.
pub fn miller_products(p: &[G1Affine], q: &[G2Affine], chunk: usize) -> (Vec<Fq12>, Vec<bool>) {
    let mut outside = vec![false; p.len()];
    let mut walk = Walk::new(p, q, chunk);
    let start: Vec<Point> = walk.t.clone();
    let digits = Config::ATE_LOOP_COUNT;
    let top = digits.len() - 1;
    for k in (1..digits.len()).rev() {
        if k != top {
            walk.products.iter_mut().for_each(|f| {
                f.square_in_place();
            });
        }
        walk.double(&mut outside);
        match digits[k - 1] {
            1 => walk.add(&start, false, &mut outside),
            -1 => walk.add(&start, true, &mut outside),
            _ => {}
        }
    }
    // T = [6x + 2] Q; then Q1 = psi(Q) and -Q2 = -psi^2(Q), as the optimal ate pairing asks.
    let q1: Vec<Point> = start.iter().map(frobenius).collect();
    walk.add(&q1, false, &mut outside);
    let q2: Vec<Point> = q1.iter().map(frobenius).collect();
    walk.add(&q2, true, &mut outside);
    // Of order r exactly when T + psi^3(Q) = O.
    for ((t, q2), outside) in walk.t.iter().zip(&q2).zip(&mut outside) {
        let q3 = frobenius(q2);
        *outside |= t.0 != q3.0 || t.1 != -q3.1;
    }
    (walk.products, outside)
}

struct Walk {
    chunk: usize,
    /// 1 / y and -x / y of each P: lines are divided by y_P, which the final exponentiation kills, so that they have a coefficient of one.
    inverse_y: Vec<Fq>,
    minus_x_by_y: Vec<Fq>,
    t: Vec<Point>,
    products: Vec<Fq12>,
    denominators: Vec<Fq2>,
    scratch: Vec<Fq2>,
}

impl Walk {
    fn new(p: &[G1Affine], q: &[G2Affine], chunk: usize) -> Self {
        let mut inverse_y: Vec<Fq> = p.iter().map(|p| p.y).collect();
        // y is never 0: a group of odd order has no point of order 2.
        invert_all(&mut inverse_y, &mut Vec::with_capacity(p.len()), |_| {});
        Self {
            chunk,
            minus_x_by_y: p.iter().zip(&inverse_y).map(|(p, inverse)| -(p.x * inverse)).collect(),
            inverse_y,
            t: q.iter().map(|q| (q.x, q.y)).collect(),
            products: vec![Fq12::one(); p.len().div_ceil(chunk)],
            denominators: vec![Fq2::zero(); p.len()],
            scratch: Vec::with_capacity(p.len()),
        }
    }

    /// T = 2 T. A denominator of zero means a point that no multiple of a point of order r meets here.
    fn double(&mut self, outside: &mut [bool]) {
        for (d, t) in self.denominators.iter_mut().zip(&self.t) {
            *d = t.1.double();
        }
        invert_all(&mut self.denominators, &mut self.scratch, |i| outside[i] = true);
        for i in 0..self.t.len() {
            let (x, y) = self.t[i];
            let xx = x.square();
            let slope = (xx.double() + xx) * self.denominators[i];
            self.step(i, slope, slope.square() - x.double(), slope * x - y);
        }
    }

    /// T = T + R, or T - R.
    fn add(&mut self, r: &[Point], minus: bool, outside: &mut [bool]) {
        for ((d, t), r) in self.denominators.iter_mut().zip(&self.t).zip(r) {
            *d = r.0 - t.0;
        }
        invert_all(&mut self.denominators, &mut self.scratch, |i| outside[i] = true);
        for i in 0..self.t.len() {
            let (x, y) = self.t[i];
            let r_y = if minus { -r[i].1 } else { r[i].1 };
            let slope = (r_y - y) * self.denominators[i];
            self.step(i, slope, slope.square() - x - r[i].0, slope * r[i].0 - r_y);
        }
    }

    /// The line of that slope at P, and the new T; `constant` = slope x - y of any point of the line.
    #[inline]
    fn step(&mut self, i: usize, slope: Fq2, x: Fq2, constant: Fq2) {
        multiply_by_line(&mut self.products[i / self.chunk], &times(&slope, &self.minus_x_by_y[i]), &times(&constant, &self.inverse_y[i]));
        self.t[i] = (x, constant - slope * x);
    }
}

/// f = f (1 + a w + b w^3) in F_q12 = F_q6[w], F_q6 = F_q2[v], v = w^2.
#[inline]
fn multiply_by_line(f: &mut Fq12, a: &Fq2, b: &Fq2) {
    let mut high = f.c1;
    high.mul_by_01(a, b);
    let mut low = f.c0;
    low.mul_by_01(a, b);
    Fq6Config::mul_fp2_by_nonresidue_in_place(&mut high.c2);
    f.c0.c0 += &high.c2;
    f.c0.c1 += &high.c0;
    f.c0.c2 += &high.c1;
    f.c1 += &low;
}

fn times(a: &Fq2, k: &Fq) -> Fq2 {
    Fq2::new(a.c0 * k, a.c1 * k)
}

fn conjugate(a: &Fq2) -> Fq2 {
    Fq2::new(a.c0, -a.c1)
}

/// psi: the q-power Frobenius of the curve over F_q12, carried to the twist.
pub fn frobenius((x, y): &Point) -> Point {
    (conjugate(x) * Config::TWIST_MUL_BY_Q_X, conjugate(y) * Config::TWIST_MUL_BY_Q_Y)
}
