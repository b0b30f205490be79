//! The documents from which client libraries learn the endpoints. (7.1)

use serde_json::{Value, json};

use super::Exchange;
use super::authority::Authority;
use super::errors::Refusal;
use crate::hosts::{self, Service};
use crate::population::CONSUMERS;

const LOGIN: &str = "https://login.microsoftonline.com";
/// The names of the clouds, as the document has them: of the same cloud on one line.
const CLOUDS: [(&str, &str, &[&str]); 4] = [
    (
        "login.microsoftonline.com",
        "login.windows.net",
        &[
            "login.microsoftonline.com",
            "login.windows.net",
            "login.microsoft.com",
            "sts.windows.net",
        ],
    ),
    (
        "login.partner.microsoftonline.cn",
        "login.partner.microsoftonline.cn",
        &["login.partner.microsoftonline.cn", "login.chinacloudapi.cn"],
    ),
    (
        "login.microsoftonline.us",
        "login.microsoftonline.us",
        &["login.microsoftonline.us", "login.usgovcloudapi.net"],
    ),
    (
        "login-us.microsoftonline.com",
        "login-us.microsoftonline.com",
        &["login-us.microsoftonline.com"],
    ),
];

/// Which form of the documents.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Version {
    One,
    Two,
}

/// The OpenID Connect configuration of an authority.
pub(super) fn configuration(
    exchange: &Exchange<'_>,
    segment: &str,
    version: Version,
) -> Result<Value, Refusal> {
    let authority = Authority::parse(segment, &exchange.world.population())?;
    let base = format!("{LOGIN}/{}", name(authority));
    let (oauth, keys) = match version {
        Version::One => (format!("{base}/oauth2"), format!("{LOGIN}/common/discovery/keys")),
        Version::Two => (format!("{base}/oauth2/v2.0"), format!("{base}/discovery/v2.0/keys")),
    };
    Ok(json!({
        "issuer": issuer(authority, version),
        "authorization_endpoint": format!("{oauth}/authorize"),
        "token_endpoint": format!("{oauth}/token"),
        "device_authorization_endpoint": format!("{oauth}/devicecode"),
        "end_session_endpoint": format!("{oauth}/logout"),
        "jwks_uri": keys,
        "token_endpoint_auth_methods_supported":
            ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "claims_supported": ["sub", "iss", "cloud_instance_name", "cloud_instance_host_name",
            "cloud_graph_host_name", "msgraph_host", "aud", "exp", "iat", "auth_time", "acr",
            "nonce", "preferred_username", "name", "tid", "ver", "at_hash", "c_hash", "email"],
        "request_uri_parameter_supported": false,
        "userinfo_endpoint": "https://graph.microsoft.com/oidc/userinfo",
        "http_logout_supported": true,
        "frontchannel_logout_supported": true,
        "kerberos_endpoint": format!("{base}/kerberos"),
        "tenant_region_scope": null,
        "cloud_instance_name": "microsoftonline.com",
        "cloud_graph_host_name": "graph.windows.net",
        "msgraph_host": "graph.microsoft.com",
        "rbac_url": "https://pas.windows.net",
    }))
}

/// How the documents write an authority: a directory by its identifier.
fn name(authority: Authority) -> String {
    match authority {
        Authority::Common => "common".to_owned(),
        Authority::Organizations => "organizations".to_owned(),
        Authority::Consumers => "consumers".to_owned(),
        Authority::Directory(id) => id.to_string(),
    }
}

/// The directory is not known before somebody signs in: the issuer is a template. (7.1)
fn issuer(authority: Authority, version: Version) -> String {
    let directory = match authority {
        Authority::Common | Authority::Organizations => "{tenantid}".to_owned(),
        Authority::Consumers => CONSUMERS.to_string(),
        Authority::Directory(id) => id.to_string(),
    };
    match version {
        Version::One => format!("https://sts.windows.net/{directory}/"),
        Version::Two => format!("{LOGIN}/{directory}/v2.0"),
    }
}

/// The keys that tokens are signed with. Blocks, and long at the first time.
pub(super) fn keys(exchange: &Exchange<'_>, segment: &str) -> Result<Value, Refusal> {
    let world = exchange.world;
    let authority = Authority::parse(segment, &world.population())?;
    let is_new = !world.signer.has_key();
    let key = world.signer.public_key(&world.random, &issuer(authority, Version::Two));
    let key = key.ok_or_else(Refusal::unavailable)?;
    // Who has seen a key expects it to stay.
    if is_new {
        world.save().map_err(|_| Refusal::unavailable())?;
    }
    Ok(json!({ "keys": [key] }))
}

/// Which names are the same cloud, if the endpoint that is asked about is of one. (7.1)
pub(super) fn instance(exchange: &Exchange<'_>) -> Result<Value, Refusal> {
    let endpoint = exchange.form.need("authorization_endpoint")?;
    let after = endpoint.strip_prefix("https://").unwrap_or_default();
    let (host, path) = after.split_once('/').unwrap_or((after, ""));
    let host = hosts::without_port(host);
    let known = hosts::service(&host) == Some(Service::Login)
        || CLOUDS.iter().any(|(.., aliases)| aliases.contains(&host.as_str()));
    if !known {
        return Err(Refusal::new(50_049));
    }
    let tenant = path.split('/').next().filter(|it| !it.is_empty()).unwrap_or("common");
    let metadata: Vec<Value> = CLOUDS
        .iter()
        .map(|(network, cache, aliases)| {
            json!({ "preferred_network": network, "preferred_cache": cache, "aliases": aliases })
        })
        .collect();
    Ok(json!({
        "tenant_discovery_endpoint":
            format!("https://{host}/{tenant}/v2.0/.well-known/openid-configuration"),
        "api-version": "1.1",
        "metadata": metadata,
    }))
}
