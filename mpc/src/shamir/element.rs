//! What can be shared: field elements, and blocks of 64 elements of a small
//! binary field.

use super::tables::{Group, Tables};
use privity_core::{
    field::{Field, Fp127, Gf64, Small, gf64, small},
    prg::Prg,
};
use rayon::prelude::*;
use zeroize::Zeroize;

/// Elements per piece of parallel work; even, so that pieces of 8-byte elements
/// begin on a block of the generator.
pub(super) const CHUNK: usize = 4096;

/// An element that parties share, with public coefficients that act on it.
pub(crate) trait Element:
    Copy + Default + Send + Sync + PartialEq + Zeroize + 'static
{
    /// Points and coefficients.
    type Scalar: Field;
    /// How it travels.
    type Wire: bytemuck::Pod + Default + Send + Sync;
    fn plus(self, other: Self) -> Self;
    fn minus(self, other: Self) -> Self;
    fn times(self, other: Self) -> Self;
    fn scale(self, c: Self::Scalar) -> Self;
    fn to_wire(self) -> Self::Wire;
    /// `None` for what is no canonical element.
    fn from_wire(wire: Self::Wire) -> Option<Self>;
    /// Uniform elements: the stream of `domain` from element `start` on.
    fn fill(prg: &Prg, domain: u64, start: usize, out: &mut [Self]);
    /// The public coefficients of this kind.
    fn group(tables: &Tables) -> &Group<Self::Scalar>;
    /// sum x_i y_i
    fn dot(x: &[Self], y: &[Self]) -> Self {
        x.iter().zip(y).fold(Self::default(), |s, (&a, &b)| s.plus(a.times(b)))
    }
    /// out_i = out_i + c x_i
    fn add_scaled(out: &mut [Self], c: Self::Scalar, x: &[Self]) {
        for (o, &x) in out.iter_mut().zip(x) {
            *o = o.plus(x.scale(c));
        }
    }
}

impl Element for Fp127 {
    type Scalar = Self;
    type Wire = u128;
    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        self + other
    }
    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        self - other
    }
    #[inline(always)]
    fn times(self, other: Self) -> Self {
        self * other
    }
    #[inline(always)]
    fn scale(self, c: Self) -> Self {
        self * c
    }
    fn to_wire(self) -> u128 {
        self.value()
    }
    fn from_wire(wire: u128) -> Option<Self> {
        Self::from_canonical(wire)
    }
    /// 127 of 128 uniform bits: uniform but for a bias of 2^-127, at zero.
    fn fill(prg: &Prg, domain: u64, start: usize, out: &mut [Self]) {
        let mut words = [0u128; 256];
        for (i, part) in out.chunks_mut(256).enumerate() {
            let words = &mut words[..part.len()];
            prg.fill(domain, start + 256 * i, words);
            for (o, &w) in part.iter_mut().zip(words.iter()) {
                *o = Self::new(w >> 1);
            }
        }
        words.zeroize();
    }
    fn group(tables: &Tables) -> &Group<Self> {
        &tables.fp
    }
    fn dot(x: &[Self], y: &[Self]) -> Self {
        Self::dot(x, y)
    }
}

impl Element for Gf64 {
    type Scalar = Self;
    type Wire = u64;
    fn plus(self, other: Self) -> Self {
        self + other
    }
    fn minus(self, other: Self) -> Self {
        self + other
    }
    fn times(self, other: Self) -> Self {
        self * other
    }
    fn scale(self, c: Self) -> Self {
        self * c
    }
    fn to_wire(self) -> u64 {
        self.0
    }
    fn from_wire(wire: u64) -> Option<Self> {
        Some(Self(wire))
    }
    fn fill(prg: &Prg, domain: u64, start: usize, out: &mut [Self]) {
        let mut words = vec![0u64; out.len()];
        prg.fill(domain, start, &mut words);
        for (o, &w) in out.iter_mut().zip(&words) {
            *o = Self(w);
        }
        words.zeroize();
    }
    fn group(tables: &Tables) -> &Group<Self> {
        &tables.extension
    }
    fn dot(x: &[Self], y: &[Self]) -> Self {
        Self(gf64::dot(bytemuck::cast_slice(x), bytemuck::cast_slice(y)))
    }
    fn add_scaled(out: &mut [Self], c: Self, x: &[Self]) {
        // Coefficients are public.
        if c == Self::ZERO {
            return;
        }
        if c == Self::ONE {
            return add_to(out, x);
        }
        let factors = [c.0; 64];
        for (out, x) in out.chunks_mut(64).zip(x.chunks(64)) {
            let (out, x) = (bytemuck::cast_slice_mut(out), bytemuck::cast_slice(x));
            gf64::multiply_add(out, x, &factors[..x.len()]);
        }
    }
}

macro_rules! blocks {
    ($($k:literal $table:ident),*) => {$(
        impl Element for [u64; $k] {
            type Scalar = Small<$k>;
            type Wire = Self;
            #[inline(always)]
            fn plus(self, other: Self) -> Self {
                std::array::from_fn(|i| self[i] ^ other[i])
            }
            #[inline(always)]
            fn minus(self, other: Self) -> Self {
                self.plus(other)
            }
            #[inline(always)]
            fn times(self, other: Self) -> Self {
                small::multiply(&self, &other)
            }
            #[inline(always)]
            fn scale(self, c: Small<$k>) -> Self {
                small::scale(c, &self)
            }
            fn to_wire(self) -> Self {
                self
            }
            fn from_wire(wire: Self) -> Option<Self> {
                Some(wire)
            }
            fn fill(prg: &Prg, domain: u64, start: usize, out: &mut [Self]) {
                prg.fill(domain, start * $k, bytemuck::cast_slice_mut::<Self, u64>(out));
            }
            fn group(tables: &Tables) -> &Group<Small<$k>> {
                &tables.$table
            }
        }
    )*};
}
blocks!(2 pairs, 4 nibbles, 8 bytes);

/// Runs `$body` with `$block` standing for the blocks of `$k` planes.
macro_rules! with_blocks {
    ($k:expr, $block:ident => $body:expr) => {
        match $k {
            2 => {
                type $block = [u64; 2];
                $body
            }
            4 => {
                type $block = [u64; 4];
                $body
            }
            _ => {
                type $block = [u64; 8];
                $body
            }
        }
    };
}
pub(super) use with_blocks;

/// A vector made piece by piece on all cores: `f` gets the start of each piece.
pub(super) fn produce<E: Element>(len: usize, f: impl Fn(usize, &mut [E]) + Sync) -> Vec<E> {
    let mut out = vec![E::default(); len];
    if len <= CHUNK {
        f(0, &mut out);
    } else {
        out.par_chunks_mut(CHUNK).enumerate().for_each(|(i, part)| f(i * CHUNK, part));
    }
    out
}

/// f(x_i, y_i)
///
/// # Panics
/// If the lengths differ.
pub(super) fn zip<E: Element>(x: &[E], y: &[E], f: impl Fn(E, E) -> E + Sync) -> Vec<E> {
    assert_eq!(x.len(), y.len(), "vectors of different lengths");
    produce(x.len(), |start, out| {
        for (i, o) in out.iter_mut().enumerate() {
            *o = f(x[start + i], y[start + i]);
        }
    })
}

/// f(x_i)
pub(super) fn map<E: Element>(x: &[E], f: impl Fn(E) -> E + Sync) -> Vec<E> {
    produce(x.len(), |start, out| {
        for (i, o) in out.iter_mut().enumerate() {
            *o = f(x[start + i]);
        }
    })
}

/// sum c_k v_k
pub(super) fn combine<E: Element>(c: &[E::Scalar], v: &[&[E]]) -> Vec<E> {
    let len = v.first().map_or(0, |v| v.len());
    produce(len, |start, out: &mut [E]| {
        for (&c, v) in c.iter().zip(v) {
            E::add_scaled(out, c, &v[start..start + out.len()]);
        }
    })
}

/// sum x_i y_i, on all cores.
///
/// # Panics
/// If the lengths differ.
pub(super) fn inner<E: Element>(x: &[E], y: &[E]) -> E {
    assert_eq!(x.len(), y.len(), "vectors of different lengths");
    let parts = x.par_chunks(CHUNK).zip(y.par_chunks(CHUNK)).map(|(x, y)| E::dot(x, y));
    parts.reduce(E::default, E::plus)
}

/// Adds y to x.
pub(super) fn add_to<E: Element>(x: &mut [E], y: &[E]) {
    for (a, &b) in x.iter_mut().zip(y) {
        *a = a.plus(b);
    }
}
