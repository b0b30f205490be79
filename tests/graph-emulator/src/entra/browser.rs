//! A person at a browser, as a test plays one: opens an address, signs in and accepts.

use http::{HeaderMap, Method, StatusCode, Uri, header};

use super::Exchange;
use super::door::Door;
use super::errors::{Refusal, Trace};
use crate::body::Reply;
use crate::cloud::Instance;
use crate::world::World;

/// Where a person who signs in and accepts is sent, or a sentence about what came in between.
/// Who declines presses cancel here too. Blocks.
pub(crate) fn sign_in(world: &World, url: &str, person: &str) -> Result<String, String> {
    let uri: Uri = url.parse().map_err(|error| format!("{url} is no address: {error}"))?;
    let host = uri.host().filter(|_| uri.scheme_str() == Some("https"));
    let instance = host.and_then(|host| Instance::of_login(&host.to_ascii_lowercase()));
    let instance = instance.ok_or_else(|| format!("{url} is not on a login host"))?;
    let door = Door::find(uri.path());
    let Some(door @ (Door::Authorize(_) | Door::AdminConsent(_))) = door else {
        return Err(format!("nobody signs in at {}", uri.path()));
    };
    let headers = HeaderMap::new();
    let trace = Trace::new(world, instance, &headers);
    let told = |refusal: &Refusal| format!("the person reads: {}", refusal.description(&trace));
    let form = door.read(&Method::GET, &uri, &headers, Some(b"")).map_err(|it| told(&it))?;
    let reply = door.open(&Exchange {
        world,
        instance,
        method: &Method::GET,
        path: uri.path(),
        headers: &headers,
        form: &form,
        body: b"",
        trace: &trace,
        person: Some(person),
    });
    location(&reply.map_err(|it| told(&it))?)
}

fn location(reply: &Reply) -> Result<String, String> {
    let text = |name| reply.headers().get(name).and_then(|value| value.to_str().ok());
    match (reply.status(), text(header::LOCATION)) {
        (StatusCode::FOUND, Some(location)) => Ok(location.to_owned()),
        (StatusCode::OK, _) => {
            Err("the answer is in a page that posts it: ask for another response_mode".to_owned())
        }
        _ => {
            // A refusal that is shown tells its number in the header from which MSAL counts.
            let counted = text(header::HeaderName::from_static("x-ms-clitelem"));
            let code = counted.and_then(|it| it.split(',').nth(1)).unwrap_or_default();
            Err(format!("the person is shown AADSTS{code}, and nothing is sent to the client"))
        }
    }
}
