//! The web app: the pages on which people sign up, sign in, find their tasks and look after their account.
//! In: the files of `web/`, built into the binary. Out: a page per path, and its parts below a name that changes with
//! them.
//! Owns: a page runs our own scripts alone, asks no other host, and is served only where the API that it needs is.

mod modules;

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use minijinja::HtmlEscape;
use poem::error::NotFoundError;
use poem::http::header::{CONTENT_SECURITY_POLICY, HeaderName};
use poem::http::{Method, StatusCode};
use poem::web::Redirect;
use poem::{Endpoint, Request, Response, Result, Route};
use rust_embed::Embed;
use signet_verify::crypto::Sha256;

use crate::http::framework::code::Code;
use crate::http::framework::headers;
use crate::http::framework::layers::HtmlError;
use crate::http::framework::static_document::{REVALIDATED, StaticDocument};
use crate::http::routes::mount;

/// What every page has around it.
const LAYOUT: &str = include_str!("../../../web/layout.html");

/// Styles, scripts and the mark.
#[derive(Embed)]
#[folder = "web/assets"]
struct Assets;

/// A page of the app.
struct Page {
    /// What its script is called.
    name: &'static str,
    /// What its style sheet is called.
    style: &'static str,
    title: &'static str,
    main: &'static str,
    /// Whether only people who are signed in have something to see here.
    for_members: bool,
}

const HOME: Page = Page {
    name: "home",
    style: "home",
    title: "{{app}}: sign in once, prove it anywhere",
    main: include_str!("../../../web/pages/home.html"),
    for_members: false,
};
const SIGN_UP: Page = Page {
    name: "sign-up",
    style: "entry",
    title: "Create an account · {{app}}",
    main: include_str!("../../../web/pages/sign-up.html"),
    for_members: false,
};
const SIGN_IN: Page = Page {
    name: "sign-in",
    style: "entry",
    title: "Sign in · {{app}}",
    main: include_str!("../../../web/pages/sign-in.html"),
    for_members: false,
};
const FORGOT_PASSWORD: Page = Page {
    name: "forgot-password",
    style: "entry",
    title: "Forgot your password? · {{app}}",
    main: include_str!("../../../web/pages/forgot-password.html"),
    for_members: false,
};
const RESET_PASSWORD: Page = Page {
    name: "reset-password",
    style: "entry",
    title: "Choose a password · {{app}}",
    main: include_str!("../../../web/pages/reset-password.html"),
    for_members: false,
};
const VERIFY_EMAIL: Page = Page {
    name: "verify-email",
    style: "entry",
    title: "Confirm your address · {{app}}",
    main: include_str!("../../../web/pages/verify-email.html"),
    for_members: false,
};
const DELETE_ACCOUNT: Page = Page {
    name: "delete-account",
    style: "entry",
    title: "Delete your account · {{app}}",
    main: include_str!("../../../web/pages/delete-account.html"),
    for_members: true,
};
const TASKS: Page = Page {
    name: "tasks",
    style: "tasks",
    title: "Tasks · {{app}}",
    main: include_str!("../../../web/pages/tasks.html"),
    for_members: true,
};
const ACCOUNT: Page = Page {
    name: "account",
    style: "account",
    title: "Account · {{app}}",
    main: include_str!("../../../web/pages/account.html"),
    for_members: true,
};
const NOT_FOUND: Page = Page {
    name: "not-found",
    style: "home",
    title: "Not found · {{app}}",
    main: include_str!("../../../web/pages/not-found.html"),
    for_members: false,
};

/// The pages for people who are signed in; after signing in they begin at the first.
const ALL_FOR_MEMBERS: &str = "/tasks /account /delete-account";
/// The same, without those of tasks.
const ACCOUNT_FOR_MEMBERS: &str = "/account /delete-account";

/// What pages may do: run our scripts, show our styles and pictures, call our API. No markup is made from text
/// (Trusted Types), and a form that a script did not take over goes nowhere: a password must not end in an address.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";

/// The same, for a page whose form works without its script: it goes to the page itself, by POST.
const POLICY_WITH_FORM: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                                connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
                                require-trusted-types-for 'script'; trusted-types 'none'";

/// Parts are kept for a year: what changes has another name.
const FOREVER: &str = "public, max-age=31536000, immutable";

const OPENER: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const SHARING: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// The app of a process.
#[derive(Clone, Debug)]
pub struct Web {
    assets: Arc<HashMap<String, StaticDocument>>,
    version: String,
    /// What people read as its name, as markup.
    app_name: String,
    serves_tasks: bool,
    sends_mail: bool,
    shows_docs: bool,
}

impl Web {
    /// The app that is built into the binary, beside an identity service of this name.
    pub fn embedded(app_name: &str) -> Self {
        let mut paths: Vec<_> = Assets::iter().collect();
        paths.sort();
        let mut assets = HashMap::new();
        let mut version = Sha256::new();
        for path in paths {
            let Some(file) = Assets::get(&path) else { continue };
            version.update(path.as_bytes());
            version.update(&file.metadata.sha256_hash());
            let body = match file.data {
                std::borrow::Cow::Borrowed(bytes) => Bytes::from_static(bytes),
                std::borrow::Cow::Owned(bytes) => Bytes::from(bytes),
            };
            let document = StaticDocument::new(media_type(&path), body).with_header(SHARING, "same-origin");
            assets.insert(path.into_owned(), document);
        }
        let version = URL_SAFE_NO_PAD.encode(&version.finish()[..9]);
        Self {
            assets: Arc::new(assets),
            version,
            app_name: HtmlEscape(app_name).to_string(),
            serves_tasks: false,
            sends_mail: false,
            shows_docs: false,
        }
    }

    /// The same app, with the page of the tasks API that this process serves.
    #[must_use]
    pub fn with_tasks(self) -> Self {
        Self { serves_tasks: true, ..self }
    }

    /// The same app, with what needs an identity service that sends mail.
    #[must_use]
    pub fn with_mail(self) -> Self {
        Self { sends_mail: true, ..self }
    }

    /// The same app, with links to the page on which people try the APIs.
    #[must_use]
    pub fn with_docs(self) -> Self {
        Self { shows_docs: true, ..self }
    }

    /// The page that a browser gets with a 404.
    pub fn not_found(&self) -> StaticDocument {
        self.page(&NOT_FOUND)
    }

    /// The page on which users sign in who come by themselves.
    pub fn sign_in_page(&self) -> StaticDocument {
        self.page(&SIGN_IN)
    }

    /// Where the parts of pages are.
    pub fn assets(&self) -> String {
        format!("/assets/{}", self.version)
    }

    /// What people read as its name, as markup.
    pub fn app_name(&self) -> &str {
        &self.app_name
    }

    /// Adds the pages and their parts, but for that of signing in, which others answer too.
    pub fn mount(&self, router: Route) -> Route {
        // Where password managers look (W3C, A Well-Known URL for Changing Passwords).
        let change_password = poem::endpoint::make_sync(|_| Redirect::see_other("/account#password"));
        let assets = AssetEndpoint { assets: self.assets.clone(), version: self.version.clone() };
        let router = mount(router, "/", self.page(&HOME));
        let router = mount(router, "/sign-up", self.page(&SIGN_UP));
        let router = mount(router, "/forgot-password", self.page(&FORGOT_PASSWORD));
        let router = mount(router, "/reset-password", self.page(&RESET_PASSWORD));
        let router = mount(router, "/verify-email", self.page(&VERIFY_EMAIL));
        let router = mount(router, "/delete-account", self.page(&DELETE_ACCOUNT));
        let router = mount(router, "/account", self.page(&ACCOUNT));
        let router = mount(router, "/.well-known/change-password", change_password);
        let router = mount(router, "/assets/{version}/{*path}", assets);
        if self.serves_tasks { mount(router, "/tasks", self.page(&TASKS)) } else { router }
    }

    /// What makes a browser ask for the modules of a page before it has read the first of them.
    fn preloads(&self, page: &str) -> String {
        let text_of = |path: &str| std::str::from_utf8(self.assets.get(path)?.body()).ok();
        let modules = modules::needed_by(&format!("js/pages/{page}.js"), text_of);
        let links = modules
            .iter()
            .map(|module| format!("<link rel=\"modulepreload\" href=\"/assets/{}/{module}\">", self.version));
        links.collect::<Vec<_>>().join("\n  ")
    }

    fn page(&self, page: &Page) -> StaticDocument {
        let assets = format!("/assets/{}", self.version);
        let html = LAYOUT.replace("{{main}}", page.main.trim_end());
        let parts = [
            ("tasks", self.serves_tasks),
            ("mail", self.sends_mail),
            ("no-mail", !self.sends_mail),
            ("docs", self.shows_docs),
        ];
        let html = parts.into_iter().fold(html, |html, (name, is_there)| {
            let (begin, end) = (format!("<!-- {name} -->"), format!("<!-- /{name} -->"));
            if is_there { html.replace(&begin, "").replace(&end, "") } else { without(&html, &begin, &end) }
        });
        let html = html
            .replace("{{title}}", page.title)
            .replace("{{name}}", page.name)
            .replace("{{style}}", page.style)
            .replace("{{preload}}", &self.preloads(page.name))
            .replace("{{assets}}", &assets)
            .replace("{{pages}}", if self.serves_tasks { ALL_FOR_MEMBERS } else { ACCOUNT_FOR_MEMBERS })
            .replace("{{who}}", if page.for_members { "member" } else { "guest" })
            .replace("{{version}}", env!("CARGO_PKG_VERSION"))
            // Last: nothing in a name is taken for one of the places above.
            .replace("{{app}}", &self.app_name);
        let policy = if page.name == SIGN_IN.name { POLICY_WITH_FORM } else { POLICY };
        StaticDocument::new("text/html; charset=utf-8", html)
            .with_header(CONTENT_SECURITY_POLICY, policy)
            .with_header(OPENER, "same-origin")
            .with_header(SHARING, "same-origin")
    }
}

/// A text without what stands between two marks, marks included.
fn without(text: &str, begin: &str, end: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(begin) {
        kept.push_str(before);
        rest = after.split_once(end).map_or("", |(_, after)| after);
    }
    kept + rest
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.') {
        Some((_, "css")) => "text/css; charset=utf-8",
        Some((_, "js")) => "text/javascript; charset=utf-8",
        Some((_, "svg")) => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

/// `/assets/{version}/{path}`.
struct AssetEndpoint {
    assets: Arc<HashMap<String, StaticDocument>>,
    version: String,
}

impl Endpoint for AssetEndpoint {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let path = request.raw_path_param("path").unwrap_or_default();
        let part = self.assets.get(path).ok_or(Code::NotFound)?;
        // While instances are being replaced, a page of one may ask another: it gets what there is, and asks again.
        let is_ours = request.raw_path_param("version") == Some(self.version.as_str());
        Ok(part.answer(request.headers(), if is_ours { FOREVER } else { REVALIDATED }))
    }
}

/// Answers a browser's 404 with `page`; programs get JSON.
pub fn show_not_found_page(answered: Result<Response>, page: &StaticDocument) -> Result<Response> {
    match answered {
        Err(error) if error.is::<NotFoundError>() => {
            let mut response = page.with_status(StatusCode::NOT_FOUND);
            response.set_data(Code::NotFound);
            response.set_data(HtmlError);
            Ok(response)
        }
        answered => answered,
    }
}

/// Whether a browser asks for a page.
pub fn accepts_html(request: &Request) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD)
        && headers::accepts(request.headers(), "text/html")
}
