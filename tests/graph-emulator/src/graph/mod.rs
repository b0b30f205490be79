//! Microsoft Graph: what `graph.microsoft.com` answers, and its sisters in other clouds. (1 to 3, 6, 8, 9)

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;

use crate::body::{Counted, Reply};
use crate::cloud::Cloud;
use crate::entra::Grant;
use crate::faults::PageTrick;
use crate::hosts::Service;
use crate::service::ResourceUnits;
use crate::throttle::Caller;
use crate::world::World;
use address::{ItemAddress, Resource, View};
use errors::GraphError;
use query::Query;
use reply::{Answer, Exchange};
use upload::Received;

mod address;
mod authorize;
mod children;
mod content;
mod delta;
mod drive;
mod errors;
mod filter;
mod item;
mod links;
mod people;
mod query;
mod reply;
mod row;
mod search;
mod segment;
mod select;
mod share;
mod site;
mod units;
mod upload;
mod upload_session;
mod write;

pub(crate) use upload_session::{UploadSessions, answer as answer_upload, is_upload};

/// JSON that a client sends.
const MAX_JSON: usize = 1024 * 1024;

/// One request that was understood, and whoever sent it.
struct Call {
    /// Whose Graph was asked.
    cloud: Cloud,
    method: Method,
    resource: Resource,
    query: Query,
    /// The request's path as it was sent, to be repeated in a link.
    path: String,
    headers: HeaderMap,
    grant: Grant,
    now_ms: i64,
    /// Whether the client wants `@odata.context` and the like.
    metadata: bool,
    trick: Option<PageTrick>,
}

impl Call {
    /// Where links in answers start. Links carry no port.
    fn base(&self) -> String {
        format!("{}/v1.0", self.cloud.graph())
    }

    /// The context of an answer, for clients that want it.
    fn context(&self, place: &str) -> Option<String> {
        self.metadata.then(|| format!("{}/$metadata#{place}", self.base()))
    }

    /// Whom allowances are counted for.
    fn caller(&self) -> Caller {
        Caller {
            application: self.grant.client_id,
            directory: self.grant.directory,
            user: self.grant.user,
        }
    }

    /// For whom and when rows are made.
    fn at(&self) -> (Caller, i64) {
        (self.caller(), self.now_ms)
    }

    /// Whether a `Prefer` header has a value among its list. (3.2)
    fn prefers(&self, wanted: &str) -> bool {
        let values = self.headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|v| v.trim().eq_ignore_ascii_case(wanted))
    }

    /// Whether lists show shortcuts: only to clients that say they know them. (3.2)
    fn with_shortcuts(&self, world: &World) -> bool {
        !world.variants().shortcuts_need_prefer || self.prefers("Include-Feature=AddToOneDrive")
    }

    fn reads(&self) -> bool {
        self.method == Method::GET || self.method == Method::HEAD
    }
}

/// Answers a request to Graph at one of its hosts.
pub(crate) async fn answer(
    world: &Arc<World>,
    host: &str,
    head: &Parts,
    body: Counted<Incoming>,
) -> Reply {
    let cloud = Cloud::of_graph(host).unwrap_or_default();
    let mut exchange = Exchange::new(world, cloud, &head.headers);
    let grant = match authorize::bearer(world, cloud, &head.headers) {
        Ok(grant) => grant,
        Err(error) => return exchange.error(error),
    };
    exchange.of_personal(grant.is_personal());
    let who = authorize::who(world, &grant);
    let (mut reply, units) = match understand(cloud, head, grant, &exchange) {
        Ok(call) => {
            let units = units::of(&call);
            match admit(world, &call, units) {
                Ok(limits) => {
                    let mut reply = perform(world, &exchange, call, body).await;
                    limits.into_iter().for_each(|limit| limit.show(reply.headers_mut()));
                    (reply, units)
                }
                Err(throttled) => (*throttled, units),
            }
        }
        Err(error) => (exchange.error(error), 1),
    };
    reply.extensions_mut().insert(ResourceUnits(units));
    reply.extensions_mut().insert(who);
    reply
}

fn understand(
    cloud: Cloud,
    head: &Parts,
    grant: Grant,
    exchange: &Exchange,
) -> Result<Call, GraphError> {
    let mut resource = address::parse(head.uri.path())?;
    let query = Query::parse(head.uri.query())?;
    if let Some(item) = resource.item_mut() {
        if cloud == Cloud::China && item.relative {
            let text = "A path relative to an item is not supported here";
            return Err(GraphError::invalid_request(text));
        }
        query.fill_in(&mut item.path)?;
    }
    Ok(Call {
        cloud,
        resource,
        query,
        method: head.method.clone(),
        path: head.uri.path().to_owned(),
        headers: head.headers.clone(),
        grant,
        now_ms: exchange.now_ms,
        metadata: exchange.metadata,
        trick: head.extensions.get().copied(),
    })
}

/// Counts the request against the allowances; a throttled one is answered here.
fn admit(
    world: &World,
    call: &Call,
    units: u8,
) -> Result<Option<crate::throttle::RateLimit>, Box<Reply>> {
    let caller = call.caller();
    world
        .throttle
        .admit(call.now_ms, &caller, u64::from(units), &call.headers)
        .map_err(|throttled| Box::new(throttled.reply(world, Service::Graph, call.now_ms)))
}

/// Takes what the client sends along, and answers on a thread of its own, since drives block on the
/// disk.
async fn perform(
    world: &Arc<World>,
    exchange: &Exchange,
    call: Call,
    body: Counted<Incoming>,
) -> Reply {
    let received = match receive(world, &call, body).await {
        Ok(received) => received,
        Err(error) => return exchange.error(error),
    };
    let blob = received.blob().map(|name| world.blobs.path(name));
    let world = Arc::clone(world);
    let answered = tokio::task::spawn_blocking(move || {
        let answered = route(&world, &call, received);
        if let (Err(_), Some(blob)) = (&answered, blob) {
            // Nothing leads to it; a leftover would only take room.
            let _ = std::fs::remove_file(blob);
        }
        answered
    });
    match answered.await.unwrap_or_else(|_| Err(GraphError::general_exception())) {
        Ok(answer) => exchange.answer(answer),
        Err(error) => exchange.error(error),
    }
}

async fn receive(
    world: &World,
    call: &Call,
    body: Counted<Incoming>,
) -> Result<Received, GraphError> {
    if call.reads() || call.method == Method::DELETE {
        return Ok(Received::Nothing);
    }
    if call.method == Method::PUT {
        return upload::receive(world, body).await.map(Received::File);
    }
    let collected = Limited::new(body, MAX_JSON).collect().await;
    let bytes: Bytes = collected.map_err(|_| GraphError::too_large())?.to_bytes();
    Ok(Received::Json(bytes))
}

fn route(world: &World, call: &Call, received: Received) -> Result<Answer, GraphError> {
    authorize::permit(world, call)?;
    match &call.resource {
        Resource::RevokeSignIns => return people::revoke(world, call),
        Resource::Item { drive, item } if !call.reads() => {
            return write::answer(world, call, drive, item, received);
        }
        _ if !call.reads() => return Err(GraphError::method_not_allowed()),
        _ => {}
    }
    match &call.resource {
        Resource::Me | Resource::User(_) | Resource::Users | Resource::Organization => {
            people::answer(world, call)
        }
        Resource::Site(_) | Resource::Sites | Resource::Group(_) | Resource::Groups => {
            site::answer(world, call)
        }
        Resource::Drives(owner) => drive::list(world, call, owner),
        Resource::Drive(address) => drive::answer(world, call, address),
        Resource::SharedWithMe(_) => share::with_me(world, call),
        Resource::Recent(address) => search::recent(world, call, address),
        Resource::Search { drive, text } => search::drive(world, call, drive, text),
        Resource::Item { drive, item } => {
            let found = item::find(world, call, drive, item)?;
            view(world, call, &found, item)
        }
        Resource::Share(token) => share::answer(world, call, token),
        Resource::Shared { token, item } => {
            let found = share::find(world, call, token, item)?;
            view(world, call, &found, item)
        }
        Resource::RevokeSignIns => Err(GraphError::method_not_allowed()),
    }
}

/// What is meant of an item that was found.
fn view(
    world: &World,
    call: &Call,
    found: &item::Found,
    address: &ItemAddress,
) -> Result<Answer, GraphError> {
    match &address.view {
        View::Metadata => item::answer(world, call, found, address),
        View::Children => children::answer(world, call, found, address),
        View::Content => content::answer(world, call, found),
        View::Delta(token) => delta::answer(world, call, found, token.as_deref()),
        View::Search(text) => search::answer(world, call, found, text),
        View::Thumbnails | View::Permissions | View::Versions => {
            item::related(world, call, found, &address.view)
        }
        View::UploadSession => Err(GraphError::method_not_allowed()),
    }
}

/// An answer of a list.
fn rows(value: &[impl serde::Serialize], context: Option<String>) -> Answer {
    let mut body = serde_json::Map::new();
    if let Some(context) = context {
        body.insert("@odata.context".to_owned(), context.into());
    }
    body.insert("value".to_owned(), serde_json::json!(value));
    Answer::with_tag(StatusCode::OK, &body, None)
}
