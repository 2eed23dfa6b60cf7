//! `signet keys …`: looking after the signing keys, also while servers run.

use std::sync::Arc;

use signet::app::{Ambient, StartError, contract};
use signet::config::Config;
use signet::keys::listing;
use signet::keys::port::KeyRows;
use signet::keys::rotation::{Rotation, RotationFault};
use signet::keys::vault::Vault;
use signet::store::Database;
use signet::store::keys::Keys;

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
    let Ambient { clock, entropy } = Ambient::system();
    let contract = contract(&config)?;
    let Some(secrets) = config.issuer_secrets(&*entropy)? else {
        println!("The role `resource` has no signing keys; rotate at the identity service.");
        return Ok(());
    };
    let database = open(&config).await?;
    let vault = Vault::new(secrets.master, secrets.retired_masters, entropy);
    let rotation = Rotation::new(Keys::new(database.clone()), Arc::new(vault), contract, clock);
    let requested = rotation.request_rotation(ACTOR).await?;
    println!(
        "Key {} is public since {} and signs from {}: until then caches learn of it, and no token is refused.",
        requested.kid,
        requested.public_since.iso_8601(),
        requested.signs_from.iso_8601()
    );
    database.close().await;
    Ok(())
}

async fn open(config: &Config) -> Result<Database, StartError> {
    let database = Database::open(config.database_url.expose(), 2).await?;
    database.migrate().await?;
    Ok(database)
}
