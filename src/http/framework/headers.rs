//! What headers say, judged by their bytes.
//! In: values that anybody sent. Out: text.
//! Owns: a byte that is not ASCII spoils neither a header nor what else it says: browsers send UTF-8, and Latin-1 too.

use std::borrow::Cow;

use poem::http::header::{ACCEPT, HeaderValue};
use poem::http::{HeaderMap, HeaderName};

/// What a value says. Bytes that are not UTF-8 become U+FFFD, so that they equal nothing of ours.
pub fn text(value: &HeaderValue) -> Cow<'_, str> {
    String::from_utf8_lossy(value.as_bytes())
}

/// What the first header of this name says.
pub fn first<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Cow<'a, str>> {
    headers.get(name).map(text)
}

/// Whether `Accept` names a media type; preferences are not weighed.
pub fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    headers.get_all(ACCEPT).iter().any(|value| text(value).contains(media_type))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_reads_past_bytes_that_are_not_ascii() {
        for (value, expected) in [
            (&b"text/html"[..], true),
            (b"text/x; q=\xff, text/html", true),
            ("text/x; name=\"\u{eb}\", text/html".as_bytes(), true),
            (b"text/\xffhtml", false),
            (b"", false),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_bytes(value).unwrap())]);
            assert_eq!(accepts(&headers, "text/html"), expected, "{value:?}");
        }
    }
}
