//! A relying party that is told of sign-outs, and does with it what a test wants.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use poem::endpoint::make;
use poem::listener::{Acceptor, Listener, TcpListener};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::support::claims;
use crate::support::wait::until;

/// What it does with the word that a session has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    Agrees,
    Answers(u16),
    /// It takes the request and answers nothing.
    Hangs,
    /// It answers without end.
    Rambles,
}

pub struct Party {
    pub address: String,
    mood: watch::Sender<Mood>,
    /// The claims of the tokens that it got, whatever it answered.
    heard: Arc<Mutex<Vec<Value>>>,
}

impl Party {
    pub async fn start(mood: Mood) -> Self {
        let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await.unwrap();
        let address = acceptor.local_addr()[0].as_socket_addr().unwrap().to_owned();
        let (mood, moods) = watch::channel(mood);
        let heard = Arc::new(Mutex::new(Vec::new()));
        let kept = heard.clone();
        let endpoint = make(move |request: poem::Request| {
            let (kept, mut moods) = (kept.clone(), moods.clone());
            async move {
                let body = request.into_body().into_string().await.unwrap();
                let form: Vec<(String, String)> =
                    url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
                assert_eq!(form.len(), 1, "{body}");
                assert_eq!(form[0].0, "logout_token");
                kept.lock().push(claims(&json!(form[0].1)));
                let mood = *moods.borrow_and_update();
                match mood {
                    Mood::Agrees => poem::http::StatusCode::OK.into(),
                    Mood::Answers(status) => poem::http::StatusCode::from_u16(status).unwrap().into(),
                    Mood::Rambles => poem::Response::from("x".repeat(1024 * 1024)),
                    Mood::Hangs => {
                        // Until it is of another mind, which is too late for this request.
                        let _ = moods.changed().await;
                        poem::Response::from("late")
                    }
                }
            }
        });
        tokio::spawn(poem::Server::new_with_acceptor(acceptor).run(endpoint));
        Self { address: format!("http://{address}/backchannel"), mood, heard }
    }

    pub fn becomes(&self, mood: Mood) {
        self.mood.send_replace(mood);
    }

    pub fn heard(&self) -> Vec<Value> {
        self.heard.lock().clone()
    }

    /// The sessions that it has heard of, each as often as it did, in an order of their own.
    pub fn sessions(&self) -> Vec<String> {
        let heard = self.heard();
        let mut sessions: Vec<String> =
            heard.iter().map(|claims| claims["sid"].as_str().unwrap().to_owned()).collect();
        sessions.sort();
        sessions
    }

    /// Waits until it has heard `count` times, and then a little for what may come too much.
    pub async fn hears(&self, count: usize) {
        until(&format!("{count} notices"), async || self.heard.lock().len() >= count).await;
    }

    /// The same, and nothing more in the time in which a worker looks twice.
    pub async fn hears_exactly(&self, count: usize) {
        self.hears(count).await;
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(self.heard.lock().len(), count, "{:?}", self.heard());
    }
}
