//! What callers say of themselves in forwarding headers counts from configured proxies only.

use std::io::{Read as _, Write as _};

use reqwest::Method;
use serde_json::json;

use crate::cors::policy;
use crate::support::{App, Client, Tenant, eventually};

const PROXY: &str = "127.0.0.3";
const OFFICE: &str = "192.0.2.9";

/// A tenant that lets only its office in, and its key from elsewhere.
async fn walled(app: &App) -> Tenant {
    let tenant = app.tenant("acme", "shared_database").await;
    let policy = policy(&json!({"ipAllowList": ["192.0.2.0/24", "2001:db8::/32"]}));
    let meant = "/api/security-policy?allowSelfLockout=true";
    tenant.client.put(meant, &policy).await.expect(200);
    eventually("the wall", async || {
        (tenant.client.get("/api/tenant").await.status == 403).then_some(())
    })
    .await;
    tenant
}

#[tokio::test]
async fn nobody_but_a_proxy_says_where_a_caller_is() {
    let app = App::with()
        .setting("server.trusted_proxies", "127.0.0.3/32")
        .start()
        .await;
    let tenant = walled(&app).await;
    let key = app.tenant_key(&tenant.id, &["*"]).await;
    let direct = app.nobody().with_key(&key);
    for forged in [
        direct.with("x-forwarded-for", OFFICE),
        direct.with("forwarded", "for=192.0.2.9"),
        direct.with("x-real-ip", OFFICE).with("x-client-ip", OFFICE),
        direct.with("x-forwarded-for", "192.0.2.9, 127.0.0.3"),
    ] {
        forged
            .get("/api/tenant")
            .await
            .refused(403, "address_not_allowed");
        forged
            .get("/gateway/verify")
            .await
            .refused(403, "address_not_allowed");
    }
    let behind = Client::from_address(&app.url, PROXY).with_key(&key);
    for (list, inside) in [
        ("192.0.2.9", true),
        ("::ffff:192.0.2.9", true),
        ("2001:db8::7", true),
        ("198.51.100.1, 192.0.2.9", true),
        ("192.0.2.9, 127.0.0.3", true),
        ("192.0.2.9, 198.51.100.1", false),
        ("198.51.100.1", false),
        ("unknown", false),
    ] {
        let reply = behind.with("x-forwarded-for", list).get("/api/tenant").await;
        assert_eq!(reply.status == 200, inside, "{list}: {reply:?}");
    }
    // What the proxy passes on as its caller sent it.
    behind
        .with("forwarded", "for=192.0.2.9")
        .get("/api/tenant")
        .await
        .refused(403, "address_not_allowed");
    behind
        .get("/api/tenant")
        .await
        .refused(403, "address_not_allowed");
    app.finish().await;
}

#[tokio::test]
async fn proxies_that_write_rfc_7239_are_believed_by_it_alone() {
    let app = App::with()
        .setting("server.trusted_proxies", "127.0.0.3/32")
        .setting("server.forwarding_header", "forwarded")
        .start()
        .await;
    let tenant = walled(&app).await;
    let key = app.tenant_key(&tenant.id, &["*"]).await;
    let behind = Client::from_address(&app.url, PROXY).with_key(&key);
    for (value, inside) in [
        ("for=192.0.2.9;proto=https;host=acme.tenantry.test", true),
        ("for=198.51.100.1, For=\"[2001:db8::7]:4711\"", true),
        ("for=192.0.2.9, for=198.51.100.1", false),
        ("for=unknown", false),
        ("by=192.0.2.9", false),
    ] {
        let reply = behind.with("forwarded", value).get("/api/tenant").await;
        assert_eq!(reply.status == 200, inside, "{value}: {reply:?}");
    }
    behind
        .with("x-forwarded-for", OFFICE)
        .get("/api/tenant")
        .await
        .refused(403, "address_not_allowed");
    let direct = app.nobody().with_key(&key).with("forwarded", "for=192.0.2.9");
    direct
        .get("/api/tenant")
        .await
        .refused(403, "address_not_allowed");
    app.finish().await;
}

#[tokio::test]
async fn a_forged_host_selects_nothing() {
    let app = App::with()
        .setting("server.trusted_proxies", "127.0.0.3/32")
        .start()
        .await;
    let (acme, other) = (
        app.tenant("acme", "shared_database").await,
        app.tenant("other", "shared_database").await,
    );
    for name in ["x-forwarded-host", "x-host", "x-original-host", "forwarded"] {
        let value = if name == "forwarded" {
            "host=other.tenantry.test"
        } else {
            "other.tenantry.test"
        };
        let forged = acme.client.with(name, value);
        let own = forged.get("/api/tenant").await.expect(200).text("/id");
        assert_eq!(own, acme.id, "{name}");
        let judged = forged.get("/gateway/verify").await.expect(204);
        assert_eq!(judged.header("x-tenant-id"), acme.id, "{name}");
        // And it does not undo what the host itself says.
        let hosted = other.client.with("host", "acme.tenantry.test").with(name, value);
        hosted.get("/api/tenant").await.refused(404, "not_found");
        hosted.get("/gateway/verify").await.refused(403, "forbidden");
    }
    let key = app.tenant_key(&acme.id, &["*"]).await;
    let gateway = Client::from_address(&app.url, PROXY).with_key(&key);
    let told = |host| gateway.with("x-forwarded-host", host);
    told("acme.tenantry.test")
        .get("/gateway/verify")
        .await
        .expect(204);
    told("other.tenantry.test")
        .get("/gateway/verify")
        .await
        .refused(403, "forbidden");
    told("acme.tenantry.test, other.tenantry.test")
        .get("/gateway/verify")
        .await
        .refused(403, "forbidden");
    app.finish().await;
}

/// Of two hosts a proxy may have believed the other one.
#[tokio::test]
async fn two_hosts_are_refused_and_nothing_is_left_for_a_cache_to_mix() {
    let app = App::start().await;
    let tenant = app.tenant("acme", "shared_database").await;
    let key = app.tenant_key(&tenant.id, &["*"]).await;
    let address = app.url.trim_start_matches("http://").to_owned();
    let answer = tokio::task::spawn_blocking(move || {
        let mut stream = std::net::TcpStream::connect(address).expect("it listens");
        let request = format!(
            "GET /api/tenant HTTP/1.1\r\nHost: acme.tenantry.test\r\nHost: other.tenantry.test\r\n\
             Authorization: Bearer {key}\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answered");
        answer
    });
    let answer = answer.await.expect("the thread ends");
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    let hosted = tenant.client.with("host", "acme.tenantry.test");
    let kept = hosted.get("/api/tenant").await.expect(200);
    assert_eq!(kept.header("cache-control"), "no-store");
    app.finish().await;
}

#[tokio::test]
async fn operators_come_from_their_networks_only() {
    let app = App::with()
        .setting("security.admin_networks", "127.0.0.1/32,192.0.2.0/24")
        .setting("server.trusted_proxies", "127.0.0.3/32")
        .start()
        .await;
    app.admin().get("/admin/tenants").await.expect(200);
    let key = app.admin();
    let outside = Client::from_address(&app.url, "127.0.0.2");
    let knocking = key.by_way_of(&outside);
    for path in [
        "/admin/tenants",
        "/admin/api-keys",
        "/admin/nothing",
        "/admin/auth/login",
    ] {
        for client in [&knocking, &outside, &knocking.with("x-forwarded-for", OFFICE)] {
            let reply = client.call(Method::GET, path).await;
            assert_eq!(reply.status, 403, "{path}: {reply:?}");
            reply.refused(403, "address_not_allowed");
        }
    }
    let behind = key.by_way_of(&Client::from_address(&app.url, PROXY));
    behind
        .with("x-forwarded-for", OFFICE)
        .get("/admin/tenants")
        .await
        .expect(200);
    behind
        .with("x-forwarded-for", "198.51.100.1")
        .get("/admin/tenants")
        .await
        .refused(403, "address_not_allowed");
    // Tenants' callers do not care.
    let tenant = app.tenant("acme", "shared_database").await;
    tenant
        .client
        .by_way_of(&outside)
        .get("/api/tenant")
        .await
        .expect(200);
    let path = "/admin/audit?eventType=security.access_denied";
    let events = app.admin().get(path).await.expect(200).json();
    let refusals: Vec<_> = events["items"]
        .as_array()
        .expect("items")
        .iter()
        .filter(|event| event["metadata"]["reason"] == "address_not_allowed")
        .collect();
    assert_eq!(
        refusals.len(),
        2,
        "one for each address, however often it knocked: {events}"
    );
    app.finish().await;
}
