//! Montgomery's simultaneous inversion: one inversion and three multiplications a value.
use ark_ff::Field;

/// A zero is reported and becomes one.
pub fn invert_all<F: Field>(values: &mut [F], scratch: &mut Vec<F>, mut zero: impl FnMut(usize)) {
    scratch.clear();
    let mut product = F::one();
    for (i, value) in values.iter_mut().enumerate() {
        if value.is_zero() {
            zero(i);
            *value = F::one();
        }
        scratch.push(product);
        product *= &*value;
    }
    let mut inverse = product.inverse().expect("no factor is zero");
    for (value, before) in values.iter_mut().zip(scratch.iter()).rev() {
        let next = inverse * &*value;
        *value = inverse * before;
        inverse = next;
    }
}
