//! Security parameters, in one place.

/// Computational security: the class of AES-128 and ristretto255.
pub const COMPUTATIONAL_BITS: u32 = 128;

/// Statistical security: no protocol here fails or leaks with a probability
/// above 2^-40.
pub const STATISTICAL_BITS: u32 = 40;

/// The cipher suite of this version: AES-128 in counter mode, SHA-256 and
/// SHA-512, ristretto255. It stands in every handshake and audit record.
pub const SUITE: &str = "aes128-sha2-ristretto255";

/// Version of the wire protocol. Parties with different versions do not talk.
pub const WIRE_VERSION: u16 = 1;
