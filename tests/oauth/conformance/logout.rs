//! RP-initiated logout, module by module.

use super::*;

impl Party {
    /// A browser in which the user is signed in, and the ID token of that.
    async fn hint(&mut self) -> String {
        self.tokens(&[]).await["id_token"].as_str().unwrap().to_owned()
    }

    /// Where the browser ends that asks to be signed out so.
    async fn end_session(&mut self, parameters: &[(&'static str, &str)]) -> Page {
        let url = self.endpoint("end-session", &form(parameters));
        self.agent.open(&url).await
    }

    /// Whether the user is signed in at the provider still.
    async fn is_signed_in(&mut self) -> bool {
        let page = self.ask(&[("prompt", Some("none"))]).await;
        self.assert_answer(&page);
        page.parameter("code").is_some()
    }

    /// Asserts a page of ours, not an address of the party.
    #[track_caller]
    fn assert_stays(&self, page: &Page) {
        assert!(page.url.as_str().starts_with(&self.issuer), "{}", page.url);
        assert!(page.status == 200 || page.status == 400, "{} {}", page.status, page.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn logout_with_a_hint_signs_out_and_goes_back_with_the_state() {
    let mut party = Party::start().await;
    let hint = party.hint().await;
    assert!(party.is_signed_in().await);
    let asked =
        [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", SIGNED_OUT), ("state", STATE)];
    let page = party.end_session(&asked).await;
    assert!(page.url.as_str().starts_with(SIGNED_OUT), "{} {}", page.url, page.text);
    assert_eq!(page.parameter("state").as_deref(), Some(STATE));
    assert!(!party.is_signed_in().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn logout_without_a_state_goes_back_without_one() {
    let mut party = Party::start().await;
    let hint = party.hint().await;
    let page = party.end_session(&[("id_token_hint", &hint), ("post_logout_redirect_uri", SIGNED_OUT)]).await;
    assert_eq!(page.url.as_str(), SIGNED_OUT);
}

#[tokio::test(flavor = "multi_thread")]
async fn logout_without_an_address_to_go_back_to_ends_on_a_page() {
    let mut party = Party::start().await;
    let hint = party.hint().await;
    let page = party.end_session(&[("id_token_hint", &hint)]).await;
    party.assert_stays(&page);
    assert!(!party.is_signed_in().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn logout_without_a_hint_asks_first() {
    let mut party = Party::start().await;
    party.hint().await;
    for asked in
        [&[][..], &[("state", STATE)], &[("post_logout_redirect_uri", SIGNED_OUT), ("client_id", "party")]]
    {
        let page = party.end_session(asked).await;
        party.assert_stays(&page);
        assert!(party.is_signed_in().await, "nothing is done until a button is pressed: {asked:?}");
    }
    let page = party.end_session(&[]).await;
    let form = page.document.forms.first().unwrap_or_else(|| panic!("a form: {}", page.text)).clone();
    let page = party.agent.submit(&page, &form, "").await;
    party.assert_stays(&page);
    assert!(!party.is_signed_in().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn logout_goes_back_to_no_address_that_is_not_registered() {
    let mut party = Party::start().await;
    for uri in [
        "https://app.example/signed-out?foo=bar",
        "https://app.example/",
        "https://evil.example/signed-out",
        REDIRECT_URI,
    ] {
        party.agent = Party::browser();
        let hint = party.hint().await;
        let page = party
            .end_session(&[("id_token_hint", &hint), ("post_logout_redirect_uri", uri), ("state", STATE)])
            .await;
        party.assert_stays(&page);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn logout_believes_no_hint_that_was_changed_or_is_none() {
    let mut party = Party::start().await;
    let hint = party.hint().await;
    let (signed, signature) = hint.rsplit_once('.').unwrap();
    let reversed: String = signature.chars().rev().collect();
    for wrong in [format!("{signed}.{reversed}"), format!("{signed}."), "no token".to_owned()] {
        let page =
            party.end_session(&[("id_token_hint", &wrong), ("post_logout_redirect_uri", SIGNED_OUT)]).await;
        party.assert_stays(&page);
        assert!(party.is_signed_in().await, "{wrong}");
    }
}
