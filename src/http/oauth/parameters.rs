//! The parameters of OAuth, as pairs.
//! In: a form or a query. Out: each parameter, which is there once or not at all.
//! Owns: a parameter that is given twice is refused (RFC 6749 section 3.1); one without a value counts as not given.

use poem::http::header::CONTENT_TYPE;
use poem::{Request, RequestBody, Result};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use std::marker::PhantomData;
use zeroize::Zeroizing;

use crate::http::framework::body::unreadable;
use crate::http::framework::bounds::MAX_BODY_BYTES;
use crate::http::framework::code::Code;
use crate::http::framework::error::ApiError;
use crate::http::framework::headers;

/// The most pairs that are read.
const MAX_PAIRS: usize = 64;
/// The parameter that may repeat (RFC 8707 section 2).
const REPEATS: &str = "resource";
/// How often it may.
const MAX_REPEATED: usize = 8;

/// The parameters of one request. Not `Debug`: among them are codes, tokens and secrets.
pub struct Parameters(Vec<(String, Zeroizing<String>)>);

impl Parameters {
    /// The same, form-encoded, but for those named here.
    pub fn encoded_without(&self, left_out: &[&str]) -> String {
        let kept = self.0.iter().filter(|(name, _)| !left_out.contains(&name.as_str()));
        let pairs = kept.map(|(name, value)| (name.as_str(), value.as_str()));
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
    }

    /// Reads `application/x-www-form-urlencoded`, which is also the form of a query.
    ///
    /// # Errors
    /// `invalid_request` when there are too many.
    pub fn parse(text: &[u8]) -> Result<Self, ApiError> {
        let mut pairs = Vec::new();
        for (name, value) in url::form_urlencoded::parse(text) {
            if pairs.len() == MAX_PAIRS {
                return Err(Code::OAuthInvalidRequest.saying("there are too many parameters"));
            }
            pairs.push((name.into_owned(), Zeroizing::new(value.into_owned())));
        }
        Ok(Self(pairs))
    }

    /// A parameter that may be absent.
    ///
    /// # Errors
    /// `invalid_request` when it is given twice, or holds a control character.
    pub fn optional(&self, name: &'static str) -> Result<Option<&str>, ApiError> {
        let mut given = self.0.iter().filter(|(other, _)| other == name);
        let first = given.next();
        if given.next().is_some() {
            return Err(Code::OAuthInvalidRequest.saying(format!("{name} is given twice")));
        }
        let value = first.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty());
        if value.is_some_and(|value| value.chars().any(char::is_control)) {
            return Err(Code::OAuthInvalidRequest.saying(format!("{name} holds a control character")));
        }
        Ok(value)
    }

    /// A parameter that must be there.
    ///
    /// # Errors
    /// `invalid_request`.
    pub fn required(&self, name: &'static str) -> Result<&str, ApiError> {
        self.optional(name)?.ok_or_else(|| Code::OAuthInvalidRequest.saying(format!("{name} is missing")))
    }

    /// A parameter that may repeat, each value once.
    ///
    /// # Errors
    /// `invalid_request` when it repeats too often.
    pub fn repeated(&self, name: &'static str) -> Result<Vec<&str>, ApiError> {
        let mut values = Vec::new();
        for (_, value) in self.0.iter().filter(|(other, value)| other == name && !value.is_empty()) {
            if !values.contains(&value.as_str()) {
                values.push(value.as_str());
            }
        }
        if values.len() > MAX_REPEATED || values.iter().any(|value| value.chars().any(char::is_control)) {
            return Err(Code::OAuthInvalidRequest.saying(format!("{name} does not fit")));
        }
        Ok(values)
    }
}

/// What the OpenAPI document says of a form.
pub trait Described: Send + Sync + 'static {
    /// Its parameters: name, meaning, whether it must be there.
    const PARAMETERS: &'static [(&'static str, &'static str, bool)];
}

/// A token that a client shows, to have it looked at or to give it back.
#[derive(Debug)]
pub struct ShownToken;

impl Described for ShownToken {
    const PARAMETERS: &'static [(&'static str, &'static str, bool)] = &[
        ("token", "The token.", true),
        ("token_type_hint", "What the client takes it for; it does not matter.", false),
        ("client_id", "The client, unless `Authorization: Basic` names it.", false),
        ("client_secret", "Its secret, with `client_secret_post`.", false),
        ("client_assertion_type", "With `private_key_jwt` (RFC 7523).", false),
        ("client_assertion", "The assertion, with `private_key_jwt`.", false),
    ];
}

/// A form in the body of a POST.
pub struct Form<D>(pub Parameters, PhantomData<D>);

impl<D: Described> Form<D> {
    fn schema() -> MetaSchema {
        let text = |meaning: &'static str| {
            MetaSchemaRef::Inline(Box::new(MetaSchema {
                description: Some(meaning),
                ..MetaSchema::new("string")
            }))
        };
        MetaSchema {
            properties: D::PARAMETERS.iter().map(|(name, meaning, _)| (*name, text(meaning))).collect(),
            required: D::PARAMETERS.iter().filter(|(_, _, needed)| *needed).map(|(name, ..)| *name).collect(),
            ..MetaSchema::new("object")
        }
    }
}

/// Reads the form in the body of a request.
///
/// # Errors
/// `invalid_request`: 413 over the limit, 415 for another media type.
pub async fn read(request: &Request, body: &mut RequestBody) -> Result<Parameters, ApiError> {
    let bytes = match body.take() {
        Ok(body) => {
            let read = body.into_bytes_limit(MAX_BODY_BYTES).await.map_err(unreadable);
            Zeroizing::new(read.map_err(ApiError::for_oauth)?.to_vec())
        }
        Err(_) => Zeroizing::default(),
    };
    let media_type = headers::first(request.headers(), &CONTENT_TYPE).unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        let refused = Code::UnsupportedMediaType.saying("Send application/x-www-form-urlencoded");
        return Err(refused.for_oauth());
    }
    Parameters::parse(&bytes)
}

/// A form in the body of a POST that may have none.
pub struct OptionalForm<D>(pub Parameters, PhantomData<D>);

impl<'a, D: Described> ApiExtractor<'a> for OptionalForm<D> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(_: &mut Registry) {}

    fn request_meta() -> Option<MetaRequest> {
        Form::<D>::request_meta().map(|meta| MetaRequest { required: false, ..meta })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        options: ExtractParamOptions<Self::ParamType>,
    ) -> Result<Self> {
        if request.headers().get(CONTENT_TYPE).is_none() {
            return Ok(Self(Parameters(Vec::new()), PhantomData));
        }
        Ok(Self(Form::<D>::from_request(request, body, options).await?.0, PhantomData))
    }
}

impl<'a, D: Described> ApiExtractor<'a> for Form<D> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(_: &mut Registry) {}

    fn request_meta() -> Option<MetaRequest> {
        let content = vec![MetaMediaType {
            content_type: "application/x-www-form-urlencoded",
            schema: MetaSchemaRef::Inline(Box::new(Self::schema())),
        }];
        Some(MetaRequest { description: None, content, required: true })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<Self::ParamType>,
    ) -> Result<Self> {
        let parameters = read(request, body).await?;
        // Also those that this request has no use for; what nobody knows is ignored (RFC 6749 section 3.2).
        for (name, ..) in D::PARAMETERS.iter().filter(|(name, ..)| *name != REPEATS) {
            parameters.optional(name)?;
        }
        Ok(Self(parameters, PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(text: &str) -> Parameters {
        Parameters::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn optional_refuses_what_is_given_twice_and_takes_empty_for_absent() {
        let given = parameters("a=1&b=2&b=2&c=&d=x%0A");
        assert_eq!(given.optional("a").unwrap(), Some("1"));
        assert!(given.optional("b").is_err() && given.optional("d").is_err());
        assert_eq!((given.optional("c").unwrap(), given.optional("e").unwrap()), (None, None));
        assert!(given.required("c").is_err());
    }

    #[test]
    fn repeated_answers_each_value_once() {
        assert_eq!(parameters("r=1&r=2&r=1&r=").repeated("r").unwrap(), ["1", "2"]);
    }

    #[test]
    fn parse_reads_no_more_pairs_than_it_may() {
        assert!(Parameters::parse("a=1&".repeat(MAX_PAIRS).as_bytes()).is_ok());
        assert!(Parameters::parse("a=1&".repeat(MAX_PAIRS + 1).as_bytes()).is_err());
    }
}
