//! Answers kept under the caller's Idempotency-Key, in the transaction of the change they answer.
//!
//! The key's row is inserted before the work and committed with it. So a repeated request either finds the whole
//! answer or nothing at all, whenever the process died; and of two at the same time the second waits for the
//! first at the row and then gets the first one's answer. Answers are sealed, because some show a secret once.

use kernel::SealingKey;
use uuid::Uuid;

use crate::tx::{ControlTx, TenantTx, Tx};

/// The caller's key with what it was sent with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// As the caller sent it.
    pub key: String,
    /// A digest of who asked for what: method, path, body and caller.
    pub fingerprint: [u8; 32],
}

/// An answer as it was first given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The `Location` header.
    pub location: Option<String>,
    /// The `ETag` header.
    pub etag: Option<String>,
    /// The JSON body.
    pub body: String,
}

/// What a key means for the request that carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// Never seen: do the work, then [`store`](TenantTx::store_answer) the answer.
    Fresh,
    /// The same request was answered before.
    Replay(StoredAnswer),
    /// Another request was sent under this key.
    Reused,
}

/// How long answers are kept at least.
const KEPT_DAYS: i64 = 1;
/// How often in 256 the expired ones are removed.
const PRUNE_CHANCE: u8 = 4;

macro_rules! claims {
    ($transaction:ident, $scope:expr, $insert:literal, $select:literal, $update:literal, $prune:literal) => {
        impl $transaction {
            /// Claims the key for this transaction.
            pub async fn claim(&mut self, key: &IdempotencyKey) -> Result<Claim, sqlx::Error> {
                let (scope, now) = ($scope(self), self.now());
                let fresh = sqlx::query!($insert, scope, key.key, &key.fingerprint[..], now as _)
                    .execute(self.conn())
                    .await?
                    .rows_affected()
                    == 1;
                if fresh {
                    return Ok(Claim::Fresh);
                }
                let row = sqlx::query!($select, scope, key.key)
                    .fetch_one(self.conn())
                    .await?;
                if row.fingerprint != key.fingerprint {
                    return Ok(Claim::Reused);
                }
                Ok(Claim::Replay(StoredAnswer {
                    status: u16::try_from(row.status).unwrap_or(500),
                    location: row.location,
                    etag: row.etag,
                    body: open(&self.answer_key(), scope, key, &row.body)?,
                }))
            }

            /// Keeps the answer under a key that this transaction claimed.
            pub async fn store_answer(
                &mut self,
                key: &IdempotencyKey,
                answer: &StoredAnswer,
            ) -> Result<(), sqlx::Error> {
                let scope = $scope(self);
                let status = i16::try_from(answer.status).unwrap_or(500);
                let place = place(scope, key);
                let body = self
                    .answer_key()
                    .seal(self.seams(), &place, answer.body.as_bytes());
                sqlx::query!(
                    $update,
                    scope,
                    key.key,
                    status,
                    answer.location.as_deref(),
                    answer.etag.as_deref(),
                    body
                )
                .execute(self.conn())
                .await?;
                // Once in a while whoever keeps an answer removes those that nobody asks for any more.
                if self.seams().random::<1>() < [PRUNE_CHANCE] {
                    let expired = self.now().plus_days(-KEPT_DAYS);
                    sqlx::query!($prune, scope, expired as _)
                        .execute(self.conn())
                        .await?;
                }
                Ok(())
            }
        }
    };
}

/// What a sealed answer is bound to.
fn place(scope: Uuid, key: &IdempotencyKey) -> Vec<u8> {
    [scope.as_bytes(), key.key.as_bytes()].concat()
}

fn open(with: &SealingKey, scope: Uuid, key: &IdempotencyKey, sealed: &[u8]) -> Result<String, sqlx::Error> {
    let plain = with
        .open(&place(scope, key), sealed)
        .map_err(|error| sqlx::Error::Decode(error.into()))?;
    String::from_utf8(plain).map_err(|error| sqlx::Error::Decode(error.into()))
}

claims!(
    TenantTx,
    |tx: &TenantTx| tx.tenant_id().uuid(),
    "insert into idempotency_keys (tenant_id, key, fingerprint, status, body, created_at)
     values ($1, $2, $3, 0, '\\x', $4) on conflict do nothing",
    "select fingerprint, status, location, etag, body from idempotency_keys where tenant_id = $1 and key = $2",
    "update idempotency_keys set status = $3, location = $4, etag = $5, body = $6 where tenant_id = $1 and key = $2",
    "delete from idempotency_keys where tenant_id = $1 and created_at < $2"
);
claims!(
    ControlTx,
    ControlTx::answers_of,
    "insert into control.idempotency_keys (tenant_id, key, fingerprint, status, body, created_at)
     values ($1, $2, $3, 0, '\\x', $4) on conflict do nothing",
    "select fingerprint, status, location, etag, body from control.idempotency_keys where tenant_id = $1 and key = $2",
    "update control.idempotency_keys set status = $3, location = $4, etag = $5, body = $6
     where tenant_id = $1 and key = $2",
    "delete from control.idempotency_keys where tenant_id = $1 and created_at < $2"
);
