//! A caller.

use std::fmt;
use std::net::IpAddr;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};
use serde_json::Value;

/// Someone who calls the server, with the headers he always sends.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
    headers: HeaderMap,
}

/// What he is answered.
pub(crate) struct Reply {
    /// The status.
    pub(crate) status: StatusCode,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The body.
    pub(crate) bytes: Vec<u8>,
    request: String,
}

impl Client {
    /// A caller without a credential.
    pub(crate) fn new(base: &str) -> Self {
        Self::coming_from(base, None)
    }

    /// The same, coming from this address of this machine.
    pub(crate) fn from_address(base: &str, address: &str) -> Self {
        Self::coming_from(base, Some(address.parse().expect("an address")))
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a test calls the server it has started itself"
    )]
    fn coming_from(base: &str, address: Option<IpAddr>) -> Self {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .local_address(address)
            .no_proxy()
            .build();
        Self {
            http: http.expect("a client can be made"),
            base: base.to_owned(),
            headers: HeaderMap::new(),
        }
    }

    /// The same caller who also sends this header.
    #[must_use]
    pub(crate) fn with(&self, name: &'static str, value: &str) -> Self {
        let mut headers = self.headers.clone();
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_str(value).expect("a header's value"),
        );
        Self {
            headers,
            ..self.clone()
        }
    }

    /// The same caller who does not send this header.
    #[must_use]
    pub(crate) fn without(&self, name: &str) -> Self {
        let mut headers = self.headers.clone();
        headers.remove(name);
        Self {
            headers,
            ..self.clone()
        }
    }

    /// The same caller with this key.
    #[must_use]
    pub(crate) fn with_key(&self, key: &str) -> Self {
        self.with("authorization", &format!("Bearer {key}"))
    }

    /// The same caller, by the other one's way.
    #[must_use]
    pub(crate) fn by_way_of(&self, way: &Self) -> Self {
        Self {
            http: way.http.clone(),
            ..self.clone()
        }
    }

    /// The browser that was answered this at its login: with its cookie, and with what its own pages send along.
    #[must_use]
    pub(crate) fn browser(&self, login: &Reply) -> Self {
        let cookie = login.header("set-cookie").split(';').next().expect("a pair");
        let host = self.base.trim_start_matches("http://");
        self.with("cookie", cookie)
            .with("x-csrf-token", &login.text("/csrfToken"))
            .with("origin", &format!("https://{host}"))
    }

    /// The same caller, where the server is now.
    #[must_use]
    pub(crate) fn at(&self, base: &str) -> Self {
        Self {
            base: base.to_owned(),
            ..self.clone()
        }
    }

    /// Sends a request without a body.
    pub(crate) async fn call(&self, method: Method, path: &str) -> Reply {
        self.send(method, path, None::<&Value>).await
    }

    /// GET.
    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.call(Method::GET, path).await
    }

    /// DELETE.
    pub(crate) async fn delete(&self, path: &str) -> Reply {
        self.call(Method::DELETE, path).await
    }

    /// POST of JSON.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        self.send(Method::POST, path, Some(body)).await
    }

    /// PUT of JSON.
    pub(crate) async fn put(&self, path: &str, body: &Value) -> Reply {
        self.send(Method::PUT, path, Some(body)).await
    }

    /// PATCH of JSON.
    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Reply {
        self.send(Method::PATCH, path, Some(body)).await
    }

    /// POST of bytes of this type.
    pub(crate) async fn upload(
        &self,
        path: &str,
        content_type: &str,
        body: impl Into<reqwest::Body>,
    ) -> Reply {
        self.send_bytes(Method::POST, path, content_type, body).await
    }

    /// Sends bytes of this type.
    pub(crate) async fn send_bytes(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: impl Into<reqwest::Body>,
    ) -> Reply {
        let request = self
            .request(method.clone(), path)
            .header("content-type", content_type)
            .body(body);
        self.answer(format!("{method} {path}"), request)
            .await
            .expect("the server answers")
    }

    /// Sends a request whose connection may break, as it does when the server is killed.
    pub(crate) async fn try_send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Reply, reqwest::Error> {
        let mut request = self.request(method.clone(), path);
        if let Some(body) = body {
            request = request.json(body);
        }
        self.answer(format!("{method} {path}"), request).await
    }

    /// A request to be shaped further.
    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.base))
            .headers(self.headers.clone())
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Reply {
        self.try_send(method, path, body)
            .await
            .expect("the server answers")
    }

    async fn answer(&self, request: String, sent: reqwest::RequestBuilder) -> Result<Reply, reqwest::Error> {
        let response = sent.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        Ok(Reply {
            status,
            headers,
            bytes: response.bytes().await?.to_vec(),
            request,
        })
    }
}

impl Reply {
    /// The same reply, if it has this status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        self
    }

    /// The body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// A refusal: its status and its code.
    #[track_caller]
    pub(crate) fn refused(self, status: u16, code: &str) -> Value {
        let body = self.expect(status).json();
        assert_eq!(body["code"], code, "{body}");
        body
    }

    /// A member of the JSON body that is text.
    #[track_caller]
    pub(crate) fn text(&self, pointer: &str) -> String {
        let body = self.json();
        let member = body.pointer(pointer).and_then(Value::as_str);
        member
            .unwrap_or_else(|| panic!("no text at {pointer} in {body}"))
            .to_owned()
    }

    /// A header.
    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self
            .headers
            .get(name)
            .unwrap_or_else(|| panic!("no {name}: {self:?}"));
        value.to_str().expect("a header is ASCII")
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = String::from_utf8_lossy(&self.bytes);
        write!(f, "{} answered {} {body:.2000}", self.request, self.status)
    }
}
