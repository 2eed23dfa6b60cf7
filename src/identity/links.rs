//! Links that are mailed.
//! In: a purpose, a token, and where the caller wants to end up. Out: a URL.
//! Owns: a link to a page of ours carries its token in the fragment, which no access log and no referrer sees; opening the
//! page changes nothing, since scanners of mail open links.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

use crate::model::mailed_token::Purpose;
use crate::secret::OpaqueToken;

/// What stays as it is in a value of a query; the rest of the marks are better off encoded.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The links of one deployment.
#[derive(Clone, Debug)]
pub(super) struct Links {
    base_url: String,
}

impl Links {
    /// Links below a public base URL without a trailing slash.
    pub(super) fn new(base_url: String) -> Self {
        Self { base_url }
    }

    /// The link with a token: to a page of ours, or, where the caller has pages of its own, to the route of Better Auth's
    /// contract that ends at `callback`.
    pub(super) fn with_token(
        &self,
        purpose: Purpose,
        token: &OpaqueToken,
        callback: Option<&str>,
    ) -> Zeroizing<String> {
        let (base, token) = (&self.base_url, token.expose());
        let Some(callback) = callback.filter(|callback| !callback.is_empty()) else {
            let page = match purpose {
                Purpose::VerifyEmail | Purpose::ChangeEmail => "verify-email",
                Purpose::ResetPassword | Purpose::Invitation => "reset-password",
                Purpose::DeleteUser => "delete-account",
            };
            return Zeroizing::new(format!("{base}/{page}#token={token}"));
        };
        let callback = utf8_percent_encode(callback, COMPONENT);
        Zeroizing::new(match purpose {
            Purpose::VerifyEmail | Purpose::ChangeEmail => {
                format!("{base}/api/auth/verify-email?token={token}&callbackURL={callback}")
            }
            Purpose::ResetPassword | Purpose::Invitation => {
                format!("{base}/api/auth/reset-password/{token}?callbackURL={callback}")
            }
            Purpose::DeleteUser => {
                format!("{base}/api/auth/delete-user/callback?token={token}&callbackURL={callback}")
            }
        })
    }

    /// Where a password that was forgotten is asked for anew.
    pub(super) fn forgot_password(&self) -> String {
        format!("{}/forgot-password", self.base_url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_token_leads_to_a_page_of_ours_or_to_the_route_of_the_contract() {
        let (links, token) = (Links::new("https://id.example".to_owned()), OpaqueToken::new("T".to_owned()));
        let link = |purpose, callback| links.with_token(purpose, &token, callback).to_string();
        for (purpose, page, route) in [
            (Purpose::VerifyEmail, "/verify-email#token=T", "/api/auth/verify-email?token=T&callbackURL="),
            (Purpose::ChangeEmail, "/verify-email#token=T", "/api/auth/verify-email?token=T&callbackURL="),
            (Purpose::ResetPassword, "/reset-password#token=T", "/api/auth/reset-password/T?callbackURL="),
            (Purpose::Invitation, "/reset-password#token=T", "/api/auth/reset-password/T?callbackURL="),
            (
                Purpose::DeleteUser,
                "/delete-account#token=T",
                "/api/auth/delete-user/callback?token=T&callbackURL=",
            ),
        ] {
            assert_eq!(link(purpose, None), format!("https://id.example{page}"));
            assert_eq!(link(purpose, Some("")), link(purpose, None));
            assert_eq!(
                link(purpose, Some("https://app.example/a?b=c#d")),
                format!("https://id.example{route}https%3A%2F%2Fapp.example%2Fa%3Fb%3Dc%23d")
            );
        }
    }
}
