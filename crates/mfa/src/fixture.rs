//! What this crate's tests begin with.

use identity::{Name, Person, users};
use isolation::{ControlTx, IsolationStrategy};
use kernel::{MasterKey, SealingKey, Secret};
use testkit::TestDatabase;

use crate::totp::{Enrolment, Label};
use crate::{Adding, Verdict, totp};

pub(crate) async fn platform(db: &TestDatabase) -> ControlTx {
    db.system().control().await.expect("the control plane answers")
}

pub(crate) fn sealing() -> SealingKey {
    SealingKey::derive(&MasterKey::new([7; 32]), "second factors")
}

/// A committed person of a fresh tenant.
pub(crate) async fn person(db: &TestDatabase) -> Person {
    let tenant = db.tenant(IsolationStrategy::SharedDatabase).await.tenant_id();
    let mut tx = platform(db).await;
    let email = "ada@example.com".parse().expect("an address");
    let name = Name::parse("Ada Lovelace").expect("a name");
    let owner = users::create_owner(&mut tx, tenant, email, name, None)
        .await
        .expect("an owner");
    tx.commit().await.expect("committed");
    Person::User(tenant, owner.id)
}

/// The code of the secret at the database's clock, so many steps off.
pub(crate) fn code(db: &TestDatabase, enrolment: &Enrolment, steps: i64) -> String {
    let uri = enrolment.uri.expose();
    let now = db.databases().seams().now().as_micros() / 1_000_000;
    let time = u64::try_from(now + 30 * steps).expect("after the epoch");
    let totp = totp_rs::Totp::from_url(uri).expect("what an app reads");
    totp.generate(time).to_string()
}

/// An app in use, with the recovery codes that came with it. The code of this moment is used up.
pub(crate) async fn app(db: &TestDatabase, person: Person) -> (Enrolment, Vec<Secret<String>>) {
    let label = Label {
        issuer: "Acme",
        account: "ada@example.com",
    };
    let mut tx = platform(db).await;
    let enrolment = totp::begin(&mut tx, &sealing(), person, label, Adding::First)
        .await
        .expect("begun");
    let code = code(db, &enrolment, 0);
    let codes = totp::confirm(&mut tx, &sealing(), person, &code, Adding::First)
        .await
        .expect("confirmed");
    tx.commit().await.expect("committed");
    (enrolment, codes.expect("the first factor"))
}

/// One committed attempt to pass with the app.
pub(crate) async fn attempt(db: &TestDatabase, person: Person, code: &str) -> Verdict {
    let mut tx = platform(db).await;
    let verdict = totp::verify(&mut tx, &sealing(), person, code)
        .await
        .expect("a verdict");
    tx.commit().await.expect("committed");
    verdict
}
