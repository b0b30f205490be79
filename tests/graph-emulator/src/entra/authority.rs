//! The first segment of every login URL: which accounts it admits. (7.1)

use super::errors::Refusal;
use crate::cloud::Instance;
use crate::guid::Guid;
use crate::population::{CONSUMERS, DirectoryKind, Population, User};

/// Which accounts a URL's first segment admits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Authority {
    Common,
    Organizations,
    Consumers,
    /// One directory of work, by identifier or domain.
    Directory(Guid),
}

impl Authority {
    /// Reads the segment: a GUID, a verified domain or a known word, nothing else. (7.5) An
    /// instance knows only the directories of its own clouds, and personal accounts are in the
    /// global one.
    pub(super) fn parse(
        segment: &str,
        instance: Instance,
        population: &Population,
    ) -> Result<Self, Refusal> {
        let decoded = percent_encoding::percent_decode_str(segment).decode_utf8_lossy();
        let name = decoded.to_ascii_lowercase();
        match name.as_str() {
            "common" => return Ok(Self::Common),
            "organizations" => return Ok(Self::Organizations),
            "consumers" if instance == Instance::Global => return Ok(Self::Consumers),
            "consumers" => return Err(Refusal::new(90_002).about(name)),
            _ => {}
        }
        let guid = name.parse::<Guid>().ok();
        let found = population
            .directories
            .iter()
            .filter(|directory| directory.cloud.instance() == instance)
            .find(|directory| Some(directory.id) == guid || directory.domains.contains(&name));
        match (found, guid) {
            (_, Some(Guid::NIL)) => Err(Refusal::new(900_021)),
            (_, Some(CONSUMERS)) if instance == Instance::Global => Ok(Self::Consumers),
            (Some(directory), _) if directory.kind == DirectoryKind::Consumers => {
                Ok(Self::Consumers)
            }
            (Some(directory), _) => Ok(Self::Directory(directory.id)),
            (None, Some(_)) => Err(Refusal::new(90_002).about(name)),
            (None, None) if is_domain(&name) => Err(Refusal::new(90_002).about(name)),
            (None, None) => Err(Refusal::new(900_023).about(name)),
        }
    }

    /// Whether a person of the instance can sign in here.
    pub(super) fn admits(self, user: &User) -> bool {
        let personal = user.directory == CONSUMERS;
        match self {
            Self::Common => true,
            Self::Organizations => !personal,
            Self::Consumers => personal,
            Self::Directory(id) => user.directory == id,
        }
    }
}

fn is_domain(name: &str) -> bool {
    name.contains('.')
        && name.split('.').all(|label| {
            !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    /// Section 7.1 and 7.5.
    #[test]
    fn an_authority_is_a_known_word_or_names_a_directory() {
        let population = Population::defaults(&Random::new(Some("1")), "", 0);
        let contoso = population.directories[0].id;
        let of = |segment: &str| Authority::parse(segment, Instance::Global, &population);
        assert_eq!(of("common").unwrap(), Authority::Common);
        assert_eq!(of("Contoso.com").unwrap(), Authority::Directory(contoso));
        assert_eq!(of(&contoso.to_string()).unwrap(), Authority::Directory(contoso));
        assert_eq!(of("9188040d-6c67-4c5b-b112-36a304b66dad").unwrap(), Authority::Consumers);
        for (segment, code) in [
            ("northwind.com", 90_002),
            ("00000000-0000-0000-0000-000000000007", 90_002),
            ("00000000-0000-0000-0000-000000000000", 900_021),
            ("not a tenant", 900_023),
        ] {
            assert_eq!(of(segment).unwrap_err().code(), code, "{segment}");
        }
    }

    /// Section 7.1.
    #[test]
    fn an_instance_knows_the_directories_of_its_clouds_only() {
        let random = Random::new(Some("1"));
        let mut population = Population::defaults(&random, "", 0);
        population.add_national_clouds(&random, 0);
        let known = |segment: &str| {
            let knows = |it: &Instance| Authority::parse(segment, *it, &population).is_ok();
            Instance::ALL.into_iter().filter(knows).collect::<Vec<_>>()
        };
        for (segment, instance) in [
            ("contoso.com", Instance::Global),
            ("consumers", Instance::Global),
            ("live.com", Instance::Global),
            ("9188040d-6c67-4c5b-b112-36a304b66dad", Instance::Global),
            ("contoso.us", Instance::UsGov),
            ("contoso-mil.us", Instance::UsGov),
            ("contoso.cn", Instance::China),
        ] {
            assert_eq!(known(segment), [instance], "{segment}");
        }
        assert_eq!(known("common"), Instance::ALL);
    }
}
