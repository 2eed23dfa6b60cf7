//! A browser without script: it follows redirects, keeps cookies, and fills the forms that a page shows.
//! In: an address, and what a person would type. Out: the page that they end at.
//! Owns: what it sends with a navigation is what Chromium sends: `Accept`, `Origin`, `Sec-Fetch-*`, and cookies by SameSite.

mod cookies;
mod html;
mod signing_in;
mod tests;

use reqwest::header::{ACCEPT, CONTENT_TYPE, COOKIE, HeaderMap, LOCATION, ORIGIN};
use reqwest::{Client, StatusCode, redirect};
use url::Url;

pub use cookies::{Cookies, From};
pub use html::{Document, Form};

/// More redirects than any sign-in has.
const MOST_REDIRECTS: usize = 20;

/// One browser.
#[derive(Clone, Debug)]
pub struct Agent {
    client: Client,
    pub cookies: Cookies,
    /// What is not fetched, since it belongs to an application that does not run.
    stops: Vec<String>,
}

/// Where a navigation has ended.
#[derive(Clone, Debug)]
pub struct Page {
    pub url: Url,
    /// 0 for an address that was not fetched.
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
    pub document: Document,
}

struct Navigation {
    method: &'static str,
    url: Url,
    body: Option<String>,
    origin: Option<String>,
    from: From,
}

impl Default for Agent {
    fn default() -> Self {
        Self::new()
    }
}

impl Agent {
    pub fn new() -> Self {
        let client = Client::builder().redirect(redirect::Policy::none()).no_proxy().build().unwrap();
        Self { client, cookies: Cookies::default(), stops: Vec::new() }
    }

    /// A browser that goes no further than an address which begins like this: the redirect URI of a test.
    pub fn stopping_at(mut self, begin: &str) -> Self {
        self.stops.push(begin.to_owned());
        self
    }

    /// Types an address.
    pub async fn open(&mut self, url: &str) -> Page {
        let url = Url::parse(url).unwrap();
        self.navigate(Navigation { method: "GET", url, body: None, origin: None, from: From::SameSite }).await
    }

    /// Follows a link on a page.
    pub async fn follow(&mut self, page: &Page, words: &str) -> Page {
        let url = page.link(words);
        let from = relation(&page.url, &url);
        self.navigate(Navigation { method: "GET", url, body: None, origin: None, from }).await
    }

    /// Presses a button of a form: by its words, its name or its value; "" is the first one.
    pub async fn submit(&mut self, page: &Page, form: &Form, button: &str) -> Page {
        let pairs = form.pressed(button);
        self.send(page, form, pairs).await
    }

    /// Sends a form as a script does it, such as that of `response_mode=form_post`.
    pub async fn send_by_script(&mut self, page: &Page, form: &Form) -> Page {
        self.send(page, form, form.held()).await
    }

    async fn send(&mut self, page: &Page, form: &Form, pairs: Vec<(String, String)>) -> Page {
        let mut url = page.url.join(&form.action).unwrap();
        let encoded = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        let from = relation(&page.url, &url);
        if form.method == "get" {
            url.set_query(Some(&encoded));
            return self.navigate(Navigation { method: "GET", url, body: None, origin: None, from }).await;
        }
        // Fetch: a page that sends no referrer sends no origin with its forms either.
        let policy = page.headers.get("referrer-policy").map(|value| value.to_str().unwrap());
        let origin = if policy == Some("no-referrer") {
            "null".to_owned()
        } else {
            page.url.origin().ascii_serialization()
        };
        self.navigate(Navigation { method: "POST", url, body: Some(encoded), origin: Some(origin), from })
            .await
    }

    /// Posts pairs from a page of another site, as a form there does.
    pub async fn post_from_elsewhere(&mut self, url: &str, pairs: &[(&str, &str)]) -> Page {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        let origin = Some("https://elsewhere.example".to_owned());
        let url = Url::parse(url).unwrap();
        self.navigate(Navigation { method: "POST", url, body: Some(body), origin, from: From::CrossSite })
            .await
    }

    async fn navigate(&mut self, mut to: Navigation) -> Page {
        let begun = if to.origin.is_none() && to.from == From::SameSite { "none" } else { "" };
        for hop in 0..MOST_REDIRECTS {
            if self.stops.iter().any(|stop| to.url.as_str().starts_with(stop)) {
                return Page::not_fetched(to.url, to.body);
            }
            let site = match to.from {
                From::CrossSite => "cross-site",
                From::SameSite if hop == 0 && !begun.is_empty() => begun,
                From::SameSite => "same-origin",
            };
            let mut request = self.client.request(to.method.parse().unwrap(), to.url.clone());
            request = request
                .header(ACCEPT, "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
                .header("sec-fetch-mode", "navigate")
                .header("sec-fetch-dest", "document")
                .header("sec-fetch-site", site);
            if let Some(cookies) = self.cookies.header(&to.url, to.method, to.from) {
                request = request.header(COOKIE, cookies);
            }
            if let Some(origin) = &to.origin {
                request = request.header(ORIGIN, origin);
            }
            if let Some(body) = &to.body {
                request =
                    request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body.clone());
            }
            let response = request.send().await.unwrap_or_else(|error| panic!("{}: {error:?}", to.url));
            let (status, headers) = (response.status(), response.headers().clone());
            self.cookies.keep(&to.url, &headers);
            let Some(location) = headers.get(LOCATION).filter(|_| status.is_redirection()) else {
                return Page::fetched(to.url, status, headers, response.text().await.unwrap());
            };
            let next = to.url.join(location.to_str().unwrap()).unwrap();
            if relation(&to.url, &next) == From::CrossSite {
                to.from = From::CrossSite;
            }
            // Only 307 and 308 send the form once more (Fetch, HTTP-redirect fetch).
            if !matches!(status, StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT) {
                (to.method, to.body, to.origin) = ("GET", None, None);
            }
            to.url = next;
        }
        panic!("redirects without end: {}", to.url);
    }
}

/// Hosts of the tests are sites of their own; ports do not matter.
fn relation(from: &Url, to: &Url) -> From {
    let is_same = from.scheme() == to.scheme() && from.host_str() == to.host_str();
    if is_same { From::SameSite } else { From::CrossSite }
}

impl Page {
    fn fetched(url: Url, status: StatusCode, headers: HeaderMap, text: String) -> Self {
        let document = Document::read(&text);
        Self { url, status: status.as_u16(), headers, text, document }
    }

    /// An address that was not fetched, with the form that would have been sent there.
    fn not_fetched(url: Url, body: Option<String>) -> Self {
        let text = body.unwrap_or_default();
        Self { url, status: 0, headers: HeaderMap::new(), text, document: Document::default() }
    }

    /// The words that the page shows.
    pub fn words(&self) -> &str {
        &self.document.words
    }

    /// Whether the page shows these words, in whichever case.
    pub fn shows(&self, words: &str) -> bool {
        self.words().to_lowercase().contains(&words.to_lowercase())
    }

    /// The form that has a field of this name, or a button with these words, this name or this value.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    pub fn form(&self, has: &str) -> Form {
        self.find_form(has)
            .unwrap_or_else(|| panic!("no form with {has}: {} {}\n{}", self.status, self.url, self.text))
    }

    /// The same, if there is one.
    pub fn find_form(&self, has: &str) -> Option<Form> {
        let is_meant = |form: &&Form| {
            form.fields.iter().any(|field| field.name == has || field.label.eq_ignore_ascii_case(has))
                || form.buttons.iter().any(|button| {
                    button.words.eq_ignore_ascii_case(has) || button.name == has || button.value == has
                })
        };
        self.document.forms.iter().find(is_meant).cloned()
    }

    /// Where the link with these words leads.
    #[track_caller]
    pub fn link(&self, words: &str) -> Url {
        let link = self.document.links.iter().find(|(_, known)| known.eq_ignore_ascii_case(words));
        let (to, _) = link.unwrap_or_else(|| panic!("no link {words}: {}", self.text));
        self.url.join(to).unwrap()
    }

    /// A parameter of the address that was reached, or of the form that would have been posted to it.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let posted: Vec<(String, String)> =
            url::form_urlencoded::parse(self.text.as_bytes()).into_owned().collect();
        let posted = posted.into_iter().filter(|_| self.status == 0);
        self.url
            .query_pairs()
            .into_owned()
            .chain(posted)
            .find(|(known, _)| known == name)
            .map(|(_, value)| value)
    }
}
