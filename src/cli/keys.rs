//! `signet keys …`: looking after the signing keys, also while servers run.

use std::io::Read;
use std::sync::Arc;

use signet::app::notifying::Notifying;
use signet::app::{Ambient, StartError, contract};
use signet::config::{Config, duration};
use signet::keys::commands::UnreadableKey;
use signet::keys::generator::SystemGenerator;
use signet::keys::key_formats::{self, MAX_FILE_BYTES};
use signet::keys::lifecycle::ImportAs;
use signet::keys::listing;
use signet::keys::repository::KeyRepository;
use signet::keys::rotation::{Order, Rotation, RotationError};
use signet::keys::selection::Selection;
use signet::store::Database;
use signet::store::keys::Keys;
use signet::sync::redis::Redis;
use signet::vault::Vault;
use signet_verify::crypto::Algorithm;
use signet_verify::jose::jwk::Kid;
use zeroize::Zeroizing;

/// `signet keys list`.
pub async fn list(config: Config, events: bool) -> Result<(), StartError> {
    let ambient = Ambient::system();
    let contract = contract(&config)?;
    let database = open(&config).await?;
    let rows = Keys::new(database.clone());
    if events {
        print!("{}", listing::render_events(&rows.events().await.map_err(RotationError::from)?));
    } else {
        let records = rows.history().await.map_err(RotationError::from)?;
        let now = ambient.clock.now();
        print!("{}", listing::render(&listing::describe(&records, &contract, now), now));
    }
    database.close().await;
    Ok(())
}

/// `signet keys rotate`.
pub async fn rotate(
    config: Config,
    key: Option<String>,
    now: bool,
    reason: Option<String>,
) -> Result<(), StartError> {
    let selection = key.as_deref().map_or(Ok(Selection::All), selected)?;
    let Some((database, rotation)) = rotation(&config).await? else { return Ok(()) };
    let order = Order { by: operator(), why: reason };
    for algorithm in rotation.selected_algorithms(&selection).await? {
        if now {
            println!("{}", rotation.rotate_now(algorithm, order.clone()).await?);
        } else {
            println!("{}", rotation.request_rotation(algorithm, order.clone()).await?);
        }
    }
    database.close().await;
    Ok(())
}

/// `signet keys revoke`.
pub async fn revoke(config: Config, key: String, reason: String, abandon: bool) -> Result<(), StartError> {
    let selection = selected(&key)?;
    let Some((database, rotation)) = rotation(&config).await? else { return Ok(()) };
    let kid = rotation.selected_key(&selection).await?;
    let when_sealed = if abandon { UnreadableKey::Abandon } else { UnreadableKey::Refuse };
    println!("{}", rotation.revoke(&kid, &operator(), &reason, when_sealed).await?);
    database.close().await;
    Ok(())
}

/// `signet keys export`.
pub async fn export(config: Config, key: Option<String>, sealed: bool) -> Result<(), StartError> {
    let selection = key.as_deref().map_or(Ok(Selection::All), selected)?;
    let Some((database, rotation)) = rotation(&config).await? else { return Ok(()) };
    let document = match sealed {
        true => rotation.export_sealed(&selection).await?,
        false => rotation.export_public(&selection).await?,
    };
    print!("{document}");
    database.close().await;
    Ok(())
}

/// The arguments of `signet keys import`.
pub struct Import {
    /// Where the key is.
    pub file: String,
    /// What it is called in tokens.
    pub kid: Option<String>,
    /// Which key of a file with several.
    pub algorithm: Option<Algorithm>,
    /// Whether it signs nothing here.
    pub verify_only: bool,
    /// For how long its tokens may live.
    pub keep_for: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// `signet keys import`.
pub async fn import(config: Config, import: Import) -> Result<(), StartError> {
    let Import { file, kid, algorithm, verify_only, keep_for, reason } = import;
    let named = |kid: &str| Kid::parse(kid).ok_or(StartError::NotAKid);
    let kid = kid.as_deref().map(named).transpose()?;
    let keep_for = keep_for.map(|text| duration::parse(&text).ok_or(StartError::NotADuration)).transpose()?;
    let text = read(&file).map_err(StartError::KeyFile)?;
    let Some((database, rotation)) = rotation(&config).await? else { return Ok(()) };
    let mut key = key_formats::read(&text, algorithm, rotation.vault())?;
    key.kid = kid.unwrap_or(key.kid);
    let import_as = match verify_only {
        false => ImportAs::Successor,
        true => {
            let contract = rotation.contract();
            let life = keep_for.unwrap_or(contract.token_ttl());
            ImportAs::VerifyOnly { retain: contract.retain_for(life) }
        }
    };
    println!("{}", rotation.import(&key, import_as, Order { by: operator(), why: reason }).await?);
    if key.private.is_some() && file != "-" {
        println!("The file still holds the private half: delete it.");
    }
    database.close().await;
    Ok(())
}

/// `signet keys rewrap`.
pub async fn rewrap(config: Config, dry_run: bool) -> Result<(), StartError> {
    let Some((database, rotation)) = rotation(&config).await? else { return Ok(()) };
    let outcome = rotation.rewrap(operator().as_str(), dry_run).await?;
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

/// Whom the record of the keys names for orders from here: the person, as far as the system says who it is.
fn operator() -> String {
    let name = ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    let sound = |name: &String| {
        (1..=64).contains(&name.len()) && name.chars().all(|c| !c.is_control() && !c.is_whitespace())
    };
    match name.filter(sound) {
        Some(name) => format!("command line ({name})"),
        None => "command line".to_owned(),
    }
}

fn selected(key: &str) -> Result<Selection, StartError> {
    Selection::parse(key).ok_or(StartError::NotAKid)
}

/// The text of a file, or of the standard input for `-`; never more than a key can need.
fn read(file: &str) -> std::io::Result<Zeroizing<String>> {
    let limit = MAX_FILE_BYTES as u64 + 1;
    let mut text = Zeroizing::new(String::new());
    match file {
        "-" => std::io::stdin().take(limit).read_to_string(&mut text)?,
        file => std::fs::File::open(file)?.take(limit).read_to_string(&mut text)?,
    };
    Ok(text)
}

/// The keys of this deployment, to be acted on; none for the role that has none, which is said.
async fn rotation(config: &Config) -> Result<Option<(Database, Rotation<Notifying<Keys>>)>, StartError> {
    let Ambient { clock, entropy } = Ambient::system();
    let contract = contract(config)?;
    let Some(secrets) = config.issuer_secrets(&*entropy)? else {
        println!("The role `resource` has no signing keys; look after them at the identity service.");
        return Ok(None);
    };
    let database = open(config).await?;
    let generator = Arc::new(SystemGenerator::new(entropy.clone()));
    let vault = Vault::new(secrets.master, secrets.retired_masters, entropy);
    let redis = config.redis_url.as_ref().map(Redis::new).transpose()?.map(Arc::new);
    let keys = Notifying::new(Keys::new(database.clone()), redis);
    let rotation = Rotation::new(keys, Arc::new(vault), generator, contract, clock);
    Ok(Some((database, rotation)))
}

async fn open(config: &Config) -> Result<Database, StartError> {
    let database = Database::open(config.database_url.expose(), 2).await?;
    database.migrate().await?;
    Ok(database)
}
