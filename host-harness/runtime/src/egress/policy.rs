//! The decision whether a request may leave: by default it may not.

use std::sync::Arc;

use http::{Method, Uri, uri::Scheme};

use super::pattern::{HostPattern, is_host_name};
use crate::contract::{Description, EgressProfile};
use crate::error::RuntimeError;
use crate::options::Approval;

/// The rules in force for one instance.
#[derive(Debug, Clone, Default)]
pub(crate) struct Policy {
    rules: Vec<(HostPattern, Vec<Method>)>,
}

/// Why a request may not leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Denial {
    #[error("only https is allowed")]
    Scheme,
    #[error("only port 443 is allowed")]
    Port,
    #[error("the address is not a plain host name")]
    Authority,
    #[error("no approved rule allows the host with this method")]
    NoRule,
}

impl Policy {
    /// Nothing may leave.
    pub(crate) fn deny_all() -> Self {
        Self::default()
    }

    /// Whether a request may leave.
    pub(crate) fn check(&self, method: &Method, uri: &Uri) -> Result<(), Denial> {
        if uri.scheme() != Some(&Scheme::HTTPS) {
            return Err(Denial::Scheme);
        }
        let authority = uri.authority().ok_or(Denial::Authority)?;
        let host = authority.host();
        if authority.as_str().contains('@') || !is_host_name(host) {
            return Err(Denial::Authority);
        }
        // What follows the host is either nothing or a port; an unreadable one is no port.
        match &authority.as_str()[host.len()..] {
            "" | ":443" => {}
            _ => return Err(Denial::Port),
        }
        let allowed = |(pattern, methods): &(HostPattern, Vec<Method>)| {
            pattern.matches(host) && methods.contains(method)
        };
        if self.rules.iter().any(allowed) { Ok(()) } else { Err(Denial::NoRule) }
    }
}

/// The policies of a loaded connector: one for each profile it declares, usable if approved.
#[derive(Debug)]
pub(crate) struct Policies {
    engine: String,
    parameter: Option<String>,
    profiles: Vec<Profile>,
}

#[derive(Debug)]
struct Profile {
    name: String,
    approved: bool,
    policy: Arc<Policy>,
}

impl Policies {
    /// Reads what a connector declares and an operator approves.
    ///
    /// # Errors
    /// [`RuntimeError::Contract`] if a rule is not a host pattern with methods,
    /// [`RuntimeError::ProfileNotApproved`] if the operator approves what is not declared.
    pub(crate) fn new(
        description: &Description,
        approval: &Approval,
    ) -> Result<Self, RuntimeError> {
        let profiles = description
            .egress_profiles
            .iter()
            .map(|profile| {
                Ok(Profile {
                    name: profile.name.clone(),
                    approved: approval.profiles.contains(&profile.name),
                    policy: Arc::new(policy(profile)?),
                })
            })
            .collect::<Result<Vec<_>, RuntimeError>>()?;
        let declared = |name: &&String| !profiles.iter().any(|profile| profile.name == **name);
        if let Some(unknown) = approval.profiles.iter().find(declared) {
            return Err(RuntimeError::ProfileNotApproved {
                engine: description.engine.clone(),
                profile: unknown.clone(),
                approved: profiles.into_iter().map(|profile| profile.name).collect(),
            });
        }
        Ok(Self {
            engine: description.engine.clone(),
            parameter: description.egress_parameter.clone(),
            profiles,
        })
    }

    /// The parameter that picks a profile.
    pub(crate) fn parameter(&self) -> Option<&str> {
        self.parameter.as_deref()
    }

    /// The policy of the profile that parameters picked, or of the first one. A connector that
    /// declares no profile may reach nothing.
    ///
    /// # Errors
    /// [`RuntimeError::InvalidParams`] for a profile that is not declared,
    /// [`RuntimeError::ProfileNotApproved`] for one that the operator did not approve.
    pub(crate) fn pick(&self, name: Option<&str>) -> Result<Arc<Policy>, RuntimeError> {
        let found = match name {
            None => match self.profiles.first() {
                None => return Ok(Arc::new(Policy::deny_all())),
                Some(first) => first,
            },
            Some(name) => self
                .profiles
                .iter()
                .find(|profile| profile.name.eq_ignore_ascii_case(name))
                .ok_or_else(|| self.unknown())?,
        };
        if found.approved {
            return Ok(Arc::clone(&found.policy));
        }
        Err(RuntimeError::ProfileNotApproved {
            engine: self.engine.clone(),
            profile: found.name.clone(),
            approved: self.approved(),
        })
    }

    fn unknown(&self) -> RuntimeError {
        let names: Vec<_> = self.profiles.iter().map(|profile| profile.name.as_str()).collect();
        RuntimeError::InvalidParams {
            reason: format!(
                "`{}` must be one of: {}",
                self.parameter.as_deref().unwrap_or("the egress profile"),
                names.join(", ")
            ),
        }
    }

    /// Policies without profiles, for tests of what reads the parameter.
    #[cfg(test)]
    pub(crate) fn for_parameter(name: &str) -> Self {
        Self { engine: String::new(), parameter: Some(name.to_owned()), profiles: Vec::new() }
    }

    fn approved(&self) -> Vec<String> {
        let approved = self.profiles.iter().filter(|profile| profile.approved);
        approved.map(|profile| profile.name.clone()).collect()
    }
}

fn policy(profile: &EgressProfile) -> Result<Policy, RuntimeError> {
    let broken = |what: String| RuntimeError::contract("describe", what);
    let mut rules = Vec::new();
    for rule in &profile.rules {
        let pattern = rule
            .host
            .parse()
            .map_err(|error| broken(format!("egress host {:?}: {error}", rule.host)))?;
        let method = |text: &String| match Method::from_bytes(text.as_bytes()) {
            Ok(method) if method != Method::CONNECT && *text == text.to_ascii_uppercase() => {
                Ok(method)
            }
            _ => Err(broken(format!("{text:?} is not a method that a rule may allow"))),
        };
        rules.push((pattern, rule.methods.iter().map(method).collect::<Result<Vec<_>, _>>()?));
    }
    Ok(Policy { rules })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::contract::EgressRule;

    fn profile(name: &str, host: &str, methods: &[&str]) -> EgressProfile {
        EgressProfile {
            name: name.to_owned(),
            rules: vec![EgressRule {
                host: host.to_owned(),
                methods: methods.iter().map(|&method| method.to_owned()).collect(),
                purpose: String::new(),
            }],
            doc: String::new(),
        }
    }

    fn description(profiles: Vec<EgressProfile>) -> Description {
        Description {
            engine: "demo".to_owned(),
            title: String::new(),
            version: String::new(),
            parameters: Vec::new(),
            read_options: Vec::new(),
            egress_profiles: profiles,
            egress_parameter: Some("cloud".to_owned()),
        }
    }

    fn check(method: &str, uri: &str) -> Result<(), Denial> {
        let policy = policy(&profile("p", "*.example.com", &["GET", "HEAD"])).unwrap();
        policy.check(&method.parse().unwrap(), &uri.parse().unwrap())
    }

    #[test]
    fn a_rule_allows_its_hosts_and_methods() {
        assert_eq!(check("GET", "https://a.example.com/x?y=z"), Ok(()));
        assert_eq!(check("HEAD", "https://A.B.Example.COM:443/"), Ok(()));
    }

    #[test]
    fn everything_else_is_denied() {
        for (method, uri, denial) in [
            ("POST", "https://a.example.com/", Denial::NoRule),
            ("GET", "https://example.com/", Denial::NoRule),
            ("GET", "https://a.example.org/", Denial::NoRule),
            ("GET", "http://a.example.com/", Denial::Scheme),
            ("GET", "https://a.example.com:8443/", Denial::Port),
            ("GET", "https://a.example.com:0443/", Denial::Port),
            ("GET", "https://user@a.example.com/", Denial::Authority),
            ("GET", "https://a.example.com@127.0.0.1/", Denial::Authority),
            ("GET", "https://127.0.0.1/", Denial::Authority),
            ("GET", "https://[::1]/", Denial::Authority),
            ("GET", "https://2130706433/", Denial::Authority),
            ("GET", "https://a.example.com./", Denial::Authority),
        ] {
            assert_eq!(check(method, uri), Err(denial), "{method} {uri}");
        }
        let none = Policy::deny_all();
        assert_eq!(
            none.check(&Method::GET, &"https://a.example.com/".parse().unwrap()),
            Err(Denial::NoRule)
        );
    }

    #[test]
    fn a_parameter_picks_among_approved_profiles_only() {
        let description = description(vec![
            profile("global", "a.example.com", &["GET"]),
            profile("china", "b.example.com", &["GET"]),
        ]);
        let policies = Policies::new(&description, &Approval::none().profile("china")).unwrap();
        let uri = "https://b.example.com/".parse().unwrap();
        assert!(policies.pick(Some("CHINA")).unwrap().check(&Method::GET, &uri).is_ok());
        assert!(matches!(policies.pick(Some("mars")), Err(RuntimeError::InvalidParams { .. })));
        for refused in [None, Some("global")] {
            assert!(
                matches!(policies.pick(refused), Err(RuntimeError::ProfileNotApproved { approved, .. })
                    if approved == ["china"]),
                "{refused:?}"
            );
        }
    }

    #[test]
    fn without_a_parameter_the_first_profile_is_in_force() {
        let description = description(vec![
            profile("global", "a.example.com", &["GET"]),
            profile("china", "b.example.com", &["GET"]),
        ]);
        let policies = Policies::new(&description, &Approval::none().profile("global")).unwrap();
        let uri = "https://a.example.com/".parse().unwrap();
        assert!(policies.pick(None).unwrap().check(&Method::GET, &uri).is_ok());
    }

    #[test]
    fn an_operator_cannot_approve_what_is_not_declared() {
        let description = description(vec![profile("global", "a.example.com", &["GET"])]);
        assert!(Policies::new(&description, &Approval::none().profile("mars")).is_err());
    }

    #[test]
    fn a_connector_without_profiles_may_reach_nothing() {
        let policies = Policies::new(&description(Vec::new()), &Approval::none()).unwrap();
        let uri = "https://a.example.com/".parse().unwrap();
        assert!(policies.pick(None).unwrap().check(&Method::GET, &uri).is_err());
    }

    #[test]
    fn rules_that_are_none_break_the_contract() {
        for (host, method) in [
            ("*", "GET"),
            ("10.0.0.1", "GET"),
            ("a.example.com", "get"),
            ("a.example.com", "CONNECT"),
            ("a.example.com", "G T"),
        ] {
            assert!(policy(&profile("p", host, &[method])).is_err(), "{host} {method}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_allowed_ends_in_the_suffix(authority in "[a-zA-Z0-9.:@\\[\\]-]{0,40}") {
            if let Ok(uri) = format!("https://{authority}/").parse::<Uri>()
                && check("GET", &uri.to_string()).is_ok()
            {
                let host = authority.trim_end_matches(":443").to_ascii_lowercase();
                prop_assert!(host.ends_with(".example.com"));
            }
        }
    }
}
