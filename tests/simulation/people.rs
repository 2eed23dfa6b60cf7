//! People who get tokens and sign out.

use std::time::Duration;

use signet::keys::keyring::Signer;
use signet::model::amr::Amr;
use signet::model::session::{Remember, Session};
use signet::model::user::User;
use signet_verify::clock::{Clock, Timestamp};
use signet_verify::crypto::Algorithm;
use signet_verify::jose::claims::{IssuedClaims, UserClaims};
use signet_verify::jose::sign;
use signet_verify::jose::verify::Unverified;

use super::checks::Record;
use super::verifiers::{AUDIENCE, Bearer, ISSUER, LEEWAY};
use super::world::{Breach, Ended, ISSUERS, World};
use crate::keys::support::{START, seconds};

impl World {
    /// Signs a user out now and then.
    pub fn people_sign_out(&mut self, record: &mut Record) {
        if !self.dice.in_thousand(40) {
            return;
        }
        let Some(which) = self.members.iter().position(|member| member.works(self.elapsed)) else {
            return;
        };
        let next = format!("session-{}", self.fresh_seed());
        let place = self.dice.place(self.sessions.len());
        let sid = std::mem::replace(&mut self.sessions[place], next);
        let member = &self.members[which];
        // The longest token of any process that signs for this deployment.
        let forget_at = member.clock.now().after(seconds(12) + 3 * LEEWAY);
        member.running.as_ref().unwrap().room.revocations.end([(sid.clone(), forget_at)]);
        for ours in &self.ours {
            if self.dice.in_thousand(700) && self.breach.is_none() {
                ours.revocations.add([(sid.clone(), forget_at)]);
            }
        }
        self.ended.insert(sid, Ended { at: self.elapsed, forget_at });
        record.tally.ended_sessions += 1;
    }

    /// A user gets a token from whichever instance the balancer chooses.
    pub async fn issue(&mut self) -> Result<(), String> {
        let elapsed = self.elapsed;
        let which = self.dice.place(ISSUERS);
        let sid = self.sessions[self.dice.place(self.sessions.len())].clone();
        let member = &mut self.members[which];
        if !member.is_awake(elapsed) || !member.is_sane(elapsed) || self.dice.in_thousand(400) {
            return Ok(());
        }
        let (clock, contract) = (member.clock.clone(), member.contract);
        let running = member.running.as_mut().unwrap();
        let keyring = running.worker.keyring();
        let algorithm = Algorithm::ALL[self.dice.place(Algorithm::ALL.len())];
        if let Some(signer) = keyring.signer_for(algorithm) {
            running.signer = Some(signer);
        }
        let text = match self.breach {
            Some(Breach::TokenLife) => {
                let Some(signer) = keyring.signer_for(algorithm) else { return Ok(()) };
                mint(&signer, &sid, clock.now(), contract.token_ttl() + seconds(6))
            }
            Some(Breach::SignsBlind) => {
                let Some(signer) = &running.signer else { return Ok(()) };
                mint(signer, &sid, clock.now(), contract.token_ttl())
            }
            // Any algorithm signs as long as a session token may live.
            _ if algorithm != Algorithm::EdDsa => {
                let Some(signer) = keyring.signer_for(algorithm) else { return Ok(()) };
                let life = contract.token_ttl().min(signer.latest_exp.since(clock.now()));
                mint(&signer, &sid, clock.now(), life)
            }
            _ => {
                if keyring.signer().is_none() {
                    return Ok(()); // it would wait for the rows
                }
                let (user, session) = person(&sid);
                running
                    .issuer
                    .issue(&user, &session, clock.now())
                    .await
                    .map_err(|error| format!("no token: {error}"))?
            }
        };
        let kid = Unverified::parse(&text).map_err(|error| error.to_string())?.kid().unwrap().to_owned();
        if keyring.published().set.get(&kid).is_none() {
            return Err(format!("process {which} signs with {kid}, which it does not publish"));
        }
        let claims = text.split('.').nth(1).unwrap();
        let claims: serde_json::Value =
            serde_json::from_slice(&signet_verify::jose::base64url::decode(claims).unwrap()).unwrap();
        let exp = Timestamp::from_seconds(claims["exp"].as_i64().unwrap());
        self.tokens.push(Bearer { text, kid, sid, exp });
        Ok(())
    }
}

fn person(sid: &str) -> (User, Session) {
    let user = User {
        id: "ada".to_owned(),
        email: "ada@example.com".to_owned(),
        email_verified: false,
        name: "Ada".to_owned(),
        image: None,
        created_at: START,
        updated_at: START,
    };
    let session = Session {
        id: sid.to_owned(),
        user_id: user.id.clone(),
        created_at: START,
        updated_at: START,
        expires_at: START.after(seconds(86_400)),
        remember: Remember::Yes,
        ip_address: String::new(),
        user_agent: String::new(),
        authenticated_at: START,
        amr: Amr::password(),
    };
    (user, session)
}

/// A token whose life ignores the setting.
fn mint(signer: &Signer, sid: &str, now: Timestamp, life: Duration) -> String {
    let (user, _) = person(sid);
    let claims = IssuedClaims {
        iat: now.seconds(),
        user: UserClaims {
            name: &user.name,
            email: &user.email,
            email_verified: false,
            image: None,
            created_at: START.iso_8601(),
            updated_at: START.iso_8601(),
            id: &user.id,
        },
        sub: &user.id,
        sid,
        jti: "minted",
        exp: now.after(life).seconds(),
        iss: ISSUER,
        aud: Some(AUDIENCE),
        user_id_camel: None,
        user_id_snake: None,
    };
    sign::jwt(&signer.key, &signer.kid, &claims).unwrap()
}
