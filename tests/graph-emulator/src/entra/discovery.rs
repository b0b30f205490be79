//! The documents from which client libraries learn the endpoints. (7.1)

use serde_json::{Value, json};

use super::directory::{Authority, Directory};
use super::errors::Refusal;
use super::jwt::Signer;

const LOGIN: &str = "https://login.microsoftonline.com";

/// The OpenID Connect configuration of an authority.
pub(super) fn configuration(directory: &Directory, segment: &str) -> Result<Value, Refusal> {
    let issuer = match directory.authority(segment)? {
        // The tenant is not known before somebody signs in: the issuer is a template. (7.1)
        Authority::Common | Authority::Organizations => format!("{LOGIN}/{{tenantid}}/v2.0"),
        Authority::Consumers => format!("{LOGIN}/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0"),
        Authority::Tenant => format!("{LOGIN}/{}/v2.0", directory.tenant_id),
    };
    Ok(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{LOGIN}/{segment}/oauth2/v2.0/authorize"),
        "token_endpoint": format!("{LOGIN}/{segment}/oauth2/v2.0/token"),
        "jwks_uri": format!("{LOGIN}/{segment}/discovery/v2.0/keys"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "name", "preferred_username",
            "oid", "tid", "email", "ver"],
        "tenant_region_scope": null,
        "cloud_instance_name": "microsoftonline.com",
        "msgraph_host": "graph.microsoft.com",
    }))
}

/// The keys that tokens are signed with.
pub(super) fn keys(signer: &Signer) -> Value {
    json!({ "keys": [signer.public_key()] })
}

/// Which names are the same cloud. (7.1)
pub(super) fn instance() -> Value {
    json!({
        "tenant_discovery_endpoint": format!("{LOGIN}/common/v2.0/.well-known/openid-configuration"),
        "api-version": "1.1",
        "metadata": [{
            "preferred_network": "login.microsoftonline.com",
            "preferred_cache": "login.windows.net",
            "aliases": ["login.microsoftonline.com", "login.windows.net", "login.microsoft.com",
                "sts.windows.net"],
        }],
    })
}
