//! Prepared randomness outside of the process: sealed, and used once.
//!
//! This crate opens no files. [`Vault`] is what it needs of a store: bytes by
//! number, and a mark that only goes up.
//!
//! **Once.** Randomness that masks two different values gives their difference
//! away. So that no crash, restart or retry brings any of it back:
//!
//! 1. [`Additive::seal`] moves what is in stock out of it, cut into segments.
//!    They confirm to each other that they sealed the same kinds and numbers.
//! 2. [`Additive::unseal`] first exchanges (id, segments, mark, confirmed mark)
//!    with all peers. Different ids are an error. The next segment is the highest
//!    of all marks, since some party may have used those below it.
//! 3. It raises its own mark above that segment, *durably, before* it reads the
//!    segment. What a crash then loses is lost.
//! 4. Every party tells all others a digest of what it opened: id, segment,
//!    kinds and numbers; zeros if it could not open it. Only if all digests are
//!    equal does anything go into stock, after the confirmed mark was raised.
//!
//! **Old copies.** A party that confirms m knows that every party's mark has
//! been m. If a mark is below some party's confirmed mark, then the vault behind
//! it is an old copy, and all parties refuse; a crash does not look like that,
//! since marks go up before anything is confirmed. With the digests this rule
//! tells an accident, and no lie: a party that lies harms what it could harm
//! without.
//!
//! A segment can thus be used twice only if every party's vault goes back, as
//! when all of them restore old backups. Do not back up a vault's marks without
//! its segments' deletion: a restored vault must be discarded.
//!
//! **Cost** of sealing 16 + 32 bytes, of unsealing 28 + 32, from each party to
//! each other one, in two rounds.
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
    /// The highest mark of this id that all parties have confirmed: 0 at first.
    fn confirmed(&mut self, id: &[u8; 16]) -> Result<u32>;
    /// Raises the confirmed mark. It must be kept where the mark is kept.
    fn confirm(&mut self, id: &[u8; 16], mark: u32) -> Result<()>;
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

/// In place of a digest: this party has no part to confirm.
const REFUSED: [u8; 32] = [0; 32];

/// What parties confirm to each other: the same at all of them.
struct Confirmation(Sha256);

impl Confirmation {
    fn new(step: &[u8; 6], sealed: &Sealed, number: u32) -> Self {
        let hash = Sha256::new()
            .chain_update(b"privity additive vault confirmation 1")
            .chain_update(step)
            .chain_update(sealed.id)
            .chain_update(sealed.segments.to_be_bytes())
            .chain_update(number.to_be_bytes());
        Self(hash)
    }

    fn add(&mut self, kind: Kind, n: usize) {
        head(kind, n).iter().for_each(|word| self.0.update(word.to_be_bytes()));
    }

    fn digest(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

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
        let mut confirmation = Confirmation::new(b"sealed", &sealed, segments);
        for segment in 0..segments {
            let left = (segments - segment) as usize;
            let mut items = Vec::new();
            for (kind, n) in self.store.plan() {
                let n = n.div_ceil(left);
                items.push((kind, n, self.store.take(kind, n)?));
            }
            // In full length at once: a vector that grows leaves copies behind.
            let size = items.iter().map(|(_, _, columns)| encoded(columns)).sum::<usize>();
            let mut plain = Zeroizing::new(Vec::with_capacity(size + TAG));
            for (kind, n, columns) in &items {
                confirmation.add(*kind, *n);
                encode(*kind, *n, columns, &mut plain);
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
        self.agree(&confirmation.digest())?;
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
        let Some(next) = self.next_segment(vault, sealed)? else { return Ok(false) };
        let items = match self.open_segment(vault, key, sealed, next) {
            Ok(items) => items,
            Err(error) => {
                // The others learn of it, and are heard out, so that they do not lose
                // this party first; if that fails, this error is still the cause.
                let _ = self.gather(&REFUSED);
                return Err(error);
            }
        };
        let mut confirmation = Confirmation::new(b"opened", sealed, next);
        items.iter().for_each(|(kind, n, _)| confirmation.add(*kind, *n));
        self.agree(&confirmation.digest())?;
        vault.confirm(&sealed.id, next + 1)?;
        for (kind, _, columns) in items {
            self.store.put(kind, columns)?;
        }
        Ok(true)
    }

    /// Step 2: the segment that is next for all, if there is one.
    fn next_segment(&mut self, vault: &mut impl Vault, sealed: &Sealed) -> Result<Option<u32>> {
        let mut own = [0u8; 28];
        own[..16].copy_from_slice(&sealed.id);
        own[16..20].copy_from_slice(&sealed.segments.to_be_bytes());
        own[20..24].copy_from_slice(&vault.mark(&sealed.id)?.to_be_bytes());
        own[24..].copy_from_slice(&vault.confirmed(&sealed.id)?.to_be_bytes());
        let all = self.gather(&own)?;
        let number = |message: &[u8; 28], at: usize| {
            message[at..at + 4].iter().fold(0, |x, &b| x << 8 | u32::from(b))
        };
        let (mut next, mut confirmed) = (0, 0);
        for (party, theirs) in all.iter().enumerate() {
            if theirs[..20] != own[..20] {
                let rule =
                    "it loads other prepared randomness; all parties must name the same blob";
                return Err(self.refuse(party, rule));
            }
            next = next.max(number(theirs, 20));
            confirmed = confirmed.max(number(theirs, 24));
        }
        if let Some(party) = all.iter().position(|theirs| number(theirs, 20) < confirmed) {
            if party == self.mesh.me() {
                let error =
                    "this party's vault is an old copy: discard it, and what the others hold";
                return Err(self.mesh.abort(Error::Argument(error.into())));
            }
            let rule = "its vault is an old copy; all parties must discard this blob";
            return Err(self.refuse(party, rule));
        }
        Ok((next < sealed.segments).then_some(next))
    }

    /// Step 3.
    fn open_segment(
        &self,
        vault: &mut impl Vault,
        key: &Secret<[u8; 32]>,
        sealed: &Sealed,
        segment: u32,
    ) -> Result<Vec<(Kind, usize, Columns)>> {
        // Before the segment is read: whatever happens now, it is used up.
        vault.advance(&sealed.id, segment + 1)?;
        let mut bytes = Zeroizing::new(vault.get(&sealed.id, segment)?);
        let refused = || Error::Argument(format!("segment {segment} of the vault is not genuine"));
        let at = bytes.len().checked_sub(TAG).ok_or_else(refused)?;
        let (plain, tag) = bytes.split_at_mut(at);
        let tag = Tag::<Aes256Gcm>::try_from(&*tag).map_err(|_| refused())?;
        self.cipher(key, &sealed.id)
            .decrypt_inout_detached(
                &nonce(segment),
                &self.header(sealed),
                (&mut *plain).into(),
                &tag,
            )
            .map_err(|_| refused())?;
        let (mut rest, mut items) = (&plain[..], Vec::new());
        while !rest.is_empty() {
            let low = self.mesh.me() == 0;
            let (kind, n, columns, tail) = decode(rest, low).ok_or_else(refused)?;
            items.push((kind, n, columns));
            rest = tail;
        }
        Ok(items)
    }

    /// Step 4: all parties have this digest, or all refuse.
    fn agree(&mut self, own: &[u8; 32]) -> Result<()> {
        let all = self.gather(own)?;
        if let Some(party) = all.iter().position(|theirs| theirs == &REFUSED) {
            let rule = "it could not open its part of the prepared randomness";
            return Err(self.refuse(party, rule));
        }
        if let Some(party) = all.iter().position(|theirs| theirs != own) {
            let rule = "its part of the prepared randomness is of other kinds or numbers";
            return Err(self.refuse(party, rule));
        }
        Ok(())
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

    /// The error that ends the mesh.
    fn refuse(&mut self, party: usize, rule: &str) -> Error {
        let error = self.mesh.deviation(party, rule);
        self.mesh.abort(error)
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

/// Tag, three parameters, count.
fn head(kind: Kind, n: usize) -> [u64; 5] {
    let (tag, parameters) = match kind {
        Kind::Ring => (0u64, [0; 3]),
        Kind::Wide => (1, [0; 3]),
        Kind::And => (2, [0; 3]),
        Kind::Pair => (3, [0; 3]),
        Kind::Carry { bytes } => (4, [usize::from(bytes), 0, 0]),
        Kind::Leaf => (5, [0; 3]),
        Kind::Matrix { m, k, n } => (6, [m, k, n]),
    };
    let [a, b, c] = parameters.map(|x| x as u64);
    [tag, a, b, c, n as u64]
}

/// Bytes that [`encode`] writes.
fn encoded(columns: &Columns) -> usize {
    40 + columns.iter().map(|c| 8 * c.len()).sum::<usize>()
}

/// Head and columns.
fn encode(kind: Kind, n: usize, columns: &Columns, out: &mut Vec<u8>) {
    for word in head(kind, n) {
        out.extend_from_slice(&word.to_be_bytes());
    }
    for column in columns {
        out.extend_from_slice(bytemuck::cast_slice(column));
    }
}

/// The inverse, and what follows; `None` if it is not what [`encode`] writes.
fn decode(bytes: &[u8], low: bool) -> Option<(Kind, usize, Columns, &[u8])> {
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
    Some((kind, n, columns, rest))
}
