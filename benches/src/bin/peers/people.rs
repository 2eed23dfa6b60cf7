//! Who asks the servers, and whether these answer as they should.
//! In: running servers. Out: a session, tokens and ten tasks at each.
//! Owns: no peer is measured whose answers are wrong.

use std::collections::HashSet;
use std::net::SocketAddr;

use serde_json::{Value, json};
use signet_benches::client::{Connection, get, post, request};
use signet_benches::people::Person;

const TASKS: usize = 10;

/// Two people at an identity service.
pub struct People {
    pub writer: Person,
    /// The reader's session, as `set-auth-token` hands it out.
    pub session: String,
    /// The reader's tokens.
    pub tokens: Vec<String>,
    /// A token of the writer.
    pub writing: String,
}

impl People {
    /// Signs two people up, fetches `count` tokens, and tries what the service says to whom.
    pub async fn gather(address: SocketAddr, count: usize) -> Self {
        let reader = Person::sign_up(address, "reader").await;
        let writer = Person::sign_up(address, "writer").await;
        let mut connection = Connection::open(address).await.unwrap();
        let entered = connection.ask(&reader.sign_in()).await.unwrap();
        assert_eq!(entered.status, 200);
        let session = entered.header("set-auth-token").expect("a session").to_owned();

        let mut tokens = Vec::new();
        for _ in 0..count {
            let (status, answer) = ask(&mut connection, &get("/api/auth/token", Some(&session))).await;
            assert_eq!(status, 200);
            tokens.push(answer["token"].as_str().unwrap().to_owned());
        }
        assert_eq!(tokens.iter().collect::<HashSet<_>>().len(), count, "each token is another one");
        assert!(tokens.iter().all(|token| token.split('.').count() == 3));

        let (status, keys) = ask(&mut connection, &get("/api/auth/jwks", None)).await;
        assert_eq!((status, &keys["keys"][0]["crv"]), (200, &json!("Ed25519")));
        let (status, known) = ask(&mut connection, &get("/api/auth/get-session", Some(&session))).await;
        assert_eq!((status, &known["user"]["email"]), (200, &json!(reader.email)));
        let answer = ask(&mut connection, &get("/api/auth/get-session", Some("unknown"))).await;
        assert_eq!(answer, (200, Value::Null));
        let (status, _) = ask(&mut connection, &get("/api/auth/token", Some("unknown"))).await;
        assert_eq!(status, 401);
        let wrong = json!({ "email": reader.email, "password": "incorrect horse battery" });
        let (status, _) = ask(&mut connection, &post("/api/auth/sign-in/email", None, &wrong)).await;
        assert_eq!(status, 401);
        let writing = writer.token(address).await;
        Self { writer, session, tokens, writing }
    }

    /// Gives the reader ten tasks at a resource server, and tries what the server says to whom.
    pub async fn bring_tasks(&self, address: SocketAddr, other: &Self) {
        let mut connection = Connection::open(address).await.unwrap();
        let (path, token) = ("/api/me/tasks", Some(self.tokens[0].as_str()));
        for number in 0..TASKS {
            let task = json!({ "title": format!("Task {number}"), "description": "Water the plants" });
            let (status, made) = ask(&mut connection, &post(path, token, &task)).await;
            assert_eq!((status, &made["title"]), (201, &task["title"]));
        }
        for token in [&self.tokens[0], &self.tokens[self.tokens.len() - 1]] {
            let (status, listed) = ask(&mut connection, &get(path, Some(token))).await;
            let titles: HashSet<_> = listed.as_array().unwrap().iter().map(|task| &task["title"]).collect();
            assert_eq!((status, titles.len()), (200, TASKS));
        }
        let (status, others) = ask(&mut connection, &get(path, Some(&self.writing))).await;
        assert_eq!((status, others), (200, json!([])));
        let (start, signature) = self.tokens[0].rsplit_once('.').unwrap();
        let first = if signature.starts_with('A') { "B" } else { "A" };
        let forged = format!("{start}.{first}{}", &signature[1..]);
        for wrong in [None, Some(forged.as_str()), Some(other.tokens[0].as_str())] {
            let (status, _) = ask(&mut connection, &request("GET", path, wrong, None)).await;
            assert_eq!(status, 401, "{wrong:?}");
        }
    }
}

async fn ask(connection: &mut Connection, request: &[u8]) -> (u16, Value) {
    let answer = connection.ask(request).await.unwrap();
    (answer.status, answer.json())
}
