//! Apache with Debian's mod_auth_openidc signs people in.

use serde_json::json;

use super::issuer_of;
use crate::support::agent::Agent;
use crate::support::apache::Apache;
use crate::support::{TestApp, free_port};

const SECRET: &str = "GlBeN0sD5Q5X9WwVnxHz7iQkqE8gQb4ZB1rWk4Ks0mA=";

#[tokio::test]
async fn apache_with_mod_auth_openidc_signs_people_in_and_out_on_rs256() {
    let port = free_port();
    let declared = json!({ "clients": [{
        "client_id": "apache", "client_secret": SECRET, "client_name": "Intranet",
        "redirect_uris": [format!("http://localhost:{port}/oidc/callback")],
        "post_logout_redirect_uris": [format!("http://localhost:{port}/goodbye/")],
    }] });
    let app = TestApp::builder().provisioned(&declared).start().await;
    let ada = app.signed_up("ada").await;
    let Some(apache) = Apache::start(port, &issuer_of(&app), "apache", SECRET) else { return };
    let mut agent = Agent::new();
    let page = agent.sign_in_at(&format!("{}/private/", apache.base_url), "ada@example.com").await;
    assert!(page.shows("the private page"), "{} {}\n{}\n{}", page.status, page.url, page.text, apache.log());
    let said = |name: &str| page.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    assert_eq!(said("x-user").as_deref(), Some("ada@example.com"));
    assert_eq!(said("x-subject").as_deref(), Some(ada.id.as_str()));
    // Signed in here already: nothing is asked.
    agent.cookies.forget("mod_auth_openidc_session");
    let again = agent.open(&format!("{}/private/", apache.base_url)).await;
    assert!(again.shows("the private page"), "{}\n{}", again.text, apache.log());

    let goodbye = format!("{}/goodbye/", apache.base_url);
    let encoded: String = url::form_urlencoded::byte_serialize(goodbye.as_bytes()).collect();
    let page = agent.open(&format!("{}/oidc/callback?logout={encoded}", apache.base_url)).await;
    assert!(page.shows("the goodbye page"), "{} {}\n{}\n{}", page.status, page.url, page.text, apache.log());
    let page = agent.open(&format!("{}/private/", apache.base_url)).await;
    assert!(page.find_form("password").is_some(), "signed out: {}", page.text);
}
