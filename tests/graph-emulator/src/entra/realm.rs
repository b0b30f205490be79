//! What is told of a name before anybody signs in: realm and kind of credentials. (7.1)

use serde_json::{Value, json};

use super::Exchange;
use crate::cloud::Instance;
use crate::population::{DirectoryKind, Population, User};

/// The realm of a name's domain, which MSAL asks for before a password is used.
pub(super) fn user_realm(exchange: &Exchange<'_>, name: &str) -> Value {
    let name = percent_encoding::percent_decode_str(name).decode_utf8_lossy();
    let domain = domain(&name);
    let population = exchange.world.population();
    let instance = exchange.instance;
    if !is_work(&population, instance, &domain) {
        return json!({ "ver": "1.0", "account_type": "Unknown" });
    }
    json!({
        "ver": "1.0",
        "account_type": "Managed",
        "domain_name": domain,
        "cloud_instance_name": instance.name(),
        "cloud_audience_urn": instance.federation(),
    })
}

/// Whether an account exists: 0 if so, 1 if not, 5 if it is a personal one.
pub(super) fn credential_type(exchange: &Exchange<'_>) -> Value {
    let asked: Value = serde_json::from_slice(exchange.body).unwrap_or_default();
    let name = asked["username"].as_str().unwrap_or_default();
    let population = exchange.world.population();
    let is_here = |user: &&User| population.cloud(user.directory).instance() == exchange.instance;
    let exists = match population.user_named(name).filter(is_here) {
        None => 1,
        Some(user) if user.cid.is_some() => 5,
        Some(_) => 0,
    };
    json!({
        "Username": name,
        "Display": name,
        "IfExistsResult": exists,
        "IsUnmanaged": false,
        "ThrottleStatus": 0,
        "Credentials": { "PrefCredential": 1, "HasPassword": true },
        "EstsProperties": {
            "DomainType": if is_work(&population, exchange.instance, &domain(name)) { 3 } else { 1 },
        },
    })
}

fn domain(name: &str) -> String {
    name.rsplit_once('@').map_or(name, |(_, domain)| domain).to_ascii_lowercase()
}

fn is_work(population: &Population, instance: Instance, domain: &str) -> bool {
    population.directories.iter().any(|directory| {
        directory.kind == DirectoryKind::Work
            && directory.cloud.instance() == instance
            && directory.domains.iter().any(|known| known == domain)
    })
}
