//! `signet keys …`: looking after the signing keys, also while servers run.

use std::sync::Arc;

use signet::app::{Ambient, StartError, contract};
use signet::config::Config;
use signet::keys::listing;
use signet::keys::operator::WhenSealed;
use signet::keys::port::KeyRows;
use signet::keys::rotation::{Rotation, RotationFault};
use signet::keys::vault::Vault;
use signet::shared::announced::Announced;
use signet::shared::link::Link;
use signet::store::Database;
use signet::store::keys::Keys;
use signet::token::jwk::Kid;

/// Who is named in the audit of the keys.
const ACTOR: &str = "command line";

/// `signet keys list`.
pub async fn list(config: Config) -> Result<(), StartError> {
    let ambient = Ambient::system();
    let contract = contract(&config)?;
    let database = open(&config).await?;
    let records = Keys::new(database.clone()).history().await.map_err(RotationFault::from)?;
    let now = ambient.clock.now();
    print!("{}", listing::render(&listing::describe(&records, &contract, now), now));
    database.close().await;
    Ok(())
}

/// `signet keys rotate`.
pub async fn rotate(config: Config) -> Result<(), StartError> {
    let Some((database, rotation)) = rotation(&config).await? else { return Ok(()) };
    println!("{}", rotation.request_rotation(ACTOR).await?);
    database.close().await;
    Ok(())
}

/// `signet keys revoke`.
pub async fn revoke(config: Config, kid: String, reason: String, abandon: bool) -> Result<(), StartError> {
    let Some((database, rotation)) = rotation(&config).await? else { return Ok(()) };
    let kid = Kid::parse(&kid).ok_or(StartError::NotAKid)?;
    let when_sealed = if abandon { WhenSealed::Abandon } else { WhenSealed::Refuse };
    println!("{}", rotation.revoke(&kid, ACTOR, &reason, when_sealed).await?);
    database.close().await;
    Ok(())
}

/// `signet keys rewrap`.
pub async fn rewrap(config: Config, dry_run: bool) -> Result<(), StartError> {
    let Some((database, rotation)) = rotation(&config).await? else { return Ok(()) };
    let outcome = rotation.rewrap(ACTOR, dry_run).await?;
    let verb = if dry_run { "would be sealed anew" } else { "is sealed anew" };
    for kid in &outcome.rewrapped {
        println!("Key {kid} {verb}.");
    }
    for kid in &outcome.current {
        println!("Key {kid} is sealed under the current master key already.");
    }
    for (kid, why) in &outcome.unreadable {
        println!("Key {kid} cannot be opened: {why}");
    }
    database.close().await;
    Ok(())
}

/// The keys of this deployment, to be acted on; none for the role that has none, which is said.
async fn rotation(config: &Config) -> Result<Option<(Database, Rotation<Announced<Keys>>)>, StartError> {
    let Ambient { clock, entropy } = Ambient::system();
    let contract = contract(config)?;
    let Some(secrets) = config.issuer_secrets(&*entropy)? else {
        println!("The role `resource` has no signing keys; look after them at the identity service.");
        return Ok(None);
    };
    let database = open(config).await?;
    let vault = Vault::new(secrets.master, secrets.retired_masters, entropy);
    let link = config.redis_url.as_ref().map(Link::new).transpose()?.map(Arc::new);
    let keys = Announced::new(Keys::new(database.clone()), link);
    let rotation = Rotation::new(keys, Arc::new(vault), contract, clock);
    Ok(Some((database, rotation)))
}

async fn open(config: &Config) -> Result<Database, StartError> {
    let database = Database::open(config.database_url.expose(), 2).await?;
    database.migrate().await?;
    Ok(database)
}
