//! Requests of OAuth: forms, and answers that are redirects.

use std::fmt::Write;

/// A form that a client posts, with what it carries.
pub fn form(path: &str, pairs: &[(&str, &str)]) -> Vec<u8> {
    let body: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    let body = body.join("&");
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// A navigation with a cookie.
pub fn navigation(path: &str, cookie: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\naccept: text/html\r\ncookie: {cookie}\r\n\r\n")
        .into_bytes()
}

/// A text as a part of a form or a query.
pub fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte))
            }
            byte => write!(encoded, "%{byte:02X}").unwrap(),
        }
    }
    encoded
}
