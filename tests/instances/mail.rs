//! Two instances deliver what one outbox holds.

use super::*;
use crate::support::smtp::{Security, SmtpServer};

#[tokio::test(flavor = "multi_thread")]
async fn message_that_was_promised_at_either_of_two_servers_is_sent_once() {
    let Some(smtp) = SmtpServer::start(Security::Open) else { return };
    let mail = smtp.url();
    let Some(deployment) = Deployment::start("mail_of_two", None, None, &[("SIGNET_MAIL", &mail)]).await
    else {
        return;
    };
    let names: Vec<String> = (0..20).map(|number| format!("user{number}")).collect();
    for (number, name) in names.iter().enumerate() {
        let (here, there) = match number % 2 {
            0 => (&deployment.one, &deployment.two),
            _ => (&deployment.two, &deployment.one),
        };
        // A message at one, and a request for another at the other.
        signed_up(here, name).await;
        let body = json!({ "email": format!("{name}@example.com") });
        there.caller().post("/api/auth/request-password-reset", &body).await.expect(200);
    }
    for name in &names {
        smtp.nth_message_to(&format!("{name}@example.com"), 2).await;
    }
    let listed = || deployment.run(&["mail", "list", "--state", "waiting"]);
    soon("nothing waits any more", async || listed() == "There are no such messages.\n").await;
    let mut sent = 0.0;
    for server in [deployment.one, deployment.two] {
        let counted = "signet_mail_deliveries_total{result=\"sent\"}";
        sent += metric(&server, counted).await.unwrap_or(0.0);
        // Whatever it still had in its hands is done then.
        assert!(server.terminate().0.success());
    }
    for name in &names {
        assert_eq!(smtp.messages_to(&format!("{name}@example.com")).len(), 2, "{name}");
    }
    assert_eq!((sent, smtp.count("message")), (40.0, 40));
}
