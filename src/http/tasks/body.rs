//! The bodies of the tasks API.
//! In: a request. Out: its body, typed; or 422 that names every field that does not fit.

use poem::{Request, RequestBody, Result};
use poem_openapi::registry::{MetaRequest, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use crate::http::framework::body::{self, MediaTypes};
use crate::http::framework::code::Api;
use crate::http::framework::fields::FromFields;

/// The body of a request to the tasks API.
pub struct TaskBody<T>(pub T);

impl<'a, T: FromFields> ApiExtractor<'a> for TaskBody<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(body::described::<T>())
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<Self::ParamType>,
    ) -> Result<Self> {
        let document = body::read(request, body, Api::Tasks, MediaTypes::Json).await?;
        Ok(Self(body::typed(document, Api::Tasks, &["record"])?))
    }
}
