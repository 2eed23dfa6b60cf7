//! A small HTTP server that publishes a key set, counts who asks, and can be told to misbehave.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use signet_verify::jose::jwk::KeySet;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// How the server answers.
#[derive(Clone, Debug)]
pub enum Answer {
    /// 200 with this document, these header lines, and 304 to whoever has this ETag.
    Document { body: Vec<u8>, etag: Option<String>, headers: String },
    /// These bytes and no others.
    Raw(Vec<u8>),
    /// 200 and a body that never ends.
    Endless,
    /// 200 and a body of which one byte comes every 20 ms.
    Trickle,
    /// Nothing, for ever.
    Hang,
    /// The connection is reset.
    Reset,
}

#[derive(Debug)]
struct Shared {
    answer: Mutex<Answer>,
    fetches: AtomicUsize,
    not_modified: AtomicUsize,
    bytes_sent: AtomicUsize,
    last_request: Mutex<String>,
}

/// The running server; it ends with the test.
#[derive(Clone, Debug)]
pub struct Origin {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Origin {
    /// A server that gives `answer`.
    pub async fn answering(answer: Answer) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        // Else the kernel would take megabytes that are never read.
        socket.set_send_buffer_size(64 * 1024).unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let listener = socket.listen(1024).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            answer: Mutex::new(answer),
            fetches: AtomicUsize::new(0),
            not_modified: AtomicUsize::new(0),
            bytes_sent: AtomicUsize::new(0),
            last_request: Mutex::default(),
        });
        let accepting = shared.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let serving = accepting.clone();
                tokio::spawn(async move { serving.serve(stream).await });
            }
        });
        Self { address, shared }
    }

    /// A server that publishes `keys`.
    pub async fn publishing(keys: &KeySet) -> Self {
        let origin = Self::answering(Answer::Hang).await;
        origin.publish(keys);
        origin
    }

    pub fn url(&self) -> String {
        format!("http://{}/jwks", self.address)
    }

    pub fn answer(&self, answer: Answer) {
        *self.shared.answer.lock().unwrap() = answer;
    }

    /// Publishes `keys` for five minutes, with an ETag that follows from the content.
    pub fn publish(&self, keys: &KeySet) {
        self.publish_for(keys, 300);
    }

    /// Publishes `keys` for `max_age` seconds.
    pub fn publish_for(&self, keys: &KeySet, max_age: u64) {
        let kids: Vec<&str> = keys.iter().map(|(kid, _)| kid.as_ref()).collect();
        self.answer(Answer::Document {
            body: keys.to_json().into_bytes(),
            etag: Some(format!("\"{}\"", kids.join("+"))),
            headers: format!("Cache-Control: public, max-age={max_age}\r\n"),
        });
    }

    /// Publishes whatever is in `body`, with status 200 and nothing said about caching.
    pub fn lie(&self, body: impl Into<Vec<u8>>) {
        self.answer(Answer::Document { body: body.into(), etag: None, headers: String::new() });
    }

    pub fn status(&self, line: &str) {
        self.answer(Answer::Raw(format!("HTTP/1.1 {line}\r\nContent-Length: 0\r\n\r\n").into_bytes()));
    }

    pub fn fetches(&self) -> usize {
        self.shared.fetches.load(Ordering::SeqCst)
    }

    pub fn not_modified(&self) -> usize {
        self.shared.not_modified.load(Ordering::SeqCst)
    }

    pub fn bytes_sent(&self) -> usize {
        self.shared.bytes_sent.load(Ordering::SeqCst)
    }

    pub fn last_request(&self) -> String {
        self.shared.last_request.lock().unwrap().clone()
    }
}

impl Shared {
    async fn serve(&self, mut stream: TcpStream) {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => request.push(byte),
                Err(_) => return,
            }
        }
        let request = String::from_utf8(request).unwrap();
        self.fetches.fetch_add(1, Ordering::SeqCst);
        self.last_request.lock().unwrap().clone_from(&request);
        let answer = self.answer.lock().unwrap().clone();
        match answer {
            Answer::Document { etag: Some(etag), headers, .. }
                if request.contains(&format!("if-none-match: {etag}\r\n")) =>
            {
                self.not_modified.fetch_add(1, Ordering::SeqCst);
                let head = format!("HTTP/1.1 304 Not Modified\r\nETag: {etag}\r\n{headers}\r\n");
                self.send(&mut stream, head.as_bytes()).await;
            }
            Answer::Document { body, etag, headers } => {
                let etag = etag.map_or_else(String::new, |etag| format!("ETag: {etag}\r\n"));
                let head =
                    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{etag}{headers}\r\n", body.len());
                self.send(&mut stream, head.as_bytes()).await;
                self.send(&mut stream, &body).await;
            }
            Answer::Raw(bytes) => {
                self.send(&mut stream, &bytes).await;
            }
            Answer::Endless => {
                self.send(&mut stream, b"HTTP/1.1 200 OK\r\n\r\n{\"keys\":[").await;
                while self.send(&mut stream, &[b' '; 4096]).await {}
            }
            Answer::Trickle => {
                self.send(&mut stream, b"HTTP/1.1 200 OK\r\n\r\n{\"keys\":[").await;
                while self.send(&mut stream, b" ").await {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
            Answer::Hang => std::future::pending().await,
            Answer::Reset => stream.set_zero_linger().unwrap(),
        }
    }

    async fn send(&self, stream: &mut TcpStream, bytes: &[u8]) -> bool {
        let sent = stream.write_all(bytes).await.is_ok();
        if sent {
            self.bytes_sent.fetch_add(bytes.len(), Ordering::SeqCst);
        }
        sent
    }
}
