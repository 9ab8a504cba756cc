//! Who a party is: a private key, and the fingerprint by which others know it.
//!
//! The certificate that TLS wants is an envelope. It is self-signed, made anew
//! whenever the key is loaded, and nothing in it is believed but the public
//! key; there is no authority, no expiry and no revocation list. A key that
//! must no longer be trusted is removed from the pins of its peers.

use crate::{Error, Result};
use rcgen::{CertificateParams, KeyPair, PKCS_ED25519};
use rustls::{
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    server::ParsedCertificate,
    sign::CertifiedKey,
};
use sha2::{Digest, Sha256};
use std::{fmt, fs, io::Write, path::Path, str::FromStr, sync::Arc};
use zeroize::Zeroizing;

/// A party's private key, ready for TLS.
///
/// The copies that this type holds are wiped when it is dropped; those inside
/// the TLS library are not.
pub struct Identity {
    pem: Zeroizing<String>,
    certified: Arc<CertifiedKey>,
    fingerprint: Fingerprint,
}

impl Identity {
    /// A new Ed25519 key from the operating system's generator.
    pub fn generate() -> Result<Self> {
        Self::from_pair(KeyPair::generate_for(&PKCS_ED25519).map_err(unusable)?)
    }

    /// The identity of a private key in PKCS#8 PEM: Ed25519, ECDSA or RSA.
    pub fn from_pem(pem: &str) -> Result<Self> {
        Self::from_pair(KeyPair::from_pem(pem).map_err(unusable)?)
    }

    /// Reads a key file. One that others than its owner can read is refused.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let refuse = |rule| Error::KeyFile { path: path.display().to_string(), rule };
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(path).map_err(|e| refuse(e.to_string()))?.permissions().mode();
            if mode & 0o077 != 0 {
                return Err(refuse(format!(
                    "its permissions are {:o}, so that others can use the key; run 'chmod 600' on it",
                    mode & 0o777
                )));
            }
        }
        let pem = Zeroizing::new(fs::read_to_string(path).map_err(|e| refuse(e.to_string()))?);
        Self::from_pem(&pem).map_err(|e| refuse(e.to_string()))
    }

    /// Writes the key to a new file that only its owner can read. An existing
    /// file is never overwritten: it may hold a key that peers have pinned.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let refuse = |e: std::io::Error| Error::KeyFile {
            path: path.display().to_string(),
            rule: e.to_string(),
        };
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path).map_err(refuse)?;
        file.write_all(self.pem.as_bytes()).and_then(|()| file.sync_all()).map_err(refuse)
    }

    /// The private key in PKCS#8 PEM.
    pub fn expose_pem(&self) -> &str {
        &self.pem
    }

    /// What peers pin.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    pub(crate) fn certified(&self) -> Arc<CertifiedKey> {
        self.certified.clone()
    }

    fn from_pair(pair: KeyPair) -> Result<Self> {
        let certificate = CertificateParams::new(vec![SERVER_NAME.into()])
            .and_then(|params| params.self_signed(&pair))
            .map_err(unusable)?
            .der()
            .clone();
        let pem = Zeroizing::new(pair.serialize_pem());
        // The provider keeps a parsed key and wipes nothing; at least our
        // serialised copies go.
        let der = Zeroizing::new(pair.serialize_der());
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(der.to_vec()));
        let signer = ring::sign::any_supported_type(&key);
        wipe(key);
        let signer = signer.map_err(|e| Error::Key(e.to_string()))?;
        let fingerprint = Fingerprint::of(&certificate).map_err(|e| Error::Key(e.to_string()))?;
        let certified = Arc::new(CertifiedKey::new(vec![certificate], signer));
        Ok(Self { pem, certified, fingerprint })
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}

/// SHA-256 of a public key (the DER of its SubjectPublicKeyInfo), written
/// `sha256:` and 64 hexadecimal digits.
///
/// `openssl pkey -in KEY -pubout -outform der | sha256sum` prints the same.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    pub(crate) fn of(certificate: &CertificateDer<'_>) -> Result<Self, rustls::Error> {
        let key = ParsedCertificate::try_from(certificate)?.subject_public_key_info();
        Ok(Self(Sha256::digest(key.as_ref()).into()))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Fingerprint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let bad = || Error::BadFingerprint(text.chars().take(100).collect());
        let digits = text.trim().strip_prefix(PREFIX).ok_or_else(bad)?.as_bytes();
        if digits.len() != 64 {
            return Err(bad());
        }
        let mut out = [0; 32];
        for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |c: u8| char::from(c).to_digit(16).ok_or_else(bad);
            // Two hexadecimal digits fit a byte.
            *byte = (digit(pair[0])? << 4 | digit(pair[1])?) as u8;
        }
        Ok(Self(out))
    }
}

fn unusable(error: rcgen::Error) -> Error {
    Error::Key(error.to_string())
}

fn wipe(mut key: PrivateKeyDer<'static>) {
    zeroize::Zeroize::zeroize(&mut key);
}

const PREFIX: &str = "sha256:";

/// The name in every certificate. It identifies nobody: keys do.
pub(crate) const SERVER_NAME: &str = "privity";

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_survive_text() {
        let fingerprint = Identity::generate().unwrap().fingerprint();
        let text = fingerprint.to_string();
        assert_eq!(text.len(), 7 + 64);
        assert_eq!(text.parse::<Fingerprint>().unwrap(), fingerprint);
        assert_eq!(
            text.to_uppercase().replace("SHA", "sha").parse::<Fingerprint>().unwrap(),
            fingerprint
        );
        for bad in
            ["", "sha256:", &text[1..], &text[..70], &text.replace(':', "="), &format!("{text}0")]
        {
            assert!(bad.parse::<Fingerprint>().is_err(), "{bad}");
        }
        assert!(format!("sha256:{}", "é".repeat(32)).parse::<Fingerprint>().is_err());
    }

    #[test]
    fn pem_keeps_the_fingerprint() {
        let identity = Identity::generate().unwrap();
        let again = Identity::from_pem(identity.expose_pem()).unwrap();
        assert_eq!(identity.fingerprint(), again.fingerprint());
        assert!(Identity::from_pem("nonsense").is_err());
    }

    #[test]
    fn debug_shows_no_key() {
        let identity = Identity::generate().unwrap();
        let body: String =
            identity.expose_pem().lines().filter(|line| !line.starts_with('-')).collect();
        let shown = format!("{identity:?} {identity:#?}");
        assert!(shown.contains("sha256:"));
        assert!(!shown.contains("PRIVATE") && !shown.contains(&body[..16]));
    }
}
