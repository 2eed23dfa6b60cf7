//! Where a device without a browser begins (RFC 8628 section 3.1).

use std::sync::Arc;

use poem::Request;
use poem::web::Data;
use poem_openapi::{Object, OpenApi};
use serde::Serialize;

use super::client_authentication::authenticate;
use super::parameters::{Described, Form};
use super::service::{OAuth, Tag};
use crate::http::framework::answer::{Answer, Declared, refusals};
use crate::http::framework::client_address::ClientAddress;
use crate::http::framework::code::Code;
use crate::http::framework::error::ApiError;
use crate::http::framework::secret_field::TokenField;
use crate::model::device::{INTERVAL, LIFETIME};
use crate::oauth::AskedByDevice;
use crate::secret::OpaqueToken;
use crate::sync::rule::Rule;

/// How many devices of one address, and of one client wherever they are, may wait for their users: as many as begin within
/// the life of a code.
const OF_ADDRESS: &Rule = &Rule { name: "device-code", burst: 60, window: LIFETIME };
const OF_CLIENT: &Rule = &Rule { name: "device-code-client", burst: 6000, window: LIFETIME };

refusals!(
    /// Beginning on a device.
    DeviceRefusals of OAuth: 400, 401, 413, 415, 429, 500, 503
);

/// The form of a device.
#[derive(Debug)]
pub struct DeviceForm;

impl Described for DeviceForm {
    const PARAMETERS: &'static [(&'static str, &'static str, bool)] = &[
        ("scope", "What the device asks for.", true),
        ("resource", "Whom its access tokens are to be for (RFC 8707).", false),
        ("client_id", "The client, unless `Authorization: Basic` names it.", false),
        ("client_secret", "Its secret, with `client_secret_post`.", false),
        ("client_assertion_type", "With `private_key_jwt` (RFC 7523).", false),
        ("client_assertion", "The assertion, with `private_key_jwt`.", false),
    ];
}

/// What a device gets (RFC 8628 section 3.2).
#[derive(Serialize, Object)]
pub struct DeviceAnswer {
    /// What the device polls the token endpoint with.
    pub device_code: TokenField,
    /// What its user types, `XXXX-XXXX`.
    pub user_code: TokenField,
    /// Where.
    pub verification_uri: String,
    /// The same with the code in it, for a QR code or a link.
    pub verification_uri_complete: TokenField,
    /// Seconds until both codes are over.
    pub expires_in: u64,
    /// Seconds to wait between two polls.
    pub interval: u64,
}

impl std::fmt::Debug for DeviceAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DeviceAnswer(..)")
    }
}

/// The operation.
#[derive(Debug)]
pub struct DeviceApi;

#[OpenApi(prefix_path = "/api/auth/device")]
impl DeviceApi {
    /// Sign in on a device
    ///
    /// For devices without a browser: the device shows `user_code`, its user types it at `verification_uri` on another one, and
    /// meanwhile the device polls the token endpoint with `device_code`, every `interval` seconds.
    #[oai(path = "/code", method = "post", tag = "Tag::Authorization", operation_id = "deviceCode")]
    async fn code(
        &self,
        form: Form<DeviceForm>,
        request: &Request,
        oauth: Data<&Arc<OAuth>>,
    ) -> Result<Answer<DeviceAnswer>, Declared<DeviceRefusals>> {
        if request.uri().query().is_some_and(|query| !query.is_empty()) {
            return Err(Code::OAuthInvalidRequest.saying("parameters belong into the body").into());
        }
        let given = &form.0;
        let client = authenticate(&oauth, request, given).await?;
        let address = request.extensions().get::<ClientAddress>();
        let asked = AskedByDevice {
            scope: given.optional("scope")?,
            resources: given.repeated("resource")?,
            ip_address: address.map(ClientAddress::to_string).unwrap_or_default(),
        };
        let limited = |wait| ApiError::too_many_requests(wait).for_oauth();
        let subscriber = address.map(ClientAddress::subscriber).unwrap_or_default();
        oauth.limiter.attempt(OF_ADDRESS, &subscriber).await.map_err(limited)?;
        oauth.limiter.attempt(OF_CLIENT, client.id.as_str()).await.map_err(limited)?;
        let started = oauth.devices.start(&client, asked).await?;
        let (page, code) = (format!("{}/device", oauth.issuer), started.user_code.shown());
        let field = |text: String| TokenField::from(OpaqueToken::new(text));
        Ok(Answer::new(DeviceAnswer {
            device_code: field(started.device_code.expose().to_owned()),
            verification_uri_complete: field(format!("{page}?user_code={code}")),
            user_code: field(code),
            verification_uri: page,
            expires_in: LIFETIME.as_secs(),
            interval: INTERVAL.as_secs(),
        }))
    }
}
