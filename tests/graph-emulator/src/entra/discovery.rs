//! The documents from which client libraries learn the endpoints. (7.1)

use serde_json::{Value, json};

use super::Exchange;
use super::authority::Authority;
use super::errors::Refusal;
use crate::cloud::Instance;
use crate::hosts;
use crate::population::CONSUMERS;

/// A name that the document has too, of an instance that is not emulated.
const UNSERVED: &str = "login-us.microsoftonline.com";

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
    let instance = exchange.instance;
    let (authority, cloud) = {
        let population = exchange.world.population();
        let authority = Authority::parse(segment, instance, &population)?;
        let cloud = match authority {
            Authority::Directory(id) => population.cloud(id),
            _ => instance.usual_cloud(),
        };
        (authority, cloud)
    };
    let login = instance.login();
    let base = format!("{login}/{}", name(authority));
    let (oauth, keys) = match version {
        Version::One => (format!("{base}/oauth2"), format!("{login}/common/discovery/keys")),
        Version::Two => (format!("{base}/oauth2/v2.0"), format!("{base}/discovery/v2.0/keys")),
    };
    Ok(json!({
        "issuer": issuer(instance, authority, version),
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
        "userinfo_endpoint": format!("{}/oidc/userinfo", cloud.graph()),
        "http_logout_supported": true,
        "frontchannel_logout_supported": true,
        "kerberos_endpoint": format!("{base}/kerberos"),
        "tenant_region_scope": null,
        "cloud_instance_name": instance.name(),
        "cloud_graph_host_name": instance.directory_graph_host(),
        "msgraph_host": cloud.graph_host(),
        "rbac_url": instance.rbac(),
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
fn issuer(instance: Instance, authority: Authority, version: Version) -> String {
    let directory = match authority {
        Authority::Common | Authority::Organizations => "{tenantid}".to_owned(),
        Authority::Consumers => CONSUMERS.to_string(),
        Authority::Directory(id) => id.to_string(),
    };
    match version {
        Version::One => format!("{}/{directory}/", instance.sts()),
        Version::Two => format!("{}/{directory}/v2.0", instance.login()),
    }
}

/// The keys that tokens are signed with. Blocks, and long at the first time.
pub(super) fn keys(exchange: &Exchange<'_>, segment: &str) -> Result<Value, Refusal> {
    let Exchange { world, instance, .. } = *exchange;
    let authority = Authority::parse(segment, instance, &world.population())?;
    let is_new = !world.signer.has_key();
    let issuer = issuer(instance, authority, Version::Two);
    let key = world.signer.public_key(&world.random, instance, &issuer);
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
    if Instance::of_login(&host).is_none() && host != UNSERVED {
        return Err(Refusal::new(50_049));
    }
    let tenant = path.split('/').next().filter(|it| !it.is_empty()).unwrap_or("common");
    let line = |network: &str, cache: &str, aliases: &[&str]| json!({ "preferred_network": network, "preferred_cache": cache, "aliases": aliases });
    let mut metadata: Vec<Value> = Instance::ALL
        .iter()
        .map(|it| line(it.login_host(), it.preferred_cache(), it.login_hosts()))
        .collect();
    metadata.push(line(UNSERVED, UNSERVED, &[UNSERVED]));
    Ok(json!({
        "tenant_discovery_endpoint":
            format!("https://{host}/{tenant}/v2.0/.well-known/openid-configuration"),
        "api-version": "1.1",
        "metadata": metadata,
    }))
}
