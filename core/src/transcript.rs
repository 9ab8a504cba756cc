//! A running hash of what a session has agreed on.

use sha2::{Digest, Sha256};

/// Absorbs labelled byte strings in order; equal transcripts give equal
/// digests, and no two sequences of calls share an encoding.
#[derive(Clone)]
pub struct Transcript(Sha256);

impl Transcript {
    /// A transcript for one purpose, named by `domain`.
    pub fn new(domain: &str) -> Self {
        let mut transcript = Self(Sha256::new());
        transcript.append("privity transcript v1", domain.as_bytes());
        transcript
    }

    /// Absorbs one labelled string. Both lengths are part of the encoding.
    pub fn append(&mut self, label: &str, bytes: &[u8]) {
        self.0.update((label.len() as u64).to_be_bytes());
        self.0.update(label.as_bytes());
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
    }

    /// The digest so far; the transcript goes on.
    pub fn digest(&self) -> [u8; 32] {
        self.0.clone().finalize().into()
    }
}

impl std::fmt::Debug for Transcript {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transcript").finish_non_exhaustive()
    }
}
