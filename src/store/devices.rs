//! The rows of devices that ask to be signed in (RFC 8628).
//! In: devices with the hashes of their codes. Out: what has become of them, never a code.
//! Owns: each transition of `model::device` is one statement, so that of several who try it one is told that they did.

use std::time::Duration;

use super::authorization_codes::{client_id, json, resources, scope};
use super::error::Error;
use super::rows::{Columns, FromColumns, entity};
use super::scope::Scope;
use crate::model::amr::Amr;
use crate::model::client::ClientId;
use crate::model::device::{DeviceApproval, DeviceAuthorization, DeviceDecision, DeviceState};
use signet_verify::clock::Timestamp;

/// How many rows one sweep deletes at most.
pub const SWEPT_AT_ONCE: u64 = 5000;

/// How long a row is kept after its end: until then a device is told why it gets nothing.
pub const KEPT_FOR: Duration = Duration::from_secs(10 * 60);

/// The columns of a device, in the order in which [`DeviceAuthorization`] is read.
macro_rules! columns {
    () => {
        "grant_id, client_id, scope, resources, ip_address, created_at, expires_at, poll_interval, polled_at, \
         decision, user_id, session_id, authenticated_at, amr, redeemed_at"
    };
}

impl FromColumns for DeviceAuthorization {
    fn from_columns(columns: &mut Columns<'_>) -> Result<Self, Error> {
        Ok(Self {
            grant_id: columns.next()?,
            client_id: client_id(columns)?,
            scope: scope(columns)?,
            resources: resources(columns)?,
            ip_address: columns.next()?,
            created_at: columns.moment()?,
            expires_at: columns.moment()?,
            interval: Duration::from_millis(columns.next::<i64>()?.unsigned_abs()),
            polled_at: columns.next::<Option<i64>>()?.map(Timestamp::from_millis),
            state: state(columns)?,
        })
    }
}

fn state(columns: &mut Columns<'_>) -> Result<DeviceState, Error> {
    let decision: Option<String> = columns.next()?;
    let user_id: Option<String> = columns.next()?;
    let session_id: Option<String> = columns.next()?;
    let authenticated_at = columns.next::<Option<i64>>()?.map(Timestamp::from_millis);
    let amr = columns.next::<Option<String>>()?.map(|words| Amr::from_words(&words));
    let redeemed_at: Option<i64> = columns.next()?;
    match (decision.as_deref(), user_id, session_id, authenticated_at, amr) {
        (None, ..) => Ok(DeviceState::Pending),
        (Some("denied"), ..) => Ok(DeviceState::Denied),
        (Some(_), Some(user_id), Some(session_id), Some(authenticated_at), Some(amr)) => {
            let approval = DeviceApproval { user_id, session_id, authenticated_at, amr };
            Ok(match redeemed_at {
                None => DeviceState::Approved(approval),
                Some(_) => DeviceState::Redeemed(approval),
            })
        }
        _ => Err(Error::Corrupt("a device that is approved by no user".to_owned())),
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// The devices.
#[derive(Clone, Debug)]
pub struct DeviceRepository<S> {
    scope: S,
}

impl<S: Scope> DeviceRepository<S> {
    pub(super) fn new(scope: S) -> Self {
        Self { scope }
    }

    /// Keeps a device that nobody has decided about, whose codes have these SHA-256.
    ///
    /// # Errors
    /// [`Error::Conflict`] when another device has the code for users; [`Error::ForeignKeyViolation`] when the client is
    /// gone.
    pub async fn insert(
        &self,
        device: &DeviceAuthorization,
        device_code_hash: &[u8; 32],
        user_code_hash: &[u8; 32],
    ) -> Result<(), Error> {
        let statement = sqlx::query(
            "INSERT INTO device_authorizations (device_code_hash, user_code_hash, grant_id, client_id, scope, resources, \
             ip_address, created_at, expires_at, poll_interval, polled_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(device_code_hash.as_slice())
        .bind(user_code_hash.as_slice())
        .bind(&device.grant_id)
        .bind(device.client_id.as_str())
        .bind(device.scope.to_string())
        .bind(json(&device.resources))
        .bind(&device.ip_address)
        .bind(device.created_at.millis())
        .bind(device.expires_at.millis())
        .bind(millis(device.interval))
        .bind(device.polled_at.map(Timestamp::millis));
        self.scope.execute(statement).await.map(drop)
    }

    /// The device with this code, whatever has become of it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find(&self, device_code_hash: &[u8; 32]) -> Result<Option<DeviceAuthorization>, Error> {
        let statement = sqlx::query(concat!(
            "SELECT ",
            columns!(),
            " FROM device_authorizations WHERE device_code_hash = $1"
        ))
        .bind(device_code_hash.as_slice());
        self.scope.fetch_optional(statement).await?.as_ref().map(entity).transpose()
    }

    /// The device whose code for users this is, while one can decide about it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_open(
        &self,
        user_code_hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<DeviceAuthorization>, Error> {
        let statement = sqlx::query(concat!(
            "SELECT ",
            columns!(),
            " FROM device_authorizations WHERE user_code_hash = $1"
        ))
        .bind(user_code_hash.as_slice());
        let found = self.scope.fetch_optional(statement).await?.as_ref().map(entity).transpose()?;
        Ok(found.filter(|device: &DeviceAuthorization| device.is_open(now)))
    }

    /// Keeps what a poll has made of a device; says no where another poll or a decision was faster.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn keep_poll(
        &self,
        device_code_hash: &[u8; 32],
        before: &DeviceAuthorization,
        after: &DeviceAuthorization,
    ) -> Result<bool, Error> {
        let statement = sqlx::query(
            "UPDATE device_authorizations SET poll_interval = $4, polled_at = $5 WHERE device_code_hash = $1 \
             AND poll_interval = $2 AND COALESCE(polled_at, -1) = $3 AND decision IS NULL",
        )
        .bind(device_code_hash.as_slice())
        .bind(millis(before.interval))
        .bind(before.polled_at.map_or(-1, Timestamp::millis))
        .bind(millis(after.interval))
        .bind(after.polled_at.map(Timestamp::millis));
        Ok(self.scope.execute(statement).await? == 1)
    }

    /// Keeps the decision of a user, if there is still one to make: of several who decide, one is told so.
    ///
    /// # Errors
    /// [`Error::ForeignKeyViolation`] when the user is gone.
    pub async fn decide(
        &self,
        user_code_hash: &[u8; 32],
        decision: &DeviceDecision,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let (word, approval) = match decision {
            DeviceDecision::Deny => ("denied", None),
            DeviceDecision::Approve(approval) => ("approved", Some(approval)),
        };
        let statement = sqlx::query(
            "UPDATE device_authorizations SET decision = $3, user_id = $4, session_id = $5, authenticated_at = $6, \
             amr = $7 WHERE user_code_hash = $1 AND decision IS NULL AND expires_at > $2",
        )
        .bind(user_code_hash.as_slice())
        .bind(now.millis())
        .bind(word)
        .bind(approval.map(|approval| &approval.user_id))
        .bind(approval.map(|approval| &approval.session_id))
        .bind(approval.map(|approval| approval.authenticated_at.millis()))
        .bind(approval.map(|approval| approval.amr.to_string()));
        Ok(self.scope.execute(statement).await? == 1)
    }

    /// Uses up what was approved, if it is not over: of several who come for it, one is told so.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn redeem(&self, device_code_hash: &[u8; 32], now: Timestamp) -> Result<bool, Error> {
        let statement = sqlx::query(
            "UPDATE device_authorizations SET redeemed_at = $2 WHERE device_code_hash = $1 \
             AND decision = 'approved' AND redeemed_at IS NULL AND expires_at > $2",
        )
        .bind(device_code_hash.as_slice())
        .bind(now.millis());
        Ok(self.scope.execute(statement).await? == 1)
    }

    /// Deletes the devices that a user has approved for a client and that have not come for their tokens yet.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_unused(&self, user_id: &str, client: &ClientId) -> Result<u64, Error> {
        let statement = sqlx::query(
            "DELETE FROM device_authorizations WHERE user_id = $1 AND client_id = $2 AND redeemed_at IS NULL",
        );
        self.scope.execute(statement.bind(user_id).bind(client.as_str())).await
    }

    /// Deletes what is over and told, [`SWEPT_AT_ONCE`] rows at most; says how many went.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sweep(&self, now: Timestamp) -> Result<u64, Error> {
        let statement = sqlx::query(
            "DELETE FROM device_authorizations WHERE device_code_hash IN \
             (SELECT device_code_hash FROM device_authorizations WHERE expires_at <= $1 LIMIT $2)",
        )
        .bind(now.before(KEPT_FOR).millis())
        .bind(i64::try_from(SWEPT_AT_ONCE).unwrap_or(i64::MAX));
        self.scope.execute(statement).await
    }
}
