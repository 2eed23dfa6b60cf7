//! How a document came, where it came otherwise than asked for.
//! In: the header and the bytes of an answer. Out: the document as its issuer means it.
//! Owns: a document is bounded by what it becomes, and not by what was sent.

use std::io::Read;

use flate2::read::MultiGzDecoder;
use hyper::header::{CONTENT_ENCODING, HeaderMap, HeaderValue};

use super::fetch::Error;

/// U+FEFF in UTF-8: what some editors put before a text. A reader of JSON may ignore it (RFC 8259 section 8.1).
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// How much of the name of a coding is repeated.
const MAX_NAME: usize = 40;

/// The content coding of an answer (RFC 9110 section 8.4). Only `identity` is asked for, but there are servers that
/// do not look at what is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// As it is.
    Identity,
    /// RFC 1952.
    Gzip,
}

impl Coding {
    /// The coding that the header names.
    ///
    /// # Errors
    /// [`Error::Coding`] for one that is not read here.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Error> {
        let lines = headers.get_all(CONTENT_ENCODING).iter().map(HeaderValue::as_bytes);
        let codings: Vec<String> = lines
            .flat_map(|line| line.split(|byte| *byte == b','))
            .map(|coding| String::from_utf8_lossy(coding.trim_ascii()).to_ascii_lowercase())
            .filter(|coding| !coding.is_empty() && coding != "identity")
            .collect();
        match codings.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            [] => Ok(Self::Identity),
            ["gzip" | "x-gzip"] => Ok(Self::Gzip),
            _ => Err(Error::Coding(codings.join(", ").chars().take(MAX_NAME).collect())),
        }
    }

    /// The document, of at most `limit` bytes, in what was sent.
    ///
    /// # Errors
    /// [`Error::TooLarge`], and [`Error::Unreachable`] for a file of gzip that is broken.
    pub(super) fn document(self, sent: &[u8], limit: usize) -> Result<Vec<u8>, Error> {
        let document = match self {
            Self::Identity => sent.to_vec(),
            Self::Gzip => unzipped(sent, limit)?,
        };
        match document.strip_prefix(BYTE_ORDER_MARK) {
            Some(unmarked) => Ok(unmarked.to_vec()),
            None => Ok(document),
        }
    }
}

fn unzipped(sent: &[u8], limit: usize) -> Result<Vec<u8>, Error> {
    let mut document = Vec::new();
    let read = MultiGzDecoder::new(sent).take(limit as u64 + 1).read_to_end(&mut document);
    match read {
        Ok(_) if document.len() > limit => Err(Error::TooLarge(limit)),
        Ok(_) => Ok(document),
        Err(error) => Err(Error::Unreachable(format!("the gzip file is broken: {error}"))),
    }
}
