//! A way to a server that can be cut, for one client alone.

use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Passes connections on while it is open.
pub struct Gate {
    pub port: u16,
    open: Arc<watch::Sender<bool>>,
}

impl Gate {
    /// A way to `upstream` on this machine, open.
    pub async fn before(upstream: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let open = Arc::new(watch::Sender::new(true));
        let state = open.clone();
        tokio::spawn(async move {
            while let Ok((mut outside, _)) = listener.accept().await {
                let mut state = state.subscribe();
                tokio::spawn(async move {
                    if !*state.borrow_and_update() {
                        return;
                    }
                    let Ok(mut inside) = TcpStream::connect(("127.0.0.1", upstream)).await else { return };
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut outside, &mut inside) => {}
                        _ = state.wait_for(|open| !open) => {}
                    }
                });
            }
        });
        Self { port, open }
    }

    /// Ends every connection and passes no other on.
    pub fn close(&self) {
        self.open.send_replace(false);
    }

    /// Passes connections on again.
    pub fn open(&self) {
        self.open.send_replace(true);
    }
}
