//! TLS 1.3 in both directions, between keys that are pinned.
//!
//! A verifier here believes one thing: the hash of the public key in the
//! peer's certificate. That the peer holds the private key is proved by the
//! handshake signature, which is checked as usual.

use crate::{Fingerprint, Identity, Result, identity::SERVER_NAME};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, Connection, DigitallySignedStruct,
    DistinguishedName, ServerConfig, ServerConnection, SignatureScheme,
    client::{
        Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::{
        NoServerSessionStorage,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
    sign::SingleCertAndKey,
    version::TLS13,
};
use std::sync::{Arc, OnceLock};

/// The fingerprints that a peer may have, and the one that it showed.
#[derive(Debug)]
pub(crate) struct Pins {
    allowed: Vec<Fingerprint>,
    shown: OnceLock<Fingerprint>,
    provider: Arc<CryptoProvider>,
}

impl Pins {
    fn new(allowed: Vec<Fingerprint>) -> Arc<Self> {
        Arc::new(Self { allowed, shown: OnceLock::new(), provider: provider() })
    }

    /// The key that the peer showed, proved or not.
    pub(crate) fn shown(&self) -> Option<Fingerprint> {
        self.shown.get().copied()
    }

    fn check(&self, certificate: &CertificateDer<'_>) -> Result<(), rustls::Error> {
        let shown = Fingerprint::of(certificate)?;
        let shown = self.shown.get_or_init(|| shown);
        if self.allowed.contains(shown) {
            Ok(())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn check_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }
}

impl ServerCertVerifier for Pins {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.check(end_entity).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("TLS 1.2 is not spoken here".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.check_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl ClientCertVerifier for Pins {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        self.check(end_entity).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("TLS 1.2 is not spoken here".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.check_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// The dialling side, for a peer with one known key.
pub(crate) fn client(
    identity: &Identity,
    pin: Fingerprint,
) -> Result<(Connection, Arc<Pins>), rustls::Error> {
    let pins = Pins::new(vec![pin]);
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(pins.clone())
        .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity.certified())));
    config.resumption = Resumption::disabled();
    config.enable_sni = false;
    let name = ServerName::try_from(SERVER_NAME)
        .map_err(|_| rustls::Error::General("the server name is not one".into()))?;
    let mut connection = ClientConnection::new(Arc::new(config), name)?;
    connection.set_buffer_limit(None);
    Ok((connection.into(), pins))
}

/// The listening side, for any of the known keys.
pub(crate) fn server(
    identity: &Identity,
    pins: Vec<Fingerprint>,
) -> Result<(Connection, Arc<Pins>), rustls::Error> {
    let pins = Pins::new(pins);
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(pins.clone())
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(identity.certified())));
    // A resumed session would skip the certificates.
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    let mut connection = ServerConnection::new(Arc::new(config))?;
    connection.set_buffer_limit(None);
    Ok((connection.into(), pins))
}

/// AES-128 first: it matches the 128-bit class of everything above, and is the
/// fastest.
fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    PROVIDER
        .get_or_init(|| {
            Arc::new(CryptoProvider {
                cipher_suites: vec![
                    ring::cipher_suite::TLS13_AES_128_GCM_SHA256,
                    ring::cipher_suite::TLS13_AES_256_GCM_SHA384,
                    ring::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
                ],
                ..ring::default_provider()
            })
        })
        .clone()
}

/// Random bytes for nonces and jitter, from the operating system.
pub(crate) fn fill_random(out: &mut [u8]) -> Result<(), rustls::Error> {
    provider().secure_random.fill(out).map_err(|_| rustls::Error::FailedToGetRandomBytes)
}
