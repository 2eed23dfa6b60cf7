//! Hashes of each kind that people bring along.

use base64::Engine;
use serde_json::json;

use super::super::server::Server;
use super::{BUILT_IN, account, counts, execute, import, rows, user};
use crate::identity::IMPORTED;
use crate::support::caller::PASSWORD;

/// Of jBCrypt's published vectors.
const BCRYPT: (&str, &str) =
    ("abcdefghijklmnopqrstuvwxyz", "$2a$06$.rCVZVOThsIa97pEDOxvGuRRgzG64bvtJ0938xuqzv18d3ZpQhstC");

/// A hash of Argon2 that another program made: of the bytes that were typed.
fn argon2(algorithm: argon2::Algorithm, password: &str) -> String {
    let params = argon2::Params::new(64 * 1024, 2, 1, Some(32)).unwrap();
    let mut hash = [0; 32];
    argon2::Argon2::new(algorithm, argon2::Version::V0x13, params)
        .hash_password_into(password.as_bytes(), b"sixteen bytes ok", &mut hash)
        .unwrap();
    let b64 = base64::engine::general_purpose::STANDARD_NO_PAD;
    format!("${algorithm}$v=19$m=65536,t=2,p=1${}${}", b64.encode(b"sixteen bytes ok"), b64.encode(hash))
}

#[tokio::test]
async fn sign_in_verifies_hashes_of_each_kind_that_came_and_makes_them_todays() {
    // Letters that NFKC would make others.
    let odd = "\u{212b}ngstrom \u{fb01}ve";
    let people = [
        ("scrypt", PASSWORD, IMPORTED.to_owned()),
        ("bcrypt", BCRYPT.0, BCRYPT.1.to_owned()),
        ("argon2id", PASSWORD, argon2(argon2::Algorithm::Argon2id, PASSWORD)),
        ("argon2i", odd, argon2(argon2::Algorithm::Argon2i, odd)),
    ];
    let mut statements = BUILT_IN.to_owned();
    for (name, _, hash) in &people {
        statements += &user(name, &format!("{name}@example.com"));
        statements += &account(&format!("a-{name}"), name, "credential", name, Some(hash));
    }
    for (name, hash) in [
        ("firebase", "c2FsdA==$aGFzaA=="),
        ("costly", "$2b$31$.rCVZVOThsIa97pEDOxvGuRRgzG64bvtJ0938xuqzv18d3ZpQhstC"),
    ] {
        statements += &user(name, &format!("{name}@example.com"));
        statements += &account(&format!("a-{name}"), name, "credential", name, Some(hash));
    }
    statements += &user("social", "social@example.com");
    statements += &account("a-social", "social", "credential", "social", None);
    let folder = tempfile::tempdir().unwrap();
    execute(&folder.path().join("theirs.db"), &statements).await;
    let came = import(folder.path(), &[]);
    assert_eq!((&came["users"], &came["accounts"]), (&counts(7, 7, 0, 0), &counts(7, 4, 1, 2)));
    assert_eq!(came["unverifiable"], json!(["costly", "firebase"]));
    assert_eq!(came["conflicts"], json!([]));

    let server = Server::start(folder.path(), &[]);
    let sign_in = async |name: &str, password: &str| {
        let body = json!({ "email": format!("{name}@example.com"), "password": password });
        server.caller().post("/api/auth/sign-in/email", &body).await
    };
    for (name, password, _) in &people {
        sign_in(name, "not the password").await.assert_error(401, "INVALID_EMAIL_OR_PASSWORD");
        assert_eq!(sign_in(name, password).await.expect(200)["user"]["id"], *name);
        assert_eq!(sign_in(name, password).await.expect(200)["user"]["id"], *name, "by today's hash");
    }
    sign_in("firebase", "not the password").await.assert_error(401, "INVALID_EMAIL_OR_PASSWORD");
    let kept = rows(folder.path()).await;
    let todays = kept
        .iter()
        .filter(|row| row.contains("|credential|") && row.contains("$argon2id$v=19$m=19456,t=2,p=1$"));
    assert_eq!(todays.count(), people.len(), "{kept:?}");
}
