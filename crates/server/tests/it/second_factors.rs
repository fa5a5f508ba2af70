//! Second factors, from outside: apps, recovery codes, passkeys, and tenants that demand one.

mod passkeys;

use std::time::{SystemTime, UNIX_EPOCH};

use reqwest::Method;
use serde_json::{Value, json};
use testkit::Authenticator;
use totp_rs::Totp;

use crate::program::{outcome, tenantry};
use crate::support::{App, Client, Reply, eventually};

const ORIGIN: &str = "https://app.example.com";

async fn start() -> App {
    App::with()
        .setting("server.public_url", ORIGIN)
        .setting("server.base_domain", "app.example.com")
        .start()
        .await
}

/// Somebody with a password, on one of the planes.
struct Person<'a> {
    app: &'a App,
    plane: &'static str,
    login: Value,
}

impl<'a> Person<'a> {
    fn owner(app: &'a App) -> Self {
        let known = &app.credentials;
        Self::of_tenant(
            app,
            &known.demo_tenant_slug,
            &known.demo_owner_email,
            &known.demo_owner_password,
        )
    }

    fn of_tenant(app: &'a App, tenant: &str, email: &str, password: &str) -> Self {
        let login = json!({"tenant": tenant, "email": email, "password": password, "session": "token"});
        Self {
            app,
            plane: "/api/auth",
            login,
        }
    }

    fn operator(app: &'a App) -> Self {
        let known = &app.credentials;
        let login = json!({"email": known.admin_email, "password": known.admin_password, "session": "token"});
        Self {
            app,
            plane: "/admin/auth",
            login,
        }
    }

    async fn logs_in(&self) -> Reply {
        let path = format!("{}/login", self.plane);
        self.app.nobody().post(&path, &self.login).await.expect(200)
    }

    /// Logged in without a second factor.
    async fn open(&self) -> Client {
        let outcome = self.logs_in().await;
        assert_eq!(outcome.text("/status"), "open");
        self.app.nobody().with_key(&outcome.text("/accessToken"))
    }

    /// Logged in no further than to this stage.
    async fn waiting(&self, stage: &str) -> Client {
        let outcome = self.logs_in().await;
        assert_eq!(outcome.text("/status"), stage);
        assert!(outcome.json()["accessToken"].is_null() && outcome.json()["refreshToken"].is_null());
        self.app.nobody().with_key(&outcome.text("/pendingToken"))
    }

    fn mfa(&self, step: &str) -> String {
        format!("{}/mfa{step}", self.plane)
    }

    fn password(&self) -> Value {
        json!({"password": self.login["password"]})
    }

    /// Adds an app; the code of this moment is used up.
    async fn adds_app(&self, client: &Client) -> (Totp, Reply) {
        self.adds_app_proving(client, &self.password()).await
    }

    async fn adds_app_proving(&self, client: &Client, proof: &Value) -> (Totp, Reply) {
        let begun = client.post(&self.mfa("/totp"), proof).await.expect(200);
        let totp = Totp::from_url(begun.text("/uri")).expect("what an app reads");
        let body = json!({"code": code(&totp, 0)});
        let confirmed = client.post(&self.mfa("/totp/confirm"), &body).await.expect(200);
        (totp, confirmed)
    }

    async fn adds_passkey(&self, client: &Client, key: &mut Authenticator) -> Reply {
        let challenge = client
            .post(&self.mfa("/passkeys/options"), &self.password())
            .await
            .expect(200)
            .json();
        let credential = key.create(&challenge["publicKey"]);
        let body = json!({"ceremonyId": challenge["ceremonyId"], "name": "Laptop", "credential": credential});
        client.post(&self.mfa("/passkeys"), &body).await
    }

    async fn challenged(&self, client: &Client) -> Value {
        client
            .post(&self.mfa("/passkeys/challenge"), &json!({}))
            .await
            .expect(200)
            .json()
    }

    async fn answers(&self, client: &Client, challenge: &Value, credential: &Value) -> Reply {
        let body = json!({"ceremonyId": challenge["ceremonyId"], "credential": credential});
        client.post(&self.mfa("/passkeys/verify"), &body).await
    }

    async fn verifies(&self, client: &Client, method: &str, code: &str) -> Reply {
        client
            .post(&self.mfa("/verify"), &json!({"method": method, "code": code}))
            .await
    }
}

/// The app's code, so many steps from now.
#[expect(clippy::disallowed_methods, reason = "an app has a clock of its own")]
fn code(totp: &Totp, steps: u64) -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after the epoch");
    totp.generate(now.as_secs() + 30 * steps).to_string()
}

fn codes(reply: &Reply) -> Vec<String> {
    serde_json::from_value(reply.json()["recoveryCodes"].clone()).expect("codes")
}

async fn remove(client: &Client, path: &str, proof: &Value) -> Reply {
    let sent = client.try_send(Method::DELETE, path, Some(proof)).await;
    sent.expect("the server answers")
}

#[tokio::test]
async fn who_has_an_app_passes_it_on_both_planes() {
    let app = start().await;
    for (person, probe) in [
        (Person::owner(&app), "/api/projects"),
        (Person::operator(&app), "/admin/tenants"),
    ] {
        let client = person.open().await;
        let elsewhere = person.open().await;
        for step in ["/totp", "/passkeys/options"] {
            found_open_it_adds_nothing(&client, &person.mfa(step)).await;
        }
        let begun = client
            .post(&person.mfa("/totp"), &person.password())
            .await
            .expect(200);
        assert!(begun.text("/uri").starts_with("otpauth://totp/"));
        let wrong = json!({"code": "000000"});
        client
            .post(&person.mfa("/totp/confirm"), &wrong)
            .await
            .refused(401, "invalid_code");
        let (totp, confirmed) = person.adds_app(&client).await;
        let paper = codes(&confirmed);
        assert_eq!(paper.len(), 10);
        client.get(probe).await.expect(200);
        elsewhere.get(probe).await.expect(401);
        client
            .post(&person.mfa("/totp"), &person.password())
            .await
            .refused(409, "conflict");

        each_code_opens_once(&app, &person, probe, &totp, &paper[0]).await;
    }
    app.finish().await;
}

/// Who found the session open does not know the password.
async fn found_open_it_adds_nothing(client: &Client, path: &str) {
    client
        .post(path, &json!({}))
        .await
        .refused(422, "validation_failed");
    client
        .post(path, &json!({"password": "not his password at all"}))
        .await
        .refused(401, "invalid_credentials");
}

async fn each_code_opens_once(app: &App, person: &Person<'_>, probe: &str, totp: &Totp, paper: &str) {
    let outcome = person.logs_in().await.json();
    assert_eq!(outcome["methods"], json!(["totp", "recovery_code"]));
    let waiting = person.waiting("second_factor").await;
    waiting.get(probe).await.refused(403, "second_factor_required");
    let steps = [
        ("/totp", json!({})),
        ("/totp/confirm", json!({"code": code(totp, 1)})),
        ("/passkeys/options", json!({})),
    ];
    for (step, body) in steps {
        waiting
            .post(&person.mfa(step), &body)
            .await
            .refused(403, "second_factor_required");
    }
    person
        .verifies(&waiting, "totp", &code(totp, 0))
        .await
        .refused(401, "invalid_code");
    let opened = person
        .verifies(&waiting, "totp", &code(totp, 1))
        .await
        .expect(200);
    assert_eq!(opened.text("/status"), "open");
    app.nobody()
        .with_key(&opened.text("/accessToken"))
        .get(probe)
        .await
        .expect(200);
    waiting.get(probe).await.expect(401);
    let again = person.waiting("second_factor").await;
    person
        .verifies(&again, "totp", &code(totp, 1))
        .await
        .refused(401, "invalid_code");
    person
        .verifies(&again, "recovery_code", &paper.to_uppercase())
        .await
        .expect(200);
    let again = person.waiting("second_factor").await;
    person
        .verifies(&again, "recovery_code", paper)
        .await
        .refused(401, "invalid_code");
}

#[tokio::test]
async fn of_many_uses_of_a_code_at_once_one_opens_a_session() {
    let app = start().await;
    let person = Person::owner(&app);
    let (totp, confirmed) = person.adds_app(&person.open().await).await;
    let (code, paper) = (code(&totp, 1), codes(&confirmed).remove(0));
    for (method, code) in [("totp", &code), ("recovery_code", &paper)] {
        let (one, other) = (
            person.waiting("second_factor").await,
            person.waiting("second_factor").await,
        );
        let (a, b, c) = tokio::join!(
            person.verifies(&one, method, code),
            person.verifies(&other, method, code),
            person.verifies(&one, method, code)
        );
        let replies = [a, b, c];
        let opened = replies.iter().filter(|reply| reply.status == 200).count();
        assert_eq!(opened, 1, "{replies:?}");
    }
    app.finish().await;
}

#[tokio::test]
async fn where_one_is_demanded_it_is_added_before_anything_opens() {
    let app = start().await;
    let person = Person::owner(&app);
    let tenant = app.nobody().with_key(&app.credentials.demo_tenant_api_key);
    let mut policy = tenant.get("/api/security-policy").await.expect(200).json();
    policy["mfaRequired"] = json!(true);
    policy.as_object_mut().expect("a policy").remove("version");
    tenant.put("/api/security-policy", &policy).await.expect(200);

    let waiting = person.waiting("enrolment").await;
    let other = person.waiting("enrolment").await;
    waiting
        .get("/api/projects")
        .await
        .refused(403, "enrolment_required");
    person
        .verifies(&waiting, "totp", "000000")
        .await
        .refused(403, "enrolment_required");
    assert_eq!(
        waiting.get(&person.mfa("")).await.expect(200).json()["required"],
        true
    );
    let (totp, enrolled) = person.adds_app_proving(&waiting, &json!({})).await;
    assert_eq!(
        (enrolled.text("/login/status"), codes(&enrolled).len()),
        ("open".to_owned(), 10)
    );
    let client = app.nobody().with_key(&enrolled.text("/login/accessToken"));
    client.get("/api/projects").await.expect(200);
    waiting.get("/api/projects").await.expect(401);
    // The password alone, on another device, does not add a factor beside it.
    other.post(&person.mfa("/totp"), &json!({})).await.expect(401);

    remove(&client, &person.mfa("/totp"), &person.password())
        .await
        .refused(409, "conflict");
    let mut key = Authenticator::new(ORIGIN);
    let added = person.adds_passkey(&client, &mut key).await.expect(201);
    assert!(added.json()["recoveryCodes"].is_null());
    remove(&client, &person.mfa("/totp"), &json!({"code": code(&totp, 1)}))
        .await
        .expect(204);
    let fresh = client
        .post(&person.mfa("/recovery-codes"), &person.password())
        .await
        .expect(200);
    let waiting = person.waiting("second_factor").await;
    let old = &codes(&enrolled)[0];
    person
        .verifies(&waiting, "recovery_code", old)
        .await
        .refused(401, "invalid_code");
    person
        .verifies(&waiting, "recovery_code", &codes(&fresh)[0])
        .await
        .expect(200);
    app.finish().await;
}

#[tokio::test]
async fn a_browsers_cookie_is_another_one_afterwards() {
    let app = start().await;
    let person = Person::owner(&app);
    let (totp, _) = person.adds_app(&person.open().await).await;
    let mut login = person.login.clone();
    login["session"] = json!("cookie");
    let browser = app.nobody().with("origin", &app.url);
    let outcome = browser.post("/api/auth/login", &login).await.expect(200);
    let with = |reply: &Reply| {
        let cookie = reply
            .header("set-cookie")
            .split(';')
            .next()
            .expect("a cookie")
            .to_owned();
        browser
            .with("cookie", &cookie)
            .with("x-csrf-token", &reply.text("/csrfToken"))
    };
    let waiting = with(&outcome);
    let body = json!({"method": "totp", "code": code(&totp, 1)});
    waiting
        .with("x-csrf-token", "wrong")
        .post(&person.mfa("/verify"), &body)
        .await
        .refused(403, "csrf_refused");
    let opened = waiting.post(&person.mfa("/verify"), &body).await.expect(200);
    assert!(opened.json()["accessToken"].is_null() && opened.json()["pendingToken"].is_null());
    with(&opened).get("/api/projects").await.expect(200);
    waiting.get("/api/projects").await.expect(401);
    app.finish().await;
}

#[tokio::test]
async fn keys_have_no_second_factors_and_an_address_has_no_passkeys() {
    let app = App::start().await;
    let tenant = app.nobody().with_key(&app.credentials.demo_tenant_api_key);
    for (client, path) in [(tenant, "/api/auth/mfa"), (app.admin(), "/admin/auth/mfa")] {
        client.get(path).await.refused(404, "not_found");
        client
            .post(&format!("{path}/totp"), &json!({}))
            .await
            .refused(404, "not_found");
    }
    let person = Person::owner(&app);
    let client = person.open().await;
    client
        .post(&person.mfa("/passkeys/options"), &person.password())
        .await
        .refused(409, "conflict");
    let unknown = person.mfa("/passkeys/passkey_01h455vb4pex5vsknk084sn02q");
    client.get(&unknown).await.refused(404, "not_found");
    app.finish().await;
}

#[tokio::test]
async fn who_lost_everything_is_helped_by_somebody_else() {
    let app = start().await;
    let (person, operator) = (Person::owner(&app), Person::operator(&app));
    let client = person.open().await;
    person.adds_app(&client).await;
    let me = client.get("/api/me").await.expect(200).text("/user/id");
    let own = format!("/api/users/{me}/mfa");
    client.delete(&own).await.refused(403, "forbidden");
    let tenant = &app.credentials.demo_tenant_id;
    let low = app.nobody().with_key(&app.tenant_key(tenant, &["users:*"]).await);
    low.delete(&own).await.refused(403, "forbidden");
    let path = format!("/admin/tenants/{tenant}/users/{me}/mfa");
    app.admin().delete(&path).await.expect(204);
    client.get("/api/projects").await.expect(401);
    person.open().await;
    app.admin().delete(&path).await.refused(404, "not_found");

    operator.adds_app(&operator.open().await).await;
    let admins = app.admin().get("/admin/admins").await.expect(200).json();
    let path = format!(
        "/admin/admins/{}/mfa",
        admins["items"][0]["id"].as_str().expect("an id")
    );
    app.admin().delete(&path).await.refused(403, "forbidden");
    let other = app.limited_admin(&["admins:*"]).await;
    other.delete(&path).await.refused(403, "forbidden");
    app.finish().await;
}

#[tokio::test]
async fn operators_can_be_made_to_have_one() {
    let app = App::with()
        .setting("security.admin_mfa_required", true)
        .start()
        .await;
    let operator = Person::operator(&app);
    let waiting = operator.waiting("enrolment").await;
    waiting
        .get("/admin/tenants")
        .await
        .refused(403, "enrolment_required");
    let (_, enrolled) = operator.adds_app(&waiting).await;
    let client = app.nobody().with_key(&enrolled.text("/login/accessToken"));
    client.get("/admin/tenants").await.expect(200);
    remove(&client, &operator.mfa("/totp"), &operator.password())
        .await
        .refused(409, "conflict");
    operator.waiting("second_factor").await;
    app.finish().await;
}

#[tokio::test]
async fn who_has_nobody_above_him_is_helped_by_the_machines_keeper() {
    let app = start().await;
    let operator = Person::operator(&app);
    let client = operator.open().await;
    operator.adds_app(&client).await;
    let environment = app.environment().await;
    let email = operator.login["email"].as_str().expect("an address");
    let help = async |email: &str| {
        let mut command = tenantry(["admin", "reset-second-factors", "--email", email]);
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        outcome(command).await.status.code()
    };
    assert_eq!(help("nobody@example.com").await, Some(1));
    operator.waiting("second_factor").await;
    assert_eq!(help(email).await, Some(0));
    operator.open().await;
    eventually("the end of his sessions", async || {
        (client.get("/admin/tenants").await.status == 401).then_some(())
    })
    .await;
    app.finish().await;
}
