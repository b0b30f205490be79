//! Microsoft Graph: what `graph.microsoft.com` answers. (1, 6, 8)

use std::sync::Arc;

use http::request::Parts;
use http::{HeaderMap, Method};

use crate::body::Reply;
use crate::service::ResourceUnits;
use crate::world::World;
use address::{Resource, View};
use errors::GraphError;
use query::Query;
use reply::Exchange;

mod address;
mod authorize;
mod children;
mod content;
mod drive;
mod errors;
mod item;
mod me;
mod query;
mod reply;
mod select;

/// Where links in answers start. Links carry no port.
const BASE: &str = "https://graph.microsoft.com/v1.0";

/// One request that was understood and allowed.
struct Call {
    resource: Resource,
    query: Query,
    /// The request's path as it was sent, to be repeated in a next link.
    path: String,
    headers: HeaderMap,
    now_ms: i64,
}

/// Answers a request to Graph.
pub(crate) async fn answer(world: &Arc<World>, head: &Parts) -> Reply {
    let exchange = Exchange::new(world, &head.headers);
    let resource = authorize::bearer(world, &head.headers)
        .and_then(|grant| Ok((grant, address::parse(head.uri.path())?)));
    let (grant, resource) = match resource {
        Ok(understood) => understood,
        Err(error) => return exchange.error(error),
    };
    let units = ResourceUnits(resource.units());
    let answered = match admit(head, resource, exchange.now_ms) {
        Ok(call) => match authorize::permit(&grant, &call.resource) {
            Ok(()) => perform(world, call).await,
            Err(error) => Err(error),
        },
        Err(error) => Err(error),
    };
    let mut reply = match answered {
        Ok(answer) => exchange.answer(answer),
        Err(error) => exchange.error(error),
    };
    reply.extensions_mut().insert(units);
    reply
}

fn admit(head: &Parts, resource: Resource, now_ms: i64) -> Result<Call, GraphError> {
    if head.method != Method::GET && head.method != Method::HEAD {
        return Err(GraphError::method_not_allowed());
    }
    Ok(Call {
        resource,
        query: Query::parse(head.uri.query())?,
        path: head.uri.path().to_owned(),
        headers: head.headers.clone(),
        now_ms,
    })
}

/// On a thread of its own, since drives block on the disk.
async fn perform(world: &Arc<World>, call: Call) -> Result<reply::Answer, GraphError> {
    let world = Arc::clone(world);
    let performed = tokio::task::spawn_blocking(move || match &call.resource {
        Resource::Me => me::answer(&world, &call),
        Resource::Drive { drive } => drive::answer(&world, &call, drive),
        Resource::Item { drive, item } => {
            let found = item::find(&world, drive, item)?;
            match item.view {
                View::Metadata => item::answer(&world, &call, drive, item, &found),
                View::Children => children::answer(&world, &call, drive, item, &found),
                View::Content => content::answer(&world, &call, &found),
            }
        }
    });
    performed.await.unwrap_or_else(|_| Err(GraphError::general_exception()))
}
