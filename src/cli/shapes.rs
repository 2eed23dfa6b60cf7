//! What verbs say to programs.
//! In: what a verb has found or done. Out: the document that `--json` prints.
//! Owns: the shapes are stable: members may be added, none is renamed or goes. Times are of RFC 3339, spans are seconds.

use std::time::Duration;

use serde_json::{Value, json};
use signet::app::RECALL_EVERY;
use signet::config::{Report, Source};
use signet::identity::Profile;
use signet::keys::commands::{ForcedRotation, Requested, Revoked, Rewrapped};
use signet::keys::import_export::Imported;
use signet::keys::listing::{Line, Next};
use signet::keys::timeline::{Entry, calendar};
use signet::mail::rewrap::RewrappedMessages;
use signet::model::client::{Client, ClientId};
use signet::model::contract::Contract;
use signet::model::credential::Credential;
use signet::model::key_rows::KeyEvent;
use signet::model::session::{Remember, Session};
use signet::model::user::User;
use signet::oauth::changes::{Change, Difference, Done, Outcome};
use signet::oauth::provision::Run;
use signet::oauth::registry::Described;
use signet::store::UserSummary;
use signet::store::clients::KeptSecret;
use signet_verify::clock::Timestamp;

/// Of `keys list`.
pub fn keys(lines: &[Line], now: Timestamp) -> Value {
    let key = |line: &Line| {
        let next = |(next, at): (Next, Timestamp)| json!({ "event": next_name(next), "at": at.iso_8601() });
        let margin = |(rule, seconds): (&str, f64)| json!({ "rule": rule, "seconds": seconds });
        json!({
            "kid": line.kid.as_ref(),
            "algorithm": line.algorithm.name(),
            "state": line.state.name(),
            "age_seconds": seconds(line.age),
            "next": line.next.map(next),
            "margin": line.margin.map(margin),
            "reason": line.reason,
        })
    };
    json!({ "now": now.iso_8601(), "keys": lines.iter().map(key).collect::<Vec<_>>() })
}

fn next_name(next: Next) -> &'static str {
    match next {
        Next::Signs => "signs",
        Next::SuccessorAnnounced => "successor_announced",
        Next::Retires => "retires",
        Next::Removed => "removed",
    }
}

/// Of `keys list --events`.
pub fn events(events: &[KeyEvent]) -> Value {
    let event = |event: &KeyEvent| {
        json!({
            "at": event.at.iso_8601(),
            "kid": event.kid.as_ref(),
            "event": event.event.name(),
            "by": event.actor,
            "reason": event.reason,
        })
    };
    json!({ "events": events.iter().map(event).collect::<Vec<_>>() })
}

/// One of `keys rotate`.
pub fn requested(done: &Requested) -> Value {
    json!({
        "algorithm": done.algorithm.name(),
        "kid": done.kid.as_ref(),
        "public_since": done.public_since.iso_8601(),
        "signs_from": done.signs_from.iso_8601(),
    })
}

/// One of `keys rotate --now`.
pub fn forced(done: &ForcedRotation) -> Value {
    let retired = done.retired.as_ref();
    json!({
        "algorithm": done.algorithm.name(),
        "kid": done.kid.as_ref(),
        "known_from": done.known_from.iso_8601(),
        "retired": retired.map(|(kid, until)| json!({ "kid": kid.as_ref(), "public_until": until.iso_8601() })),
    })
}

/// Of `keys revoke`.
pub fn revoked(done: &Revoked) -> Value {
    json!({
        "algorithm": done.algorithm.name(),
        "kid": done.kid.as_ref(),
        "signs_now": done.signs_now.as_ref().map(AsRef::<str>::as_ref),
        "refused_from": done.refused_from.iso_8601(),
    })
}

/// Of `keys import`.
pub fn imported(done: &Imported) -> Value {
    match done {
        Imported::Successor { kid, signs_from } => json!({
            "kid": kid.as_ref(),
            "joins_as": "successor",
            "signs_from": signs_from.map(Timestamp::iso_8601),
            "public_until": null,
        }),
        Imported::VerifyOnly { kid, public_until } => json!({
            "kid": kid.as_ref(),
            "joins_as": "verify_only",
            "signs_from": null,
            "public_until": public_until.iso_8601(),
        }),
    }
}

/// Of `keys rewrap`; with a dry run, of what would be done.
pub fn rewrapped(done: &Rewrapped, messages: &RewrappedMessages) -> Value {
    let unreadable = done.unreadable.iter().map(|(kid, why)| json!({ "kid": kid.as_ref(), "why": why }));
    let unreadable_messages = messages.unreadable.iter().map(|(id, why)| json!({ "id": id, "why": why }));
    json!({
        "rewrapped": done.rewrapped.iter().map(AsRef::<str>::as_ref).collect::<Vec<_>>(),
        "current": done.current.iter().map(AsRef::<str>::as_ref).collect::<Vec<_>>(),
        "unreadable": unreadable.collect::<Vec<_>>(),
        "messages": {
            "rewrapped": messages.rewrapped,
            "unreadable": unreadable_messages.collect::<Vec<_>>(),
        },
    })
}

/// Of `users list`.
pub fn users(users: &[UserSummary], next: Option<&str>) -> Value {
    let user = |user: &UserSummary| {
        json!({
            "id": user.id,
            "email": user.email,
            "email_verified": user.email_verified,
            "name": user.name,
            "created_at": user.created_at.iso_8601(),
        })
    };
    json!({ "users": users.iter().map(user).collect::<Vec<_>>(), "next": next })
}

/// Of `users show`.
pub fn user(Profile { user, accounts, sessions }: &Profile) -> Value {
    let account = |account: &Credential| {
        json!({
            "id": account.id,
            "provider": account.provider_id,
            "account_id": account.account_id,
            "created_at": account.created_at.iso_8601(),
        })
    };
    let session = |session: &Session| {
        json!({
            "id": session.id,
            "created_at": session.created_at.iso_8601(),
            "expires_at": session.expires_at.iso_8601(),
            "remembered": session.remember == Remember::Yes,
            "ip_address": session.ip_address,
            "user_agent": session.user_agent,
        })
    };
    json!({
        "id": user.id,
        "email": user.email,
        "email_verified": user.email_verified,
        "name": user.name,
        "image": user.image,
        "created_at": user.created_at.iso_8601(),
        "updated_at": user.updated_at.iso_8601(),
        "accounts": accounts.iter().map(account).collect::<Vec<_>>(),
        "sessions": sessions.iter().map(session).collect::<Vec<_>>(),
    })
}

/// Of `users set-password`, `users end-sessions` and `users remove`.
pub fn sessions_ended(user: &User, ended: usize) -> Value {
    json!({ "id": user.id, "sessions_ended": ended })
}

/// Of `clients list`.
pub fn clients(clients: &[Client]) -> Value {
    json!({ "clients": clients.iter().map(client_document).collect::<Vec<_>>() })
}

/// Of `clients show`.
pub fn client(described: &Described) -> Value {
    let secret = |secret: &KeptSecret| json!({ "created_at": secret.created_at.iso_8601(), "expires_at": secret.expires_at.map(Timestamp::iso_8601) });
    let mut document = client_document(&described.client);
    document["secrets"] = described.secrets.iter().map(secret).collect();
    document
}

/// Of `clients add`.
pub fn client_added(client: &Client, secret: Option<&str>) -> Value {
    json!({ "client_id": client.id.as_str(), "client_secret": secret })
}

/// Of `clients rotate-secret`.
pub fn secret_rotated(id: &ClientId, secret: &str, old_until: Option<Timestamp>) -> Value {
    json!({
        "client_id": id.as_str(),
        "client_secret": secret,
        "former_accepted_until": old_until.map(Timestamp::iso_8601),
    })
}

/// Every member of a client's registration; what was not given is null or empty.
fn client_document(client: &Client) -> Value {
    let jwks = client.jwks.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok());
    json!({
        "client_id": client.id.as_str(),
        "client_name": client.name,
        "application_type": client.application_type.name(),
        "token_endpoint_auth_method": client.auth_method.name(),
        "grant_types": client.grant_types.iter().map(|grant| grant.name()).collect::<Vec<_>>(),
        "redirect_uris": client.redirect_uris,
        "post_logout_redirect_uris": client.post_logout_redirect_uris,
        "scope": client.scope.to_string(),
        "machine_scope": client.machine_scope.to_string(),
        "id_token_signed_response_alg": client.id_token_alg.name(),
        "skip_consent": client.skip_consent,
        "require_pushed_authorization_requests": client.require_pushed,
        "require_pkce": client.require_pkce,
        "jwks": jwks,
        "jwks_uri": client.jwks_uri,
        "backchannel_logout_uri": client.backchannel_logout_uri,
        "backchannel_logout_session_required": client.backchannel_logout_session_required,
        "client_uri": client.client_uri,
        "created_at": client.created_at.iso_8601(),
        "updated_at": client.updated_at.iso_8601(),
    })
}

/// Of `apply`; with a dry run, of what would be done.
pub fn applied(outcome: &Outcome, run: Run) -> Value {
    let difference =
        |found: &Difference| json!({ "member": found.member, "before": found.before, "after": found.after });
    let change = |Change { kind, name, done }: &Change| {
        let (event, differences, until) = match done {
            Done::Added => ("added", &[][..], None),
            Done::Changed(differences) => ("changed", &differences[..], None),
            Done::SecretChanged(until) => ("secret_changed", &[][..], *until),
            Done::Invited => ("invited", &[][..], None),
        };
        json!({
            "kind": kind,
            "name": name,
            "event": event,
            "differences": differences.iter().map(difference).collect::<Vec<_>>(),
            "former_secret_accepted_until": until.map(Timestamp::iso_8601),
        })
    };
    json!({
        "dry_run": run == Run::Dry,
        "changes": outcome.changes.iter().map(change).collect::<Vec<_>>(),
        "unchanged": outcome.unchanged,
        "notices": outcome.notices,
    })
}

/// Of `config check`; the contract is of the keys, which the role `resource` does not have.
pub fn config(report: &Report, contract: Option<&Contract>) -> Value {
    let settings = report
        .lines
        .iter()
        .map(|line| json!({ "name": line.name, "value": line.value, "source": source_name(line.source) }));
    json!({
        "settings": settings.collect::<Vec<_>>(),
        "warnings": report.warnings,
        "keys": contract.map(promises),
        "session_bound_seconds": seconds(RECALL_EVERY),
    })
}

fn source_name(source: Source) -> &'static str {
    match source {
        Source::Default => "default",
        Source::Given => "given",
        Source::File => "file",
        Source::Generated => "generated",
    }
}

fn promises(contract: &Contract) -> Value {
    let entry = |Entry { after, key, event }: &Entry| json!({ "after_seconds": seconds(*after), "key": key, "event": event.name() });
    let algorithms = contract.algorithms();
    json!({
        "algorithms": algorithms.iter().map(|algorithm| algorithm.name()).collect::<Vec<_>>(),
        "calendar": calendar(contract).iter().map(entry).collect::<Vec<_>>(),
        "lead_seconds": seconds(contract.lead()),
        "retain_seconds": seconds(contract.retain()),
        "reload_seconds": seconds(contract.reload()),
        "revocation_bound_seconds": seconds(contract.revocation_bound()),
    })
}

fn seconds(span: Duration) -> f64 {
    span.as_secs_f64()
}
