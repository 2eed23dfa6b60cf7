//! What a Redis says before it is asked anything, when it has no place for another client.
//! In: its address. Out: its words.
//! Owns: the driver speaks first, and loses what was said before the connection was closed; nothing is sent here.

use std::time::Duration;

use redis::ConnectionAddr;
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

/// How long a Redis that wants to say something first may take; most say nothing.
const WAIT: Duration = Duration::from_millis(200);
/// How much of it is read.
const LENGTH: usize = 200;

/// The refusal with which a connection to `address` is greeted, if it is; of one behind TLS nothing can be read.
pub(super) async fn refusal(address: &ConnectionAddr) -> Option<String> {
    let read = async {
        let mut words = [0; LENGTH];
        let length = match address {
            ConnectionAddr::Tcp(host, port) => {
                let connection = TcpStream::connect((host.as_str(), *port)).await.ok()?;
                connection.readable().await.ok()?;
                connection.try_read(&mut words).ok()?
            }
            ConnectionAddr::Unix(path) => {
                let connection = UnixStream::connect(path).await.ok()?;
                connection.readable().await.ok()?;
                connection.try_read(&mut words).ok()?
            }
            _ => return None,
        };
        let words = String::from_utf8_lossy(&words[..length]);
        words.strip_prefix('-').map(|words| words.trim_end().to_owned())
    };
    timeout(WAIT, read).await.ok().flatten()
}
