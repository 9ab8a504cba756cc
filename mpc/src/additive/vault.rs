//! Prepared randomness outside of the process: sealed, and used once.
//!
//! This crate opens no files. [`Vault`] is what it needs of a store: bytes by
//! number, and a mark that only goes up.
//!
//! **Once.** Randomness that masks two different values gives their difference
//! away. So that no crash, restart or retry brings any of it back:
//!
//! 1. [`Additive::seal`] moves what is in stock out of it, cut into segments.
//! 2. [`Additive::unseal`] first exchanges (id, segments, mark) with all peers.
//!    Different ids are an error. The next segment is the highest of all marks,
//!    since some party may have used those below it.
//! 3. It raises its own mark above that segment, *durably, before* it reads the
//!    segment. What a crash then loses is lost.
//!
//! A segment can thus be used twice only if every party's mark goes back, as
//! when all of them restore old backups. Do not back up a vault's marks without
//! its segments' deletion: a restored vault must be discarded.
//!
//! **Sealing** is AES-256-GCM. The key is SHA-256 over a label, the caller's key,
//! the id and this party's index; the nonce is the segment's number. The id has
//! 128 bits and is a hash of random numbers of all parties, so that keys and
//! nonces never repeat. Number of segments, parties and this party's index are
//! associated data.

use super::{Additive, Kind, store::Columns};
use aes_gcm::{
    Aes256Gcm, KeyInit, Nonce,
    aead::{AeadInOut, Tag},
};
use privity_core::{Error, Result, Secret};
use rand::Rng;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// The caller's store of one party. Every method returns only when its effect is
/// durable.
pub trait Vault {
    /// Keeps a sealed segment.
    fn put(&mut self, id: &[u8; 16], segment: u32, sealed: &[u8]) -> Result<()>;
    /// A segment that was put.
    fn get(&mut self, id: &[u8; 16], segment: u32) -> Result<Vec<u8>>;
    /// The mark of this id: 0 at first.
    fn mark(&mut self, id: &[u8; 16]) -> Result<u32>;
    /// Raises the mark, atomically and across processes: it must fail if the stored
    /// mark is not below `mark`, so that of two sessions that would use the same
    /// segment one is refused. It must be on stable storage when this returns.
    fn advance(&mut self, id: &[u8; 16], mark: u32) -> Result<()>;
}

/// What [`Additive::seal`] made: the same at all parties, and public.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Names it in the vault.
    pub id: [u8; 16],
    /// How many segments there are.
    pub segments: u32,
}

/// Bytes of the tag of AES-GCM.
const TAG: usize = 16;

impl Additive {
    /// Moves all that is in stock into the vault, in `segments` parts. All
    /// parties call it together.
    pub fn seal(
        &mut self,
        vault: &mut impl Vault,
        key: &Secret<[u8; 32]>,
        segments: u32,
    ) -> Result<Sealed> {
        if segments == 0 {
            return Err(Error::Argument("a blob has one segment or more".into()));
        }
        let mut contribution = [0u8; 16];
        self.rng.fill_bytes(&mut contribution);
        let all = self.gather(&contribution)?;
        let digest = Sha256::new()
            .chain_update(b"privity additive blob")
            .chain_update(all.as_flattened())
            .finalize();
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        let sealed = Sealed { id, segments };
        let cipher = self.cipher(key, &id);
        for segment in 0..segments {
            let left = (segments - segment) as usize;
            let mut plain = Zeroizing::new(Vec::new());
            for (kind, n) in self.store.plan() {
                let n = n.div_ceil(left);
                let columns = self.store.take(kind, n)?;
                encode(kind, n, &columns, &mut plain);
            }
            let tag = cipher
                .encrypt_inout_detached(
                    &nonce(segment),
                    &self.header(&sealed),
                    (&mut plain[..]).into(),
                )
                .map_err(|_| Error::Internal("a segment is too long to seal"))?;
            plain.extend_from_slice(&tag);
            vault.put(&id, segment, &plain)?;
        }
        Ok(sealed)
    }

    /// Takes the next segment that no party has touched into stock; `false` if
    /// there is none left. All parties call it together.
    pub fn unseal(
        &mut self,
        vault: &mut impl Vault,
        key: &Secret<[u8; 32]>,
        sealed: &Sealed,
    ) -> Result<bool> {
        let mut own = [0u8; 24];
        own[..16].copy_from_slice(&sealed.id);
        own[16..20].copy_from_slice(&sealed.segments.to_be_bytes());
        own[20..].copy_from_slice(&vault.mark(&sealed.id)?.to_be_bytes());
        let all = self.gather(&own)?;
        let mut next = 0;
        for (party, theirs) in all.iter().enumerate() {
            if theirs[..20] != own[..20] {
                return Err(self.mesh.deviation(
                    party,
                    "it loads other prepared randomness; all parties must name the same blob",
                ));
            }
            let mut mark = [0; 4];
            mark.copy_from_slice(&theirs[20..]);
            next = next.max(u32::from_be_bytes(mark));
        }
        if next >= sealed.segments {
            return Ok(false);
        }
        // Before the segment is read: whatever happens now, it is used up.
        vault.advance(&sealed.id, next + 1)?;
        let mut bytes = Zeroizing::new(vault.get(&sealed.id, next)?);
        let refused = || Error::Argument(format!("segment {next} of the vault is not genuine"));
        let at = bytes.len().checked_sub(TAG).ok_or_else(refused)?;
        let (plain, tag) = bytes.split_at_mut(at);
        let tag = Tag::<Aes256Gcm>::try_from(&*tag).map_err(|_| refused())?;
        self.cipher(key, &sealed.id)
            .decrypt_inout_detached(&nonce(next), &self.header(sealed), (&mut *plain).into(), &tag)
            .map_err(|_| refused())?;
        let mut rest = &plain[..];
        while !rest.is_empty() {
            let low = self.mesh.me() == 0;
            let (kind, columns, tail) = decode(rest, low).ok_or_else(refused)?;
            self.store.put(kind, columns)?;
            rest = tail;
        }
        Ok(true)
    }

    /// Everybody's message, by party.
    fn gather<const N: usize>(&mut self, own: &[u8; N]) -> Result<Vec<[u8; N]>> {
        let me = self.mesh.me();
        let parties = self.mesh.parties();
        for p in (0..parties).filter(|&p| p != me) {
            self.mesh.send(p, own)?;
        }
        let mut all = vec![*own; parties];
        for p in (0..parties).filter(|&p| p != me) {
            self.mesh.recv(p, &mut all[p])?;
        }
        Ok(all)
    }

    fn cipher(&self, key: &Secret<[u8; 32]>, id: &[u8; 16]) -> Aes256Gcm {
        let mut derived = Sha256::new()
            .chain_update(b"privity additive vault 1")
            .chain_update(key.expose())
            .chain_update(id)
            .chain_update((self.mesh.me() as u64).to_be_bytes())
            .finalize();
        let cipher = Aes256Gcm::new(&derived);
        zeroize::Zeroize::zeroize(&mut derived[..]);
        cipher
    }

    /// The associated data.
    fn header(&self, sealed: &Sealed) -> [u8; 20] {
        let mut header = [0; 20];
        header[..4].copy_from_slice(&sealed.segments.to_be_bytes());
        header[4..12].copy_from_slice(&(self.mesh.me() as u64).to_be_bytes());
        header[12..].copy_from_slice(&(self.mesh.parties() as u64).to_be_bytes());
        header
    }
}

fn nonce(segment: u32) -> Nonce<aes_gcm::aead::consts::U12> {
    let mut nonce = [0; 12];
    nonce[8..].copy_from_slice(&segment.to_be_bytes());
    nonce.into()
}

/// Tag, three parameters, count, columns.
fn encode(kind: Kind, n: usize, columns: &Columns, out: &mut Vec<u8>) {
    let (tag, parameters) = match kind {
        Kind::Ring => (0u64, [0; 3]),
        Kind::Wide => (1, [0; 3]),
        Kind::And => (2, [0; 3]),
        Kind::Pair => (3, [0; 3]),
        Kind::Carry { bytes } => (4, [usize::from(bytes), 0, 0]),
        Kind::Leaf => (5, [0; 3]),
        Kind::Matrix { m, k, n } => (6, [m, k, n]),
    };
    let numbers = parameters.into_iter().chain([n]).map(|x| x as u64);
    for word in std::iter::once(tag).chain(numbers) {
        out.extend_from_slice(&word.to_be_bytes());
    }
    for column in columns {
        out.extend_from_slice(bytemuck::cast_slice(column));
    }
}

/// The inverse, and what follows; `None` if it is not what [`encode`] writes.
fn decode(bytes: &[u8], low: bool) -> Option<(Kind, Columns, &[u8])> {
    let word = |i: usize| {
        let bytes = bytes.get(8 * i..8 * i + 8)?;
        usize::try_from(u64::from_be_bytes(bytes.try_into().ok()?)).ok()
    };
    let kind = match word(0)? {
        0 => Kind::Ring,
        1 => Kind::Wide,
        2 => Kind::And,
        3 => Kind::Pair,
        4 => Kind::Carry { bytes: u8::try_from(word(1)?).ok().filter(|b| (1..=16).contains(b))? },
        5 => Kind::Leaf,
        6 => Kind::Matrix { m: word(1)?, k: word(2)?, n: word(3)? },
        _ => return None,
    };
    let n = word(4)?;
    let mut rest = bytes.get(40..)?;
    let mut columns = Columns::new();
    for width in kind.widths(low) {
        let size = n.checked_mul(width)?.checked_mul(8)?;
        let (column, tail) = rest.split_at_checked(size)?;
        let (words, _) = column.as_chunks::<8>();
        let words = words.iter().map(|&w| u64::from_le_bytes(w)).collect();
        columns.push(Zeroizing::new(words));
        rest = tail;
    }
    Some((kind, columns, rest))
}
