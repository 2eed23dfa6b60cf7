//! What every API here is built from, over poem and poem-openapi.
//! In: requests. Out: answers in one shape, described for the OpenAPI documents; and the layers around all routes.

pub mod answer;
pub mod body;
pub mod bounds;
pub mod client_address;
pub mod code;
pub mod cors;
pub mod error;
pub mod fields;
pub mod headers;
pub mod layers;
pub mod operations;
pub mod query;
pub mod redirect;
pub mod request_log;
pub mod secret_field;
pub mod shares;
pub mod static_document;
pub mod text;
pub mod timestamp_field;
pub mod traces;
