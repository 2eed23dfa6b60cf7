//! The addresses that a process listens on.
//! In: the settings. Out: bound sockets, which accept no connection yet.

use std::io::ErrorKind;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};

use super::error::Error;
use crate::config::Server;
use crate::http::server::Listeners;

/// How many connections the kernel may keep until they are accepted; more than its own bound has no effect.
const WAITING_CONNECTIONS: u32 = 4096;

/// Bound addresses; no connection is accepted yet.
#[derive(Debug)]
pub(super) struct Sockets {
    /// For requests.
    pub(super) requests: Listeners,
    address: SocketAddr,
    /// Why one address is missing that was not asked for.
    pub(super) notice: Option<String>,
    /// For `/metrics`, where it has an address of its own.
    pub(super) metrics: Option<TcpListener>,
}

impl Sockets {
    /// Binds what the settings name.
    ///
    /// # Errors
    /// [`Error::Listen`].
    pub(super) fn bind(server: &Server) -> Result<Self, Error> {
        let requests = listen(server.listen)?;
        let address =
            requests.local_addr().map_err(|source| Error::Listen { address: server.listen, source })?;
        let metrics = server.metrics_listen.map(listen).transpose()?;
        let (also, notice) = match server
            .also_listen
            .map(|also| listen(SocketAddr::new(also.ip(), address.port())))
        {
            Some(Ok(also)) => (Some(also), None),
            // A machine without IPv6 has no such address, and no client goes there.
            Some(Err(Error::Listen { source, .. })) if source.kind() != ErrorKind::AddrInUse => (None, None),
            Some(Err(_)) => {
                let port = address.port();
                let notice = format!(
                    "[::1]:{port} is somebody else's: http://localhost:{port} may lead there, and not here"
                );
                (None, Some(notice))
            }
            None => (None, None),
        };
        Ok(Self { requests: Listeners::new(requests, also), address, notice, metrics })
    }

    /// The address for requests, with the port that was bound.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    let open = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // As the standard library does: a restart need not wait for connections of its predecessor to be forgotten.
        #[cfg(unix)]
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(WAITING_CONNECTIONS)
    };
    open().map_err(|source| Error::Listen { address, source })
}
