//! Sessions that are not open.

use serde_json::json;

use super::planted::Login;
use crate::authz_matrix::{Ids, operations};
use crate::support::App;

/// What every session that is not open may call.
const PENDING: [&str; 3] = [
    "GET /api/auth/mfa",
    "GET /api/auth/session",
    "POST /api/auth/logout",
];
/// And one whose person has to pass his second factor.
const PASSING: [&str; 3] = [
    "POST /api/auth/mfa/passkeys/challenge",
    "POST /api/auth/mfa/passkeys/verify",
    "POST /api/auth/mfa/verify",
];
/// And one whose person has to add one.
const ENROLMENT: [&str; 4] = [
    "POST /api/auth/mfa/passkeys",
    "POST /api/auth/mfa/passkeys/options",
    "POST /api/auth/mfa/totp",
    "POST /api/auth/mfa/totp/confirm",
];

/// Attack 12: who has not passed his second factor reaches nothing but the steps that open his session.
#[tokio::test]
async fn a_session_that_is_not_open_is_refused_on_every_route() {
    let app = App::start().await;
    let ids = Ids::unknown();
    let tenant = &app.credentials.demo_tenant_id;
    for (stage, code, steps, elsewhere) in [
        (
            "second_factor",
            "second_factor_required",
            &PASSING[..],
            &ENROLMENT[..],
        ),
        ("enrolment", "enrolment_required", &ENROLMENT, &PASSING),
    ] {
        for kind in ["cookie", "token"] {
            let of_tenant = Login::of(&app, tenant, "owner", kind, stage)
                .await
                .client(&app)
                .await;
            let of_platform = Login::of_operator(&app, kind, stage).await.client(&app).await;
            let mut reached = 0;
            for operation in operations(&app).await {
                let name = operation.name().replace("/admin/auth/", "/api/auth/");
                if operation.is_public() || name == "GET /health" {
                    continue;
                }
                let client = if operation.is_admin() {
                    &of_platform
                } else {
                    &of_tenant
                };
                if PENDING.contains(&name.as_str()) || steps.contains(&name.as_str()) {
                    reached += 1;
                    continue;
                }
                let reply = operation.call(client, &ids).await;
                // A step of the other stage may be refused for its body before.
                if elsewhere.contains(&name.as_str()) && reply.status == 422 {
                    continue;
                }
                assert_eq!(
                    (reply.status.as_u16(), reply.text("/code").as_str()),
                    (403, code),
                    "{reply:?}"
                );
            }
            assert_eq!(
                reached,
                2 * (PENDING.len() + steps.len()),
                "steps that the document does not have"
            );
            of_tenant.get("/api/auth/session").await.expect(200);
            of_tenant.get("/health").await.expect(403);
            of_tenant.post("/api/auth/logout", &json!({})).await.expect(204);
        }
    }
    app.finish().await;
}
