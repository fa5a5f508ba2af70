use isolation::ControlTx;
use kernel::{Grants, TenantId, UserId};
use testkit::TestDatabase;

use super::super::{User, UserError, UserStatus, change_role, deactivate, delete};
use crate::BuiltinRole;
use crate::fixture::{new_tenant, person, platform};

/// Ways for an owner to stop being one.
#[derive(Debug, Clone, Copy)]
enum Way {
    Demoted,
    ShutOut,
    Deleted,
}

impl Way {
    const ALL: [Self; 3] = [Self::Demoted, Self::ShutOut, Self::Deleted];

    async fn of(self, tx: &mut ControlTx, tenant: TenantId, id: UserId) -> Result<(), UserError> {
        let held = Grants::all();
        match self {
            Self::Demoted => change_role(tx, tenant, held, id, None, BuiltinRole::Admin.into())
                .await
                .map(drop),
            Self::ShutOut => deactivate(tx, tenant, held, id, None).await.map(drop),
            Self::Deleted => delete(tx, tenant, held, id, None).await,
        }
    }
}

async fn left(db: &TestDatabase, way: Way, user: &User) -> Result<(), UserError> {
    let mut tx = platform(db).await;
    way.of(&mut tx, user.tenant_id, user.id).await?;
    Ok(tx.commit().await?)
}

#[tokio::test]
async fn the_last_active_owner_stays() {
    let db = TestDatabase::new().await;
    for way in Way::ALL {
        let tenant = new_tenant(&db).await.tenant_id();
        let ada = person(&db, tenant, "Ada", "owner", UserStatus::Active).await;
        person(&db, tenant, "Ben", "owner", UserStatus::Invited).await;
        person(&db, tenant, "Cara", "owner", UserStatus::Deactivated).await;
        person(&db, tenant, "Dan", "admin", UserStatus::Active).await;
        let outcome = left(&db, way, &ada).await;
        assert!(
            matches!(outcome, Err(UserError::LastOwner)),
            "{way:?} {outcome:?}"
        );
        let eve = person(&db, tenant, "Eve", "owner", UserStatus::Active).await;
        left(&db, way, &ada).await.expect("Eve remains");
        let outcome = left(&db, way, &eve).await;
        assert!(
            matches!(outcome, Err(UserError::LastOwner)),
            "{way:?} {outcome:?}"
        );
    }
}

#[tokio::test]
async fn of_the_last_two_who_leave_at_once_one_stays() {
    let db = TestDatabase::new().await;
    for (one, other) in [
        (Way::Demoted, Way::Demoted),
        (Way::ShutOut, Way::ShutOut),
        (Way::Deleted, Way::Deleted),
        (Way::Demoted, Way::ShutOut),
        (Way::ShutOut, Way::Deleted),
    ] {
        let tenant = new_tenant(&db).await.tenant_id();
        let ada = person(&db, tenant, "Ada", "owner", UserStatus::Active).await;
        let ben = person(&db, tenant, "Ben", "owner", UserStatus::Active).await;
        // Both look before either commits, unless one waits for the other.
        let outcomes = tokio::join!(left(&db, one, &ada), left(&db, other, &ben));
        let refused = |outcome: &Result<(), UserError>| matches!(outcome, Err(UserError::LastOwner));
        assert!(
            (refused(&outcomes.0) && outcomes.1.is_ok()) || (outcomes.0.is_ok() && refused(&outcomes.1)),
            "{one:?} {other:?}: {outcomes:?}"
        );
    }
}

#[tokio::test]
async fn an_invited_owner_may_be_replaced_before_he_comes() {
    let db = TestDatabase::new().await;
    let tenant = new_tenant(&db).await.tenant_id();
    let misspelt = person(&db, tenant, "Adda", "owner", UserStatus::Invited).await;
    let outcome = left(&db, Way::Deleted, &misspelt).await;
    assert!(matches!(outcome, Err(UserError::LastOwner)), "{outcome:?}");
    person(&db, tenant, "Ada", "owner", UserStatus::Invited).await;
    left(&db, Way::Deleted, &misspelt).await.expect("Ada may come");
}
