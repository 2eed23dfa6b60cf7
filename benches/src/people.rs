//! People who sign up and in, at Signet or at whatever speaks its contract.
//! In: a name. Out: an account, a session and as many tokens as are asked for; the request that signs in.
//! Owns: whoever is not let in ends the run.

use std::net::SocketAddr;

use crate::client::{Connection, get, post};
use serde_json::{Value, json};

/// The password of every user.
const PASSWORD: &str = "correct horse battery";

/// A user who is signed in.
#[derive(Debug)]
pub struct Person {
    /// The id.
    pub id: String,
    /// The address.
    pub email: String,
    /// The session.
    pub session: String,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a text, not {value}")).to_owned()
}

impl Person {
    /// Makes an account.
    pub async fn sign_up(address: SocketAddr, name: &str) -> Self {
        let email = format!("{name}@example.com");
        let body = json!({ "name": name, "email": email, "password": PASSWORD });
        let answer = ask(address, &post("/api/auth/sign-up/email", None, &body)).await;
        Self { id: text(&answer["user"]["id"]), session: text(&answer["token"]), email }
    }

    /// The request that signs this person in.
    pub fn sign_in(&self) -> Vec<u8> {
        let body = json!({ "email": self.email, "password": PASSWORD });
        post("/api/auth/sign-in/email", None, &body)
    }

    /// A fresh JWT.
    pub async fn token(&self, address: SocketAddr) -> String {
        text(&ask(address, &get("/api/auth/token", Some(&self.session))).await["token"])
    }
}

async fn ask(address: SocketAddr, request: &[u8]) -> Value {
    let mut connection = Connection::open(address).await.unwrap();
    let answer = connection.ask(request).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.json());
    answer.json()
}
