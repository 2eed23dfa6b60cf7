//! Asks for things over HTTP/1.1 on connections of its own, as cheaply as that can be done.
//! In: requests, written once. Out: the status and the body of each answer.
//! Owns: the asking side costs the same whatever is asked for, so that servers and not clients are compared.

use std::borrow::Cow;
use std::io::{Error, ErrorKind};
use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A request without a body.
pub fn get(path: &str, bearer: Option<&str>) -> Vec<u8> {
    request("GET", path, bearer, None)
}

/// A request with a JSON body.
pub fn post(path: &str, bearer: Option<&str>, body: &Value) -> Vec<u8> {
    request("POST", path, bearer, Some(body))
}

/// Any request.
pub fn request(method: &str, path: &str, bearer: Option<&str>, body: Option<&Value>) -> Vec<u8> {
    let authorization = bearer.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    let (described, body) = match body {
        Some(body) => {
            let body = body.to_string();
            (format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len()), body)
        }
        None => (String::new(), String::new()),
    };
    format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n{authorization}{described}\r\n{body}")
        .into_bytes()
}

/// An answer, as long as the connection is not used again.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// The status.
    pub status: u16,
    head: &'a [u8],
    body: &'a [u8],
    chunked: bool,
}

impl Answer<'_> {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        let mut body = Cow::Borrowed(self.body);
        if self.chunked {
            let mut joined = Vec::with_capacity(self.body.len());
            chunks(self.body, |chunk| joined.extend_from_slice(chunk));
            body = Cow::Owned(joined);
        }
        serde_json::from_slice(&body).unwrap_or(Value::Null)
    }

    /// A header, by its name in small letters.
    pub fn header(&self, name: &str) -> Option<&str> {
        let head = std::str::from_utf8(self.head).ok()?;
        head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// A connection that stays open.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// When no server listens.
    pub async fn open(address: SocketAddr) -> Result<Self, Error> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; 64 * 1024] })
    }

    /// Sends a request and reads its whole answer.
    ///
    /// # Errors
    /// When the connection breaks, or the answer is not of the kind that our servers give.
    pub async fn ask(&mut self, request: &[u8]) -> Result<Answer<'_>, Error> {
        self.stream.write_all(request).await?;
        let (mut filled, mut framed) = (0, None);
        loop {
            if let Some((head, framing)) = framed
                && let Some(length) = body_length(&self.buffer[head..filled], framing)
            {
                let status = std::str::from_utf8(&self.buffer[9..12]).ok().and_then(|text| text.parse().ok());
                let status = status.ok_or(ErrorKind::InvalidData)?;
                let (head, body) = (&self.buffer[..head], &self.buffer[head..head + length]);
                return Ok(Answer { status, head, body, chunked: framing.is_none() });
            }
            if filled == self.buffer.len() {
                self.buffer.resize(filled * 2, 0);
            }
            let read = self.stream.read(&mut self.buffer[filled..]).await?;
            if read == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            filled += read;
            if framed.is_none() {
                framed = framing(&self.buffer[..filled]);
            }
        }
    }
}

/// The lengths of head and body, once the head is there; a body in chunks tells its length at its end.
fn framing(bytes: &[u8]) -> Option<(usize, Option<usize>)> {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    if value(&bytes[..head], b"\r\ntransfer-encoding: ").is_some() {
        return Some((head, None));
    }
    let length = value(&bytes[..head], b"\r\ncontent-length: ").map_or(0, |value| {
        let digits = value.iter().take_while(|byte| byte.is_ascii_digit());
        digits.fold(0, |length, digit| length * 10 + usize::from(digit - b'0'))
    });
    Some((head, Some(length)))
}

/// What follows a name in a head.
fn value<'a>(head: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let at = head
        .windows(name.len())
        .position(|window| window[0] == name[0] && window.eq_ignore_ascii_case(name))?;
    Some(&head[at + name.len()..])
}

/// How long the body is that `bytes` begins with, once all of it is there.
fn body_length(bytes: &[u8], framing: Option<usize>) -> Option<usize> {
    match framing {
        Some(length) => (bytes.len() >= length).then_some(length),
        None => chunks(bytes, |_| ()),
    }
}

/// Hands out each chunk of a body without trailers. The length of it all, once all of it is there.
fn chunks(bytes: &[u8], mut each: impl FnMut(&[u8])) -> Option<usize> {
    let mut at = 0;
    loop {
        let line = bytes[at..].windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(&bytes[at..at + line]).ok()?;
        let (begin, size) = (at + line + 2, usize::from_str_radix(size, 16).ok()?);
        at = begin + size + 2;
        if at > bytes.len() {
            return None;
        }
        if size == 0 {
            return Some(at);
        }
        each(&bytes[begin..begin + size]);
    }
}
