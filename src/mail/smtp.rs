//! The conversation with a mail server (RFC 5321, RFC 6409).
//! In: a message. Out: that the server took it, or why not.
//! Owns: no step takes longer than its limit; where TLS is demanded, neither password nor message travels without it.

use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::Response;
use tokio::time::timeout;

use super::attempt::{Failure, Limits, Prospect};
use super::compose::Posting;
use super::error::StartError;
use crate::config::{Protection, Sender, SmtpServer};

/// How long one address of the server may take to answer; it may have several.
const ADDRESS_LIMIT: Duration = Duration::from_secs(8);
/// How long saying goodbye may take.
const QUIT_LIMIT: Duration = Duration::from_secs(3);

/// The longest description of a problem, in characters.
const LONGEST_PROBLEM: usize = 200;

/// A mail server.
pub struct Smtp {
    server: SmtpServer,
    hello: ClientId,
    tls: TlsParameters,
    limits: Limits,
}

/// A server that has taken sender and receiver, and waits for the message.
pub struct Ready(AsyncSmtpConnection);

impl Smtp {
    /// The server, which is told that we are the host in the address of `sender`.
    ///
    /// # Errors
    /// [`StartError::Tls`] when the certificates of this machine cannot be read.
    pub fn new(server: SmtpServer, sender: &Sender, limits: Limits) -> Result<Self, StartError> {
        // The way to this machine needs no protection. Many servers let nobody sign in without TLS all the same, with a
        // certificate that they made themselves.
        let is_anybody = server.protection == Protection::Loopback;
        let tls = TlsParameters::builder(server.host.clone())
            .dangerous_accept_invalid_certs(is_anybody)
            .dangerous_accept_invalid_hostnames(is_anybody)
            .build_rustls();
        let tls = tls.map_err(|error| StartError::Tls(error.to_string()))?;
        let host = sender.address.rsplit_once('@').map_or("localhost", |(_, host)| host);
        Ok(Self { server, hello: ClientId::Domain(host.to_owned()), tls, limits })
    }

    /// Connects and says who the message is from and to.
    pub(super) async fn prepare(&self, posting: &Posting) -> Result<Ready, Failure> {
        let mut connection = self.connect().await?;
        let [from, to] = [&posting.from, &posting.to].map(|address| address.parse::<Address>().ok());
        let (Some(from), Some(to)) = (from, to) else {
            return Err(Failure { prospect: Prospect::Permanent, problem: "its address is none".to_owned() });
        };
        let mut parameters = Vec::new();
        // An address of a user who was moved here from elsewhere (RFC 6531).
        if !posting.text.is_ascii() || !posting.to.is_ascii() {
            if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
                let problem = "the mail server takes no international addresses (SMTPUTF8)".to_owned();
                return Err(Failure { prospect: Prospect::Permanent, problem });
            }
            parameters.push(MailParameter::SmtpUtfEight);
            parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        let limit = self.limits.step;
        let mail =
            step("MAIL", limit, connection.command(Mail::new(Some(from), parameters)), refused_message);
        expect("MAIL", 250, &mail.await?)?;
        let rcpt = step("RCPT", limit, connection.command(Rcpt::new(to, Vec::new())), refused_message);
        // 251: the server passes it on to where the user is now.
        if !matches!(rcpt.await?, response if response.has_code(250) || response.has_code(251)) {
            return Err(out_of_step("RCPT"));
        }
        expect("DATA", 354, &step("DATA", limit, connection.command(Data), refused_message).await?)?;
        Ok(Ready(connection))
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Failure> {
        let protection = self.server.protection;
        let implicit = (protection == Protection::Tls).then(|| self.tls.clone());
        let address = (self.server.host.as_str(), self.server.port);
        let connect =
            AsyncSmtpConnection::connect_tokio1(address, Some(ADDRESS_LIMIT), &self.hello, implicit, None);
        let mut connection = step("the greeting", self.limits.greeting, connect, refused_us).await?;
        if protection == Protection::StartTls && !connection.can_starttls() {
            return Err(Failure::temporary(
                "the mail server offers no STARTTLS, without which nothing is sent",
            ));
        }
        if protection != Protection::Tls && connection.can_starttls() {
            let starttls = connection.starttls(self.tls.clone(), &self.hello);
            step("STARTTLS", self.limits.step, starttls, refused_us).await?;
        }
        if protection != Protection::Loopback && !connection.is_encrypted() {
            return Err(Failure::temporary("the way to the mail server is not encrypted"));
        }
        if let Some(login) = &self.server.login {
            let credentials = Credentials::new(login.user.clone(), login.password.expose().to_owned());
            let mechanisms = [Mechanism::Plain, Mechanism::Login];
            let login = connection.auth(&mechanisms, &credentials);
            expect("the login", 235, &step("the login", self.limits.step, login, refused_us).await?)?;
        }
        Ok(connection)
    }
}

impl Ready {
    /// Sends the message, and waits until the server has taken it.
    pub(super) async fn hand_over(self, text: &str) -> Result<(), Failure> {
        let Self(mut connection) = self;
        let sent = connection.message(text.as_bytes()).await;
        let outcome = sent.map_err(|error| failure("the message", &error, refused_message(&error)));
        let outcome = outcome.and_then(|response| expect("the message", 250, &response));
        // Whatever it says to that, it has the message or has not.
        tokio::spawn(async move { timeout(QUIT_LIMIT, connection.quit()).await.map(drop) });
        outcome
    }
}

/// One step, which may take as long as `limit`.
async fn step<T>(
    name: &str,
    limit: Duration,
    work: impl Future<Output = Result<T, SmtpError>>,
    judge: fn(&SmtpError) -> Prospect,
) -> Result<T, Failure> {
    match timeout(limit, work).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(failure(name, &error, judge(&error))),
        Err(_) => Err(Failure::temporary(format!("{name}: no answer within {} s", limit.as_secs()))),
    }
}

/// Only the answer that a command has (RFC 5321 section 4.3.2) is one to it. What was said to us before the handshake of
/// STARTTLS comes out of the buffer after it, and would put every answer in the place of the one before.
fn expect(name: &str, code: u16, response: &Response) -> Result<(), Failure> {
    if response.has_code(code) { Ok(()) } else { Err(out_of_step(name)) }
}

fn out_of_step(name: &str) -> Failure {
    Failure::temporary(format!("{name}: the mail server answered something else"))
}

/// A refusal before it is about the message says something of the settings or of the server, and may pass.
fn refused_us(_: &SmtpError) -> Prospect {
    Prospect::Temporary
}

/// A refusal of a message; but that we have to sign in first (RFC 4954 section 6) is none.
fn refused_message(error: &SmtpError) -> Prospect {
    let code = error.status().map(|code| code.to_string());
    match error.is_permanent() && code.as_deref() != Some("530") {
        true => Prospect::Permanent,
        false => Prospect::Temporary,
    }
}

fn failure(step: &str, error: &SmtpError, prospect: Prospect) -> Failure {
    Failure { prospect, problem: format!("{step}: {}", without_what_is_private(&error.to_string())) }
}

/// What a server says may repeat an address, or a link with a token: words that could be either are left out.
fn without_what_is_private(text: &str) -> String {
    let is_private =
        |word: &str| word.contains(['@', '=', '#', '\\']) || word.contains("://") || word.len() > 40;
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let shown: Vec<&str> = words.map(|word| if is_private(word) { "…" } else { word }).collect();
    shown.join(" ").chars().take(LONGEST_PROBLEM).collect()
}

impl std::fmt::Debug for Smtp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Smtp").field("server", &self.server).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_what_is_private_leaves_out_addresses_and_links() {
        let said = "permanent error (550): 5.1.1 <ada@example.com>: see\thttps://e.com/?token=S3CRET or #S3CRET\nbye";
        let shown = without_what_is_private(said);
        assert_eq!(shown, "permanent error (550): 5.1.1 … see … or … bye");
        assert_eq!(without_what_is_private(&"word ".repeat(100)).chars().count(), LONGEST_PROBLEM);
    }
}
