//! Who is asking, and whether they may. (6.5, 7.6, 7.7, 8)

use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::address::Resource;
use super::errors::GraphError;
use crate::entra::{Access, Grant};
use crate::profile::Profile;
use crate::world::World;

const USER_SCOPES: [&str; 3] = ["User.Read", "User.ReadWrite", "User.Read.All"];
const FILE_SCOPES: [&str; 6] = [
    "Files.Read",
    "Files.ReadWrite",
    "Files.Read.All",
    "Files.ReadWrite.All",
    "Sites.Read.All",
    "Sites.ReadWrite.All",
];

/// The grant behind the one bearer token of a request.
pub(super) fn bearer(world: &World, headers: &HeaderMap) -> Result<Grant, GraphError> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let token = match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok().and_then(bearer_token),
        (None, _) => None,
        (Some(_), Some(_)) => return Err(unreadable()),
    };
    let Some(token) = token else {
        return Err(GraphError::unauthenticated("Access token is empty."));
    };
    Err(match (world.tokens.access(token, world.clock.now_ms()), world.profile) {
        (Access::Valid(grant), _) => return Ok(grant),
        (Access::Unknown, _) => unreadable(),
        (Access::Expired, Profile::Business) => {
            GraphError::unauthenticated("Lifetime validation failed, the token is expired.")
        }
        (Access::Expired | Access::Revoked, Profile::Personal) => GraphError::unauthenticated(
            "CompactToken validation failed with reason code: 80049228.",
        ),
        (Access::Revoked, Profile::Business) => GraphError::unauthenticated(
            "Continuous access evaluation resulted in challenge with result: InteractionRequired \
             and code: TokenCreatedWithOutdatedPolicies",
        ),
    })
}

fn unreadable() -> GraphError {
    GraphError::unauthenticated("CompactToken parsing failed with error code: 80049217")
}

fn bearer_token(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// Whether the grant covers the resource.
pub(super) fn permit(grant: &Grant, resource: &Resource) -> Result<(), GraphError> {
    match resource {
        Resource::Me if grant.scopes.any(&USER_SCOPES) => Ok(()),
        Resource::Me => Err(GraphError::request_denied()),
        _ if grant.scopes.any(&FILE_SCOPES) => Ok(()),
        _ => Err(GraphError::access_denied()),
    }
}
