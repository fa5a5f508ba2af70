//! What a route needs, said once.

use axum::Extension;
use axum::http::request::Parts;
use axum::routing::MethodRouter;
use kernel::permission::Registry;
use kernel::{AdminPermission, Permission};
use tenants::plans::{Feature, Name};
use utoipa_axum::router::UtoipaMethodRouter;

/// What a route was registered with.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Required<P> {
    /// This permission.
    Permission(P),
    /// No permission, but a caller who is known.
    Nothing,
}

/// The same operations, needing this permission: in the document and at the gate.
pub fn permitted<S, P>(routes: UtoipaMethodRouter<S>, permission: P) -> UtoipaMethodRouter<S>
where
    S: Clone + Send + Sync + 'static,
    P: Registry + Send + Sync,
{
    let (schemas, paths, methods) = edge::openapi::permitted(routes, permission);
    (
        schemas,
        paths,
        methods.layer(Extension(Required::Permission(permission))),
    )
}

/// The same operations, open only to tenants that have this feature: in the document and at the gate. What a tenant has
/// follows from its plan and from what an operator granted or withheld; operators themselves are not asked.
pub fn of_feature<S: Clone + Send + Sync + 'static>(
    routes: UtoipaMethodRouter<S>,
    feature: Feature,
) -> UtoipaMethodRouter<S> {
    let (schemas, paths, methods) = edge::openapi::of_feature(routes, feature.name());
    (schemas, paths, methods.layer(Extension(OfFeature(feature))))
}

/// The route is for tenants that have this.
#[derive(Debug, Clone, Copy)]
struct OfFeature(Feature);

/// The feature that the request's route is of.
pub(crate) fn feature(parts: &Parts) -> Option<Feature> {
    parts.extensions.get::<OfFeature>().map(|of| of.0)
}

/// Operations that every caller of their plane may call, whatever he may do: what he asks about is himself.
pub fn any_caller<S: Clone + Send + Sync + 'static>(routes: UtoipaMethodRouter<S>) -> UtoipaMethodRouter<S> {
    let (schemas, paths, methods) = routes;
    let methods = methods.layer(Extension(Required::<Permission>::Nothing));
    let methods: MethodRouter<S> = methods;
    (
        schemas,
        paths,
        methods.layer(Extension(Required::<AdminPermission>::Nothing)),
    )
}

/// The same, also for a session that has not passed its second factor: the steps that open it, and leaving.
pub fn pending_session<S: Clone + Send + Sync + 'static>(
    routes: UtoipaMethodRouter<S>,
) -> UtoipaMethodRouter<S> {
    let (schemas, paths, methods) = any_caller(routes);
    (schemas, paths, methods.layer(Extension(AcceptsPending)))
}

/// The route is for sessions that are not open, too.
#[derive(Debug, Clone, Copy)]
struct AcceptsPending;

/// Whether the request's route is for sessions that are not open, too.
pub(crate) fn accepts_pending(parts: &Parts) -> bool {
    parts.extensions.get::<AcceptsPending>().is_some()
}

/// Operations that anybody may call. It changes nothing; it says that leaving the permission out is meant.
pub fn public<S>(routes: UtoipaMethodRouter<S>) -> UtoipaMethodRouter<S> {
    routes
}

/// What the request's route needs; none for a route that forgot to say.
pub(crate) fn required<P: Registry + Send + Sync>(parts: &Parts) -> Option<Required<P>> {
    parts.extensions.get().copied()
}
