//! `signet users invite`: a person gets an account, and sets the password by the link in a mail.

use serde_json::{Value, json};

use super::server::{Server, printed, run};
use crate::support::caller::PASSWORD;
use crate::support::letters::Letters;

const ADA: &str = "ada@example.com";

#[tokio::test]
async fn users_invite_makes_an_account_whose_owner_sets_the_password_by_a_link() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    // The default: files in a folder beside the database.
    let letters = Letters::in_folder(folder.path().join("mail"));
    let invite =
        |arguments: &[&str]| run(folder.path(), &[&["users", "invite", ADA], arguments].concat(), &[]);
    let invited = invite(&["--name", "Ada", "--json"]);
    assert!(invited.status.success(), "{}", printed(&invited));
    let user: Value = serde_json::from_slice(&invited.stdout).unwrap();
    assert_eq!(user["email"], ADA);
    let said = String::from_utf8_lossy(&invited.stderr).into_owned();
    assert!(said.contains("invite_user") && !said.contains("example.com"), "{said}");
    let first = letters.next(ADA, "/reset-password#token=").await;
    // Once more, in another language: the first link is worth nothing any more.
    assert!(invite(&["--language", "de"]).status.success());
    let second = letters.next(ADA, "/reset-password#token=").await;
    assert_ne!(first.subject, second.subject);
    let caller = server.caller();
    let reset = async |token: &str| {
        caller.post("/api/auth/reset-password", &json!({ "token": token, "newPassword": PASSWORD })).await
    };
    reset(&first.token()).await.assert_error(400, "INVALID_TOKEN");
    reset(&second.token()).await.expect(200);
    let body = json!({ "email": ADA, "password": PASSWORD });
    let signed_in = caller.post("/api/auth/sign-in/email", &body).await.expect(200);
    assert_eq!((&signed_in["user"]["id"], &signed_in["user"]["name"]), (&user["id"], &json!("Ada")));
    assert_eq!(signed_in["user"]["emailVerified"], true);

    let again = invite(&[]);
    assert_eq!(again.status.code(), Some(1), "{}", printed(&again));
    assert!(printed(&again).contains("the address is taken"), "{}", printed(&again));
    let (_, log) = server.terminate();
    assert!(!log.contains(&second.token()) && !log.contains(&first.token()));
}

#[test]
fn users_invite_refuses_what_is_no_address_and_what_no_mail_can_be_sent_to() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&["users", "invite", "nope"][..], &["users", "invite", ADA, "--name", "a\nb"]] {
        let refused = run(folder.path(), arguments, &[]);
        assert_eq!(refused.status.code(), Some(2), "{}", printed(&refused));
    }
    let off = run(folder.path(), &["users", "invite", ADA], &[("SIGNET_MAIL", "off")]);
    assert_eq!(off.status.code(), Some(2), "{}", printed(&off));
    assert!(printed(&off).contains("no mail is sent"), "{}", printed(&off));
}
