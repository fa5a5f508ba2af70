//! Where utoipa's derived descriptions say less or other than what holds.

use kernel::Timestamp;
use utoipa::ToSchema as _;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::schema::{ArrayItems, ObjectBuilder, OneOfBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{Components, Ref, RefOr};

/// A parameter is there or not; `Option` makes it optional, but nothing can be null in an address or a header.
pub(super) fn parameters_are_never_null(operation: &mut Operation) {
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(inline) = parameter
            && let Some(schema) = inline.schema.take()
        {
            inline.schema = Some(without_null(schema));
        }
    }
}

fn without_null(schema: RefOr<Schema>) -> RefOr<Schema> {
    match schema {
        RefOr::T(Schema::Object(mut object)) => {
            object.schema_type = not_null(object.schema_type);
            RefOr::T(Schema::Object(object))
        }
        RefOr::T(Schema::Array(mut array)) => {
            array.schema_type = not_null(array.schema_type);
            RefOr::T(Schema::Array(array))
        }
        RefOr::T(Schema::OneOf(mut one_of)) => {
            one_of.items.retain(|item| !is_null(item));
            if one_of.items.len() == 1 {
                one_of.items.remove(0)
            } else {
                RefOr::T(Schema::OneOf(one_of))
            }
        }
        other => other,
    }
}

fn not_null(schema_type: SchemaType) -> SchemaType {
    match schema_type {
        SchemaType::Array(types) => {
            let mut kept: Vec<_> = types.into_iter().filter(|kind| *kind != Type::Null).collect();
            if kept.len() == 1 {
                SchemaType::Type(kept.remove(0))
            } else {
                SchemaType::Array(kept)
            }
        }
        other => other,
    }
}

fn is_null(schema: &RefOr<Schema>) -> bool {
    matches!(schema, RefOr::T(Schema::Object(object)) if object.schema_type == SchemaType::Type(Type::Null))
}

/// In an address a time is RFC 3339 or epoch milliseconds.
pub(super) fn times_in_queries_may_be_numbers(operation: &mut Operation) {
    let time = RefOr::Ref(Ref::from_schema_name(Timestamp::name()));
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(inline) = parameter
            && inline.parameter_in == ParameterIn::Query
            && inline.schema.as_ref() == Some(&time)
        {
            let millis = ObjectBuilder::new()
                .schema_type(Type::Integer)
                .minimum(Some(Timestamp::MIN_MILLIS))
                .maximum(Some(Timestamp::MAX_MILLIS))
                .description(Some("Milliseconds since 1970-01-01T00:00:00Z."));
            inline.schema = Some(OneOfBuilder::new().item(time.clone()).item(millis).into());
        }
    }
}

/// The items of `Page<Project>` are projects by name, not a copy of what a project is.
pub(super) fn name_items_of_pages(components: &mut Components) {
    let names: Vec<_> = components.schemas.keys().cloned().collect();
    for (page, schema) in &mut components.schemas {
        let Some(item) = page
            .strip_prefix("Page_")
            .filter(|item| names.iter().any(|name| name == item))
        else {
            continue;
        };
        if let RefOr::T(Schema::Object(object)) = schema
            && let Some(RefOr::T(Schema::Array(items))) = object.properties.get_mut("items")
        {
            items.items = ArrayItems::RefOrSchema(Box::new(RefOr::Ref(Ref::from_schema_name(item))));
        }
    }
}
