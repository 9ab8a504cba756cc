//! Kernels that use the processor's vector units, chosen at run time.
//!
//! Each kernel is written once, in plain Rust, and compiled three times: for
//! AVX-512, for AVX2 and for the baseline. The compiler vectorises each copy
//! for its target. The baseline copy is the reference that tests compare with;
//! `--cfg privity_backend="scalar"` forces it, and `--cfg privity_backend="avx2"`
//! the second, to see what a processor without AVX-512 does with them.
//!
//! This module holds the only `unsafe` code of the crate: the calls into
//! functions with a target feature.
#![allow(unsafe_code)]

mod clmul;
mod clmul64;
mod convolve;
mod embed;
mod gfni;
mod matmul;
#[cfg(target_arch = "x86_64")]
mod ristretto8;
mod transpose;
mod vaes;

pub use clmul::{Clmul, add_multiple, clmul, inner_product};
pub(crate) use clmul64::{Clmul64, reduce};
pub use convolve::{FEEDBACK, convolve};
pub use embed::embed_blocks;
pub use matmul::matmul_add;
#[cfg(target_arch = "x86_64")]
pub use ristretto8::{Encodings, Ristretto8};
pub use transpose::{transpose_blocks, transpose_columns};
pub use vaes::{RoundKeys, small_field_sums, tweaked_hash};

/// The instruction sets for which kernels exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// AVX-512 F, DQ, BW and VL.
    Avx512,
    /// AVX2.
    Avx2,
    /// What every processor of the architecture has.
    Baseline,
}

/// The best backend of this processor.
pub fn backend() -> Backend {
    #[cfg(all(target_arch = "x86_64", not(privity_backend = "scalar")))]
    {
        // The macro caches its answer.
        #[cfg(not(privity_backend = "avx2"))]
        if std::arch::is_x86_feature_detected!("avx512f")
            && std::arch::is_x86_feature_detected!("avx512dq")
            && std::arch::is_x86_feature_detected!("avx512bw")
            && std::arch::is_x86_feature_detected!("avx512vl")
            && std::arch::is_x86_feature_detected!("avx2")
        {
            return Backend::Avx512;
        }
        if std::arch::is_x86_feature_detected!("avx2") {
            return Backend::Avx2;
        }
    }
    Backend::Baseline
}

/// Compiles a body for each backend and dispatches on `backend`.
macro_rules! kernel {
    ($(#[$doc:meta])* pub fn $name:ident($($arg:ident: $ty:ty),* $(,)?) = $body:ident) => {
        $(#[$doc])*
        pub fn $name(backend: super::Backend, $($arg: $ty),*) {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl")]
                fn avx512($($arg: $ty),*) { $body($($arg),*) }
                #[target_feature(enable = "avx2")]
                fn avx2($($arg: $ty),*) { $body($($arg),*) }
                match backend {
                    super::Backend::Avx512 if super::backend() == super::Backend::Avx512 => {
                        // SAFETY: the guard has just found these features on this processor.
                        return unsafe { avx512($($arg),*) };
                    }
                    super::Backend::Avx2 if super::backend() != super::Backend::Baseline => {
                        // SAFETY: any answer of `backend` but the baseline means that it has
                        // found AVX2.
                        return unsafe { avx2($($arg),*) };
                    }
                    _ => {}
                }
            }
            let _ = backend;
            $body($($arg),*)
        }
    };
}
use kernel;
