use std::io::Write;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tracing::field::Empty;
use tracing::{info, info_span, warn};

use super::*;

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("nobody panics").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The lines that this writes, without their time.
fn lines(work: impl FnOnce()) -> Vec<Value> {
    let kept = Kept::default();
    let writer = kept.clone();
    let subscriber = tracing_subscriber::fmt()
        .event_format(Line)
        .fmt_fields(Members)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, work);
    let bytes = kept.0.lock().expect("nobody panics").clone();
    let read = |line: &str| {
        let mut line: Value = serde_json::from_str(line).expect("a JSON object");
        let time = line.as_object_mut().expect("an object").remove("timestamp");
        let time = time.expect("a time");
        let time = time.as_str().expect("a text").parse::<kernel::Timestamp>();
        time.expect("a time of RFC 3339");
        line
    };
    String::from_utf8(bytes)
        .expect("text")
        .lines()
        .map(read)
        .collect()
}

#[test]
fn a_line_is_an_object_whatever_is_in_it() {
    let seen = lines(|| {
        let (half, nothing) = (0.5, f64::NAN);
        let hostile = "\"},\n{\u{1}\\";
        warn!(half, nothing, count = -3, many = u64::MAX, yes = true, hostile, debug = ?hostile, "what \"it\" is");
    });
    let hostile = "\"},\n{\u{1}\\";
    let expected = json!({
        "level": "WARN", "message": "what \"it\" is", "half": 0.5, "nothing": null, "count": -3, "many": u64::MAX,
        "yes": true, "hostile": hostile, "debug": format!("{hostile:?}"), "target": module_path!(),
    });
    assert_eq!(seen, [expected]);
}

#[test]
fn a_line_tells_of_the_span_that_it_is_in() {
    let seen = lines(|| {
        let request = info_span!("request", request_id = "r1", tenant = Empty, number = 1);
        request.in_scope(|| info!("before"));
        request.record("tenant", "t\"1");
        request.in_scope(|| {
            let inner = info_span!("work");
            inner.in_scope(|| info!("inside"));
            info!("after");
        });
        info!(parent: &request, "beside");
        info!("outside");
    });
    let of = |message: &str, span: Value| {
        let mut line = json!({"level": "INFO", "message": message, "target": module_path!()});
        if !span.is_null() {
            line["span"] = span;
        }
        line
    };
    let known = json!({"name": "request", "request_id": "r1", "tenant": "t\"1", "number": 1});
    let expected = [
        of(
            "before",
            json!({"name": "request", "request_id": "r1", "number": 1}),
        ),
        of("inside", json!({"name": "work"})),
        of("after", known.clone()),
        of("beside", known),
        of("outside", Value::Null),
    ];
    assert_eq!(seen, expected);
}
