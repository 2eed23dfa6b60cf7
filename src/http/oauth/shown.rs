//! What a browser gets from an operation: a page of ours, or the way on.

use std::marker::PhantomData;

use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaResponse, MetaResponses, Registry};

use crate::http::framework::answer::page;

/// How the OpenAPI document describes both.
pub trait Ways {
    /// The page, status 200.
    const PAGE: &'static str;
    /// Where a redirect leads, status 303.
    const ON: &'static str;
}

/// A page, or the way on.
pub struct Shown<W>(Response, PhantomData<W>);

impl<W> From<Response> for Shown<W> {
    fn from(response: Response) -> Self {
        Self(response, PhantomData)
    }
}

impl<W: Send> IntoResponse for Shown<W> {
    fn into_response(self) -> Response {
        self.0
    }
}

impl<W: Ways> ApiResponse for Shown<W> {
    fn meta() -> MetaResponses {
        let described = |status, description, content| MetaResponse {
            description,
            status: Some(status),
            status_range: None,
            content,
            headers: Vec::new(),
        };
        MetaResponses {
            responses: vec![described(200, W::PAGE, vec![page()]), described(303, W::ON, Vec::new())],
        }
    }

    fn register(_: &mut Registry) {}
}
