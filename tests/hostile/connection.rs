//! A client that sends whatever bytes it is given; those of others refuse to.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// Zero when the server hung up without one.
    pub status: u16,
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON; null where there is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The code of an error, if it has one.
    pub fn code(&self) -> Option<String> {
        (self.status >= 400).then(|| self.json()["code"].as_str().map(str::to_owned)).flatten()
    }

    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// A connection to a server, made anew whenever the server closes it.
pub struct Connection {
    address: String,
    stream: Option<TcpStream>,
}

/// Longer than any answer takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

impl Connection {
    pub fn new(base_url: &str) -> Self {
        Self { address: base_url.trim_start_matches("http://").to_owned(), stream: None }
    }

    /// Sends a request and reads its answer. A connection that the server has closed meanwhile is no answer.
    pub async fn send(&mut self, request: &[u8]) -> Answer {
        for _ in 0..3 {
            let stream = match self.stream.take() {
                Some(stream) => stream,
                None => TcpStream::connect(&self.address).await.unwrap(),
            };
            let answered = timeout(PATIENCE, exchange(stream, request)).await.expect("an answer in time");
            if let Some((answer, stream)) = answered {
                let closes = answer.headers.get("connection").is_some_and(|value| value == "close");
                self.stream = stream.filter(|_| !closes);
                return answer;
            }
        }
        Answer { status: 0, headers: HashMap::new(), body: Vec::new() }
    }
}

/// None when the server hung up; the stream comes back unless the answer ended with it.
async fn exchange(mut stream: TcpStream, request: &[u8]) -> Option<(Answer, Option<TcpStream>)> {
    // The server may answer, and hang up, before it has read all of a request that it refuses.
    let (mut read, mut write) = stream.split();
    let (_, answered) = tokio::join!(write.write_all(request), async {
        let mut bytes = Vec::new();
        let end = loop {
            if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break end;
            }
            fill(&mut read, &mut bytes).await?;
        };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut body = bytes.split_off(end + 4);
        let mut lines = head.split("\r\n");
        let status: u16 = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let named =
            |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
        let headers: HashMap<_, _> = lines.filter_map(named).collect();
        let length = headers.get("content-length").map(|length| length.parse::<usize>().unwrap());
        match length {
            Some(length) => {
                while body.len() < length {
                    fill(&mut read, &mut body).await?;
                }
            }
            None if matches!(status, 204 | 304) => {}
            None => while fill(&mut read, &mut body).await.is_some() {},
        }
        let ends = length.is_none() && !matches!(status, 204 | 304);
        Some((Answer { status, headers, body }, ends))
    });
    let (answer, ends) = answered?;
    Some((answer, (!ends).then_some(stream)))
}

async fn fill(read: &mut (impl AsyncReadExt + Unpin), bytes: &mut Vec<u8>) -> Option<()> {
    let count = read.read_buf(bytes).await.ok()?;
    (count > 0).then_some(())
}
