//! What a person does on our pages when an application sends them there.

use super::{Agent, Page};
use crate::support::caller::PASSWORD;

impl Agent {
    /// Opens an address of an application, signs in where a page asks for a password, allows what a page asks to be
    /// allowed, and ends where no page of ours asks any more.
    pub async fn sign_in_at(&mut self, url: &str, email: &str) -> Page {
        let page = self.open(url).await;
        self.sign_in_on(page, email).await
    }

    /// The same, from a page that is open.
    pub async fn sign_in_on(&mut self, mut page: Page, email: &str) -> Page {
        for _ in 0..4 {
            page = if let Some(form) = page.find_form("password") {
                let form = form.fill("email", email).fill("password", PASSWORD);
                self.submit(&page, &form, "").await
            } else if let Some(form) = page.find_form("Allow") {
                self.submit(&page, &form, "Allow").await
            } else {
                return page;
            };
        }
        panic!("asked again and again: {}", page.text);
    }
}
