//! The world that an emulator starts with.

use super::{
    Application, Audience, CONSUMERS, Consent, Directory, DirectoryKind, Group, Population,
    Principal, Redirect, RedirectKind, Refusals, Scopes, Secret, Site, User,
};
use crate::cloud::Cloud;
use crate::guid::Guid;
use crate::random::Random;

/// Far enough: client secrets live two years at most, but the clock may be moved.
const NEVER_MS: i64 = 253_402_300_799_000;
/// What the application may do for the people that consented.
const SCOPES: [&str; 4] = ["Files.Read", "Files.Read.All", "Sites.Read.All", "User.Read"];
/// What the application may do by itself in the first directory.
const ROLES: [&str; 3] = ["Files.Read.All", "Sites.Read.All", "User.Read.All"];
/// Where the reference host takes codes, and where native clients do.
const REDIRECTS: [(&str, RedirectKind); 3] = [
    ("http://localhost:47334/verify-auth", RedirectKind::Web),
    ("http://localhost", RedirectKind::Native),
    ("https://login.microsoftonline.com/common/oauth2/nativeclient", RedirectKind::Native),
];

/// A directory of the default world.
struct Name {
    cloud: Cloud,
    name: &'static str,
    domains: [&'static str; 2],
    sharepoint: &'static str,
}

const CONTOSO: Name = Name {
    cloud: Cloud::Global,
    name: "Contoso",
    domains: ["contoso.com", "contoso.onmicrosoft.com"],
    sharepoint: "contoso",
};
const FABRIKAM: Name = Name {
    cloud: Cloud::Global,
    name: "Fabrikam",
    domains: ["fabrikam.com", "fabrikam.onmicrosoft.com"],
    sharepoint: "fabrikam",
};
/// The directories of the national clouds, each with its one person.
const NATIONAL: [(Name, &str, &str); 3] = [
    (
        Name {
            cloud: Cloud::UsGovL4,
            name: "Contoso Government",
            domains: ["contoso.us", "contoso.onmicrosoft.us"],
            sharepoint: "contoso",
        },
        "gwen@contoso.us",
        "Gwen",
    ),
    (
        Name {
            cloud: Cloud::UsGovL5,
            name: "Contoso Defense",
            domains: ["contoso-mil.us", "contoso-mil.onmicrosoft.us"],
            sharepoint: "contoso",
        },
        "dan@contoso-mil.us",
        "Dan",
    ),
    (
        Name {
            cloud: Cloud::China,
            name: "Contoso China",
            domains: ["contoso.cn", "contoso.partner.onmschina.cn"],
            sharepoint: "contoso",
        },
        "chen@contoso.cn",
        "Chen",
    ),
];

impl Population {
    /// The global cloud: two directories of work, the one of personal accounts, five people, two
    /// applications. `secret` is the first application's.
    pub(crate) fn defaults(random: &Random, secret: &str, now_ms: i64) -> Self {
        let mut population = Self::default();
        let contoso = population.add_directory(random, &CONTOSO, now_ms);
        let fabrikam = population.add_directory(random, &FABRIKAM, now_ms);
        population.directories.push(Directory {
            id: CONSUMERS,
            kind: DirectoryKind::Consumers,
            cloud: Cloud::Global,
            name: "Microsoft accounts".to_owned(),
            domains: vec!["live.com".to_owned()],
            sharepoint: String::new(),
            created_ms: now_ms,
        });
        for (directory, email, given_name, surname) in [
            (contoso, "ann@contoso.com", "Ann", "Example"),
            (contoso, "bob@contoso.com", "Bob", "Example"),
            (fabrikam, "eve@fabrikam.com", "Eve", "Example"),
            (CONSUMERS, "ann.example@outlook.com", "Ann", "Example"),
            (CONSUMERS, "carl.example@outlook.com", "Carl", "Example"),
        ] {
            population.users.push(User::new(random, directory, email, given_name, surname));
        }
        population.groups.push(Group {
            id: random.guid(),
            directory: contoso,
            name: "Sales".to_owned(),
            mail: "sales@contoso.com".to_owned(),
        });
        for (path, name) in
            [("", "Contoso"), ("/sites/Sales", "Sales"), ("/sites/team", "Team site")]
        {
            population.sites.push(Site {
                id: random.guid(),
                web: random.guid(),
                directory: contoso,
                host: "contoso.sharepoint.com".to_owned(),
                path: path.to_owned(),
                name: name.to_owned(),
                created_ms: now_ms,
            });
        }
        population.add_applications(random, contoso, secret);
        population.add_consents(contoso, &["ann@contoso.com", "ann.example@outlook.com"]);
        population
    }

    /// Adds a directory in each of the national clouds; gives back their people. What the global
    /// cloud drew from the source before does not change by it.
    pub(crate) fn add_national_clouds(&mut self, random: &Random, now_ms: i64) -> Vec<User> {
        let mut added = Vec::new();
        for (directory, email, given_name) in &NATIONAL {
            let directory = self.add_directory(random, directory, now_ms);
            let user = User::new(random, directory, email, given_name, "Example");
            self.users.push(user.clone());
            self.add_consents(directory, &[email]);
            added.push(user);
        }
        added
    }

    fn add_directory(&mut self, random: &Random, of: &Name, now_ms: i64) -> Guid {
        let id = random.guid();
        self.directories.push(Directory {
            id,
            kind: DirectoryKind::Work,
            cloud: of.cloud,
            name: of.name.to_owned(),
            domains: of.domains.map(str::to_owned).to_vec(),
            sharepoint: of.sharepoint.to_owned(),
            created_ms: now_ms,
        });
        id
    }

    /// A confidential application for everybody, and a native one.
    fn add_applications(&mut self, random: &Random, home: Guid, secret: &str) {
        let redirects = REDIRECTS.map(|(uri, kind)| Redirect { uri: uri.to_owned(), kind });
        for (name, public) in [("Drive reader", false), ("Drive reader (native)", true)] {
            self.applications.push(Application {
                client_id: random.guid(),
                name: name.to_owned(),
                home,
                audience: Audience::All,
                public,
                secrets: if public { Vec::new() } else { vec![Secret::new(secret, NEVER_MS)] },
                keys: Vec::new(),
                redirects: redirects.to_vec(),
                scopes: Scopes::of(SCOPES),
                roles: Scopes::of(ROLES),
                continuous_access: false,
                disabled: false,
                refusals: Refusals::default(),
            });
        }
    }

    /// These people have consented, and an administrator of the directory.
    fn add_consents(&mut self, directory: Guid, people: &[&str]) {
        let people: Vec<Guid> =
            people.iter().filter_map(|name| self.user_named(name)).map(|u| u.object_id).collect();
        let applications: Vec<Guid> =
            self.applications.iter().map(|application| application.client_id).collect();
        for client_id in applications {
            for &person in &people {
                self.consent(Consent {
                    client_id,
                    principal: Principal::User(person),
                    scopes: Scopes::of(SCOPES),
                    roles: Scopes::default(),
                });
            }
            self.consent(Consent {
                client_id,
                principal: Principal::Directory(directory),
                scopes: Scopes::default(),
                roles: Scopes::of(ROLES),
            });
        }
    }
}

impl User {
    /// A person of a directory, with an account number if the directory is that of consumers.
    pub(crate) fn new(
        random: &Random,
        directory: Guid,
        email: &str,
        given_name: &str,
        surname: &str,
    ) -> Self {
        // The highest bit set: sixteen digits without a leading zero.
        let cid = (directory == CONSUMERS).then(|| u64::from_be_bytes(random.bytes()) | 1 << 63);
        // The shape of object ids of personal accounts. (7.6)
        let object_id = cid.map_or_else(|| random.guid(), |cid| Guid::from_u128(u128::from(cid)));
        Self {
            directory,
            object_id,
            id: cid.map_or_else(|| object_id.to_string(), |cid| format!("{cid:016x}")),
            email: email.to_owned(),
            given_name: given_name.to_owned(),
            surname: surname.to_owned(),
            cid,
            tokens_valid_from_ms: 0,
            refusals: Refusals::default(),
            declines: false,
            unprovisioned: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_found_by_address_and_identifier_in_any_case() {
        let population = Population::defaults(&Random::new(Some("1")), "secret", 0);
        let ann = population.user_named("ANN@contoso.com").unwrap();
        assert_eq!(population.user_named(&ann.id).unwrap().email, "ann@contoso.com");
        assert!(population.user_named("nobody@contoso.com").is_none());
    }

    #[test]
    fn the_global_cloud_is_the_same_with_and_without_the_others() {
        let random = Random::new(Some("1"));
        let mut population = Population::defaults(&random, "secret", 0);
        let before = serde_json::to_value(&population.users).unwrap();
        let added = population.add_national_clouds(&random, 0);
        let after = serde_json::to_value(&population.users).unwrap();
        assert_eq!(before.as_array().unwrap()[..], after.as_array().unwrap()[..5]);
        let clouds: Vec<Cloud> =
            added.iter().map(|user| population.cloud(user.directory)).collect();
        assert_eq!(clouds, [Cloud::UsGovL4, Cloud::UsGovL5, Cloud::China]);
    }

    /// Section 7.6.
    #[test]
    fn the_object_id_of_a_personal_account_ends_with_its_number() {
        let population = Population::defaults(&Random::new(Some("1")), "secret", 0);
        let ann = population.user_named("ann.example@outlook.com").unwrap();
        let digits = ann.object_id.simple();
        assert_eq!((&digits[..16], &digits[16..]), ("0000000000000000", ann.id.as_str()));
    }

    #[test]
    fn consent_of_a_person_and_of_an_administrator_add_up() {
        let mut population = Population::defaults(&Random::new(Some("1")), "secret", 0);
        let client_id = population.applications[0].client_id;
        let bob = population.user_named("bob@contoso.com").unwrap().clone();
        assert!(population.delegated(client_id, &bob).is_empty());
        for (principal, scope) in [
            (Principal::User(bob.object_id), "Files.Read"),
            (Principal::Directory(bob.directory), "User.Read"),
        ] {
            let (scopes, roles) = (Scopes::of([scope]), Scopes::default());
            population.consent(Consent { client_id, principal, scopes, roles });
        }
        assert_eq!(population.delegated(client_id, &bob).joined(), "Files.Read User.Read");
        assert!(population.roles(client_id, bob.directory).any(&["Files.Read.All"]));
    }
}
