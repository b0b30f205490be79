//! A connection: made from parameters or resumed from the store, and the
//! verbs on it.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest as _, Sha256};

use crate::contract::{ConnectionInfo, ConnectionState, IdentityInfo, TableInfo, TableKind};
use crate::credential::{BearerSource, CandidateCredential, StoredCredential, Tokens};
use crate::download::{Download, FileRef, Head};
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Drive, Graph, GraphUrl};
use crate::listing::Listing;
use crate::opening;
use crate::params::{ParamChanges, Settings};
use crate::ports::Ports;
use crate::record::{Identity, Record, Records, VERSION};
use crate::sender::{Counters, Deadline, Sender};
use crate::split::{SplitSeal, Work};
use crate::table_name::{self, TableName};
use crate::tables::files::{self, FilesReader, FilesTable};
use crate::tables::parquet::{ParquetReader, Tail};
use crate::tables::stream::StreamReader;
use crate::tables::{Kind, Reader, ReaderKind, Table};

/// What opening a file downloaded.
pub(crate) enum Kept {
    Head(Head),
    Tail(Tail),
}

/// One connection to one account.
pub struct Connection {
    ports: Rc<Ports>,
    pub(crate) records: Rc<Records>,
    /// What opening a file downloaded, for the first split of the same file.
    pub(crate) kept: RefCell<Option<Kept>>,
    /// A listing whose next page may be asked for.
    pub(crate) listing: RefCell<Option<Listing>>,
}

impl Connection {
    /// Makes a connection from a JSON object of parameters and verifies it
    /// with the service; on an error nothing was written.
    pub async fn connect(ports: Rc<Ports>, params: &str) -> Result<Self> {
        let mut changes = ParamChanges::parse(params)?;
        let now = ports.clock.now();
        let (mut settings, mut tokens) = (Settings::default(), Tokens::default());
        changes.apply_settings(&mut settings);
        tokens.apply(&mut changes, now)?;
        settings.check()?;
        let (tokens, identity) = verify(&ports, &settings, tokens).await?;
        let mut key = [0; 32];
        ports.random.fill(&mut key);
        let record = Record {
            version: VERSION,
            generation: 1,
            revision: 1,
            settings,
            tokens,
            identity,
            split_key: BASE64.encode(key),
            created_at: now,
            updated_at: now,
        };
        let records = Records::new(Rc::clone(&ports));
        records.create(&record)?;
        Ok(Self::over(ports, records))
    }

    /// Takes up a connection from the store alone.
    pub fn resume(ports: Rc<Ports>) -> Result<Self> {
        let records = Records::new(Rc::clone(&ports));
        records.load()?;
        Ok(Self::over(ports, records))
    }

    fn over(ports: Rc<Ports>, records: Records) -> Self {
        let (kept, listing) = (RefCell::new(None), RefCell::new(None));
        Self { ports, records: Rc::new(records), kept, listing }
    }

    /// What is known without asking the service.
    pub fn info(&self) -> Result<ConnectionInfo> {
        let record = self.records.load()?;
        let Identity { connection_id, drive_id, drive_type, account_id, display_name, email } =
            record.identity;
        let refused = record.tokens.refused.is_some();
        let properties = [
            ("tenant_id", Some(record.settings.directory().to_owned())),
            ("account_id", record.settings.account_id.clone()),
            ("client_id", record.settings.client_id.clone()),
            ("cloud", Some(record.settings.cloud().name.to_owned())),
            ("drive_type", drive_type),
        ];
        Ok(ConnectionInfo {
            connection_id,
            state: if refused { ConnectionState::AuthRequired } else { ConnectionState::Ready },
            identity: account_id.map(|id| IdentityInfo {
                id,
                display_name,
                email,
                directory: record.settings.tenant_id.clone(),
            }),
            root_id: Some(drive_id),
            scopes: record.tokens.scopes,
            expires_at: record.tokens.expires_at,
            created_at: record.created_at,
            updated_at: record.updated_at,
            generation: record.generation,
            properties: properties
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), value?)))
                .collect(),
        })
    }

    /// Merges parameters, verifies the outcome with the service, and only then
    /// writes it.
    pub async fn alter_params(&self, changes: &str) -> Result<()> {
        let before = self.records.load()?;
        let mut changes = ParamChanges::parse(changes)?;
        let (mut settings, mut tokens) = (before.settings.clone(), before.tokens.clone());
        changes.apply_settings(&mut settings);
        settings.check()?;
        let old_access = tokens.access.clone();
        tokens.apply(&mut changes, self.ports.clock.now())?;
        if settings.signs_in_differently(&before.settings)
            && tokens.access == old_access
            && tokens.refresh.is_some()
        {
            tokens.forget_access();
        }
        let given = tokens.clone();
        let (tokens, identity) = verify(&self.ports, &settings, tokens).await?;
        same_person(&before.identity, &identity)?;
        let untouched = tokens == given && given.same_tokens(&before.tokens);
        let now = self.ports.clock.now();
        self.records.try_update(|record| {
            if record.generation != before.generation {
                let message =
                    "The connection's parameters were changed by somebody else meanwhile.";
                return Err(
                    Error::new(ErrorKind::Unavailable, message).hint("Run the statement again.")
                );
            }
            record.generation += 1;
            record.settings = settings.clone();
            if untouched {
                // Somebody may have refreshed meanwhile: those tokens are newer.
                record.tokens.refused = None;
            } else {
                let newest = record.tokens.refresh.take();
                record.tokens = tokens.clone();
                if tokens.refresh == before.tokens.refresh {
                    record.tokens.refresh = newest;
                }
            }
            record.updated_at = now;
            Ok(())
        })?;
        Ok(())
    }

    /// The tables that the connector makes up.
    #[must_use]
    pub fn system_tables(&self) -> Vec<TableInfo> {
        vec![TableInfo {
            name: files::NAME.to_owned(),
            kind: TableKind::System,
            bytes: None,
            modified: None,
            doc: Some("Every file of the drive: name, path, extension, content.".to_owned()),
        }]
    }

    /// Opens a table by name.
    pub async fn read_table(
        self: &Rc<Self>,
        name: &str,
        options: &[(String, String)],
    ) -> Result<Table> {
        let (name, mut own) = table_name::parse(name)?;
        // What stands in the name wins over what the host adds.
        own.splice(0..0, options.iter().cloned());
        let kind = match name {
            TableName::Files => Kind::Files(FilesTable::new(Rc::clone(self), &own)?),
            TableName::File(path) => opening::open(self, &path, &own).await?,
        };
        Ok(Table { kind })
    }

    /// Opens a split in this instance.
    pub fn open_split(&self, token: &[u8], deadline: Option<Duration>) -> Result<Reader> {
        let record = self.records.load()?;
        let work = with_seal(&record, |seal| seal.open(token))?;
        let deadline = Deadline(deadline.map(|d| {
            let ms = i64::try_from(d.as_millis()).unwrap_or(i64::MAX);
            self.ports.clock.now().saturating_add(ms)
        }));
        let counters: Rc<Counters> = Rc::default();
        let graph = self.graph(&record, Rc::clone(&counters));
        let kind = match work {
            Work::Files(scan) => {
                let drive = record.identity.drive_id.clone();
                ReaderKind::Files(Box::new(FilesReader::new(graph, drive, scan, deadline)?))
            }
            Work::Parquet(scan) => {
                own_drive(&record, &scan.file)?;
                let kept = self.take_tail(&scan.file);
                let reader = ParquetReader::new(graph, counters, scan, kept, deadline);
                ReaderKind::Parquet(Box::new(reader))
            }
            Work::Stream { file, format, projection, limit } => {
                own_drive(&record, &file)?;
                let (path, eager) = (file.path.clone(), limit.is_none());
                let download = match self.take_head(&file) {
                    Some(head) => Download::after(graph, head, deadline, eager),
                    None => Download::new(graph, file, None, deadline, eager),
                };
                let scan = (&format, projection.as_deref(), limit);
                let reader = StreamReader::new(self, counters, download, path, scan, deadline)?;
                ReaderKind::Stream(Box::new(reader))
            }
        };
        Ok(Reader::new(kind))
    }

    fn take_head(&self, file: &FileRef) -> Option<Head> {
        match self.kept.take() {
            Some(Kept::Head(head)) if head.file == *file => Some(head),
            other => {
                self.kept.replace(other);
                None
            }
        }
    }

    fn take_tail(&self, file: &FileRef) -> Option<Tail> {
        match self.kept.take() {
            Some(Kept::Tail(tail)) if tail.file == *file => Some(tail),
            other => {
                self.kept.replace(other);
                None
            }
        }
    }

    pub(crate) fn seal(&self, work: Work) -> Result<Vec<u8>> {
        with_seal(&self.records.load()?, |seal| seal.seal(work))
    }

    pub(crate) fn ports(&self) -> &Rc<Ports> {
        &self.ports
    }

    /// A client for listing, with the drive it lists.
    pub(crate) fn listing_client(&self) -> Result<(Rc<Graph>, String)> {
        let record = self.records.load()?;
        Ok((self.graph(&record, Rc::default()), record.identity.drive_id))
    }

    pub(crate) fn graph(&self, record: &Record, counters: Rc<Counters>) -> Rc<Graph> {
        let sender = || {
            Sender::new(Rc::clone(&self.ports), Rc::clone(&counters), pause_key(&record.settings))
        };
        let records = Rc::clone(&self.records);
        let bearer: Rc<dyn BearerSource> = Rc::new(StoredCredential { records, sender: sender() });
        Rc::new(Graph { cloud: record.settings.cloud(), sender: sender(), bearer })
    }
}

/// A split only ever reads the drive of its connection.
fn own_drive(record: &Record, file: &FileRef) -> Result<()> {
    if file.drive == record.identity.drive_id {
        return Ok(());
    }
    let message = "The split names a drive that is not this connection's.";
    Err(Error::new(ErrorKind::PermissionDenied, message))
}

fn with_seal<T>(record: &Record, use_it: impl FnOnce(SplitSeal<'_>) -> Result<T>) -> Result<T> {
    let key = BASE64
        .decode(&record.split_key)
        .map_err(|_| Error::new(ErrorKind::Internal, "The connection's split key is damaged."))?;
    use_it(SplitSeal {
        key: &key,
        connection: &record.identity.connection_id,
        generation: record.generation,
    })
}

/// Asks the service whose drive the tokens open, refreshing them if need be.
async fn verify(
    ports: &Rc<Ports>,
    settings: &Settings,
    tokens: Tokens,
) -> Result<(Tokens, Identity)> {
    let counters: Rc<Counters> = Rc::default();
    let sender = || Sender::new(Rc::clone(ports), Rc::clone(&counters), pause_key(settings));
    let candidate = Rc::new(CandidateCredential {
        settings: settings.clone(),
        tokens: RefCell::new(tokens),
        sender: sender(),
    });
    let bearer: Rc<dyn BearerSource> = candidate.clone();
    let graph = Graph { cloud: settings.cloud(), sender: sender(), bearer };
    let drive: Drive = graph.json(&GraphUrl::my_drive(graph.cloud)?, Deadline::default()).await?;
    let identity = identity(settings, drive);
    let tokens = candidate.tokens.borrow().clone();
    Ok((tokens, identity))
}

fn identity(settings: &Settings, drive: Drive) -> Identity {
    let owner = drive.owner.and_then(|owner| owner.user);
    let account_id = owner.as_ref().and_then(|user| user.id.clone());
    let parts = [
        settings.directory(),
        account_id.as_deref().unwrap_or_default(),
        settings.client_id.as_deref().unwrap_or_default(),
        &drive.id,
    ];
    Identity {
        connection_id: digest("onedrive-datasource connection 1", &parts),
        drive_type: drive.drive_type,
        account_id,
        display_name: owner.as_ref().and_then(|user| user.display_name.clone()),
        email: owner.and_then(|user| user.email),
        drive_id: drive.id,
    }
}

/// SHA-256 over a domain tag and length-prefixed parts, in hex.
fn digest(domain: &str, parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in std::iter::once(&domain).chain(parts) {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// All requests of one application in one directory pause together.
fn pause_key(settings: &Settings) -> String {
    let client = settings.client_id.as_deref().unwrap_or_default();
    digest("onedrive-datasource pause 1", &[settings.directory(), client])
}

/// Personal drive ids come in either case and may lack a leading zero.
fn canonical_drive(id: &str) -> String {
    let personal = id.len() <= 16 && id.bytes().all(|b| b.is_ascii_hexdigit());
    if personal { format!("{:0>16}", id.to_ascii_lowercase()) } else { id.to_owned() }
}

fn same_person(before: &Identity, now: &Identity) -> Result<()> {
    if canonical_drive(&before.drive_id) == canonical_drive(&now.drive_id) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::PermissionDenied,
        "The new credential belongs to another person's drive; nothing was changed.",
    )
    .actor(crate::error::Actor::Caller)
    .hint("To connect another account, use CREATE OR REPLACE DATABASE."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_an_identity_cannot_run_into_each_other() {
        assert_ne!(digest("d", &["ab", "c"]), digest("d", &["a", "bc"]));
        assert_ne!(digest("d", &["a", ""]), digest("d", &["a"]));
    }

    #[test]
    fn a_personal_drive_id_is_the_same_in_either_case_and_without_its_zero() {
        assert_eq!(canonical_drive("0A0AA0A000A000A0"), canonical_drive("a0aa0a000a000a0"));
        assert_ne!(canonical_drive("b!AbC"), canonical_drive("b!abc"));
    }
}
