//! A service of your own, whose one route only users with a token of Signet reach.
//!
//! ```sh
//! SIGNET_URL=http://localhost:8080 LISTEN=127.0.0.1:9000 cargo run --example rust
//! curl http://127.0.0.1:9000/diary -H "Authorization: Bearer $TOKEN"
//! ```

use std::env::var;
use std::error::Error;

use poem::listener::TcpListener;
use poem::{EndpointExt, Route, Server, get, handler};
use signet_verify::guard::poem::{Caller, Guard};
use signet_verify::verifier::Verifier;

#[handler]
fn diary(caller: Caller) -> String {
    format!("The diary of {}", caller.subject)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let signet = var("SIGNET_URL")?; // the issuer, and unless told otherwise also the audience
    let verifier = Verifier::remote(&format!("{signet}/.well-known/jwks.json"), &signet, &signet)?;
    let app = Route::new().at("/diary", get(diary)).with(Guard::new(verifier));
    Ok(Server::new(TcpListener::bind(var("LISTEN")?)).run(app).await?)
}
