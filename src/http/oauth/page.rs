//! The pages that clients send users to, and the answers that send them back.
//! In: what a page says. Out: HTML, in the user's language, or a redirect.
//! Owns: whatever was sent is escaped; a page runs no script but the one whose hash its policy names.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minijinja::{Environment, UndefinedBehavior, Value, context};
use poem::Response;
use poem::http::StatusCode;
use poem::http::header::{CONTENT_SECURITY_POLICY, HeaderValue, LOCATION, RETRY_AFTER};
use signet_verify::crypto::sha256;

use crate::http::framework::code::Code;
use crate::http::framework::layers::HtmlError;
use crate::mail::Language;
use crate::sync::rule::RetryAfter;

/// What sends the form of `form_post` without a click; the same text as in its page.
const FORM_POST_SCRIPT: &str = "document.forms[0].submit()";

/// No `form-action`: browsers hold the redirect after a form to it, which leads to the client.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What went wrong, where no client may be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// There is no such client.
    UnknownClient,
    /// The client has not registered this place, or named none.
    WrongPlace,
    /// A parameter on which the answer depends is given twice, or cannot be read.
    Unreadable,
    /// The request is of another browser, is over, or never was.
    Over,
    /// The form is not of a page of ours.
    ForeignForm,
    /// A hint that is no ID token of ours, of another client, or about another user than the one who is signed in.
    NotOfThisUser,
    /// Too many attempts.
    TooMany,
    /// Something is broken here.
    Broken,
}

/// Why a user sees a page instead of going on.
#[derive(Clone, Debug)]
pub struct Stop {
    /// What went wrong.
    pub problem: Problem,
    /// In which language the page says so.
    pub language: Language,
    /// Where a link leads back to, and its name.
    pub back: Option<(String, String)>,
    /// How long to wait.
    pub wait: Option<RetryAfter>,
}

impl Stop {
    /// A page without a way back.
    pub fn of(problem: Problem, language: Language) -> Self {
        Self { problem, language, back: None, wait: None }
    }
}

impl Problem {
    /// The word for it in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::UnknownClient => "unknown_client",
            Self::WrongPlace => "wrong_place",
            Self::Unreadable => "unreadable",
            Self::Over => "over",
            Self::ForeignForm => "foreign_form",
            Self::NotOfThisUser => "not_of_this_user",
            Self::TooMany => "too_many",
            Self::Broken => "broken",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Self::Broken => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    fn code(self) -> Code {
        match self {
            Self::Broken | Self::TooMany => Code::OAuthUnavailable,
            _ => Code::OAuthInvalidRequest,
        }
    }

    fn words(self, language: Language) -> (&'static str, &'static str) {
        let (english, german) = match self {
            Self::UnknownClient => (
                ("Unknown application", "The application that sent you here is not registered."),
                ("Unbekannte Anwendung", "Die Anwendung, von der Sie kommen, ist nicht registriert."),
            ),
            Self::WrongPlace => (
                ("Wrong way back", "The application named a place to return to that it has not registered."),
                ("Falscher Rückweg", "Die Anwendung nennt einen Rückweg, den sie nicht registriert hat."),
            ),
            Self::Unreadable => (
                (
                    "The request cannot be read",
                    "The application has sent something that cannot be understood.",
                ),
                ("Unlesbare Anfrage", "Die Anwendung hat etwas gesendet, das nicht zu verstehen ist."),
            ),
            Self::Over => (
                ("This sign-in is over", "Go back to the application and start again from there."),
                ("Diese Anmeldung ist vorbei", "Bitte beginnen Sie in der Anwendung von vorn."),
            ),
            Self::ForeignForm => (
                ("This form is not from here", "Go back to the application and start again from there."),
                ("Dieses Formular ist nicht von hier", "Bitte beginnen Sie in der Anwendung von vorn."),
            ),
            Self::NotOfThisUser => (
                (
                    "Nobody was signed out",
                    "The application has not shown that its request is about the user who is signed in here.",
                ),
                (
                    "Niemand wurde abgemeldet",
                    "Die Anwendung hat nicht gezeigt, dass es um den geht, der hier angemeldet ist.",
                ),
            ),
            Self::TooMany => (
                ("Too many attempts", "Wait a little, and try again."),
                ("Zu viele Versuche", "Bitte warten Sie etwas und versuchen Sie es dann wieder."),
            ),
            Self::Broken => (
                ("Something is broken here", "Please try again in a little while."),
                ("Hier ist etwas gestört", "Bitte versuchen Sie es in einer Weile wieder."),
            ),
        };
        match language {
            Language::English => english,
            Language::German => german,
        }
    }
}

/// The templates.
#[derive(Debug)]
pub struct Pages {
    environment: Environment<'static>,
    assets: String,
    app: String,
    form_post_policy: String,
}

impl Pages {
    /// Those that are built into the binary.
    pub fn new(assets: &str, app: &str) -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        for (name, source) in [
            ("layout.html", include_str!("../../../web/oauth/layout.html")),
            ("credentials.html", include_str!("../../../web/oauth/credentials.html")),
            ("sign-in.html", include_str!("../../../web/oauth/sign-in.html")),
            ("consent.html", include_str!("../../../web/oauth/consent.html")),
            ("device.html", include_str!("../../../web/oauth/device.html")),
            ("device-sign-in.html", include_str!("../../../web/oauth/device-sign-in.html")),
            ("device-confirm.html", include_str!("../../../web/oauth/device-confirm.html")),
            ("device-done.html", include_str!("../../../web/oauth/device-done.html")),
            ("problem.html", include_str!("../../../web/oauth/problem.html")),
            ("sign-out.html", include_str!("../../../web/oauth/sign-out.html")),
            ("form-post.html", include_str!("../../../web/oauth/form-post.html")),
        ] {
            if let Err(error) = environment.add_template(name, source) {
                tracing::error!(%error, name, "a page cannot be read");
            }
        }
        let hash = STANDARD.encode(sha256(FORM_POST_SCRIPT.as_bytes()));
        let form_post_policy = format!("{POLICY}; script-src 'sha256-{hash}'");
        Self { environment, assets: assets.to_owned(), app: app.to_owned(), form_post_policy }
    }

    /// A page.
    pub fn page(&self, name: &str, language: Language, values: Value) -> Response {
        let whole = context! { lang => language.tag(), assets => self.assets.clone(), app => self.app.clone(), ..values };
        let rendered = self.environment.get_template(name).and_then(|template| template.render(whole));
        match rendered {
            Ok(html) => {
                let mut response = Response::builder().content_type("text/html; charset=utf-8").body(html);
                response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
                response
            }
            Err(error) => {
                tracing::error!(%error, name, "a page cannot be made");
                Response::builder().status(StatusCode::INTERNAL_SERVER_ERROR).finish()
            }
        }
    }

    /// A page about what went wrong, with a way back where one is known, and with what the request is called in the log.
    pub fn problem(&self, stop: &Stop, incident: &str) -> Response {
        let (title, text) = stop.problem.words(stop.language);
        let back = stop.back.as_ref().map(|(place, name)| (place.as_str(), name.as_str()));
        let mut response = self.said((title, text), stop.language, back, incident);
        response.set_status(stop.problem.status());
        if let Some(wait) = stop.wait {
            response.headers_mut().insert(RETRY_AFTER, wait.seconds().into());
        }
        response.set_data(stop.problem.code());
        response.set_data(HtmlError);
        response
    }

    /// A page that says something, with a way back where one is known.
    pub fn message(
        &self,
        title: &str,
        text: &str,
        language: Language,
        back: Option<(&str, &str)>,
    ) -> Response {
        self.said((title, text), language, back, "")
    }

    fn said(
        &self,
        (title, text): (&str, &str),
        language: Language,
        back: Option<(&str, &str)>,
        incident: &str,
    ) -> Response {
        let (back, name) = back.unwrap_or_default();
        let back_text = match language {
            Language::English => format!("Go back to {name}"),
            Language::German => format!("Zurück zu {name}"),
        };
        self.page("problem.html", language, context! { title, text, back, back_text, incident })
    }

    /// A form that carries an answer to the client.
    pub fn form_post(&self, place: &str, pairs: &[(&str, &str)], language: Language) -> Response {
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(name, value)| Value::from(vec![(*name).to_owned(), (*value).to_owned()]))
            .collect();
        let mut response = self.page("form-post.html", language, context! { place, pairs });
        if let Ok(policy) = HeaderValue::try_from(self.form_post_policy.as_str()) {
            response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
        }
        response
    }

    /// On to another place, by GET whatever this was (RFC 9700 section 4.12).
    pub fn see_other(&self, place: &str, language: Language) -> Response {
        let Ok(place) = HeaderValue::try_from(place) else {
            return self.problem(&Stop::of(Problem::WrongPlace, language), "");
        };
        let mut response = Response::builder().status(StatusCode::SEE_OTHER).finish();
        response.headers_mut().insert(LOCATION, place);
        response
    }
}
