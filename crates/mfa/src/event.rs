//! What the trail says of second factors.

use audit::{Event, EventType};
use identity::Person;
use isolation::ControlTx;

use crate::factors::Method;

/// An event that happened to the person.
pub(crate) fn of(person: Person, kind: EventType) -> Event {
    let event = Event::new(kind);
    match person {
        Person::User(tenant, user) => event.of_tenant(tenant).resource(user, None),
        Person::Admin(admin) => event.resource(admin, None),
    }
}

/// Records it with the kind of factor that it is about.
pub(crate) async fn record(
    tx: &mut ControlTx,
    person: Person,
    kind: EventType,
    method: Method,
) -> Result<(), sqlx::Error> {
    audit::record(tx, of(person, kind).meta("method", method.name())).await
}
