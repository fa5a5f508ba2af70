//! What would make the document lie or not resolve; each a defect that stops the first test.

use std::collections::BTreeSet;

use serde_json::Value;
use utoipa::openapi::OpenApi;

use super::operations;

pub(super) fn refuse_contradiction(whole: &OpenApi, part: &OpenApi) {
    let (Some(known), Some(new)) = (&whole.components, &part.components) else {
        return;
    };
    for (name, schema) in &new.schemas {
        let same = known.schemas.get(name).is_none_or(|other| other == schema);
        assert!(same, "two different schemas are called `{name}`");
    }
}

pub(super) fn refuse_ambiguity(document: &mut OpenApi) {
    let mut ids = BTreeSet::new();
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations(item) {
            let id = operation.operation_id.clone().unwrap_or_default();
            assert!(
                ids.insert(id.clone()),
                "{method} {path}: another operation has the id `{id}` already"
            );
        }
    }
    let value = serde_json::to_value(&*document).expect("a document is plain JSON");
    let mut missing = BTreeSet::new();
    collect_unresolved(&value, &value, &mut missing);
    assert!(
        missing.is_empty(),
        "the document refers to {missing:?} without having them"
    );
}

fn collect_unresolved<'a>(value: &'a Value, document: &Value, missing: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(members) => {
            if let Some(reference) = members.get("$ref").and_then(Value::as_str)
                && document.pointer(reference.trim_start_matches('#')).is_none()
            {
                missing.insert(reference);
            }
            members
                .values()
                .for_each(|member| collect_unresolved(member, document, missing));
        }
        Value::Array(elements) => {
            for element in elements {
                collect_unresolved(element, document, missing);
            }
        }
        _ => {}
    }
}
