//! A recorded exchange.

use std::path::Path;

use serde_json::Value;

/// A request and the answer that the real Better Auth gave.
pub struct Capture {
    pub method: String,
    pub path: String,
    pub request_headers: Vec<(String, String)>,
    pub request_body: Option<String>,
    pub status: u16,
    response_headers: Vec<(String, String)>,
    pub body: String,
}

impl Capture {
    /// Reads a file: `#` remarks, `>` request lines, then the raw response.
    pub fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap().replace("\r\n", "\n");
        let request: Vec<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix('>'))
            .map(|line| line.strip_prefix(' ').unwrap_or(line))
            .collect();
        let (method, target) = request[0].split_once(' ').unwrap();
        let end = request.iter().position(|line| line.is_empty()).unwrap_or(request.len());
        let request_headers = request[1..end].iter().filter_map(|line| split(line)).collect();
        let request_body = (end < request.len()).then(|| request[end + 1..].join("\n"));
        let response = &text[text.find("HTTP/1.1 ").unwrap()..];
        let (head, body) = response.split_once("\n\n").unwrap_or((response, ""));
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        Self {
            method: method.to_owned(),
            path: target.to_owned(),
            request_headers,
            request_body,
            status,
            response_headers: lines.filter_map(split).collect(),
            body: body.trim().to_owned(),
        }
    }

    /// The recorded answer as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The first recorded header of this name.
    pub fn header(&self, name: &str) -> Option<String> {
        self.headers(name).into_iter().next()
    }

    /// All recorded headers of this name.
    pub fn headers(&self, name: &str) -> Vec<String> {
        let wanted = self.response_headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        wanted.map(|(_, value)| value.clone()).collect()
    }

    /// A header of the request.
    pub fn request_header(&self, name: &str) -> Option<&str> {
        self.request_headers
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// `Name: value`; a remark in brackets is not one.
fn split(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once(": ")?;
    (!line.starts_with('(')).then(|| (name.to_owned(), value.trim().to_owned()))
}
