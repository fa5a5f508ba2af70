//! People of a tenant, who came by their invitations.

use serde_json::json;

use super::app::{App, Tenant};
use super::client::{Client, Reply};
use super::eventually;

/// Somebody who accepted his invitation.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    /// Who.
    pub(crate) id: String,
    /// He himself, by the key that he was given.
    pub(crate) client: Client,
}

impl App {
    /// Somebody of this role who came.
    pub(crate) async fn person(&self, tenant: &Tenant, name: &str, role: &str) -> Person {
        let email = format!("{name}@people.example.com");
        let body = json!({"email": email, "name": name, "role": role});
        let id = tenant
            .client
            .post("/api/users", &body)
            .await
            .expect(201)
            .text("/id");
        let token = self.invitation(&email).await;
        let accepted = self.accept(&json!({"token": token})).await.expect(201);
        assert_eq!(accepted.text("/user/id"), id);
        let client = self.nobody().with_key(&accepted.text("/apiKey/key"));
        Person { id, client }
    }

    /// The secret of the newest link that was sent to this address.
    pub(crate) async fn invitation(&self, email: &str) -> String {
        self.invitation_but(email, &[]).await
    }

    /// The same, once there is one beside these.
    pub(crate) async fn invitation_but(&self, email: &str, old: &[&str]) -> String {
        eventually("the letter", async || {
            // Long lines are broken by quoted-printable (RFC 2045 §6.7).
            let letters = self.mails().into_iter().map(|mail| mail.replace("=\r\n", ""));
            let letters = letters.filter(|mail| mail.contains(email));
            let mut links = letters.filter_map(|mail| {
                let (_, secret) = mail.split_once("/invitation#")?;
                secret.split_whitespace().next().map(str::to_owned)
            });
            links.rfind(|token| !old.contains(&token.as_str()))
        })
        .await
    }

    /// Accepts an invitation.
    pub(crate) async fn accept(&self, body: &serde_json::Value) -> Reply {
        self.nobody().post("/api/invitations/accept", body).await
    }
}
