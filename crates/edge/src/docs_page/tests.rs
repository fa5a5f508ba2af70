use axum::http::HeaderValue;

use super::*;
use crate::answer::{Answer, get, layered};
use crate::openapi::tests::{example, example_json};

fn site() -> Router {
    layered(routes(&example().1))
}

#[tokio::test]
async fn shows_every_operation_without_a_script() {
    let answer = Answer::of(&site(), get("/docs")).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("content-type")),
        (200, "text/html; charset=utf-8")
    );
    assert_eq!(answer.header("content-security-policy"), POLICY);
    assert!(
        !answer.text.contains("<script")
            && !answer.text.contains("style=")
            && !answer.text.contains("http://www")
    );
    for (path, item) in example_json()["paths"].as_object().expect("paths") {
        for operation in item.as_object().expect("operations").values() {
            let id = operation["operationId"].as_str().expect("an id");
            assert!(
                answer.text.contains(&format!("id=\"{id}\""))
                    && answer.text.contains(&format!("href=\"#{id}\"")),
                "{path}"
            );
        }
    }
    for expected in [
        "<code>/api/things/{id}</code>",
        "Permission: <code>projects:write</code>",
        "curl -X PATCH &#39;http://localhost:3000/api/things/thing_01h455vb4pex5vsknk084sn02q&#39;",
        "-H &quot;Authorization: Bearer $TENANT_KEY&quot;",
        "&quot;name&quot;: &quot;Apollo&quot;",
        "string, 1 to 200 characters",
        "<code>items[].createdAt</code> <span class=\"required\">required</span>",
        "<b>412</b> The resource was changed in the meantime.",
    ] {
        assert!(answer.text.contains(expected), "{expected}\n{}", answer.text);
    }
}

#[test]
fn what_the_document_says_cannot_become_markup() {
    let mut document = example().1;
    document.info.title = "<script>alert(1)</script>".to_owned();
    document.info.description = Some("a `<b>` & \"c\"\n\nd".to_owned());
    let html = page::render(&serde_json::from_str(&to_json(&document)).expect("JSON"));
    assert!(!html.contains("<script") && html.contains("&lt;script&gt;"));
    assert!(html.contains("<p>a <code>&lt;b&gt;</code> &amp; &quot;c&quot;</p>\n<p>d</p>"));
}

#[tokio::test]
async fn serves_the_document_itself_and_its_style() {
    let answer = Answer::of(&site(), get("/openapi.json")).await;
    assert_eq!(
        (answer.text.as_str(), answer.header("content-type")),
        (to_json(&example().1).as_str(), "application/json")
    );
    assert_eq!(answer.json(), example_json());
    assert_eq!(
        Answer::of(&site(), get("/docs/style.css"))
            .await
            .header("content-type"),
        "text/css; charset=utf-8"
    );
    let mut again = get("/openapi.json");
    again.headers_mut().insert(
        "if-none-match",
        HeaderValue::from_str(answer.header("etag")).expect("a tag"),
    );
    let answer = Answer::of(&site(), again).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (304, ""));
}

#[tokio::test]
async fn every_code_has_the_page_that_its_problems_point_to() {
    for code in kernel::Code::ALL {
        let answer = Answer::of(&site(), get(&format!("/problems/{}", code.name()))).await;
        assert!(
            answer.status.is_success() && answer.text.contains(&html::Escaped(code.title()).to_string()),
            "{code}"
        );
        assert!(
            Answer::of(&site(), get("/problems"))
                .await
                .text
                .contains(&format!("/problems/{code}"))
        );
    }
    assert_eq!(
        Answer::of(&site(), get("/problems/nothing")).await.code(),
        "not_found"
    );
}
