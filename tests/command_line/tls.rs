//! A resource process and a key set behind TLS: the certificate decides whether the keys count.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::server::Server;
use crate::support::TestApp;

/// A proxy with TLS before `upstream`; its port, and the certificate of `localhost` that it shows.
async fn tls_before(upstream: SocketAddr) -> (u16, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let (acceptor, listener) =
        (TlsAcceptor::from(Arc::new(config)), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // A client that does not like the certificate goes away here.
                let Ok(mut outside) = acceptor.accept(stream).await else { return };
                let mut inside = TcpStream::connect(upstream).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut outside, &mut inside).await;
            });
        }
    });
    (port, made.cert.pem())
}

#[tokio::test(flavor = "multi_thread")]
async fn fetch_behind_tls_counts_when_the_certificate_is_trusted_and_not_otherwise() {
    let app = TestApp::start().await;
    let token = app.signed_up("alice").await.jwt().await;
    let address = app.base_url.strip_prefix("http://").unwrap().parse().unwrap();
    let (port, certificate) = tls_before(address).await;
    let folder = tempfile::tempdir().unwrap();
    let roots = folder.path().join("roots.pem");
    std::fs::write(&roots, certificate).unwrap();

    let issuer = app.base_url.replace("127.0.0.1", "localhost");
    let settings = |jwks_url| {
        [("SIGNET_ROLE", "resource"), ("SIGNET_ISSUER", issuer.as_str()), ("SIGNET_JWKS_URL", jwks_url)]
    };
    let (right, wrong_name) = (
        format!("https://localhost:{port}/api/auth/jwks"),
        format!("https://127.0.0.1:{port}/api/auth/jwks"),
    );
    let trusting = [("SSL_CERT_FILE", roots.to_str().unwrap())];

    let resource = Server::start(folder.path(), &[&settings(&right)[..], &trusting].concat());
    resource.caller().bearing(&token).get("/api/me/tasks").await.expect(200);

    for doubtful in [settings(&right).to_vec(), [&settings(&wrong_name)[..], &trusting].concat()] {
        let resource = Server::start(folder.path(), &doubtful);
        let answer = resource.caller().bearing(&token).get("/api/me/tasks").await;
        answer.assert_error(503, "KEY_SET_UNAVAILABLE");
    }
}
